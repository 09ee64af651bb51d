"""Models in processes of their own, hosted on a real probe over a real socket by the Python client."""

import contextlib
import logging
import os
import pathlib
import subprocess
import sys
import time
import unittest

CLIENT_TESTS = pathlib.Path(__file__).parents[2] / "clients" / "python" / "tests"
sys.path.insert(0, str(CLIENT_TESTS))

import numpy as np  # noqa: E402

import recsae  # noqa: E402
from harness import SuiteTest, array, grpc, pb, tensor  # noqa: E402
from models import AttentionModel  # noqa: E402

WAIT_SECONDS = 60
GENRES = ["Horror", "Western", "Musical", "War"]


def quiet():
    """What the tests provoke need not be read, unless one asks for it: RECSAE_TEST_LOG=INFO."""
    logging.basicConfig()
    logging.getLogger("recsae").setLevel(os.environ.get("RECSAE_TEST_LOG", "CRITICAL"))


def wait_for(condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(.02)


class HostsTest(SuiteTest):
    separate = True

    def setUp(self):
        self.address = self.suite.servers["probe"].address
        self.model = AttentionModel(items=80, dim=12, users=150, history_length=6)
        quiet()

    def host(self, name, model=None, **options):
        return recsae.host(model or self.model, name=name, address=self.address, accept_seconds=WAIT_SECONDS, **options)

    def client(self):
        return recsae.Client(**{name.replace("-", "_"): server.address for name, server in self.suite.servers.items()})

    def queries(self, count=20):
        """(user id, history), and the same by number."""
        numbers = [np.array(items[:6], dtype=np.int32) for items in self.model.watched[:count]]
        return ([(f"user-{u}", [f"film-{i}" for i in history]) for u, history in enumerate(numbers)],
                np.arange(count, dtype=np.int32), numbers)

    def test_whole_life(self):
        catalog = {f"film-{i}": {"title": f"Film number {i}", "genre": GENRES[i % 4]} for i in range(80)}
        asked, users, histories = self.queries()
        with self.host("whole", catalog=catalog) as host, self.client() as client:
            made = host.recommender
            self.assertEqual((made.kind, made.activation_dim, made.has_prediction_head), (pb.Recommender.KIND_HOSTED, 12, True))
            self.assertEqual([site.name for site in made.probe_sites], ["embedding", "attention", "user"])
            self.assertIn("recommenders/whole", [r.name for r in client.recommenders()])
            for site in ("", "embedding", "attention"):
                np.testing.assert_array_equal(client.activations(made.name, asked, site),
                                              self.model.activations(users, histories, site or "user", False))
            inner = client.activations(made.name, asked, "attention")
            np.testing.assert_array_equal(client.resume(made.name, asked, "attention", inner[::-1]),
                                          self.model.resume(users, histories, "attention", inner[::-1]))
            ids, vectors, biases = client.item_vectors(made.name)
            self.assertEqual(ids, self.model.item_ids)
            np.testing.assert_array_equal(vectors, self.model.item_vectors)
            np.testing.assert_array_equal(biases, self.model.item_biases)

            train = client.capture(made.name, "train", "train", cases=True)
            self.assertEqual(train.row_count, sum(len(items) - 3 for items in self.model.watched))
            every = client.capture(made.name, "every", "train", site="embedding", positions="all")
            self.assertEqual(every.row_count, train.row_count)  # each position once, either way
            test = client.capture(made.name, "test", "test", cases=True)
            self.assertEqual(test.row_count, 150)
            case = self.suite.probe.BatchGetCases(pb.BatchGetCasesRequest(capture=test.name, user_ids=["user-3"])).cases[0]
            self.assertEqual(case.target_item_id, f"film-{self.model.watched[3][-1]}")

            sae = client.train_sae("whole", train.name, latent_count=32, k=4, epoch_count=30, batch_rows=64).sae
            client.build_concepts(sae.name, test.name)
            explained = client.explain(sae.name, history=asked[3], top=5)[0]
            self.assertTrue(explained.items[0].title.startswith("Film number"))
            score = self.model.score(users[3:4], histories[3:4], np.array([int(explained.items[0].item_id[5:])]))[0, 0]
            self.assertAlmostEqual(explained.items[0].score, score, delta=1e-4 * abs(score))
            steered = client.steer(sae.name, [{"latent": explained.latents[0].latent, "scale": 0}], history=asked[3])
            self.assertNotEqual([item.score for item in steered.before], [item.score for item in steered.after])
            with self.assertRaises(recsae.Error) as caught:
                client.explain("saes/none", history=asked[3])
            self.assertEqual((caught.exception.code, caught.exception.reason), (grpc.StatusCode.NOT_FOUND, "SAE_NOT_FOUND"))

    def test_away_and_back(self):
        asked, users, histories = self.queries()
        server = self.suite.servers["probe"]
        with self.host("back") as host, self.client() as client:
            before = client.activations("recommenders/back", asked)
            server.kill()
            wait_for(lambda: not host.serving)
            server.start()
            self.suite.connect()
            wait_for(lambda: host.serving)
            np.testing.assert_array_equal(client.activations("recommenders/back", asked), before)
            self.assertEqual(host.counts.streams, 2)
        with self.client() as client, self.assertRaises(recsae.Error) as caught:
            client.activations("recommenders/back", asked)
        self.assertEqual((caught.exception.code, caught.exception.reason), (grpc.StatusCode.UNAVAILABLE, "HOST_AWAY"))
        with self.host("back"), self.client() as client:
            np.testing.assert_array_equal(client.activations("recommenders/back", asked), before)

    def test_replicas(self):
        asked, _, _ = self.queries(150)
        with contextlib.ExitStack() as stack:
            hosts = [stack.enter_context(self.host("twice", AttentionModel(80, 12, 150), max_queries=8)) for _ in range(2)]
            self.assertEqual(hosts[0].fingerprint, hosts[1].fingerprint)
            get = pb.GetRecommenderRequest(name="recommenders/twice")
            self.assertEqual(self.suite.probe.GetRecommender(get).host_count, 2)
            client = stack.enter_context(self.client())
            tried = [host.counts.answered for host in hosts]
            before = client.activations("recommenders/twice", asked)
            self.assertTrue(all(host.counts.answered > t for host, t in zip(hosts, tried)),
                            f"calls went to one of two: {[host.counts.answered for host in hosts]}")
            hosts[0].close()
            np.testing.assert_array_equal(client.activations("recommenders/twice", asked), before)
            with self.assertRaises(recsae.HostRefused) as caught:
                self.host("twice", AttentionModel(80, 12, 150, seed=2)).start()
            self.assertEqual(caught.exception.reason, "HOST_DIFFERS")

    def test_a_host_in_another_process(self):
        program = ("import sys; sys.path.insert(0, sys.argv[1]); import recsae, models; "
                   "recsae.host(models.AttentionModel(80, 12, 150), name='far', address=sys.argv[2]).serve()")
        process = subprocess.Popen([sys.executable, "-c", program, str(CLIENT_TESTS), self.address], stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        asked, users, histories = self.queries()
        with self.client() as client:
            wait_for(lambda: any(r.name == "recommenders/far" and r.host_count for r in client.recommenders()))
            np.testing.assert_array_equal(client.activations("recommenders/far", asked),
                                          self.model.activations(users, histories, "user", False))
            process.kill()
            process.wait()
            wait_for(lambda: not any(r.name == "recommenders/far" and r.host_count for r in client.recommenders()))

    def test_what_is_refused(self):
        class First(AttentionModel):
            def activations(self, users, histories, site, all_positions):
                if site == "embedding" and not all_positions:
                    return self.item_vectors[[history[0] for history in histories]]
                return super().activations(users, histories, site, all_positions)

        class Biased(AttentionModel):
            def score(self, users, histories, items):
                return super().score(users, histories, items) + items

        class Short(AttentionModel):
            def activations(self, users, histories, site, all_positions):
                return super().activations(users, histories, site, all_positions)[:, :5]

        class Failing(AttentionModel):
            def activations(self, users, histories, site, all_positions):
                raise ZeroDivisionError("by hand")

        for kind, reason, text in ((First, "PROBE_SITE_INVALID", "embedding"), (Biased, "HOST_HEAD", "scores item"),
                                   (Failing, "MODEL_FAILED", "ZeroDivisionError: by hand"),
                                   (Short, "MODEL_FAILED", "not \\(")):
            with self.subTest(kind=kind.__name__), self.assertRaisesRegex(recsae.HostRefused, text) as caught:
                self.host("refused", kind(80, 12, 150)).start()
            self.assertEqual(caught.exception.reason, reason)
        self.assertFalse(any(r.name == "recommenders/refused" for r in self.client().recommenders()))

    def test_a_slow_model_is_accepted(self):
        class Slow(AttentionModel):
            def activations(self, *query):
                time.sleep(.05)
                return super().activations(*query)

            def interactions(self, start_user):
                time.sleep(.05)
                return super().interactions(start_user)

        with self.host("slow", Slow(80, 12, 150)) as host:
            self.assertGreater(host.recommender.metrics["test_hr@10"], 0)

    def test_factors(self):
        random = np.random.default_rng(3)
        vectors, items = random.normal(size=(50, 6)), random.normal(size=(40, 6))
        model = recsae.FactorModel(vectors, items, random.normal(size=40), user_ids=range(50), item_ids=range(40),
                                   interactions=recsae.leave_one_out([random.permutation(40)[:8] for _ in range(50)]))
        with self.host("factors", model), self.client() as client:
            np.testing.assert_array_equal(client.activations("recommenders/factors", [("7", []), ("0", [])]),
                                          model.user_vectors[[7, 0]])
            self.assertEqual(client.capture("recommenders/factors", "test", "test", cases=True).row_count, 50)


class RecorderTest(SuiteTest):
    def setUp(self):
        quiet()
        self.server = self.suite.servers["probe"]
        self.rows = np.random.default_rng(1).normal(size=(300, 5)).astype(np.float32)

    def record(self, capture, **options):
        options.setdefault("catalog", {f"film-{i}": f"Film {i}" for i in range(20)})
        return recsae.record(capture=f"recommenders/live/captures/{capture}", address=self.server.address, **options)

    def stored(self, capture):
        batches = self.suite.probe.ReadActivations(pb.ReadActivationsRequest(
            capture=f"recommenders/live/captures/{capture}", read_mask={"paths": ["activations", "cases"]}))
        return list(batches)

    def test_makes_what_is_missing_and_records_all(self):
        with self.record("all") as recorder:
            for first in range(0, 300, 10):
                rows = range(first, first + 10)
                recorder.add(self.rows[first:first + 10], users=rows, histories=[[f"film-{r % 20}"] for r in rows])
        self.assertEqual((recorder.recorded, recorder.sampled_out, recorder.dropped), (300, 0, 0))
        batches = self.stored("all")
        np.testing.assert_array_equal(np.concatenate([array(b.activations) for b in batches]), self.rows)
        cases = [case for b in batches for case in b.cases]
        self.assertEqual([case.user_id for case in cases], [str(r) for r in range(300)])
        self.assertEqual(cases[27].history_item_ids, ["film-7"])
        made = self.suite.probe.GetRecommender(pb.GetRecommenderRequest(name="recommenders/live"))
        self.assertEqual((made.kind, made.activation_dim), (pb.Recommender.KIND_EXTERNAL, 5))

    def test_a_share(self):
        with self.record("share", sample=.25, seed=4) as recorder:
            for _ in range(10):
                recorder.add(self.rows)
        self.assertEqual(recorder.recorded + recorder.sampled_out, 3000)
        self.assertAlmostEqual(recorder.recorded / 3000, .25, delta=.05)
        self.assertEqual(sum(array(b.activations).shape[0] for b in self.stored("share")), recorder.recorded)

    def test_server_gone_and_back(self):
        with self.record("gone", queue_rows=500) as recorder:
            recorder.add(self.rows)
            wait_for(lambda: recorder.recorded == 300)
            self.server.kill()
            for _ in range(10):
                recorder.add(self.rows)  # two batches at most find room
            self.assertGreaterEqual(recorder.dropped, 2400)
            lost = recorder.dropped
            self.server.start()
            self.suite.connect()
            wait_for(lambda: recorder.recorded + lost == 3300)
        self.assertEqual((recorder.counts.offered, recorder.recorded + recorder.dropped), (3300, 3300))
        self.assertEqual(sum(array(b.activations).shape[0] for b in self.stored("gone")), recorder.recorded)

    def test_gone_for_good(self):
        recorder = recsae.record(capture="recommenders/live/captures/x", address="127.0.0.1:1", flush_seconds=.5)
        recorder.add(self.rows)
        recorder.close()
        self.assertEqual((recorder.recorded, recorder.dropped), (0, 300))

    def test_what_cannot_be_recorded_is_counted(self):
        with self.record("bad") as recorder:
            recorder.add(self.rows, users=["only one"])
            recorder.add(np.full((7, 5), np.nan))
            recorder.add(object())
        self.assertEqual((recorder.recorded, recorder.dropped), (0, 308))


if __name__ == "__main__":
    unittest.main()
