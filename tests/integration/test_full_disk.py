"""A server whose disk gets full: it says so, what deletes and cancels works, and after that it goes on without a restart.

Needs a small file system of its own, which only root can mount."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.request

import numpy as np

from harness import Server, Suite, cs, details, grpc, jb, pb, recording, tensor, tr

DISK_MIB = 120
FLOOR = DISK_MIB * 2**20 // 8
ROWS = np.random.default_rng(0).normal(size=(1000, 512)).astype("<f4")
ROUNDS = 20


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("a small file system can only be mounted by root")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-full-"))
        self.disk = self.directory / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs",
                                  self.disk], capture_output=True, text=True)
        if mounted.returncode != 0:
            shutil.rmtree(self.directory)
            self.skipTest(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
        self.suite = None

    def tearDown(self):
        if self.directory.exists():
            if self.suite is not None:
                self.suite.stop()
            subprocess.run(["umount", self.disk], check=False)
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, *flags):
        self.suite = Suite.__new__(Suite)
        # Its log and port file lie beside its folder: on the large disk.
        self.server = Server("standalone", self.directory / "standalone", flags)
        self.server.directory.symlink_to(self.disk / "data")
        (self.disk / "data").mkdir()
        self.server.start()
        self.suite.servers = {name: self.server
                              for name in ("probe", "trainer", "concept-store", "explainer")}
        self.suite.connect()
        self.probe = self.suite.probe
        self.probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c"))
        self.probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="r", catalog="catalogs/c", activation_dim=512))

    def create(self, name):
        self.probe.CreateCapture(pb.CreateCaptureRequest(parent="recommenders/r", capture_id=name))

    def record(self, capture, sequence):
        """OK, or the reason of the error."""
        try:
            self.probe.RecordActivations(recording(f"recommenders/r/captures/{capture}", "p", [
                {"sequence": sequence, "activations": tensor(ROWS)}]), timeout=30)
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, error.details())
            return details(error)["google.rpc.ErrorInfo"].reason
        return "OK"

    def fill(self, capture):
        for sequence in range(1, 200):
            found = self.record(capture, sequence)
            if found != "OK":
                self.assertEqual(found, "STORE_FULL")
                return sequence - 1
        self.fail("the disk does not get full")

    def delete(self, capture):
        self.probe.DeleteCapture(pb.DeleteCaptureRequest(
            name=f"recommenders/r/captures/{capture}"), timeout=30)

    def metric(self, name):
        text = urllib.request.urlopen(
            f"http://{self.server.metrics_address()}/metrics", timeout=5).read().decode()
        return float(next(line.split()[1] for line in text.splitlines()
                          if line.startswith(name + " ")))

    def lines(self, message):
        return [line for line in map(json.loads, self.server.log_text().splitlines())
                if message in line["message"]]

    def test_filled_deleted_and_filled_again(self):
        self.start()
        self.create("kept")
        self.assertEqual(self.record("kept", 1), "OK")
        stored = []
        for turn in range(ROUNDS):
            self.create(f"a{turn}")
            stored.append(self.fill(f"a{turn}"))
            self.delete(f"a{turn}")
            self.create(f"b{turn}")
            self.assertEqual(self.record(f"b{turn}", 1), "OK", f"round {turn}")
            self.delete(f"b{turn}")
        self.assertTrue(self.server.alive())
        # No room is lost on the way; what is being given back may not all be there yet.
        self.assertGreater(min(stored), 0.4 * max(stored), stored)
        for message in ("the disk is nearly full", "the disk has room again"):
            # What RocksDB takes by itself and gives back may be told of, too.
            self.assertGreaterEqual(len(self.lines(message)), ROUNDS // 2)
            self.assertLessEqual(len(self.lines(message)), 3 * ROUNDS)
        self.assertGreaterEqual(self.metric("recsae_store_writes_refused_total"), ROUNDS)
        self.assertEqual(self.metric("recsae_disk_floor_bytes"), FLOOR)
        self.assertGreater(self.metric("recsae_disk_free_bytes"), DISK_MIB * 2**20 / 2)
        self.assertEqual(self.server.stop(), 0)

    def test_jobs_end_and_are_cancelled(self):
        self.start()
        self.create("rows")
        self.assertEqual(self.record("rows", 1), "OK")
        config = tr.TrainingConfig(latent_count=1024, k=8, epoch_count=100000, thread_count=1,
                                   checkpoint_seconds=3600)

        def train(name):
            return self.suite.trainer.TrainSae(tr.TrainSaeRequest(
                sae_id=name, capture="recommenders/r/captures/rows", config=config))
        running, pending = train("running"), train("pending")
        jobs = self.suite.jobs["trainer"]
        for state in jobs.WatchJob(jb.WatchJobRequest(name=running.name), timeout=60):
            if state.progress.done > 0:
                break
        self.create("filler")
        self.fill("filler")
        # Others take some of what is kept; RocksDB may give back some of its own meanwhile.
        other = self.disk / "other"
        with open(other, "ab") as file:
            for _ in range(15):
                while os.statvfs(self.disk).f_bavail * os.statvfs(self.disk).f_frsize > FLOOR // 2:
                    file.write(bytes(1 << 20))
                    file.flush()
                time.sleep(0.1)
        with self.assertRaises(grpc.RpcError) as refused:
            train("refused")
        self.assertEqual(details(refused.exception)["google.rpc.ErrorInfo"].reason, "STORE_FULL")
        for job in (pending, running):
            jobs.CancelJob(jb.CancelJobRequest(name=job.name), timeout=10)
            self.assertEqual(self.suite.finish("trainer", job).state, jb.Job.STATE_CANCELLED)
            jobs.DeleteJob(jb.DeleteJobRequest(name=job.name), timeout=10)
        # A start on the full disk, and a deletion then.
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.suite.connect()
        self.probe = self.suite.probe
        self.create_refused()
        other.unlink()
        self.delete("filler")
        self.create("after")
        self.assertEqual(self.record("after", 1), "OK")
        self.assertEqual(list(self.suite.store.ListSaes(cs.ListSaesRequest()).saes), [])

    def create_refused(self):
        with self.assertRaises(grpc.RpcError) as refused:
            self.create("refused")
        self.assertEqual(details(refused.exception)["google.rpc.ErrorInfo"].reason, "STORE_FULL")

    def test_a_disk_that_others_fill(self):
        """To the last byte, again and again, while the server writes, without a floor of its own."""
        self.start("--min-free-disk", "0")
        other = self.disk / "other"
        for turn in range(ROUNDS):
            name = f"a{turn}"
            self.create(name)
            sequence = 1
            # At once, or while rows are written, so that RocksDB meets it, too.
            filling = subprocess.Popen(["dd", "if=/dev/zero", f"of={other}",
                                        "bs=" + ("16M", "256k")[turn % 2]],
                                       stderr=subprocess.DEVNULL)
            if turn % 2 == 0:
                filling.wait()
            while (found := self.record(name, sequence)) == "OK":
                sequence += 1
            self.assertEqual(found, "STORE_FULL")
            filling.wait()
            self.record(name, sequence)
            self.assertTrue(self.server.alive())
            other.unlink()
            deadline = time.monotonic() + 10
            while (found := self.record(name, sequence)) != "OK" and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(found, "OK", f"round {turn}")
            self.assertEqual(self.probe.GetCapture(pb.GetCaptureRequest(
                name=f"recommenders/r/captures/{name}")).row_count, sequence * len(ROWS))
            self.delete(name)
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
