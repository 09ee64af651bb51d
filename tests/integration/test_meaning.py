"""Search by meaning over a real HTTP endpoint: concept-store alone, with faults, kills and a key."""

import http.server
import json
import pathlib
import shutil
import tempfile
import threading
import time
import unittest
import urllib.request

import numpy as np

from harness import Server, tensor
from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.concept_store.v1 import concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc

SAE, LATENTS, DIM = "saes/a", 96, 4
KEY = "sk-do-not-tell-0123456789"
TOPICS = [("horror", "scary", "ghost"), ("sci-fi", "space", "alien"), ("western", "cowboy"), ("romance", "love")]


def embedding(text):
    """A direction of each topic, and a little of the text itself."""
    vector = np.full(len(TOPICS) + 1, 0.01)
    for place, words in enumerate(TOPICS):
        vector[place] += sum(word in text.lower() for word in words)
    vector[-1] = 0.1 if vector.max() > 1 else -1  # what is about none of them is far from all
    return [float(value) for value in vector]


class Endpoint:
    """Answers /v1/embeddings; counts what it was asked for, and fails as told."""

    def __init__(self):
        self.asked, self.keys, self.fault = [], set(), None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802 (the name that http.server calls)
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.keys.add(self.headers.get("Authorization"))
                if outer.fault is not None:
                    return outer.fault(self)
                outer.asked += body["input"]
                data = [{"index": i, "embedding": embedding(text)} for i, text in enumerate(body["input"])]
                return self.answer(200, json.dumps({"data": data, "usage": {"total_tokens": 1}}).encode())

            def answer(self, status, content):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # who asked went away
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


FAULTS = {
    "429": (lambda to: to.answer(429, b'{"error": {"message": "slow down"}}'), "ENDPOINT_BUSY"),
    "500": (lambda to: to.answer(500, b"oops"), "ENDPOINT_FAILED"),
    "401 that says the key": (lambda to: to.answer(401, f"wrong key {KEY}".encode()), "ENDPOINT_REFUSED"),
    "prose": (lambda to: to.answer(200, b"I am sorry, I cannot do that."), "ENDPOINT_ANSWER_INVALID"),
    "half": (lambda to: to.answer(200, b'{"data": [{"index": 0, "embedd'), "ENDPOINT_ANSWER_INVALID"),
    "too few": (lambda to: to.answer(200, b'{"data": []}'), "ENDPOINT_ANSWER_INVALID"),
    "10 MB": (lambda to: to.answer(200, b" " * 10_000_000), "ENDPOINT_ANSWER_TOO_LARGE"),
}


def concept(latent, description):
    return cs.Concept(latent=latent, description=description, source=cs.Concept.SOURCE_PERSON)


class MeaningTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.endpoint = Endpoint()
        self.addCleanup(self.endpoint.close)
        (self.folder / "key").write_text(KEY + "\n")
        self.server = Server("concept-store", self.folder / "data", [
            "--embeddings-url", self.endpoint.url, "--embeddings-model", "small",
            "--embeddings-key-file", str(self.folder / "key")])
        self.addCleanup(lambda: self.server.process and self.server.process.poll() is None and self.server.kill())
        self.server.start()

    @property
    def store(self):
        return concept_store_pb2_grpc.ConceptStoreStub(self.server.channel)

    def publish(self):
        header = cs.PublishSaeRequest.Header(sae_id="a", sae=cs.Sae(
            activation_dim=DIM, latent_count=LATENTS, k=2, scale=1, architecture=cs.Sae.ARCHITECTURE_TOPK))
        arrays = ((cs.SaeWeights.ARRAY_W_ENC, (LATENTS, DIM)), (cs.SaeWeights.ARRAY_B_ENC, LATENTS),
                  (cs.SaeWeights.ARRAY_W_DEC, (LATENTS, DIM)), (cs.SaeWeights.ARRAY_B_PRE, DIM))
        self.store.PublishSae(iter([cs.PublishSaeRequest(header=header)] + [
            cs.PublishSaeRequest(weights=cs.SaeWeights(array=array, values=tensor(np.ones(shape))))
            for array, shape in arrays]))

    def describe(self, *descriptions):
        self.store.BatchUpsertConcepts(cs.BatchUpsertConceptsRequest(
            parent=SAE, concepts=[concept(latent, text) for latent, text in enumerate(descriptions)]))

    def search(self, query, **options):
        return self.store.SearchConcepts(cs.SearchConceptsRequest(parent=SAE, query=query, **options))

    def wait(self, done, what):
        deadline = time.monotonic() + 60
        while not (answer := done()):
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)
        return answer

    def wait_until_embedded(self):
        self.wait(lambda: self.search("anything").meaning.not_compared_count == 0, "not all embedded")

    def test_finds_what_is_meant_and_says_how(self):
        self.publish()
        self.describe("Horror", "Sci-Fi", "Western", "Romance", "Horror")
        self.wait_until_embedded()
        found = self.search("ghost stories")
        self.assertEqual(found.matches[0].latent_concept.description, "Horror")
        self.assertTrue(found.matches[0].by_meaning)
        self.assertGreater(found.matches[0].similarity, 0.9)
        self.assertEqual(len(found.matches), 4, "one of those that say the same")
        self.assertEqual(found.meaning.model, "small")
        words = self.search("western")
        self.assertFalse(words.matches[0].by_meaning)
        self.assertEqual(words.matches[0].latent_concept.latent, 2)
        self.assertEqual(len(self.search("ghost stories", words_only=True).matches), 0)
        self.assertEqual(self.endpoint.keys, {f"Bearer {KEY}"})

    def test_every_fault_leaves_words_and_a_reason_and_the_key_is_nowhere(self):
        self.publish()
        said = []
        for name, (fault, reason) in FAULTS.items():
            with self.subTest(name):
                self.endpoint.fault = fault
                self.describe("Horror " + name)
                found = self.wait(lambda: (answer := self.search("horror")).meaning.reason == reason and answer,
                                  f"{name}: no {reason}")
                said.append(str(found))
                self.assertEqual(len(found.matches), 1)
                self.assertEqual(found.meaning.not_compared_count, 1)
                self.assertLess(self.timed(lambda: self.search("horror")), 1)
        self.endpoint.fault = None
        self.wait_until_embedded()
        with urllib.request.urlopen(f"http://{self.server.metrics_address()}/metrics") as page:
            said.append(page.read().decode())
        self.assertIn('recsae_concept_store_embedding_requests_total{of="concepts",outcome="error"}', said[-1])
        self.assertIn("recsae_concept_store_embeddings_wanted 0", said[-1])
        self.assertIn("recsae_concept_store_embeddings 1", said[-1])
        self.server.stop()
        said.append(self.server.log_text())
        for text in said:
            self.assertNotIn(KEY, text)
        for file in (self.folder / "data").rglob("*"):
            if file.is_file():
                self.assertNotIn(KEY.encode(), file.read_bytes(), file)

    def test_wishes_and_edits_say_that_meaning_decided(self):
        self.publish()
        self.describe("Horror", "Sci-Fi", "Western", "Romance")
        self.wait_until_embedded()
        probe = Server("probe", self.folder / "probe").start()
        self.addCleanup(probe.kill)
        explainer = Server("explainer", self.folder / "explainer", [
            f"--probe={probe.address}", f"--concept-store={self.server.address}"]).start()
        self.addCleanup(explainer.kill)
        resolved = explainer_pb2_grpc.ExplainerStub(explainer.channel).ResolveWishes(ex.ResolveWishesRequest(
            sae=SAE, text="more ghost stories, less western, no cowboy aliens, more banana bread")).wishes
        self.assertEqual([wish.concepts[0].description if wish.concepts else "" for wish in resolved],
                         ["Horror", "Western", resolved[2].concepts[0].description, ""])
        self.assertGreater(resolved[0].by_meaning, 0.9)
        self.assertFalse(resolved[1].HasField("by_meaning"), "it has the word")
        self.assertIn(resolved[2].concepts[0].description, ("Western", "Sci-Fi"))
        self.assertTrue(resolved[2].HasField("by_meaning"))
        self.assertIn("banana bread", resolved[3].problem)
        self.assertFalse(resolved[3].HasField("by_meaning"))

    @staticmethod
    def timed(work):
        begun = time.monotonic()
        work()
        return time.monotonic() - begun

    def test_a_hanging_endpoint_holds_up_no_write_and_a_search_for_two_seconds(self):
        self.endpoint.fault = lambda to: time.sleep(20)
        self.publish()
        self.assertLess(self.timed(lambda: self.describe("Horror", "Sci-Fi")), 2)
        took = self.timed(lambda: self.assertEqual(self.search("horror").meaning.reason, "ENDPOINT_TIMEOUT"))
        self.assertLess(took, 4)
        self.assertLess(self.timed(lambda: self.search("something else")), 1, "asked again at once")
        self.assertLess(self.timed(self.server.stop), 10)

    def test_what_was_embedded_is_not_asked_for_again_over_kills(self):
        self.publish()
        texts = [f"Horror {number}" for number in range(LATENTS)]
        self.describe(*texts)
        for _ in range(5):
            time.sleep(0.2)
            self.server.kill()
            self.server.start()
        self.wait_until_embedded()
        asked = [text for text in self.endpoint.asked if text != "anything"]
        self.assertEqual(set(asked), set(texts))
        # A kill may lose the answer that was on its way, 32 texts.
        self.assertLessEqual(len(asked), LATENTS + 5 * 32)
        self.endpoint.asked.clear()
        self.server.kill()
        self.server.start()
        self.wait_until_embedded()
        self.assertEqual([text for text in self.endpoint.asked if text != "anything"], [])


if __name__ == "__main__":
    unittest.main()
