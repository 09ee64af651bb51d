#!/usr/bin/env python3
"""Holds the engine's training step against those of current PyTorch, SAELens and sparsify;
compare_pytorch.sh --peers calls this.

All begin with the same weights and train on the same batches, of the same k and width: the engine on
one thread and on two, then each way of each peer on one and on two, --slice steps each, and so on in
turn, --rounds times. PyTorch is the port (pytorch_sae.py), SAELens and sparsify (TopK alone) are
described in peers.py. "as it comes" has torch.optim.Adam as it comes, the others its fused kind; the
compiled ones are the same functions under torch.compile. All count in float32, and denormal numbers
count as 0. Compilation and the first steps are not timed; each takes as many.

One JSON line. seconds: medians of a step by threads. ratio_1: the peer on one thread / the engine on
one; ratio_2: the peer on one or two, whichever is faster, / the engine on two. At the top the least
of these, that of the best peer, and its name. fvu: of the first and last twentieth of all steps,
which all have the same number of, to show that all learn; dead: latents at the end.
"""

import argparse
import functools
import json
import logging
import pathlib
import statistics
import sys
import tempfile
import time
from importlib import metadata

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import pytorch_sae  # noqa: E402  (found by the line above)
import torch  # noqa: E402
from compare import TORCH_THREADS, add_case_flags, call, make_case  # noqa: E402
from peers import SaeLens, Sparsify  # noqa: E402

# Steps of each way on each number of threads before the timed ones.
WARM_UP = 3
PACKAGES = ("torch", "sae-lens", "eai-sparsify")


def ways(case):
    """How to make each trainer, by its name."""
    top_k = case.config.architecture == "top_k"
    made = {"pytorch dense, as it comes": functools.partial(pytorch_sae.Trainer, case, "dense"),
            "saelens, as it comes": functools.partial(SaeLens, case)}
    if top_k:
        made["saelens sparse eager"] = functools.partial(SaeLens, case, fused=True, sparse=True)
        made["sparsify, as it comes"] = functools.partial(Sparsify, case)
    for compiled in (False, True):
        suffix = " compiled" if compiled else " eager"
        for method in pytorch_sae.METHODS:
            if top_k or method != "embedding_bag":
                made["pytorch " + method + suffix] = functools.partial(
                    pytorch_sae.Trainer, case, method, "fused", compiled=compiled)
        made["saelens" + suffix] = functools.partial(SaeLens, case, fused=True, compiled=compiled)
        if top_k:
            made["sparsify" + suffix] = functools.partial(Sparsify, case, fused=True,
                                                          compiled=compiled)
    return made


class Side:
    """A peer's trainer in one of its ways, with what was measured of it."""

    def __init__(self, make, batches):
        self.trainer, self.batches = make(), batches
        self.seconds = {threads: [] for threads in TORCH_THREADS}
        self.fvu = []

    def run(self, threads, steps, timed=True):
        torch.set_num_threads(threads)
        for _ in range(steps):
            batch = next(self.batches)
            start = time.perf_counter()
            fvu = self.trainer.step(batch)
            if timed:
                self.seconds[threads].append(time.perf_counter() - start)
            self.fvu.append(float(fvu))

    def result(self, engine):
        seconds = {threads: statistics.median(values) for threads, values in self.seconds.items()}
        dead = self.trainer.dead
        return {"seconds": seconds, "ratio_1": round(seconds[1] / engine[1], 2),
                "ratio_2": round(min(seconds.values()) / engine[2], 2), "fvu": ends(self.fvu),
                "dead": dead() if callable(dead) else len(dead)}


def ends(fvu):
    """Means over the first and the last twentieth of the steps."""
    curve = pytorch_sae.interval_means(fvu)
    return [round(curve[0], 4), round(curve[-1], 4)]


def compare(flags, folder):
    """Rounds of all sides on one case."""
    each = len(TORCH_THREADS) * (WARM_UP + flags.rounds * flags.slice)
    dead_after_rows = flags.dead_after_rows or 2**62
    case = make_case(flags, folder, flags.batch_rows, each, dead_after_rows)
    rows = torch.from_numpy(case.rows)
    sides = {}
    for name, make in ways(case).items():
        if flags.only and not any(word in name for word in flags.only):
            continue
        start = time.monotonic()
        side = Side(make, pytorch_sae.batches(rows, flags.batch_rows, each))
        try:
            for threads in TORCH_THREADS:
                side.run(threads, WARM_UP, timed=False)
        except Exception as error:  # pylint: disable=broad-except
            print(f"{name}: left out: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        sides[name] = side
        print(f"{name}: ready after {time.monotonic() - start:.0f} s", file=sys.stderr)
    engine = {threads: [] for threads in TORCH_THREADS}
    print("rounds begin", file=sys.stderr)
    for _ in range(flags.rounds):
        for threads, seconds in engine.items():
            run = call(flags, "train", folder, "--threads", threads)
            seconds.append(run["seconds"] / run["steps"])
        for side in sides.values():
            for threads in TORCH_THREADS:
                side.run(threads, flags.slice)
    engine = {threads: statistics.median(values) for threads, values in engine.items()}
    peers = {name: side.result(engine) for name, side in sides.items()}
    best = {ratio: min(peers, key=lambda name: peers[name][ratio])  # pylint: disable=W0640
            for ratio in ("ratio_1", "ratio_2")}
    return {"rows": flags.batch_rows, "d": case.rows.shape[1], "latents": flags.latents,
            "k": flags.k, "preset": flags.preset, **{ratio: peers[name][ratio]
                                                     for ratio, name in best.items()},
            "best": best, "engine": {"seconds": engine,
                                     "fvu": [round(run["fvu_curve"][0], 4),
                                             round(run["fvu_curve"][-1], 4)],
                                     "mean_dead": run["mean_dead"]},
            "peers": peers, "rounds": flags.rounds, "steps": each,
            "versions": {package: metadata.version(package) for package in PACKAGES}}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_case_flags(parser)
    parser.add_argument("--preset", choices=("default", "trainer"), default="trainer",
                        help="recipe: TopK, or the trainer's default, Matryoshka BatchTopK "
                        "[trainer]")
    parser.add_argument("--batch-rows", type=int, default=1024, help="rows a step [1024]")
    parser.add_argument("--dead-after-rows", type=int, default=0,
                        help="rows without firing that make a latent dead, so that the auxiliary "
                        "loss works; how many are dead differs between peers, and compiled ways "
                        "compile again when it changes [none ever is]")
    parser.add_argument("--rounds", type=int, default=10, help="[10]")
    parser.add_argument("--slice", type=int, default=10,
                        help="steps of a peer on each number of threads in a round [10]")
    parser.add_argument("--only", nargs="+", metavar="WORD",
                        help="ways with one of these in their name, such as saelens [all]")
    flags = parser.parse_args()
    torch.set_flush_denormal(True)
    torch._logging.set_logs(dynamo=logging.ERROR)  # not each place where compiled code is cut
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(flags, folder)), flush=True)


if __name__ == "__main__":
    main()
