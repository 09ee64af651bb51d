"""recsae reproduce --llm: the tables of concepts by a language model's judgement beside the statistical one.

The endpoint is language_endpoint.py, whose rule can be right and wrong."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import BIN, Suite
from language_endpoint import Endpoint, answer
from test_reproduce import METHODS, SETTINGS

JUDGES = ["statistical", "rule"]


def by_hash(prompt):
    """Descriptions and verdicts that have nothing to do with the cases."""
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    if not prompt.startswith("Description: "):
        return f"about {digest[:8]} and {digest[8:16]}"
    return "9" if int(digest[0], 16) < 8 else "0"


class ReproduceLanguageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-reproduce-language-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.endpoint = Endpoint()
        cls.addClassCleanup(cls.endpoint.close)
        cls.suite = Suite(cls.directory / "suite", flags=(
            "--llm-url", cls.endpoint.url, "--llm-model", "rule"))
        cls.addClassCleanup(cls.suite.stop)
        cls.server = cls.suite.servers["probe"].address

    def setUp(self):
        self.endpoint.rule = answer
        self.endpoint.paid.clear()

    def run_to_the_end(self, study, out, *more, server=None):
        return subprocess.run(
            [BIN / "recsae", "--server", server or self.server, "reproduce", study, "--out",
             self.directory / out, *SETTINGS, *more],
            capture_output=True, text=True, timeout=600, check=False)

    def results(self, out):
        results = json.loads((self.directory / out / "results.json").read_text())
        return results, {table["id"]: table for table in results["tables"]}

    def paid(self):
        return sum(self.endpoint.paid.values())

    def test_both_judges_stand_side_by_side(self):
        done = self.run_to_the_end("table3", "table3", "--llm")
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        # Raw dimensions, random and trained SAE; 16 dimensions, 4 latents for each.
        self.assertIn("the language model is asked at most 4,644 times: 144 latents of 3 SAEs",
                      done.stderr)
        self.assertGreater(self.paid(), 0)
        results, tables = self.results("table3")
        self.assertIn(" --llm --", results["settings"])  # as it is typed
        judges = {(row["method"], row["judge"]): row for row in tables["table3-judges"]["rows"]}
        self.assertEqual(set(judges), {(method, judge) for judge in JUDGES for method in (
            "raw dimensions", "random SAE", "trained SAE")})
        for key, row in judges.items():
            with self.subTest(key):
                for figure in ("ge_0.8", "all", "sure", "sure_control", "precision", "recall"):
                    self.assertIn(figure, row)
        trained = judges["trained SAE", "rule"]
        self.assertGreater(trained["sure"]["mean"], trained["sure_control"]["mean"])
        judge = {row["method"]: row for row in tables["table3-judge"]["rows"]}["trained SAE"]
        self.assertGreater(judge["own_low"]["mean"], judge["dealt_high"]["mean"])
        self.assertEqual(judge["agreement"]["mean"], 1)
        self.check_cost(results, tables["table3-judge"]["notes"])
        self.check_texts("table3", done.stdout)
        self.check_that_settings_are_held_to("table3")

    def check_cost(self, results, notes):
        cells = [cell["concepts"]["language_model"] for cell in results["cells"]
                 if "concepts" in cell]
        self.assertEqual(len(cells), len(METHODS) - 1)
        self.assertEqual(sum(cell["calls"] for cell in cells), self.paid())
        self.assertEqual(notes, [note for note in notes if note.startswith("paid: ")])
        self.assertIn(f"paid: {self.paid():,} calls", notes[0])

    def check_texts(self, out, shown):
        self.assertIn("Table 3: concepts by both judges", shown)
        self.assertIn("* paid: ", shown)
        folder = self.directory / out
        self.assertIn("| planted | BPRMF | trained SAE | rule |", (folder / "table3.md").read_text())
        examples = (folder / "table5.md").read_text()
        self.assertIn("| C, rule | concept by rule | C, rule |", examples)
        page = (folder / "index.html").read_text()
        self.assertIn("<span>rule:</span>", page)
        self.assertIn("concepts by both judges", page)
        cell = json.loads((folder / "cells" / "planted.bprmf.sae.seed1.json").read_text())
        judged = [example["language_model"] for example in cell["examples"]
                  if "language_model" in example]
        self.assertTrue(judged)
        for texts in judged:
            self.assertTrue(set(texts) <= {"own", "statistical"})
            for text in texts.values():
                self.assertEqual(set(text), {"text", "score", "precision", "recall"})

    def check_that_settings_are_held_to(self, out):
        for other in ([], ["--llm", "--llm-calls", "7"]):
            done = self.run_to_the_end("table3", out, *other)
            self.assertIn("SETTINGS_DIFFER", done.stderr)
        # What is complete needs neither server nor model.
        paid = self.paid()
        done = self.run_to_the_end("table3", out, "--llm", server="127.0.0.1:1")
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertEqual(self.paid(), paid)

    def test_a_budget_is_kept_and_its_end_is_said(self):
        done = self.run_to_the_end("table5", "budget", "--llm", "--llm-calls", "300", "--seed", "2")
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertEqual(self.paid(), 300)
        _, tables = self.results("budget")
        notes = "\n".join(tables["table3-judge"]["notes"])
        self.assertIn("the budget of 300 calls is spent", notes)
        self.assertIn("no description was dealt to another latent", notes)
        self.assertIn("paid: 300 calls", notes)

    def test_a_judge_that_knows_nothing_is_said_to(self):
        self.endpoint.rule = by_hash
        done = self.run_to_the_end("table5", "chance", "--llm", "--seed", "3")
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        _, tables = self.results("chance")
        notes = "\n".join(tables["table3-judge"]["notes"])
        self.assertIn("rule judges at chance", notes)
        self.assertIn("its figures mean nothing", notes)
        self.assertIn("judges at chance", (self.directory / "chance" / "index.html").read_text())


if __name__ == "__main__":
    unittest.main()
