"""Every cost has a bound: what is too large is refused with its estimate, a second file is not taken
for the first, and memory that runs out ends the call, not the process."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import grpc
import numpy as np

from harness import (BIN, Suite, SuiteTest, cs, details, ex, head_stream, item_stream, jb, pb,
                     recording, tensor, tr)

DIM = 8
ITEMS = 60
# recsae-standalone with an operator new that refuses (tests/support/refused_allocations.cc).
REFUSING = pathlib.Path(os.environ["RECSAE_REFUSING_SERVER"])
# One in so many allocations of at least so many bytes: building concepts makes some thousands, and a
# repeat of it must get through now and then.
ONE_IN, LEAST_BYTES = 1000, 1024


class MemoryBudgetTest(SuiteTest):
    flags = ("--memory-limit", "1GiB")

    def setUp(self):
        self.probe = self.suite.probe

    def make_capture(self, name, dim=DIM):
        self.probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id=name))
        self.probe.UploadItems(item_stream(f"catalogs/{name}", [pb.Item(id="a", title="A")]))
        self.probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id=name, catalog=f"catalogs/{name}", activation_dim=dim))
        self.probe.CreateCapture(pb.CreateCaptureRequest(
            parent=f"recommenders/{name}", capture_id="c"))
        return f"recommenders/{name}/captures/c"

    def assert_refused(self, call, request, lower):
        error = self.assert_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "MEMORY_BUDGET", call, request,
                                  mentions=["GiB", lower, "--memory-limit"])
        metadata = details(error)["google.rpc.ErrorInfo"].metadata
        self.assertEqual(metadata["limit_bytes"], str(1 << 30))
        self.assertGreater(int(metadata["estimate_bytes"]), 1 << 30)

    def test_planted_data_is_refused_before_it_is_made(self):
        start = time.monotonic()
        self.assert_refused(self.probe.GetDataset, pb.GetDatasetRequest(dataset=pb.DatasetRef(
            name="planted", planted=pb.PlantedOptions(
                concept_count=64, items_per_concept=1000, user_count=1_000_000,
                interactions_per_user=10_000))), "planted.user_count")
        self.assertLess(time.monotonic() - start, 5)

    def test_training_is_refused_when_it_is_asked_for(self):
        capture = self.make_capture("large", dim=512)
        self.probe.RecordActivations(recording(capture, "p", [{
            "sequence": 1, "activations": tensor(np.random.default_rng(1).normal(size=(500, 512)))}]))
        for config in (tr.TrainingConfig(architecture=cs.Sae.ARCHITECTURE_TOPK, latent_count=1 << 20, k=8),
                       tr.TrainingConfig(architecture=cs.Sae.ARCHITECTURE_RELU, latent_count=1 << 16, k=8,
                                         batch_rows=1 << 14)):
            self.assert_refused(self.suite.trainer.TrainSae, tr.TrainSaeRequest(
                sae_id="large", capture=capture, config=config), "config.latent_count")

    def test_a_second_file_is_added_and_the_same_one_is_not(self):
        capture = self.make_capture("files")
        random = np.random.default_rng(0)
        paths = []
        for n in range(3):
            paths.append(self.directory / f"part-{n}.npy")
            np.save(paths[-1], random.normal(size=(200, DIM)).astype("<f4"))

        def record(path):
            done = subprocess.run(
                [BIN / "recsae", "--server", self.suite.servers["probe"].address, "captures",
                 "record", "files/c", "--activations", path],
                capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        for path in paths:
            self.assertIn("200 rows stored, 0 were there before", record(path))
        self.assertIn("0 rows stored, 200 were there before", record(paths[1]))
        self.assertEqual(self.probe.GetCapture(pb.GetCaptureRequest(name=capture)).row_count, 600)


class RefusedAllocationsTest(unittest.TestCase):
    """Memory that runs out here and there: a call or job fails, its repeat gives the right result."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-refused-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        random = np.random.default_rng(3)
        self.items = random.normal(size=(ITEMS, DIM))
        self.rows = random.normal(size=(600, DIM)).astype("<f4")

    def start(self, name, binary, env=None):
        folder = self.directory / name
        folder.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "recsae-standalone").symlink_to(binary)
        import harness  # its servers are started by path
        harness.BIN = folder / "bin"
        try:
            return Suite(folder, env=env)
        finally:
            harness.BIN = BIN

    def until_it_works(self, call):
        """Repeats what memory ran out for."""
        for _ in range(200):
            try:
                return call()
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED, error.details())
                self.failed_calls += 1
        self.fail("no call of 200 worked")

    def job(self, suite, service, call, result_type):
        for _ in range(300):
            job = suite.finish(service, self.until_it_works(call))
            if job.state == jb.Job.STATE_SUCCEEDED:
                result = result_type()
                job.result.Unpack(result)
                return result
            self.assertEqual(job.error.code, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
                             job.error.message)
            self.failed_jobs += 1
        self.fail("no job of 300 succeeded")

    def run_all(self, suite):
        probe, name = suite.probe, "recommenders/r"
        work = self.until_it_works
        work(lambda: probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c", request_id="1")))
        work(lambda: probe.UploadItems(item_stream("catalogs/c", [
            pb.Item(id=f"i{i}", title=f"Item {i} {'odd' if i % 2 else 'even'}")
            for i in range(ITEMS)])))
        work(lambda: probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="r", catalog="catalogs/c", activation_dim=DIM, request_id="2")))
        work(lambda: probe.UploadPredictionHead(head_stream(name, [
            ([f"i{i}" for i in range(ITEMS)], self.items)])))
        work(lambda: probe.CreateCapture(pb.CreateCaptureRequest(
            parent=name, capture_id="p", has_cases=True, request_id="3")))
        batches = [{
            "sequence": n + 1, "activations": tensor(self.rows[100 * n:100 * n + 100]),
            "cases": [pb.Case(user_id=f"u{100 * n + i}", history_item_ids=[f"i{i % ITEMS}"])
                      for i in range(100)]} for n in range(6)]
        work(lambda: probe.RecordActivations(recording(f"{name}/captures/p", "p", batches)))
        capture = work(lambda: probe.GetCapture(pb.GetCaptureRequest(name=f"{name}/captures/p")))
        sae = self.job(suite, "trainer", lambda: suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="s", capture=capture.name, config=tr.TrainingConfig(
                latent_count=32, k=4, epoch_count=20, batch_rows=100, thread_count=2, seed=1))),
            tr.TrainSaeResult).sae
        report = self.job(suite, "explainer", lambda: suite.explainer.BuildConcepts(
            ex.BuildConceptsRequest(sae="saes/s", capture=capture.name)), ex.ConceptReport)
        explained = work(lambda: suite.explainer.Explain(ex.ExplainRequest(
            sae="saes/s", subject=ex.Subject(activations=tensor(self.rows[:50])), top_item_count=10)))
        report.ClearField("seconds")
        return capture.row_count, sae.weights_sha256, report, explained

    def test_results_are_those_of_a_server_that_lacks_nothing(self):
        self.failed_calls = self.failed_jobs = 0
        suite = self.start("plenty", BIN / "recsae-standalone")
        expected = self.run_all(suite)
        suite.stop()
        self.assertEqual((self.failed_calls, self.failed_jobs), (0, 0))

        refused = 0
        for seed in range(6):
            with self.subTest(seed=seed):
                suite = self.start(f"short-{seed}", REFUSING, {
                    "RECSAE_REFUSE_ALLOCATIONS": f"{seed},{ONE_IN},{LEAST_BYTES}"})
                server = suite.servers["probe"]
                server.process.send_signal(signal.SIGUSR1)
                got = self.run_all(suite)
                self.assertTrue(server.alive())
                self.assertEqual(suite.stop()[0], 0)
                for value, wanted in zip(got, expected):
                    self.assertEqual(value, wanted)
                refused += server.log_text().count("allocation refused")
        self.assertGreater(refused, 5)
        self.assertGreater(self.failed_calls + self.failed_jobs, 5)


if __name__ == "__main__":
    unittest.main()
