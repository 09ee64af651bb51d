#!/usr/bin/env python3
"""Holds the SAE engine against its PyTorch port; compare_pytorch.sh and fvu_curve.sh call this.

speed  both train from the same weights on the same rows for the same number of steps, in turn; one
       JSON line a batch size. Each side counts with its best round, PyTorch with the better of one
       and two threads: "ratio" is against the step as the paper's public code writes it, in PyTorch
       as installed; "ratio_tuned" against the fastest of its ways (pytorch_sae.py).
curve  both train for one epoch; one JSON line with the FVU of the batches, averaged over 20
       intervals, of both sides.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import pytorch_sae  # noqa: E402  (found by the line above; before torch, it chooses the BLAS)
import torch  # noqa: E402

TORCH_THREADS = (1, 2)


def call(flags, *arguments):
    """Runs a subcommand of sae_step_benchmark; returns what it printed."""
    command = [flags.program, *map(str, arguments)]
    result = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if result.returncode:
        raise SystemExit(result.returncode)
    return json.loads(result.stdout)


def make_case(flags, folder, batch_rows, steps, dead_after_rows):
    """Writes a case by the flags; returns it as the port reads it."""
    data = (["--activations", flags.activations] if flags.activations else
            ["--dim", flags.dim, "--rows", flags.rows])
    call(flags, "make-case", folder, *data, "--latents", flags.latents, "--k", flags.k,
         "--batch-rows", batch_rows, "--steps", steps, "--dead-after-rows", dead_after_rows,
         "--preset", flags.preset)
    return pytorch_sae.load_case(folder)


def train_plain(folder, threads):
    """The port as it comes; in a process of its own, where PyTorch chooses its BLAS kernels."""
    command = [sys.executable, pytorch_sae.__file__, folder, "--plain", "--threads", str(threads)]
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    result = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
    return json.loads(result.stdout)


def compare_speed(flags, folder, batch_rows):
    """Rounds of both sides on one batch size."""
    steps = flags.steps or min(max(204_800 // batch_rows, 200), 1500)
    # So few that the auxiliary loss works in most of the steps.
    dead_after_rows = flags.dead_after_rows or max(6 * batch_rows, 2000)
    case = make_case(flags, folder, batch_rows, steps, dead_after_rows)
    ours, port, plain = [], [], []
    start = time.monotonic()
    for _ in range(flags.rounds):
        ours.append(call(flags, "train", folder, "--threads", flags.threads))
        for threads in TORCH_THREADS:
            torch.set_num_threads(threads)
            # Chosen anew each round: a busy moment may mislead the choice.
            port.append(pytorch_sae.train(case, *pytorch_sae.fastest(case)))
            plain.append(train_plain(folder, threads))
        if time.monotonic() - start > flags.budget:
            break
    best, best_port, best_plain = (min(side, key=lambda run: run["seconds"])
                                   for side in (ours, port, plain))
    return {"rows": batch_rows, "d": case.rows.shape[1], "latents": flags.latents, "k": flags.k,
            "threads": flags.threads, "ratio": round(best_plain["seconds"] / best["seconds"], 2),
            "ratio_tuned": round(best_port["seconds"] / best["seconds"], 2),
            "fvu_ours": best["fvu"], "fvu_pytorch": best_plain["fvu"], "steps": steps,
            "rounds": len(ours), "seconds_ours": best["seconds"],
            "seconds_pytorch": best_plain["seconds"], "seconds_tuned": best_port["seconds"],
            "aux_share_ours": best["aux_share"], "aux_share_pytorch": best_plain["aux_share"],
            "mean_dead_ours": best["mean_dead"], "mean_dead_pytorch": best_plain["mean_dead"],
            "torch_threads": best_plain["torch_threads"],
            "tuned": {key: best_port[key] for key in ("torch_threads", "method", "adam")},
            "torch": best_port["torch"]}


def compare_curves(flags, folder, batch_rows):
    """One epoch of both sides."""
    case = make_case(flags, folder, batch_rows, flags.steps, flags.dead_after_rows)
    ours = call(flags, "train", folder, "--threads", flags.threads)
    torch.set_num_threads(1)
    port = pytorch_sae.train(case, "sparse", "loop")
    pairs = list(zip(ours["fvu_curve"], port["fvu_curve"]))
    return {"rows": batch_rows, "d": case.rows.shape[1], "latents": flags.latents, "k": flags.k,
            "steps": ours["steps"], "fvu_curve_ours": ours["fvu_curve"],
            "fvu_curve_pytorch": port["fvu_curve"],
            "largest_relative_difference": max(abs(a - b) / b for a, b in pairs),
            "fvu_ours": ours["fvu"], "fvu_pytorch": port["fvu"]}


def add_case_flags(parser):
    """What make_case reads beside the preset, and the program that makes cases."""
    parser.add_argument("--program", required=True, help="sae_step_benchmark")
    parser.add_argument("--activations", help=".npy file [rows, d] to train on [generated rows]")
    parser.add_argument("--dim", type=int, default=64, help="d of generated rows [64]")
    parser.add_argument("--rows", type=int, default=65_536, help="generated rows [65536]")
    parser.add_argument("--latents", type=int, default=1024, help="F [1024]")
    parser.add_argument("--k", type=int, default=8, help="active latents per row [8]")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "curve"))
    add_case_flags(parser)
    parser.add_argument("--preset", choices=("default", "paper", "trainer"), default="default",
                        help="recipe: TopK, the paper's, the trainer's default [default]")
    parser.add_argument("--batch-rows", type=int, nargs="+",
                        help="rows a step [speed: 1024 16; curve: 1024]")
    parser.add_argument("--steps", type=int, default=0,
                        help="[speed: 200 to 1500; curve: an epoch]")
    parser.add_argument("--dead-after-rows", type=int, default=0,
                        help="rows without firing that make a latent dead "
                        "[speed: few; curve: the recipe's]")
    parser.add_argument("--threads", type=int, default=2, help="threads of the engine [2]")
    parser.add_argument("--rounds", type=int, default=5, help="at most, for speed [5]")
    parser.add_argument("--budget", type=float, default=45,
                        help="seconds after which speed starts no further round [45]")
    flags = parser.parse_args()
    # Moments of latents that no longer fire fade into denormal numbers, which are slow.
    torch.set_flush_denormal(True)
    compare = compare_speed if flags.what == "speed" else compare_curves
    for batch_rows in flags.batch_rows or ((1024, 16) if flags.what == "speed" else (1024,)):
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(compare(flags, folder, batch_rows)), flush=True)


if __name__ == "__main__":
    main()
