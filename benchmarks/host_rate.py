#!/usr/bin/env python3
"""What it costs that a model lives in a host, and that a recorder listens: ratios, on a SASRec in PyTorch.

1. ComputeActivations of histories through the probe and a host, over calling the model in this process on the same
   batches: histories per second, hosted / direct. 1 would be no cost.
2. Forward passes a second with a recorder on a site that takes every row, over none.

usage: PYTHONPATH=clients/python/src:build/release/python benchmarks/host_rate.py [--batch 256] [--seconds 10]
Needs PyTorch 2 and the servers ($RECSAE_BIN, build/release/bin). The sides take turns, so that what else the machine does meets both.
"""

import argparse
import logging
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import recsae

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "scripts" / "hosts"))
import plain_sasrec  # noqa: E402

ITEMS = 3000


def start_probe(folder):
    port = folder / "port"
    process = subprocess.Popen(
        [pathlib.Path(os.environ.get("RECSAE_BIN", "build/release/bin")) / "recsae-probe", "--listen", "127.0.0.1:0",
         "--metrics-listen", "127.0.0.1:0", "--data-dir", folder / "data", "--port-file", port],
        stderr=open(folder / "log", "w"), stdin=subprocess.DEVNULL)
    while not (port.exists() and port.read_text().strip()):
        if process.poll() is not None:
            raise SystemExit((folder / "log").read_text())
        time.sleep(.05)
    text = port.read_text().strip()
    return process, text if ":" in text else f"127.0.0.1:{text}"


def alternate(sides, seconds):
    """Median seconds of a call of each side, one call of each in turn, the first changing; and the median of their ratios,
    first / second."""
    times = [[], []]
    for side in sides:
        side()
    began, turn = time.perf_counter(), 0
    while time.perf_counter() - began < 2 * seconds or turn < 20:
        for place in ((0, 1), (1, 0))[turn % 2]:
            start = time.perf_counter()
            sides[place]()
            times[place].append(time.perf_counter() - start)
        turn += 1
    return [statistics.median(found) for found in times], statistics.median(a / b for a, b in zip(*times)), turn


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--batch", type=int, default=256, help="histories in one call")
    options.add_argument("--seconds", type=float, default=10, help="for each side")
    flags = options.parse_args()
    logging.basicConfig(level=logging.ERROR)
    torch.manual_seed(1)
    random = np.random.default_rng(1)
    module = plain_sasrec.Sasrec(ITEMS).eval()
    model = recsae.TorchModel(module, item_ids=range(ITEMS), history_length=plain_sasrec.LENGTH, padding="right",
                              sites=["encoder.layers.0"])
    histories = [random.integers(0, ITEMS, size=random.integers(20, plain_sasrec.LENGTH + 1)) for _ in range(flags.batch)]
    queries = [(None, [str(item) for item in history]) for history in histories]
    users = np.full(flags.batch, -1, dtype=np.int32)
    folder = pathlib.Path(tempfile.mkdtemp())
    process, address = start_probe(folder)
    try:
        with recsae.Client(address) as client, recsae.host(model, name="rate", address=address) as host:
            request = recsae.v1.probe.ComputeActivationsRequest(recommender=host.recommender.name, queries=[
                recsae.v1.probe.ComputeActivationsRequest.Query(history_item_ids=history) for _, history in queries])
            probe = client.stub("probe")
            (direct, hosted), ratio, calls = alternate([lambda: model.activations(users, histories, "user", False),
                                                 lambda: probe.ComputeActivations(request)], flags.seconds)
            print(f"activations of {flags.batch} histories of up to {plain_sasrec.LENGTH} items, d = 64: hosted / direct {ratio:.2f} "
                  f"({hosted / flags.batch * 1e6:.0f} and {direct / flags.batch * 1e6:.0f} µs a history; {calls} calls)", flush=True)
        padded, lengths = plain_sasrec.padded([list(history) for history in histories])

        @torch.no_grad()
        def serve():
            module(padded, lengths)

        recorder = recsae.record(capture="recommenders/live/captures/rate", address=address, catalog=[str(i) for i in range(ITEMS)])
        from recsae.recording.torch_hook import attach

        plain = plain_sasrec.Sasrec(ITEMS).eval()

        @torch.no_grad()
        def serve_plain():
            plain(padded, lengths)

        def recorded():
            handle = attach(recorder, module, "", None)
            try:
                serve()
            finally:
                handle.remove()

        _, ratio, calls = alternate([serve, recorded], flags.seconds)
        handle = attach(recorder, module, "", None)
        hook, output = next(iter(module._forward_hooks.values())), torch.randn(flags.batch, 64)
        (forward, hooked), share, _ = alternate([serve_plain, lambda: hook(module, None, output)], flags.seconds / 2)
        handle.remove()
        recorder.close()
        print(f"the hook's own time / a forward pass: {hooked / forward:.5f} ({hooked * 1e6:.0f} µs and {forward * 1e3:.1f} ms)")
        print(f"serving with a recorder / without: {ratio:.3f} ({calls} calls; {recorder.counts})")
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
