"""A server that was told to stop is gone a second after its drain, whatever hangs; and so are jobs
whose peer hangs, and jobs whose command was told to stop."""

import contextlib
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import numpy as np

from harness import (BIN, Server, Suite, ex, grpc, jb, pb, probe_pb2_grpc, recording, tensor, tr)

DRAIN = 1
FLAGS = ["--drain-seconds", str(DRAIN), "--lame-duck-seconds", "0"]
DIM = 32
# Many seconds of work, which nobody will see the end of.
LARGE = pb.DatasetRef(name="planted", planted=pb.PlantedOptions(
    user_count=500_000, items_per_concept=100, interactions_per_user=100))


class BoundedStopTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-stop-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def start(self, **options):
        suite = Suite(self.directory / "suite", all_flags=FLAGS, **options)
        self.addCleanup(suite.stop)
        return suite

    def freeze(self, server):
        """The process is there and its connections are, but it does not answer."""
        server.process.send_signal(signal.SIGSTOP)
        self.addCleanup(server.process.send_signal, signal.SIGCONT)
        # Each thread stops when it is its turn.
        threads = pathlib.Path(f"/proc/{server.process.pid}/task")
        while any(" (" in told and told.rpartition(")")[2].split()[0] != "T"
                  for told in (stat.read_text() for stat in threads.glob("*/stat"))):
            time.sleep(0.01)

    def assert_stops(self, server, status=0):
        """SIGTERM ends the server with this status within its drain and a second."""
        killer = threading.Timer(120, server.process.kill)
        killer.start()
        begin = time.monotonic()
        server.process.terminate()
        ended = server.process.wait()
        took = time.monotonic() - begin
        killer.cancel()
        self.assertEqual(ended, status, server.log_text()[-2000:])
        self.assertLess(took, DRAIN + 1)

    def record(self, suite, rows):
        """A capture of `rows` activations with cases; returns its name."""
        probe = suite.probe
        probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c"))
        probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="r", catalog="catalogs/c", activation_dim=DIM))
        name = probe.CreateCapture(pb.CreateCaptureRequest(
            parent="recommenders/r", capture_id="a", has_cases=True)).name
        values = np.random.default_rng(0).normal(size=(rows, DIM))
        probe.RecordActivations(recording(name, "p", (
            {"sequence": 1 + first // 500, "activations": tensor(values[first:first + 500]),
             "cases": [pb.Case(user_id=str(u)) for u in range(first, first + 500)]}
            for first in range(0, rows, 500))))
        return name

    def train(self, suite, capture, count):
        """SAEs of random rows; returns their names."""
        job = suite.trainer.TrainSaes(tr.TrainSaesRequest(capture=capture, variants=[
            tr.SaeVariant(sae_id=f"s{i}", config=tr.TrainingConfig(
                latent_count=64, k=4, epoch_count=1, batch_rows=64, thread_count=1))
            for i in range(count)]))
        return [sae.name for sae in suite.finish("trainer", job, tr.TrainSaesResult).saes]

    def test_a_job_that_reads_from_a_frozen_peer(self):
        suite = self.start(separate=True)
        capture = self.record(suite, 20_000)
        trainer = suite.servers["trainer"]
        trainer.stop()
        trainer.flags += ["--row-cache-mib", "0"]  # reads in every epoch
        trainer.start()
        suite.connect()
        job = suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="endless", capture=capture, config=tr.TrainingConfig(
                latent_count=256, k=4, epoch_count=100_000, batch_rows=500, thread_count=1)))
        for state in suite.jobs["trainer"].WatchJob(jb.WatchJobRequest(name=job.name)):
            if state.progress.done > 0:
                break
        self.freeze(suite.servers["probe"])
        self.assert_stops(trainer)

    def test_cached_saes_and_a_call_of_frozen_peers(self):
        suite = self.start(separate=True)
        capture = self.record(suite, 1000)
        for sae in self.train(suite, capture, 8):
            suite.explainer.Explain(ex.ExplainRequest(
                sae=sae, subject=ex.Subject(activations=tensor(np.ones((1, DIM))))))
        explainer = suite.servers["explainer"]
        with urllib.request.urlopen(f"http://{explainer.metrics_address()}/metrics") as page:
            self.assertIn(b"recsae_explainer_cached_saes 8\n", page.read())
        self.freeze(suite.servers["probe"])
        self.freeze(suite.servers["concept-store"])
        # A call that asks the probe, and time enough for what is done every few seconds.
        asked = suite.explainer.Explain.future(ex.ExplainRequest(sae="saes/s0", subject=ex.Subject(
            captured_user=ex.Subject.CapturedUser(capture=capture, user_id="3"))))
        with self.assertRaises(grpc.FutureTimeoutError):
            asked.result(timeout=6)
        self.assert_stops(explainer)

    def test_a_dripping_scrape(self):
        server = Server("concept-store", self.directory / "s", FLAGS).start()
        host, port = server.metrics_address().split(":")
        with socket.create_connection((host, int(port))) as drip:
            drip.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
            ended = threading.Event()

            def run():
                with contextlib.suppress(OSError):
                    while not ended.wait(0.1):
                        drip.sendall(b"a")
            dripping = threading.Thread(target=run)
            dripping.start()
            try:
                with urllib.request.urlopen(f"http://{host}:{port}/metrics") as page:
                    self.assertEqual(page.status, 200)
                self.assert_stops(server)
            finally:
                ended.set()
                dripping.join()
                server.stop()

    def test_a_data_set_that_is_being_made(self):
        for waiting in (True, False):  # whether its caller still does
            with self.subTest(waiting=waiting):
                server = Server("probe", self.directory / f"waiting-{waiting}", FLAGS).start()
                self.addCleanup(server.stop)
                probe = probe_pb2_grpc.ProbeStub(server.channel)
                asked = probe.GetDataset.future(pb.GetDatasetRequest(dataset=LARGE),
                                                timeout=None if waiting else 0.5)
                with self.assertRaises(grpc.FutureTimeoutError if waiting else grpc.RpcError):
                    asked.result(timeout=1)
                self.assert_stops(server)

    def test_sigterm_while_starting(self):
        for attempt in range(20):
            process = subprocess.Popen(
                [BIN / "recsae-standalone", "--listen", "127.0.0.1:0", "--metrics-listen",
                 "127.0.0.1:0", "--data-dir", self.directory / "s"],
                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
            lines = []
            for line in process.stderr:
                lines.append(line)
                if "concept-store open" in line:
                    break
            process.terminate()
            lines += process.communicate(timeout=120)[1:]
            self.assertEqual(process.returncode, 0, f"attempt {attempt}: {lines}")

    def test_a_job_whose_peer_hangs_fails_and_names_it(self):
        suite = self.start(separate=True)
        capture = self.record(suite, 60_000)
        sae, = self.train(suite, capture, 1)
        job = suite.explainer.BuildConcepts(ex.BuildConceptsRequest(sae=sae, capture=capture))
        probe = suite.servers["probe"]
        self.freeze(probe)
        job = suite.finish("explainer", job)
        self.assertEqual(job.state, jb.Job.STATE_FAILED)
        self.assertEqual(job.error.code, grpc.StatusCode.UNAVAILABLE.value[0], job.error.message)
        self.assertIn(f"probe at {probe.address}", job.error.message)

    def test_sigterm_to_the_command_cancels_its_job(self):
        suite = self.start()
        recsae = [BIN / "recsae", "--server", suite.servers["probe"].address]
        pipeline = subprocess.Popen(
            [*recsae, "pipeline", "--dataset", "planted", "--planted-users", "3000",
             "--recommender", "sasrec", "--recommender-epochs", "1000"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.addCleanup(pipeline.kill)

        def state():
            listed = subprocess.run([*recsae, "--json", "jobs", "list"], capture_output=True,
                                    check=True, timeout=60)
            jobs = json.loads(listed.stdout)["jobs"]
            return jobs[0]["state"] if jobs else ""
        while "RUNNING" not in state():
            self.assertIsNone(pipeline.poll())
        pipeline.terminate()
        self.assertEqual(pipeline.wait(timeout=60), 143)
        self.assertIn("CANCELLED", state())


if __name__ == "__main__":
    unittest.main()
