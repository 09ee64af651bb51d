"""Hosts recommenders of each library on a real suite, and compares with the library itself.

usage: check_hosts.py WORK [all | docs | NAME …], with $RECSAE_BIN and $RECSAE_DATA_DIR; see scripts/check.sh.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import libraries
import movielens
import numpy as np

import recsae

USERS = 500
TIE = 2e-6  # of the largest score: two items so near may stand either way round
TRAINING = {"latent_count": 64, "k": 4, "epoch_count": 3, "batch_rows": 256}


class Suite:
    """recsae-standalone on a free port, with a data folder of its own."""

    def __init__(self, work):
        folder = work / "data"
        shutil.rmtree(folder, ignore_errors=True)
        port = work / "port"
        port.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [pathlib.Path(os.environ["RECSAE_BIN"]) / "recsae-standalone", "--listen", "127.0.0.1:0", "--metrics-listen",
             "127.0.0.1:0", "--data-dir", folder, "--port-file", port], stderr=open(work / "suite.log", "w"),
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        while not (port.exists() and port.read_text().strip()):
            if self.process.poll() is not None:
                raise SystemExit(f"check-hosts: the suite did not start: {(work / 'suite.log').read_text()[-1000:]}")
            time.sleep(.05)
        text = port.read_text().strip()
        self.address = text if ":" in text else f"127.0.0.1:{text}"

    def client(self):
        return recsae.Client(self.address, seconds=300)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def check_lists(model, scores, lists, excluded):
    """Every list of the library is that of the scores, but for ties; the number of ties that stood otherwise."""
    place = {name: number for number, name in enumerate(model.item_ids)}
    swapped = 0
    for user, (row, listed) in enumerate(zip(scores, lists)):
        allowed = row.copy()
        allowed[[place[name] for name in (excluded[user] if excluded else ()) if name in place]] = -np.inf
        order = np.argsort(-allowed, kind="stable")[:len(listed)]
        theirs = np.array([place[name] for name in listed])
        differ = order != theirs
        worst = np.abs(allowed[order] - allowed[theirs]).max() / np.abs(row).max()
        assert worst <= TIE, f"user {user}: the library's list is another one (scores differ by {worst:.2g})"
        swapped += int(differ.sum())
    return swapped


def check_sites(client, name, trained, queries):
    """Activations are those of a plain forward hook of ours on the library's module, bit by bit, and resuming works."""
    lengths = [len(history) for _, history in queries]
    for site in trained.sites:
        seen = []
        handle = trained.module.get_submodule(site).register_forward_hook(
            lambda _m, _i, output: seen.append((output if not isinstance(output, tuple) else output[0]).detach().clone()))
        got = client.activations(name, queries, site)
        handle.remove()
        left = trained.model._padding == "left"
        rows, first = [], 0
        for output in seen:
            for row in output.numpy():
                rows.append(row[-1 if left else lengths[first] - 1])
                first += 1
        assert first == len(queries), f"{site}: {first} rows for {len(queries)} queries"
        assert np.array_equal(np.stack(rows), got), f"{site}: other activations than a forward hook's"
        own = client.activations(name, queries)
        same = client.resume(name, queries, site, got)
        other = client.resume(name, queries, site, np.roll(got, 1, axis=0) + 1)
        scale = np.abs(own).max()
        assert np.abs(same - own).max() <= 1e-5 * scale, f"{site}: resumed from its own activations it is another model"
        assert (np.abs(other - own).max(axis=1) > 1e-5 * scale).all(), f"{site}: resuming changes nothing"


def check_dictionary(client, name, recommender, trained, query):
    """Captures, a small SAE, explain and steer, at the vector before scoring and at the first inner site."""
    for site in ["", *trained.sites[:1]]:
        mark = f"{name}{'-' + re.sub('[^a-z0-9]+', '-', site.lower()) if site else ''}"[:60].strip("-")
        capture = client.capture(recommender, f"{mark}-train"[:63], "train", site=site, cases=True, max_rows=4000)
        assert 0 < capture.row_count <= 4000, f"{mark}: {capture.row_count} rows captured"
        sae = client.train_sae(mark, capture.name, **TRAINING).sae
        explained = client.explain(sae.name, history=query, top=10)[0]
        assert explained.latents and len(explained.items) == 10, \
            f"{mark}: {len(explained.latents)} latents are active, {len(explained.items)} items explained"
        steered = client.steer(sae.name, [{"latent": explained.latents[0].latent, "set": explained.latents[0].activation * 20}],
                               history=query)
        assert [item.score for item in steered.before] != [item.score for item in steered.after], f"{mark}: steering changes nothing"


def check_library(client, suite, work, name):
    began = time.monotonic()
    trained = libraries.train(name, work / "build")
    model, seconds = trained.model, time.monotonic() - began
    users = model.user_ids[:USERS]
    lists, histories, *excluded = trained.own_lists(users)
    queries = list(zip(users, histories))
    # One call at a time, so that a hook of the check's own sees them in the order of the queries.
    with recsae.host(model, name=name, address=suite.address, concurrent_calls=1,
                     catalog=movielens.titles() if model.catalog is None else None) as host:
        recommender = host.recommender.name
        ids, vectors, biases = client.item_vectors(recommender)
        assert ids == list(model.item_ids), "the probe has other items, or in another order"
        scores = client.activations(recommender, queries).astype(np.float64) @ vectors.astype(np.float64).T + biases
        swapped = check_lists(model, scores, lists, excluded[0] if excluded else None)
        numbers = np.arange(len(users), dtype=np.int32)
        place = {item: number for number, item in enumerate(ids)}
        own = model.score(numbers, [np.array([place[i] for i in h], dtype=np.int32) for h in histories],
                          np.arange(len(ids), dtype=np.int32))
        worst = float(np.abs(own - scores).max() / np.abs(own).max())
        assert worst <= TIE, f"scores differ from the library's by {worst:.2g}"
        if trained.sites:
            check_sites(client, recommender, trained, queries)
        check_dictionary(client, name, recommender, trained, queries[0])
        print(f"{name}: {model.display_name}: trained in {seconds:.0f} s; {len(users)} users' lists of {len(lists[0])} are the "
              f"library's ({swapped} ties stand otherwise), scores within {worst:.1g}; sites {', '.join(trained.sites) or 'none'}; "
              f"{host.counts.answered} calls, {host.counts.failed} failed", flush=True)


PREAMBLE = """
import sys, logging
sys.path.insert(0, {here!r})
import movielens
for name in ("bool8", "float_", "complex_", "unicode_"):
    import numpy
    if not hasattr(numpy, name): setattr(numpy, name, {{"bool8": numpy.bool_, "float_": numpy.float64, "complex_": numpy.complex128, "unicode_": numpy.str_}}[name])
movielens.write_atomic({build!r})
ratings, films = movielens.ratings(), movielens.titles()
recbole_settings = {{"data_path": {build!r}, "load_col": {{"inter": ["user_id", "item_id", "timestamp"]}}, "epochs": 1, "use_gpu": False, "user_inter_num_interval": "[0,60]",
    "state": "ERROR", "show_progress": False, "MAX_ITEM_LIST_LENGTH": 10, "inner_size": 64, "train_neg_sample_args": None,
    "train_batch_size": 2048, "checkpoint_dir": {build!r},
    "eval_args": {{"split": {{"LS": "valid_and_test"}}, "order": "TO", "group_by": "user", "mode": "full"}}}}
del sys.argv[1:]
"""


def check_docs(suite, work):
    """The Python examples of docs/hosts.md as they stand there; only the data are laid ready."""
    text = (pathlib.Path(__file__).parents[2] / "docs" / "hosts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 7, f"{len(blocks)} examples found in docs/hosts.md"
    preamble = PREAMBLE.format(here=str(pathlib.Path(__file__).parent), build=str(work / "build"))
    for block in blocks:
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", preamble + block], capture_output=True, text=True,
                              timeout=1200, env={**os.environ, "RECSAE_PROBE": suite.address, "RECSAE_SERVER": suite.address})
        title = next(line for line in block.splitlines() if line.startswith(("import ", "from ")) and "recsae" not in line)
        assert done.returncode == 0, f"docs/hosts.md, the example with {title!r}:\n{done.stdout}\n{done.stderr[-3000:]}"
        print(f"docs/hosts.md, {title!r}: {done.stdout.strip().splitlines()[-1]}", flush=True)


def main():
    work = pathlib.Path(sys.argv[1])
    wanted = sys.argv[2:] or ["all", "docs"]
    names = [name for name in libraries.LIBRARIES if "all" in wanted or name in wanted]
    unknown = set(wanted) - set(libraries.LIBRARIES) - {"all", "docs"}
    if unknown:
        raise SystemExit(f"check-hosts: {', '.join(unknown)}: there are {', '.join(libraries.LIBRARIES)}, docs, all")
    suite, failed = Suite(work), []
    try:
        with suite.client() as client:
            for name in names:
                try:
                    check_library(client, suite, work, name)
                except Exception as error:
                    print(f"{name}: FAILED: {type(error).__name__}: {error}", flush=True)
                    failed.append(name)
        if "docs" in wanted:
            check_docs(suite, work)
    finally:
        suite.stop()
    print(f"{len(names) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
