"""A model in numpy, hosted over a real socket on a server that plays the probe's part."""

import itertools
import logging
import threading
import time
import unittest

import grpc
import numpy as np

import recsae
from models import AttentionModel
from probe_double import ProbeDouble
from recsae.hosts.v1 import hosts_pb2 as hb
from recsae.hosting.host import waits
from recsae.wire import to_array, to_tensor

WAIT_SECONDS = 30


def queries(*histories, users=()):
    return hb.Queries(users=users, lengths=[len(h) for h in histories], items=[i for h in histories for i in h])


def activations(*histories, site="", all_positions=False):
    return {"compute_activations": hb.Call.ComputeActivations(
        queries=queries(*histories), site=site, all_positions=all_positions)}


class HostTest(unittest.TestCase):
    def setUp(self):
        self.probe = ProbeDouble()
        self.addCleanup(self.probe.stop)
        self.model = AttentionModel()

    def host(self, model=None, **options):
        return recsae.host(model or self.model, address=self.probe.address, accept_seconds=WAIT_SECONDS, **options)

    def test_tells_what_it_has(self):
        titles = {"film-0": {"title": "Alien", "genre": ["Horror", "Sci-Fi"]}, "film-1": "Heat"}
        with self.assertLogs("recsae.host", logging.WARNING) as logs, self.host(catalog=titles) as host:
            link = self.probe.links.get(timeout=WAIT_SECONDS)
            self.assertEqual(host.recommender.name, "recommenders/attention")
            self.assertEqual(host.remarks, ("slow",))
        self.assertIn("28 of 30 items have no title", "".join(logs.output))
        told = link.description
        self.assertEqual((told.activation_dim, told.history_length, told.item_count, told.user_count), (8, 6, 30, 12))
        self.assertEqual([(s.name, s.dim, s.per_position) for s in told.probe_sites],
                         [("embedding", 8, True), ("attention", 8, False)])
        self.assertTrue(told.has_interactions and told.scores)
        self.assertEqual([item.id for item in link.items], self.model.item_ids)
        self.assertEqual([item.title for item in link.items[:3]], ["Alien", "Heat", "film-2"])
        self.assertEqual([a.value for a in link.items[0].attributes], ["Horror", "Sci-Fi"])
        self.assertEqual(link.users, self.model.user_ids)
        np.testing.assert_array_equal(np.concatenate([to_array(v) for v in link.vectors]), self.model.item_vectors)

    def test_answers_calls(self):
        with self.host() as host:
            link = self.probe.links.get(timeout=WAIT_SECONDS)
            last = to_array(link.ask(**activations([1, 2], [3])).values)
            self.assertEqual(last.shape, (2, 8))
            rows = to_array(link.ask(**activations([1, 2], [3], site="embedding", all_positions=True)).values)
            np.testing.assert_array_equal(rows, self.model.item_vectors[[1, 2, 3]])
            resumed = link.ask(resume_from_site=hb.Call.ResumeFromSite(
                queries=queries([1, 2], [3]), site="embedding", activations=to_tensor(rows[1:])))
            np.testing.assert_array_equal(to_array(resumed.values), last)
            scores = link.ask(score=hb.Call.Score(queries=queries([1, 2], [3]), items=[5, 4]))
            np.testing.assert_allclose(to_array(scores.values), last @ self.model.item_vectors[[5, 4]].T
                                       + self.model.item_biases[[5, 4]], rtol=1e-5)
            users = link.ask(read_interactions=hb.Call.ReadInteractions(start_user=10)).interactions.users
            self.assertEqual([list(user.items) for user in users], [list(w) for w in self.model.watched[10:]])
            self.assertEqual(len(link.ask(read_interactions=hb.Call.ReadInteractions(
                start_user=12)).interactions.users), 0)
            self.assertEqual((host.counts.answered, host.counts.failed), (6, 0))

    def test_errors_of_the_model_end_no_stream(self):
        def fail(*_):
            raise ZeroDivisionError("by hand")

        self.model.score = fail
        with self.host() as host, self.assertLogs("recsae.host", logging.WARNING):
            link = self.probe.links.get(timeout=WAIT_SECONDS)
            error = link.ask(score=hb.Call.Score(queries=queries([1]), items=[1])).error
            self.assertEqual((error.code, error.message),
                             (grpc.StatusCode.FAILED_PRECONDITION.value[0], "ZeroDivisionError: by hand"))
            for call, text in ((activations([99]), "30 items"), (activations([1], site="nowhere"), "embedding, attention"),
                               (activations([1], site="attention", all_positions=True), "whole history"),
                               (activations([1] * 7), "history of 7 items")):
                error = link.ask(**call).error
                self.assertEqual(error.code, grpc.StatusCode.INVALID_ARGUMENT.value[0])
                self.assertIn(text, error.message)
            self.assertFalse(link.ask(**activations([1])).HasField("error"))
            self.assertEqual((host.counts.answered, host.counts.failed, host.counts.streams), (1, 5, 1))

    def test_refusal_is_raised(self):
        self.probe.refusal = (grpc.StatusCode.INVALID_ARGUMENT, "HOST_HEAD", "scores are not <x, v> + b")
        for way in (lambda host: host.start(), lambda host: host.serve()):
            with self.assertLogs("recsae.host", logging.ERROR), self.assertRaises(recsae.HostRefused) as caught:
                way(self.host())
            self.assertEqual((caught.exception.code, caught.exception.reason, caught.exception.message),
                             (grpc.StatusCode.INVALID_ARGUMENT, "HOST_HEAD", "scores are not <x, v> + b"))
            self.assertEqual(caught.exception.metadata, {"site": "x"})

    def test_calls_run_side_by_side_and_cancelled_ones_do_not_begin(self):
        go, running = threading.Event(), threading.Semaphore(0)
        compute = self.model.activations

        def wait(*query):
            running.release()
            go.wait(WAIT_SECONDS)
            return compute(*query)

        self.model.activations = wait
        with self.host(concurrent_calls=2) as host:
            link = self.probe.links.get(timeout=WAIT_SECONDS)
            calls = [link.call(**activations([1])) for _ in range(4)]
            for _ in range(2):
                self.assertTrue(running.acquire(timeout=WAIT_SECONDS))
            link.outbox.put(hb.HostRecommenderResponse(cancelled_call_id=calls[3][0]))
            deadline = time.monotonic() + WAIT_SECONDS
            while not host.counts.cancelled and time.monotonic() < deadline:
                time.sleep(.01)
            go.set()
            for _, future in calls[:3]:
                future.result(timeout=WAIT_SECONDS)
            self.assertEqual((host.counts.cancelled, host.counts.answered), (1, 3))
            self.assertEqual(calls[3][1].result(timeout=WAIT_SECONDS).error.code, grpc.StatusCode.CANCELLED.value[0])

    def test_comes_back_after_a_restart_without_its_items(self):
        with self.host() as host:
            self.probe.links.get(timeout=WAIT_SECONDS)
            with self.assertLogs("recsae.host", logging.WARNING) as logs:
                self.probe.stop()
                time.sleep(.5)
                self.assertFalse(host.serving)
                self.probe.start(self.probe.address)
                link = self.probe.links.get(timeout=WAIT_SECONDS)
            self.assertIn("dialling again", "".join(logs.output))
            self.assertEqual(link.items, [])
            self.assertFalse(link.ask(**activations([1])).HasField("error"))

    def test_another_model_under_the_name_is_told(self):
        with self.host():
            with self.assertLogs("recsae.host", logging.ERROR), self.assertRaises(recsae.HostRefused) as caught:
                self.host(AttentionModel(seed=2)).start()
        self.assertEqual(caught.exception.reason, "HOST_DIFFERS")

    def test_a_probe_that_is_away_is_awaited(self):
        self.probe.stop()
        host = recsae.host(self.model, address=self.probe.address, accept_seconds=.2)
        with self.assertLogs("recsae.host") as logs, self.assertRaisesRegex(TimeoutError, "attention.*0.2 s"):
            host.start()
        self.assertIn("UNAVAILABLE", "".join(logs.output))

        serving = self.host()
        thread = threading.Thread(target=serving.serve)
        thread.start()
        self.probe.start(self.probe.address)
        self.probe.links.get(timeout=WAIT_SECONDS)
        serving.close()
        thread.join(WAIT_SECONDS)
        self.assertFalse(thread.is_alive())

    def test_large_catalogues_come_in_pieces(self):
        count, dim = 20_000, 64
        vectors = np.random.default_rng(1).normal(size=(count, dim)).astype(np.float32)
        model = recsae.FactorModel(vectors, vectors, user_ids=range(count), item_ids=range(count))
        with self.host(model, catalog={str(i): "title " * 20 for i in range(count)}):
            link = self.probe.links.get(timeout=WAIT_SECONDS)
        self.assertGreater(len(link.vectors), 4)
        np.testing.assert_array_equal(np.concatenate([to_array(v) for v in link.vectors]), vectors)
        self.assertEqual((link.items[-1].id, link.users[-1]), (str(count - 1), str(count - 1)))

    def test_withheld_items(self):
        vectors = np.ones((3, 2))
        model = recsae.FactorModel(vectors, vectors, user_ids="abc", item_ids="xyz", withheld=["z", "x"])
        with self.host(model):
            link = self.probe.links.get(timeout=WAIT_SECONDS)
        self.assertEqual(link.withheld, [0, 2])
        with self.assertRaisesRegex(ValueError, "'w' is not among the model's 3 items"):
            recsae.FactorModel(vectors, vectors, user_ids="abc", item_ids="xyz", withheld=["w"])

    def test_a_given_channel_is_used(self):
        with grpc.insecure_channel(self.probe.address) as channel, recsae.host(self.model, channel=channel):
            self.probe.links.get(timeout=WAIT_SECONDS)
        with self.assertRaisesRegex(ValueError, "TLS"):
            recsae.host(self.model, address=self.probe.address, token="secret")


class WaitsTest(unittest.TestCase):
    def test_first_tries_are_quick_and_none_is_late(self):
        for _ in range(20):
            found = list(itertools.islice(waits(), 20))
            self.assertLessEqual(found[0], .1)
            self.assertLessEqual(max(found), 1.5)
            self.assertGreater(min(found[5:]), 1.1)
        self.assertGreater(len({next(waits()) for _ in range(20)}), 1, "replicas would come all at once")


class ArgumentsTest(unittest.TestCase):
    def test_what_cannot_be_hosted_is_named(self):
        def changed(**attributes):
            model = AttentionModel()
            for name, value in attributes.items():
                setattr(model, name, value)
            return model

        good = AttentionModel()
        bad_vectors = good.item_vectors.copy()
        bad_vectors[3, 1] = np.nan
        for model, text in ((changed(item_ids=["a"] * 30), "'a' is there twice"),
                            (changed(item_vectors=bad_vectors), "film-3"),
                            (changed(item_vectors=good.item_vectors[:4]), r"\(4, 8\)"),
                            (changed(history_length=513), "513"),
                            (changed(sites=(recsae.Site("user", 8, False),)), "user")):
            with self.assertRaisesRegex(ValueError, text):
                recsae.host(model)
        with self.assertRaisesRegex(ValueError, "'my-model'"):
            recsae.host(good, name="My Model")
        with self.assertRaisesRegex(ValueError, "concurrent_calls 65"):
            recsae.host(good, concurrent_calls=65)
        with self.assertRaisesRegex(ValueError, "none of its 1 ids"):
            recsae.host(good, catalog={"film_0": "x"})
        with self.assertRaisesRegex(TypeError, "builtins.list is of none of the libraries"):
            recsae.host([1])

    def test_fingerprint_is_of_what_is_served(self):
        mark = recsae.host(AttentionModel()).fingerprint
        self.assertEqual(mark, recsae.host(AttentionModel()).fingerprint)
        self.assertEqual(mark, recsae.host(AttentionModel(), catalog={"film-0": "Alien"}).fingerprint)
        for change in ({"weights": np.eye(8, dtype=np.float32)}, {"sites": ()}, {"history_length": 5},
                       {"user_ids": ["x"]}, {"item_biases": None}):
            other = AttentionModel()
            for name, value in change.items():
                setattr(other, name, value)
            self.assertNotEqual(mark, recsae.host(other).fingerprint, change)


if __name__ == "__main__":
    unittest.main()
