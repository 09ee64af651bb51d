"""recsae reproduce: stopped in every way, it goes on without measuring anything twice."""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BIN, Suite, cs, pb

SETTINGS = ["--dataset", "planted", "--recommender", "bprmf", "--planted-concepts", "8",
            "--planted-items", "10", "--planted-users", "300", "--planted-interactions", "20",
            "--recommender-epochs", "8", "--recommender-embedding-dim", "16", "--expansion", "4",
            "--k", "4", "--sae-epochs", "8", "--sae-batch-rows", "64", "--context-rows", "2000"]
METHODS = ["recommender", "raw", "random", "sae"]


class ReproduceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-reproduce-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.suite = Suite(cls.directory)
        cls.addClassCleanup(cls.suite.stop)
        cls.server = cls.suite.servers["probe"].address

    def command(self, study, out, *more, server=None):
        return [BIN / "recsae", "--server", server or self.server, "reproduce", study, "--out",
                out, *SETTINGS, *more]

    def run_to_the_end(self, study, out, *more, server=None):
        return subprocess.run(self.command(study, out, *more, server=server), capture_output=True,
                              text=True, timeout=300, check=False)

    def stop_after(self, cells, how, study, out):
        """Stops a run once so many cells are finished."""
        with subprocess.Popen(self.command(study, out), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as run:
            deadline = time.monotonic() + 120
            while len(self.cells(out)) < cells and run.poll() is None:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.005)
            run.send_signal(how)
            run.wait(timeout=60)
        return self.cells(out)

    def cells(self, out):
        """When each finished cell was written."""
        return {path.stem: path.stat().st_mtime_ns for path in (out / "cells").glob("*.json")}

    def test_a_run_goes_on_where_it_was_stopped(self):
        out = self.directory / "out"
        before = self.stored()
        after_kill = self.stop_after(1, signal.SIGKILL, "table3", out)
        after_term = self.stop_after(2, signal.SIGTERM, "table3", out)
        self.assertGreaterEqual(len(after_kill), 1)
        self.assertGreaterEqual(len(after_term), 2)
        done = self.run_to_the_end("table3", out)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertIn("not measured again", done.stderr)
        finished = self.cells(out)
        self.assertEqual(set(finished), {f"planted.bprmf.{m}.seed1" for m in METHODS})
        for earlier in (after_kill, after_term):
            self.assertEqual(earlier, {key: finished[key] for key in earlier})
        self.check_outputs(out)
        self.check_server(before)

        # What is complete needs no server.
        again = self.run_to_the_end("table3", out, "--json", server="127.0.0.1:1")
        self.assertEqual(again.returncode, 0, again.stderr[-3000:])
        self.assertEqual(json.loads(again.stdout)["settings"],
                         json.loads((out / "results.json").read_text())["settings"])
        self.assertEqual(self.cells(out), finished)

        # Ctrl-C in a sweep, then the same again; the cells of table3 serve here too.
        self.stop_after(len(finished) + 1, signal.SIGINT, "fig5", out)
        done = self.run_to_the_end("fig5", out)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        done = self.run_to_the_end("table7", out)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        later = self.cells(out)
        self.assertEqual(finished, {key: later[key] for key in finished})
        self.assertEqual(set(later) - set(finished),
                         {f"planted.bprmf.{m}.seed1"
                          for m in ("s4-k2", "s4-k8", "s4-k16", "s4-k32", "steer")})
        self.check_sweep_and_steering(out)
        self.check_server(before)

        # Cells of other settings are not mixed with these.
        other = self.run_to_the_end("table3", out, "--cases", "7")
        self.assertEqual(other.returncode, 6)  # not possible in this state
        self.assertIn("SETTINGS_DIFFER", other.stderr)
        self.assertEqual(self.cells(out), later)

    def test_a_refused_recommender_is_a_row(self):
        out = self.directory / "refused"
        # Histories longer than any recommender reads, fewer clusters than none.
        done = self.run_to_the_end("table4", out, "--recommender-history", "1000000",
                                   "--recommender-clusters", "-1")
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        table = json.loads((out / "results.json").read_text())["tables"]
        rows = [row for entry in table if entry["id"] == "table4" for row in entry["rows"]]
        self.assertTrue(any("refused" in row for row in rows), rows)
        self.assertIn("not measured", (out / "table4.md").read_text())

    def test_a_missing_language_model_is_said_before_anything_is_trained(self):
        out = self.directory / "no-model"
        before = self.stored()
        done = self.run_to_the_end("table5", out, "--llm", "--seed", "9")
        self.assertEqual(done.returncode, 6)
        self.assertIn("NO_LANGUAGE_MODEL", done.stderr)
        self.assertIn("--llm-url", done.stderr)
        self.assertEqual(self.cells(out), {})
        self.assertEqual(self.stored(), before)

    def check_outputs(self, out):
        results = json.loads((out / "results.json").read_text())
        tables = {table["id"]: table["rows"] for table in results["tables"]}
        self.assertEqual({row["method"] for row in tables["table3-reconstruction"]},
                         {"itself", "random SAE", "trained SAE"})
        concepts = {row["method"]: row for row in tables["table3-concepts"]}
        self.assertEqual(set(concepts), {"raw dimensions", "random SAE", "trained SAE"})
        self.assertIn(concepts["raw dimensions"]["described"]["mean"], range(1, 17))
        for method, row in concepts.items():
            with self.subTest(method):
                self.assertLessEqual(row["verified"]["mean"], row["described"]["mean"])
                self.assertIn("described_r2", row)
        for cell in results["cells"]:
            if cell["method"] == "recommender":
                continue
            tests = cell["concepts"]["tests"]
            self.assertEqual(set(tests), {"trained", "raw", "random", "exemplar"})
            self.assertEqual(tests["trained"]["verified"], cell["concepts"]["verified"])
            self.assertEqual(tests["trained"]["latents"], cell["sae"]["latents"])
        self.assertEqual(len(tables["table6"]), 2)
        before, after = (row["fvu"]["mean"] for row in tables["table6"])
        self.assertLess(after, before)
        markdown = (out / "table3.md").read_text()
        for line in markdown.splitlines():
            if line.startswith("| planted"):
                self.assertIn("BPRMF", line)
        self.assertIn("latent", (out / "table5.md").read_text())
        self.assertTrue((out / "fig3.md").exists())
        page = (out / "index.html").read_text()
        self.assertIn("<svg", page)
        self.assertIn("recsae reproduce table3", page)
        self.assertEqual(re.findall(r"(?:src|href)=\"(?!#)[^\"]*|url\(|@import|https?:", page), [])
        self.assertEqual(list(out.rglob("*.part")), [])

    def check_sweep_and_steering(self, out):
        results = json.loads((out / "results.json").read_text())
        tables = {table["id"]: table["rows"] for table in results["tables"]}
        self.assertEqual([row["k"] for row in tables["fig5"]], ["2", "4", "8", "16", "32"])
        (steered,) = tables["table7"]
        self.assertGreater(steered["cases"]["mean"], 0)
        self.assertLess(steered["-10"]["mean"], steered["1"]["mean"])
        self.assertLessEqual(steered["1"]["mean"], steered["10"]["mean"])

    def stored(self):
        """The SAEs and captures on the server."""
        saes = self.suite.store.ListSaes(cs.ListSaesRequest()).saes
        captures = self.suite.probe.ListCaptures(
            pb.ListCapturesRequest(parent="recommenders/-")).captures
        return {resource.name for resource in [*saes, *captures]}

    def check_server(self, before):
        """Only what can be explained with is left: the trained SAE and the test capture."""
        sae, capture = sorted(self.stored() - before, reverse=True)
        self.assertRegex(sae, "^saes/paper-planted-bprmf-")
        self.assertRegex(capture, "^recommenders/paper-planted-bprmf-.*/captures/test$")


if __name__ == "__main__":
    unittest.main()
