"""The main job on MovieLens-1M as the RecSAE paper split it: the quality that the README reports."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import BIN, Suite, cs, ex, pb

DATA = pathlib.Path(os.environ.get("RECSAE_DATA_DIR") or "/nonexistent")


class MainJobTest(unittest.TestCase):
    @unittest.skipUnless((DATA / "ml-1m-recsae").is_dir(), "ml-1m-recsae is not in RECSAE_DATA_DIR")
    def test_sasrec_on_movielens(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-main-"))
        suite = Suite(directory, flags=("--data", DATA))
        try:
            report_file = directory / "report.json"
            done = subprocess.run(
                [BIN / "recsae", "--server", suite.servers["probe"].address, "pipeline",
                 "--dataset", "ml-1m-recsae", "--recommender", "sasrec", "--seed", "1",
                 "--name", "main", "--report", report_file],
                capture_output=True, text=True, timeout=3000, check=False)
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            print(report_file.read_text())
            self.check_quality(json.loads(report_file.read_text()))
            self.check_explanations(suite)
        finally:
            suite.stop()
            shutil.rmtree(directory, ignore_errors=True)

    def check_quality(self, report):
        # Seeds reach .187 to .203 and .110 to .115; the paper has .2008 and .1049.
        self.assertGreaterEqual(report["recommender"]["hr@10"], 0.17)
        self.assertGreaterEqual(report["recommender"]["ndcg@10"], 0.1)
        # Aimed at: 97 % of NDCG@10 over the four recommenders. Here .93 to .97, and seeds differ by
        # two points either way; the paper keeps 93 %.
        self.assertGreaterEqual(report["reconstructed"]["hr@10"],
                                0.92 * report["recommender"]["hr@10"])
        self.assertLessEqual(report["sae"]["fvu"], 0.06)
        self.assertLessEqual(report["sae"]["dead_fraction"], 0.02)
        concepts = report["concepts"]
        self.assertLessEqual(concepts["control_ge_0.8"], 0.1 * concepts["confidence_ge_0.8"])
        tests = concepts["tests"]
        self.assertEqual(concepts["verified"], tests["trained"]["verified"])
        self.assertGreaterEqual(tests["trained"]["verified"],
                                3 * max(1, tests["random"]["verified"]), tests)
        self.assertLessEqual(tests["raw"]["verified"], 5, tests)
        # Seeds of the SAE reach .526 to .552; nothing that was not trained comes near.
        described = {name: figures["3"] for name, figures in report["described_r2"].items()}
        self.assertGreaterEqual(described["trained"], 0.48)
        self.assertGreaterEqual(described["trained"], 1.2 * described["pca"])
        self.assertGreaterEqual(described["trained"], 1.15 * described["exemplar"])
        self.assertGreaterEqual(described["trained"], 1.8 * described["random"])
        self.assertGreaterEqual(described["trained"], 2.5 * described["raw"])
        self.assertGreaterEqual(report["breadth"]["trained"], 0.62)
        self.assertGreaterEqual(report["breadth"]["trained"], 1.5 * report["breadth"]["raw"])
        self.assertTrue(all(verdict["beaten"] for verdict in report["verdicts"]),
                        report["verdicts"])

    def check_explanations(self, suite):
        """For users of the test split: the parts of every score add up."""
        sae = suite.store.ListSaes(cs.ListSaesRequest()).saes[0]
        capture = sae.capture.rsplit("/", 1)[0] + "/test"
        cases = suite.probe.BatchGetCases(pb.BatchGetCasesRequest(capture=capture,
                                                                  rows=range(0, 2800, 40)))
        for case in cases.cases:
            explanation = suite.explainer.Explain(ex.ExplainRequest(
                sae=sae.name, subject=ex.Subject(captured_user=ex.Subject.CapturedUser(
                    capture=capture, user_id=case.user_id)))).explanations[0]
            self.assertEqual(len(explanation.items), 10)
            for item in explanation.items:
                parts = sum(item.contributions) + item.bias + item.residual
                self.assertLessEqual(abs(parts - item.score), 1e-4 * max(1.0, abs(item.score)))
                grouped = sum(item.group_contributions) + item.bias + item.residual
                self.assertLessEqual(abs(grouped - item.score), 1e-4 * max(1.0, abs(item.score)))


if __name__ == "__main__":
    unittest.main()
