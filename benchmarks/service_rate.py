#!/usr/bin/env python3
"""How fast an SAE is trained through the services, beside the same training in one process.

Starts the real servers (four of them, or recsae-standalone), records generated activations through
RecordActivations, and then trains in turn: by TrainSae, whose report says how long the steps took
with the rows coming from the probe, and by sae_step_benchmark on the same rows in memory. No latent
counts as dead in either: which ones die depends on the order of the rows, and the auxiliary loss
would have more to do on the one side than on the other.

  RECSAE_BIN=build/release/bin PYTHONPATH=build/release/python python3 benchmarks/service_rate.py
  ... python3 benchmarks/service_rate.py --standalone --epochs 10 --batch-rows 4096

Prints one JSON line: rows a second through the service and in process (medians over the rounds),
and their ratio (median of the rounds' ratios).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests" / "integration"))
from harness import Suite, pb, recording, tensor, tr  # noqa: E402

RECORDED_ROWS = 8192  # a message


def planted_rows(count, dim, rng):
    """Rows that an SAE can learn: an offset, four of 8 * dim directions, a little noise."""
    directions = rng.standard_normal((8 * dim, dim), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rows = rng.normal(0, 0.05, (count, dim)).astype(np.float32) + rng.normal(0, 0.3, dim)
    for _ in range(4):
        chosen = rng.integers(len(directions), size=count)
        rows += rng.uniform(0.5, 2, (count, 1)) * directions[chosen]
    return rows.astype(np.float32)


def record(suite, rows):
    """Stores the rows as a capture and returns its name."""
    suite.probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="items"))
    suite.probe.CreateRecommender(pb.CreateRecommenderRequest(
        recommender_id="r", catalog="catalogs/items", activation_dim=rows.shape[1]))
    capture = suite.probe.CreateCapture(pb.CreateCaptureRequest(
        parent="recommenders/r", capture_id="train"))

    def batches():
        for sequence, start in enumerate(range(0, len(rows), RECORDED_ROWS), 1):
            yield {"sequence": sequence,
                   "activations": tensor(rows[start:start + RECORDED_ROWS])}

    suite.probe.RecordActivations(recording(capture.name, "benchmark", batches()))
    return capture.name


def never(flags):
    """More rows than are trained on."""
    return flags.rows * flags.epochs + flags.batch_rows + 1


def through_service(suite, capture, sae_id, flags):
    """Seconds that the training of an SAE took, by its report."""
    config = tr.TrainingConfig(latent_count=flags.latents, k=flags.k, batch_rows=flags.batch_rows,
                               epoch_count=flags.epochs, thread_count=flags.threads,
                               dead_after_rows=never(flags))
    job = suite.trainer.TrainSae(tr.TrainSaeRequest(sae_id=sae_id, capture=capture, config=config))
    return suite.finish("trainer", job, tr.TrainSaeResult).sae.report.seconds


def benchmark(*arguments):
    """What sae_step_benchmark prints."""
    binary = pathlib.Path(os.environ["RECSAE_BIN"]) / "sae_step_benchmark"
    done = subprocess.run([binary, *map(str, arguments)], check=True, capture_output=True,
                          text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--latents", type=int, default=1024)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--batch-rows", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--standalone", action="store_true",
                        help="all services in one process, instead of one each")
    flags = parser.parse_args()

    rows = planted_rows(flags.rows, flags.dim, np.random.default_rng(1))
    steps = -(-flags.rows * flags.epochs // flags.batch_rows)
    with tempfile.TemporaryDirectory(prefix="recsae-rate-") as directory:
        np.save(f"{directory}/rows.npy", rows)
        benchmark("make-case", f"{directory}/case", "--activations", f"{directory}/rows.npy",
                  "--preset", "trainer", "--latents", flags.latents, "--k", flags.k,
                  "--batch-rows", flags.batch_rows, "--steps", steps,
                  "--dead-after-rows", never(flags))
        suite = Suite(f"{directory}/servers", separate=not flags.standalone)
        try:
            capture = record(suite, rows)
            rates = []
            for i in range(flags.rounds):
                service = through_service(suite, capture, f"round-{i}", flags)
                alone = benchmark("train", f"{directory}/case", "--threads", flags.threads)
                rates.append((flags.rows * flags.epochs / service,
                              steps * flags.batch_rows / alone["seconds"]))
        finally:
            suite.stop()
    print(json.dumps({
        "rows": flags.rows, "dim": flags.dim, "latents": flags.latents, "k": flags.k,
        "batch_rows": flags.batch_rows, "epochs": flags.epochs, "threads": flags.threads,
        "servers": 1 if flags.standalone else 4,
        "service_rows_per_second": round(statistics.median(rate[0] for rate in rates)),
        "in_process_rows_per_second": round(statistics.median(rate[1] for rate in rates)),
        "ratio": round(statistics.median(rate[0] / rate[1] for rate in rates), 3)}))


if __name__ == "__main__":
    main()
