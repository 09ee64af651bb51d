"""What steering brings and costs, where the truth is known: planted concepts, figures recomputed from outside,
and a recommender that learned nothing."""

import json
import math
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import grpc
import numpy as np

from harness import BIN, Suite, SuiteTest, array, ex, jb, pb

MASK = (1 << 64) - 1


def measures(user, seed=0):
    """RoleOf of services/explainer/labeling/roles.h: whether a user, by number, is measured."""
    z = (seed + 0x9E3779B97F4A7C15 * 12 + 0xD1B54A32D192ED03 * (user + 1)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return (z ^ (z >> 31)) % 5 > 2


class World:
    """A recommender seen from outside: its head, items, and the measured rows of a capture."""

    def __init__(self, suite, name):
        ids, vectors, biases = [], [], []
        for part in suite.probe.ReadPredictionHead(
                pb.ReadPredictionHeadRequest(recommender=f"recommenders/{name}")):
            ids += part.item_ids
            vectors.append(array(part.vectors))
            biases.append(array(part.biases) if part.HasField("biases") else np.zeros(len(part.item_ids)))
        self.vectors, self.biases = np.concatenate(vectors).astype(float), np.concatenate(biases)
        place = {item: i for i, item in enumerate(ids)}
        catalog = suite.probe.GetRecommender(
            pb.GetRecommenderRequest(name=f"recommenders/{name}")).catalog
        self.values = [set() for _ in ids]
        for part in suite.probe.ReadItems(pb.ReadItemsRequest(catalog=catalog)):
            for item in part.items:
                if item.id in place:
                    self.values[place[item.id]] = {(a.key, a.value) for a in item.attributes}
        self.rows, users = [], {}
        for part in suite.probe.ReadActivations(pb.ReadActivationsRequest(
                capture=f"recommenders/{name}/captures/test",
                read_mask={"paths": ["activations", "cases"]})):
            for x, case in zip(array(part.activations).astype(float), part.cases):
                user = users.setdefault(case.user_id, len(users))
                if case.target_item_id not in place or not measures(user):
                    continue
                out = [place[i] for i in [*case.history_item_ids, *case.excluded_item_ids] if i in place]
                self.rows.append((x, place[case.target_item_id], out))

    def measure(self, attribute, step):
        """The attribute's share of the ten, and NDCG@10, with `step` added to each activation."""
        share, gain = 0, 0
        for x, target, out in self.rows:
            scores = self.vectors @ (x + step) + self.biases
            rest = [i for i in set(out) if i != target]
            rank = int((scores >= scores[target]).sum()) - int((scores[rest] >= scores[target]).sum())
            gain += 1 / math.log2(1 + rank) if rank <= 10 else 0
            scores[out] = -np.inf
            share += sum(attribute in self.values[i] for i in np.argsort(-scores)[:10]) / 10
        return share / len(self.rows), gain / len(self.rows)

    def item_mean(self, attribute):
        have = np.array([attribute in values for values in self.values])
        direction = self.vectors[have].mean(0) - self.vectors.mean(0)
        return direction / np.linalg.norm(direction)


class SteeringEvaluationTest(SuiteTest):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-steered-"))
        cls.suite = Suite(cls.directory / "suite")
        cls.run_recsae("pipeline", "--dataset", "planted", "--planted-users", "800",
                       "--recommender", "bprmf", "--name", "known", "--users", "0")
        cls.run_recsae("recommenders", "train", "nothing", "--dataset", "planted",
                       "--planted-users", "800", "--kind", "bprmf", "--epochs", "1",
                       "--learning-rate", "1e-9")
        for split in ("train", "test"):
            cls.run_recsae("captures", "create", f"nothing/{split}", "--split", split, "--cases")
        cls.run_recsae("saes", "train", "nothing", "--capture", "nothing/train", "--latents", "64",
                       "--epochs", "10")
        cls.world = World(cls.suite, "known")
        cls.evaluation = cls.evaluate("known")

    @classmethod
    def tearDownClass(cls):
        cls.suite.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)

    @classmethod
    def run_recsae(cls, *arguments):
        done = subprocess.run(
            [BIN / "recsae", "--server", cls.suite.servers["probe"].address, "-q", *arguments],
            capture_output=True, text=True, timeout=800, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr[-3000:])
        return done.stdout

    @staticmethod
    def request(name, **how):
        return ex.EvaluateSteeringRequest(
            sae=f"saes/{name}", capture=f"recommenders/{name}/captures/test",
            **({"attributes": [ex.CatalogAttribute(key="concept")]} | how))

    @classmethod
    def evaluate(cls, name, **how):
        job = cls.suite.explainer.EvaluateSteering(cls.request(name, **how))
        return cls.suite.finish("explainer", job, ex.SteeringEvaluation)

    @staticmethod
    def matched(attribute, method):
        return next(m for m in attribute.matched if m.method == method)

    @staticmethod
    def leak(attribute, label, source):
        return next((x.auc for x in attribute.leaks if x.label == label and getattr(x, "from") == source), None)

    def test_figures_are_those_computed_from_outside(self):
        self.assertEqual(self.evaluation.row_count, len(self.world.rows))
        for attribute in self.evaluation.attributes[:3]:
            name = (attribute.attribute.key, attribute.attribute.value)
            share, ndcg = self.world.measure(name, 0)
            self.assertAlmostEqual(attribute.share, share, places=3)
            self.assertAlmostEqual(self.evaluation.unsteered.ndcg_at_10.value, ndcg, places=3)
            curve = next(c for c in attribute.curves if c.method == ex.STEERING_METHOD_ITEM_MEAN)
            for point in curve.points:
                step = math.copysign(point.length, point.dose) * self.world.item_mean(name)
                share, steered = self.world.measure(name, step)
                self.assertAlmostEqual(point.share.value, share, places=2)
                self.assertAlmostEqual(point.ndcg_at_10.value, steered, places=2)
                self.assertAlmostEqual(point.ndcg_kept.value, steered / ndcg, places=1)
                self.assertLessEqual(point.share.low, point.share.value)

    def test_planted_concepts_are_steered_to_and_controls_fail(self):
        attributes = self.evaluation.attributes
        self.assertGreaterEqual(len(attributes), 12)
        right = 0
        for attribute in attributes:
            fitted = self.matched(attribute, ex.STEERING_METHOD_FITTED)
            wrong = self.matched(attribute, ex.STEERING_METHOD_WRONG_SIGN)
            self.assertFalse(wrong.reached)
            self.assertLess(wrong.share_change_at_same_length.value, 0.02)
            noise = self.matched(attribute, ex.STEERING_METHOD_NOISE).share_change_at_same_length
            self.assertLess(noise.value, fitted.figures.share_change.value / 3)
            curve = next(c for c in attribute.curves if c.method == ex.STEERING_METHOD_FITTED)
            self.assertLessEqual(len(curve.latents), 16)
            self.assertTrue(all(latent.weight != 0 for latent in curve.latents))
            # What leads there, above all.
            self.assertGreater(curve.latents[0].weight, 0)
            shares = [point.share.value for point in curve.points]  # doses rise
            rises = all(a <= b + 0.02 for a, b in zip(shares, shares[1:]))
            right += fitted.reached and rises and shares[0] < attribute.share
            if fitted.reached:
                self.assertGreaterEqual(fitted.figures.share.value, attribute.matched_share)
        self.assertGreaterEqual(right, 0.9 * len(attributes))

    def test_a_probe_finds_what_is_there_and_nothing_in_shuffled_labels(self):
        there, shuffled = [], []
        for attribute in self.evaluation.attributes:
            for label in (ex.SteeringLeak.LABEL_RECOMMENDED, ex.SteeringLeak.LABEL_READ):
                unchanged = self.leak(attribute, label, ex.SteeringLeak.FROM_UNCHANGED)
                if unchanged is None:
                    continue
                there.append(unchanged.value)
                shuffled.append(self.leak(attribute, label, ex.SteeringLeak.FROM_SHUFFLED).value)
                for source in (ex.SteeringLeak.FROM_DELTA, ex.SteeringLeak.FROM_PROJECTION):
                    self.assertIsNotNone(self.leak(attribute, label, source))
        self.assertGreater(len(there), 10)
        self.assertGreater(np.mean(there), 0.85)
        self.assertAlmostEqual(np.mean(shuffled), 0.5, delta=0.06)

    def test_a_recommender_that_learned_nothing_looks_bad(self):
        nothing = self.evaluate("nothing", skip_matched=True)
        self.assertLess(nothing.unsteered.ndcg_at_10.value,
                        self.evaluation.unsteered.ndcg_at_10.value / 3)
        read = [self.leak(a, ex.SteeringLeak.LABEL_READ, ex.SteeringLeak.FROM_UNCHANGED)
                for a in nothing.attributes]
        read = [auc.value for auc in read if auc is not None]
        self.assertGreater(len(read), 5)
        self.assertAlmostEqual(np.mean(read), 0.5, delta=0.06)
        methods = {c.method for a in nothing.attributes for c in a.curves}
        self.assertNotIn(ex.STEERING_METHOD_CONCEPT, methods)  # no concepts were built

    def test_the_same_request_gives_the_same_figures(self):
        one = [ex.CatalogAttribute(key="concept", value=self.evaluation.attributes[0].attribute.value)]
        first = self.evaluate("known", attributes=one)
        self.assertEqual(first.SerializeToString(deterministic=True),
                         self.evaluate("known", attributes=one).SerializeToString(deterministic=True))

    def test_the_command_line_shows_it(self):
        value = self.evaluation.attributes[0].attribute.value
        arguments = ("evaluate-steering", "--sae", "known", "--capture", "test", "--attribute",
                     f"concept:{value}", "--dose", "0.5,1")
        text = self.run_recsae(*arguments)
        for word in ("ATTRIBUTE", value, "FITTED AGAINST", "PROJECTION", "DOSE"):
            self.assertIn(word, text)
        told = json.loads(self.run_recsae("--json", *arguments))
        self.assertEqual(told["attributes"][0]["attribute"]["value"], value)

    def test_a_job_that_a_crash_ended_is_taken_up_again(self):
        job = self.suite.explainer.EvaluateSteering(self.request("known"))
        for state in self.suite.jobs["explainer"].WatchJob(jb.WatchJobRequest(name=job.name)):
            if state.progress.stage.startswith("steering"):
                break
        server = self.suite.servers["explainer"]
        server.kill()
        server.start()
        again = self.suite.finish("explainer", job, ex.SteeringEvaluation)
        resumed = self.suite.jobs["explainer"].GetJob(jb.GetJobRequest(name=job.name))
        self.assertEqual(resumed.resume_count, 1)
        self.assertEqual(again.SerializeToString(deterministic=True),
                         self.evaluation.SerializeToString(deterministic=True))
        spec = ex.EvaluateSteeringRequest()
        self.assertTrue(resumed.resolved_spec.Unpack(spec))
        self.assertEqual((len(spec.doses), spec.share_factor), (7, 3.3))

    def test_it_can_be_cancelled_and_says_what_is_wrong(self):
        job = self.suite.explainer.EvaluateSteering(self.request("known"))
        self.suite.jobs["explainer"].CancelJob(jb.CancelJobRequest(name=job.name))
        self.assertEqual(self.suite.finish("explainer", job).state, jb.Job.STATE_CANCELLED)
        call = self.suite.explainer.EvaluateSteering
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", call,
                          self.request("known", doses=[0.0]), mentions=["doses[0]"])
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", call,
                          self.request("known", share_factor=0.5), mentions=["share_factor"])
        self.assert_error(grpc.StatusCode.NOT_FOUND, "ATTRIBUTE_NOT_FOUND", call,
                          self.request("known", attributes=[
                              ex.CatalogAttribute(key="concept", value="none such")]))


if __name__ == "__main__":
    unittest.main()
