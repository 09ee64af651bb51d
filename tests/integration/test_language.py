"""A language model describes latents and judges descriptions: over kills nothing is paid twice, budgets
hold, faults are told as such, and the key is nowhere.

The endpoint is language_endpoint.py, or a real one: RECSAE_LLM_URL and RECSAE_LLM_MODEL name it
(scripts/check.sh language starts one), and then only what needs no counting is run."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.request

import grpc

from harness import BIN, SuiteTest, Suite, cs, ex, jb
from language_endpoint import Endpoint
from test_evidence import write_data

KILLS = 20
LATENTS = 32
KEY = "sk-secret-of-the-test-8d1f"
REAL = os.environ.get("RECSAE_LLM_URL", "")
SAE = "saes/films"
CAPTURE = "recommenders/films/captures/"


class Films:
    """A suite with a small SAE of films, a language model and, where told, embeddings."""

    def __init__(self, url, model, *flags, embeddings=None, concurrency=1):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-language-"))
        data = self.directory / "data"
        data.mkdir()
        write_data(data / "genres", dealt_out=False)
        key = self.directory / "key"
        key.write_text(KEY + "\n")
        if embeddings:
            flags += ("--embeddings-url", embeddings, "--embeddings-model", "bag", "--embeddings-key-file", key)
        self.suite = Suite(self.directory / "suite", flags=(
            "--data", data, "--llm-url", url, "--llm-model", model, "--llm-key-file", key,
            "--llm-concurrency", str(concurrency), *flags))
        self.server = self.suite.servers["explainer"]

    def train(self):
        self.recsae("recommenders", "train", "films", "--dataset", "genres", "--kind", "bprmf",
                    "--seed", "1", "--epochs", "30")
        self.recsae("captures", "create", "films/train", "--split", "train")
        self.recsae("captures", "create", "films/test", "--split", "test", "--cases")
        self.recsae("captures", "create", "films/context", "--split", "train", "--cases")
        self.recsae("saes", "train", "films", "--capture", "films/train", "--latents",
                    str(LATENTS), "--epochs", "40")
        return self

    def recsae(self, *arguments):
        done = subprocess.run([BIN / "recsae", "--server", self.server.address, "-q", *arguments],
                              capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def submit(self, **options):
        return self.submit_request(language_model=ex.LanguageModelOptions(**options))

    def submit_request(self, **fields):
        return self.suite.explainer.BuildConcepts(ex.BuildConceptsRequest(
            sae=SAE, capture=CAPTURE + "test", evidence_captures=[CAPTURE + "context"], **fields),
            wait_for_ready=True, timeout=60)

    def build(self, **options):
        return self.suite.finish("explainer", self.submit(**options), ex.ConceptReport)

    def failure(self, **fields):
        """The message of a job that must fail, and that nothing was stored by it."""
        before = self.concepts()
        job = self.suite.finish("explainer", self.submit_request(**fields))
        assert job.state == jb.Job.STATE_FAILED, job
        assert self.concepts() == before
        return job.error.message

    def concepts(self):
        """By latent: what is shown, who wrote it, and what was judged, without the time."""
        listed = self.suite.store.ListConcepts(cs.ListConceptsRequest(parent=SAE, page_size=1000))
        return {c.latent: (c.description, c.source,
                           [(d.text, d.author, d.score, d.precision, d.recall, d.model)
                            for d in c.descriptions]) for c in listed.concepts}

    def forget(self):
        """Takes away what was answered, and what was built of it."""
        self.suite.stop()
        shutil.rmtree(self.server.directory / "explainer", ignore_errors=True)
        self.server.start()
        self.suite.connect()
        self.suite.finish("explainer", self.suite.explainer.BuildConcepts(ex.BuildConceptsRequest(
            sae=SAE, capture=CAPTURE + "test", evidence_captures=[CAPTURE + "context"])),
            ex.ConceptReport)

    def close(self):
        self.suite.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


@unittest.skipIf(REAL, "a real endpoint does not count")
class LanguageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.endpoint = Endpoint()
        cls.addClassCleanup(cls.endpoint.close)
        cls.films = Films(cls.endpoint.url, "rule").train()
        cls.addClassCleanup(cls.films.close)

    def setUp(self):
        self.endpoint.fault = self.endpoint.before = None
        self.films.forget()
        self.endpoint.requests.clear()
        self.endpoint.paid.clear()

    def test_kills_cost_nothing_and_change_nothing(self):
        report = self.films.build()
        whole, calls = self.films.concepts(), sum(self.endpoint.requests.values())
        self.assertEqual(report.language_model.call_count, calls)
        self.assertGreater(calls, 3 * KILLS)
        self.assertTrue(any(source == cs.Concept.SOURCE_LANGUAGE_MODEL
                            for _, source, _ in whole.values()))
        self.films.forget()
        self.endpoint.requests.clear()
        self.endpoint.paid.clear()
        # Each process gets a share of the calls and dies with one on its way.
        share, kills, serving = calls // (KILLS + 1), 0, threading.Event()

        def before(_):
            nonlocal kills
            if kills == KILLS or sum(self.endpoint.paid.values()) < share * (kills + 1):
                return False
            serving.wait(120)  # a start that is cut short would be no start
            serving.clear()
            kills += 1
            self.films.server.kill()
            return True

        self.endpoint.before = before
        job = self.films.submit()
        for _ in range(KILLS):
            serving.set()
            self.films.server.process.wait(timeout=240)
            self.films.server.start()
        self.films.suite.connect()
        report = self.films.suite.finish("explainer", job, ex.ConceptReport)
        self.assertEqual(kills, KILLS)
        self.assertEqual(set(self.endpoint.paid.values()), {1}, "an answer was paid twice")
        self.assertEqual(sum(self.endpoint.paid.values()), calls)
        self.assertEqual(report.language_model.call_count, calls)
        self.assertEqual(self.films.concepts(), whole)

    def test_judges_are_right_where_they_can_be_and_controls_at_chance(self):
        report = self.films.build().language_model
        self.assertGreater(report.own.low, .5)
        self.assertGreater(report.statistical.low, .5)
        # What says something else fits a latent's own cases less than it fits others.
        self.assertLess(report.control.low, .5)
        self.assertLess(report.control.high, report.own.low)
        self.assertEqual(report.retest_agreement, 1)
        self.assertEqual(report.stopped, "")
        shown = self.films.recsae("concepts", "build", "--sae", "films", "--llm")
        for text in ("CASES TOLD RIGHT BY rule", "dealt to other latents", "judged twice alike"):
            self.assertIn(text, shown)

    def test_a_budget_ends_it_and_keeps_what_was_judged(self):
        report = self.films.build(max_calls=20).language_model
        self.assertEqual(sum(self.endpoint.paid.values()), 20)
        self.assertEqual(report.call_count, 20)
        self.assertIn("the budget of 20 calls is spent", report.stopped)
        judged = [c for c in self.films.concepts().values() if c[2]]
        self.assertTrue(judged)
        report = self.films.build().language_model
        self.assertEqual(report.stopped, "")
        self.assertEqual(report.remembered_count, 20)
        self.assertEqual(set(self.endpoint.paid.values()), {1})

    def test_what_people_wrote_stays(self):
        self.films.build()
        latent = next(l for l, c in self.films.concepts().items()
                      if c[1] == cs.Concept.SOURCE_LANGUAGE_MODEL)
        concept = self.films.suite.store.GetConcept(
            cs.GetConceptRequest(name=f"{SAE}/concepts/{latent}"))
        concept.description = "what Anna calls it"
        self.films.suite.store.UpdateConcept(cs.UpdateConceptRequest(
            latent_concept=concept, update_mask={"paths": ["description"]}))
        self.films.build()
        description, source, judged = self.films.concepts()[latent]
        self.assertEqual((description, source), ("what Anna calls it", cs.Concept.SOURCE_PERSON))
        self.assertTrue(judged)

    def test_faults_are_told_and_store_nothing(self):
        url = self.endpoint.url
        cases = {
            "half": ((200, '{"choices": [{"mess', {}), "is no JSON object"),
            "prose": ((200, "Of course! Here is what I think:", {}), "is no JSON object"),
            "nothing": ((200, "", {}), "an empty answer"),
            "wrong": ((200, '{"result": "fine"}', {}), "choices[0].message.content"),
            "huge": ((200, "[" + "1," * (5 << 20) + "1]", {}), "longer than"),
            "refused": ((401, f'{{"error": {{"message": "key {KEY} is not known"}}}}', {}),
                        "key [key] is not known"),
        }
        for name, (fault, words) in cases.items():
            with self.subTest(name):
                self.endpoint.fault = lambda _, fault=fault: fault
                message = self.films.failure(language_model=ex.LanguageModelOptions())
                self.assertIn(words, message)
                self.assertIn(url, message)
                self.assertNotIn(KEY, message)

    def test_what_passes_is_asked_again(self):
        def fault(number):
            if number % 7 == 1:
                return 429, "slow down", {"Retry-After": "0"}
            return (503, "later", {}) if number % 7 == 3 else None
        self.endpoint.fault = fault
        report = self.films.build(max_calls=30).language_model
        self.assertEqual(report.call_count, 30)
        self.assertEqual(set(self.endpoint.paid.values()), {1})

    def test_the_key_is_nowhere(self):
        self.endpoint.fault = lambda number: None if number % 5 else (
            400, f'{{"error": {{"message": "key {KEY}"}}}}', {})
        self.films.build()
        self.assertEqual(self.endpoint.keys, {f"Bearer {KEY}"})
        self.assertNotIn(KEY, self.films.server.log_text())
        port = [json.loads(line)["metrics_port"] for line in self.films.server.log_text().splitlines()
                if "metrics_port" in line][-1]  # of the last start
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as metrics:
            text = metrics.read().decode()
        self.assertNotIn(KEY, text)
        self.assertIn("recsae_explainer_language_answers_total", text)
        self.films.suite.stop()  # so that everything is in its files
        for file in self.films.server.directory.rglob("*"):
            if file.is_file():
                self.assertNotIn(KEY.encode(), file.read_bytes(), file)
        self.films.server.start()
        self.films.suite.connect()


class WithoutLanguageModelTest(SuiteTest):
    def test_it_is_refused(self):
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "NO_LANGUAGE_MODEL",
                          self.suite.explainer.BuildConcepts, ex.BuildConceptsRequest(
                              sae="saes/a", capture="recommenders/a/captures/b",
                              language_model=ex.LanguageModelOptions()), mentions=["--llm-url"])
        folder = self.suite.servers["explainer"].directory / "explainer" / "answers"
        self.assertFalse(folder.exists())


@unittest.skipUnless(REAL, "RECSAE_LLM_URL names no endpoint")
class RealModelTest(unittest.TestCase):
    """A small model is at chance as a judge: the way is tested, no quality."""

    def test_the_whole_way(self):
        films = Films(REAL, os.environ.get("RECSAE_LLM_MODEL", "small"), "--llm-timeout", "600").train()
        self.addCleanup(films.close)
        calls = int(os.environ.get("RECSAE_LLM_CALLS", "40"))
        report = films.build(max_calls=calls).language_model
        print(report)
        self.assertLessEqual(report.call_count, calls)
        self.assertGreater(report.call_count, 0)
        again = films.build(max_calls=calls).language_model
        self.assertEqual(again.remembered_count, report.call_count)


if __name__ == "__main__":
    unittest.main()
