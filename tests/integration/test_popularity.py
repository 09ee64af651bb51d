"""How popular recommendations are, against what is counted from outside: the figures of an evaluation, the
latents that go with popularity, and what steering makes of them."""

import json
import subprocess
import unittest

import grpc
import numpy as np

from harness import BIN, SuiteTest, array, ex, pb

KINDS = ("sasrec", "bprmf")
USERS = [str(number) for number in range(3, 90, 4)]


def information(counts):
    return -np.log2((counts + 1) / (counts.sum() + len(counts)))


def tail_of(counts):
    order = np.argsort(-counts, kind="stable")
    before = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
    tail = np.ones(len(counts), dtype=bool)
    tail[order[before < 0.8 * counts.sum()]] = False
    return tail


class PopularityTest(SuiteTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for kind in KINDS:
            done = cls.run_cli("pipeline", "--dataset", "planted", "--planted-users", "500",
                               "--recommender", kind, "--recommender-epochs", "8", "--name", kind,
                               "--users", "0")
            if done.returncode != 0:
                raise AssertionError(done.stderr[-3000:])

    @classmethod
    def run_cli(cls, *arguments):
        return subprocess.run([BIN / "recsae", "--server", cls.suite.servers["probe"].address, "-q",
                               *arguments], capture_output=True, text=True, timeout=800, check=False)

    def head(self, kind):
        """Item ids, vectors, biases and training counts."""
        ids, vectors, biases, counts = [], [], [], []
        for batch in self.suite.probe.ReadPredictionHead(
                pb.ReadPredictionHeadRequest(recommender=f"recommenders/{kind}")):
            ids += batch.item_ids
            vectors.append(array(batch.vectors))
            counts += batch.training_counts
            biases.append(array(batch.biases) if batch.HasField("biases")
                          else np.zeros(len(batch.item_ids)))
        return ids, np.concatenate(vectors), np.concatenate(biases), np.array(counts, dtype=float)

    def evaluation(self, kind):
        job = self.suite.explainer.EvaluateSae(ex.EvaluateSaeRequest(
            sae=f"saes/{kind}", capture=f"recommenders/{kind}/captures/test"))
        return self.suite.finish("explainer", job, ex.Evaluation)

    def cases(self, kind):
        found = []
        request = pb.ReadActivationsRequest(capture=f"recommenders/{kind}/captures/test")
        request.read_mask.paths.extend(["activations", "cases"])
        for batch in self.suite.probe.ReadActivations(request):
            found += list(zip(array(batch.activations), batch.cases))
        return found

    def test_counts_are_those_of_the_training_interactions(self):
        ids, _, _, counts = self.head("bprmf")
        expected = dict.fromkeys(ids, 0)
        response = self.suite.probe.ComputeActivations(pb.ComputeActivationsRequest(
            recommender="recommenders/bprmf", with_past=True,
            queries=[pb.ComputeActivationsRequest.Query(user_id=str(u)) for u in range(1, 501)]))
        for past in response.pasts:
            for item in list(past.item_ids)[:past.trained_count]:
                expected[item] += 1
        self.assertEqual([expected[item] for item in ids], list(counts))

    def test_an_evaluation_says_what_the_lists_are(self):
        for kind in KINDS:
            ids, vectors, biases, counts = self.head(kind)
            number = {item: place for place, item in enumerate(ids)}
            exposure, novelty, tail = np.zeros(len(ids)), [], []
            for x, case in self.cases(kind):
                scores = vectors @ x + biases
                masked = [number[i] for i in [*case.history_item_ids, *case.excluded_item_ids]]
                scores[masked] = -np.inf
                first = np.argsort(-scores, kind="stable")[:10]
                exposure[first] += 1
                novelty.append(information(counts)[first].mean())
                tail.append(tail_of(counts)[first].mean())
            lists = self.evaluation(kind).recommender.lists
            self.assertAlmostEqual(lists.coverage, (exposure > 0).mean(), delta=0.004)
            differences = np.abs(exposure[:, None] - exposure[None, :]).mean()
            self.assertAlmostEqual(lists.gini, differences / 2 / exposure.mean(), delta=0.004)
            self.assertAlmostEqual(lists.novelty, np.mean(novelty), delta=0.01)
            self.assertAlmostEqual(lists.tail_share, np.mean(tail), delta=0.01)
            self.assertGreater(lists.diversity, 0)
            self.assertLess(lists.diversity, 1)

    def test_latents_of_popularity_come_with_a_control(self):
        for kind in KINDS:
            popularity = self.evaluation(kind).popularity
            self.assertEqual(popularity.missing, "")
            self.assertEqual(len(popularity.latents), 10)
            self.assertEqual(popularity.made_up_profiles, kind == "sasrec")
            amounts = [abs(latent.recommended_correlation) for latent in popularity.latents]
            self.assertEqual(amounts, sorted(amounts, reverse=True))
            self.assertGreater(popularity.shuffled_correlation, 0)
        done = self.run_cli("evaluate", "--sae", "sasrec")
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ("COVERAGE", "GINI", "LONG TAIL", "POPULARITY", "dealt out anew"):
            self.assertIn(words, done.stdout)

    def steer(self, kind, user, **how):
        return self.suite.explainer.Steer(ex.SteerRequest(
            sae=f"saes/{kind}", subject=ex.Subject(history=ex.Subject.History(user_id=user)), **how))

    def test_steps_make_lists_less_or_more_popular(self):
        for kind in KINDS:
            ids, _, _, counts = self.head(kind)
            bits = dict(zip(ids, information(counts)))
            means = {}
            for steps in (-2, -1, 1, 2):
                after = []
                for user in USERS:
                    answer = self.steer(kind, user, popularity=ex.PopularityChange(steps=steps))
                    effect = answer.popularity
                    self.assertEqual(effect.steps, steps)
                    self.assertAlmostEqual(answer.change, 0.25 * abs(steps), delta=1e-4)
                    for value, items in ((effect.novelty_before, answer.before),
                                         (effect.novelty_after, answer.after)):
                        self.assertAlmostEqual(value, np.mean([bits[i.item_id] for i in items]),
                                               delta=1e-6)
                    after.append(effect.novelty_after)
                means[steps] = np.mean(after)
            self.assertGreater(means[-2], means[-1])
            self.assertGreater(means[-1], means[1])
            self.assertGreater(means[1], means[2])

    def test_it_keeps_to_the_bound(self):
        answer = self.steer("sasrec", USERS[0], popularity=ex.PopularityChange(steps=-8))
        self.assertAlmostEqual(answer.change, 1, delta=1e-4)
        self.assertAlmostEqual(answer.bounded_by, 0.5, delta=1e-4)

    def test_own_comes_nearer_to_what_the_user_knows(self):
        for kind in KINDS:
            before, after = [], []
            for user in USERS:
                effect = self.steer(kind, user, popularity=ex.PopularityChange(own=True)).popularity
                self.assertTrue(effect.HasField("novelty_own"))
                before.append(abs(effect.novelty_before - effect.novelty_own))
                after.append(abs(effect.novelty_after - effect.novelty_own))
                self.assertLessEqual(after[-1], before[-1] + 1e-6)
            self.assertLess(np.mean(after), np.mean(before))

    def test_wishes_are_steps(self):
        asked = self.steer("sasrec", USERS[0], wishes="hidden gems", wish_strength=1.5)
        self.assertEqual(asked.wishes[0].popularity_steps, -1)
        self.assertEqual(asked.wishes[0].problem, "")
        self.assertEqual(list(asked.warnings), [])
        steps = self.steer("sasrec", USERS[0], popularity=ex.PopularityChange(steps=-1.5))
        np.testing.assert_allclose(array(asked.activation), array(steps.activation), atol=1e-6)
        none = self.steer("sasrec", USERS[0], wishes="hidden gems, more mainstream")
        self.assertIn("add up to none", none.popularity.no_effect)
        self.assertEqual(len(none.warnings), 2)
        done = self.run_cli("steer", "--sae", "sasrec", "--user", USERS[0], "--wish", "hidden gems")
        self.assertIn("steps less popular", done.stdout)
        done = self.run_cli("--json", "steer", "--sae", "bprmf", "--user", USERS[0],
                            "--popularity", "own")
        self.assertIn("popularity", json.loads(done.stdout))

    def test_bad_amounts_are_refused(self):
        for change in (ex.PopularityChange(), ex.PopularityChange(steps=11),
                       ex.PopularityChange(steps=float("nan")), ex.PopularityChange(own=False)):
            self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST",
                              self.suite.explainer.Steer, ex.SteerRequest(
                                  sae="saes/sasrec", popularity=change,
                                  subject=ex.Subject(history=ex.Subject.History(user_id=USERS[0]))))


if __name__ == "__main__":
    unittest.main()
