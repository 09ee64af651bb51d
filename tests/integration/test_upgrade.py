"""A store that an earlier release wrote opens, holds all that it held, and explains the same."""

import json
import pathlib
import shutil
import tarfile
import tempfile
import unittest

import golden_store
from golden_store import describe, digest
from harness import Suite, jb, pb, recording, tensor, tr

STORES = pathlib.Path(__file__).parent.parent / "golden" / "store"


class UpgradeTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-upgrade-"))
        self.suite = None

    def tearDown(self):
        if self.suite is not None:
            self.suite.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def unpack(self, version):
        with tarfile.open(STORES / f"{version}.tar.xz") as tar:
            tar.extractall(self.directory)
        (self.directory / "store").rename(self.directory / "standalone")
        return json.loads((STORES / f"{version}.json").read_text())

    def assert_same(self, found, expected, where):
        """Numbers may differ by the rounding of another instruction set."""
        if isinstance(expected, float):
            self.assertAlmostEqual(found, expected, delta=1e-4 * max(1, abs(expected)), msg=where)
        elif isinstance(expected, dict):
            self.assertEqual(sorted(found), sorted(expected), where)
            for key, value in expected.items():
                self.assert_same(found[key], value, f"{where}/{key}")
        elif isinstance(expected, list):
            self.assertEqual(len(found), len(expected), where)
            for i, value in enumerate(expected):
                self.assert_same(found[i], value, f"{where}/{i}")
        else:
            self.assertEqual(found, expected, where)

    def check_held(self, manifest):
        found = describe(self.suite, manifest["jobs"])
        found["saes"].pop("saes/resumed", None)  # it may be trained by now
        for part, expected in found.items():
            self.assert_same(expected, manifest[part], part)

    def test_a_store_of_the_first_format(self):
        manifest = self.unpack("v1")
        self.suite = Suite(self.directory)
        self.check_held(manifest)

        # The job that was paused when the old server stopped goes on from its checkpoint.
        job = self.suite.jobs["trainer"].GetJob(jb.GetJobRequest(name=manifest["resumes"]))
        made = self.suite.finish("trainer", job, tr.TrainSaeResult).sae
        self.assertEqual(made.name, "saes/resumed")
        job = self.suite.jobs["trainer"].GetJob(jb.GetJobRequest(name=manifest["resumes"]))
        self.assertEqual(job.resume_count, 1)

        # A producer goes on after its last batch; what it sent before is known to be there.
        self.suite.probe.RecordActivations(recording(golden_store.CAPTURE, "b", [
            {"sequence": 2, "activations": tensor(golden_store.ROWS[250:])},
            {"sequence": 3, "activations": tensor(golden_store.ROWS[:50])}]))
        captures = self.suite.probe.ListCaptures(pb.ListCapturesRequest(
            parent="recommenders/elsewhere")).captures
        self.assertEqual([capture.row_count for capture in captures], [350])

        # What the upgrade wrote is read by the next start as well.
        self.assertEqual(self.suite.stop(), [0])
        self.suite = Suite(self.directory)
        manifest["captures"][golden_store.CAPTURE] = {
            **manifest["captures"][golden_store.CAPTURE], "rows": 350,
            "all": digest(golden_store.ROWS.tobytes() + golden_store.ROWS[:50].tobytes(), [])}
        self.check_held(manifest)


if __name__ == "__main__":
    unittest.main()
