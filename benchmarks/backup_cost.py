#!/usr/bin/env python3
"""What a backup costs those who write meanwhile: latencies of UpdateConcept, quiet and beside backups.

  PYTHONPATH=build/release/python RECSAE_BIN=build/release/bin python3 benchmarks/backup_cost.py
  ... python3 benchmarks/backup_cost.py --every 60 --seconds 60 --rounds 3     # as somebody would have them

Backups follow one another without pause, or with --every seconds between. Rounds of --seconds, quiet
and with backups in turn, so that what else the machine does weighs on both. The first backup of a
round copies --fresh-mib of rows that came since the last one. Prints one JSON line: milliseconds at
the median and at 99 %, quiet and beside backups, the ratio of the latter, how many backups were
made, and how long these held writes back, in the median and at most.
"""

import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "integration"))

import numpy as np  # noqa: E402
from google.protobuf import field_mask_pb2  # noqa: E402

from harness import Server, Suite, cs, grpc, pb, recording, tensor  # noqa: E402
from many_revisions import publish  # noqa: E402
from recsae.backups.v1 import backups_pb2, backups_pb2_grpc  # noqa: E402

ROWS = np.random.default_rng(0).normal(size=(500, 512)).astype("<f4")  # 1 MB


def prepare(suite):
    publish(suite.store, 1024)
    suite.store.CreateConcept(cs.CreateConceptRequest(parent="saes/many", latent_concept=cs.Concept(
        latent=7, description="first")))
    suite.probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c"))
    suite.probe.CreateRecommender(pb.CreateRecommenderRequest(
        recommender_id="r", catalog="catalogs/c", activation_dim=512))
    suite.probe.CreateCapture(pb.CreateCaptureRequest(parent="recommenders/r", capture_id="a"))


def writes(suite, until):
    taken = []
    mask = field_mask_pb2.FieldMask(paths=["description"])
    while time.monotonic() < until:
        begin = time.perf_counter()
        suite.store.UpdateConcept(cs.UpdateConceptRequest(update_mask=mask, latent_concept=cs.Concept(
            name="saes/many/concepts/7", description=f"at {begin}")))
        taken.append(time.perf_counter() - begin)
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--fresh-mib", type=int, default=64)
    parser.add_argument("--every", type=float, default=0)
    flags = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-backup-cost-"))
    server = Server("standalone", directory / "standalone", ["--backup-dir", directory / "backups"])
    try:
        server.start()
        suite = Suite.__new__(Suite)
        suite.servers = {n: server for n in ("probe", "trainer", "concept-store", "explainer")}
        suite.connect()
        prepare(suite)
        backups = backups_pb2_grpc.BackupsStub(grpc.insecure_channel(server.address))
        sent, found, made = 0, {False: [], True: []}, 0
        for beside in [False, True] * flags.rounds:
            if beside:
                suite.probe.RecordActivations(recording("recommenders/r/captures/a", "p", [
                    {"sequence": sent + i + 1, "activations": tensor(ROWS)}
                    for i in range(flags.fresh_mib)]))
                sent += flags.fresh_mib
            until = time.monotonic() + flags.seconds
            stop = threading.Event()

            def back_up():
                while not stop.is_set():
                    backups.CreateBackup(backups_pb2.CreateBackupRequest())
                    nonlocal made
                    made += 1
                    stop.wait(flags.every)
            thread = threading.Thread(target=back_up) if beside else None
            if thread:
                thread.start()
            found[beside] += writes(suite, until)
            if thread:
                stop.set()
                thread.join()
        held = [float(ms) for ms in re.findall(r'"writes_held_ms":([\d.e+-]+)', server.log_text())]
        quiet, loud = (np.percentile(np.array(found[b]) * 1e3, [50, 99]) for b in (False, True))
        print(json.dumps({"quiet_ms": [round(x, 2) for x in quiet],
                          "beside_ms": [round(x, 2) for x in loud],
                          "p99_ratio": round(loud[1] / quiet[1], 3), "calls": len(found[True]),
                          "backups": made, "held_ms": [round(x, 2) for x in np.percentile(held, [50, 100])]}))
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
