"""Embeddings judge descriptions: right ones come out better than dealt ones, over kills nothing is paid
twice, faults are told as such, and the key is nowhere. The endpoint is language_endpoint.py."""

import json
import threading
import unittest
import urllib.request

import grpc

from harness import SuiteTest, ex
from language_endpoint import Endpoint
from test_language import KEY, Films

KILLS = 10


def judge(**options):
    return {"embedding_judge": ex.EmbeddingJudgeOptions(**options)}


class EmbeddingJudgeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.endpoint = Endpoint()
        cls.addClassCleanup(cls.endpoint.close)
        cls.films = Films(cls.endpoint.url, "rule", embeddings=cls.endpoint.url).train()
        cls.addClassCleanup(cls.films.close)

    def setUp(self):
        self.endpoint.fault = self.endpoint.before = None
        self.films.forget()
        self.forget_counts()

    def forget_counts(self):
        for counts in (self.endpoint.requests, self.endpoint.paid, self.endpoint.texts):
            counts.clear()

    def build(self, **fields):
        job = self.films.submit_request(**fields)
        return self.films.suite.finish("explainer", job, ex.ConceptReport)

    def test_right_descriptions_come_out_better_than_dealt_ones(self):
        report = self.build(language_model=ex.LanguageModelOptions(), **judge()).embedding_judge
        for figures in (report.statistical, report.language_model):
            for score in (figures.nearer, figures.told):
                self.assertGreater(score.low, .5)
        self.assertLess(report.control.nearer.high, report.statistical.nearer.low)
        self.assertLess(report.control.nearer.low, .5)
        self.assertLess(report.control.told.high, report.statistical.told.low)
        self.assertGreater(report.statistical.paper.confidence_80_count,
                           report.control.paper.confidence_80_count)
        self.assertEqual((report.model, report.left_out_count, report.stopped), ("bag", 0, ""))
        self.assertEqual(report.paid_count, report.text_count)
        self.assertEqual(report.text_count, len(self.endpoint.texts))
        self.assertEqual(set(self.endpoint.texts.values()), {1}, "a text was paid twice")
        shown = self.films.recsae("concepts", "build", "--sae", "films", "--embedding-judge")
        for text in ("BY EMBEDDINGS OF bag", "dealt to other latents", "0 embedded now"):
            self.assertIn(text, shown)

    def test_it_changes_no_concept(self):
        before = self.films.concepts()
        self.build(**judge())
        self.assertEqual(self.films.concepts(), before)

    def test_kills_cost_nothing_and_change_nothing(self):
        whole = self.build(**judge()).embedding_judge
        calls, texts = sum(self.endpoint.requests.values()), dict(self.endpoint.texts)
        self.assertGreater(calls, KILLS)
        self.films.forget()
        self.forget_counts()
        kills, serving = 0, threading.Event()

        def before(_):  # each process gets a batch and dies with the next one on its way
            nonlocal kills
            if kills == KILLS or sum(self.endpoint.paid.values()) < kills + 1:
                return False
            serving.wait(120)
            serving.clear()
            kills += 1
            self.films.server.kill()
            return True

        self.endpoint.before = before
        job = self.films.submit_request(**judge())
        for _ in range(KILLS):
            serving.set()
            self.films.server.process.wait(timeout=240)
            self.films.server.start()
        self.films.suite.connect()
        report = self.films.suite.finish("explainer", job, ex.ConceptReport).embedding_judge
        self.assertEqual(kills, KILLS)
        self.assertEqual(dict(self.endpoint.texts), texts, "a text was paid twice, or not at all")
        whole.ClearField("paid_count")
        report.ClearField("paid_count")
        self.assertEqual(report, whole)

    def test_its_texts_are_bounded_and_it_goes_on_from_there(self):
        part = self.build(**judge(max_texts=200)).embedding_judge
        self.assertLessEqual(len(self.endpoint.texts), 200)
        self.assertIn("its 200 texts were enough for", part.stopped)
        self.assertGreater(part.statistical.nearer.latent_count, 0)
        whole = self.build(**judge()).embedding_judge
        self.assertEqual(whole.stopped, "")
        self.assertEqual(whole.paid_count, whole.text_count - part.text_count)
        self.assertEqual(set(self.endpoint.texts.values()), {1})

    def test_faults_are_told_and_store_nothing(self):
        cases = {
            "half": ((200, '{"data": [{"embedd', {}), "is no JSON object"),
            "prose": ((200, "Of course! Here is what I think:", {}), "is no JSON object"),
            "nothing": ((200, "", {}), "an empty answer"),
            "wrong": ((200, '{"result": "fine"}', {}), "no array 'data'"),
            "huge": ((200, "[" + "1," * (5 << 20) + "1]", {}), "longer than"),
            "refused": ((401, f'{{"error": {{"message": "key {KEY} is not known"}}}}', {}),
                        "key [key] is not known"),
        }
        for name, (fault, words) in cases.items():
            with self.subTest(name):
                self.endpoint.fault = lambda _, fault=fault: fault
                message = self.films.failure(**judge())
                self.assertIn("could not be judged by embeddings", message)
                self.assertIn(words, message)
                self.assertIn(self.endpoint.url, message)
                self.assertNotIn(KEY, message)

    def test_what_passes_is_asked_again(self):
        def fault(number):
            if number % 7 == 1:
                return 429, "slow down", {"Retry-After": "0"}
            return (503, "later", {}) if number % 7 == 3 else None
        self.endpoint.fault = fault
        report = self.build(**judge()).embedding_judge
        self.assertEqual((report.stopped, report.left_out_count), ("", 0))
        self.assertEqual(set(self.endpoint.texts.values()), {1})

    def test_the_key_is_nowhere(self):
        self.endpoint.fault = lambda number: None if number % 5 else (
            400, f'{{"error": {{"message": "key {KEY}"}}}}', {})
        self.build(**judge())
        self.assertEqual(self.endpoint.keys, {f"Bearer {KEY}"})
        self.assertNotIn(KEY, self.films.server.log_text())
        port = [json.loads(line)["metrics_port"] for line in self.films.server.log_text().splitlines()
                if "metrics_port" in line][-1]  # of the last start
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as metrics:
            text = metrics.read().decode()
        self.assertNotIn(KEY, text)
        self.assertIn("recsae_explainer_embeddings_total", text)
        self.films.suite.stop()  # so that everything is in its files
        for file in self.films.server.directory.rglob("*"):
            if file.is_file():
                self.assertNotIn(KEY.encode(), file.read_bytes(), file)
        self.films.server.start()
        self.films.suite.connect()


class WithoutEmbeddingsTest(SuiteTest):
    def test_it_is_refused(self):
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "NO_EMBEDDINGS",
                          self.suite.explainer.BuildConcepts, ex.BuildConceptsRequest(
                              sae="saes/a", capture="recommenders/a/captures/b",
                              embedding_judge=ex.EmbeddingJudgeOptions()), mentions=["--embeddings-url"])
        folder = self.suite.servers["explainer"].directory / "explainer" / "embeddings"
        self.assertFalse(folder.exists())


if __name__ == "__main__":
    unittest.main()
