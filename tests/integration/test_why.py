"""Why an item, against the recommenders themselves: what is said of histories, averages and sets of items
is what comes out when the recommender is run, or the means are taken, from outside."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import grpc
import numpy as np

from harness import BIN, Suite, array, ex, pb

USERS = [str(number) for number in range(3, 40, 4)]


def influences(x, vectors, items):
    """H^-1 g of each item: the influence functions of BPR on a user's vector, by plain matrices."""
    pairs = vectors[items][:, None, :] - vectors[None, :, :]
    wrong = 1 / (1 + np.exp(pairs @ x)) / len(vectors)
    gradients = np.einsum("ij,ijd->id", wrong, pairs)
    slope = wrong * (1 - wrong * len(vectors))
    curvature = np.einsum("ij,ijd,ije->de", slope, pairs, pairs, optimize=True)
    decay = max(gradients.sum(0) @ x / (x @ x), 1e-3 * np.trace(curvature) / len(x))
    return np.linalg.solve(curvature + decay * np.eye(len(x)), gradients.T).T


class WhyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-why-"))
        cls.suite = Suite(cls.directory / "suite")
        for kind in ("sasrec", "bprmf"):
            done = subprocess.run(
                [BIN / "recsae", "--server", cls.suite.servers["probe"].address, "-q", "pipeline",
                 "--dataset", "planted", "--planted-users", "500", "--recommender", kind,
                 "--recommender-epochs", "8", "--name", kind, "--users", "0"],
                capture_output=True, text=True, timeout=800, check=False)
            if done.returncode != 0:
                raise AssertionError(done.stderr[-3000:])
        cls.heads = {}

    @classmethod
    def tearDownClass(cls):
        cls.suite.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)

    def head(self, kind):
        """Item ids, vectors and biases of a recommender."""
        if kind not in self.heads:
            ids, vectors, biases = [], [], []
            for batch in self.suite.probe.ReadPredictionHead(
                    pb.ReadPredictionHeadRequest(recommender=f"recommenders/{kind}")):
                ids += batch.item_ids
                vectors.append(array(batch.vectors))
                biases.append(array(batch.biases) if batch.HasField("biases")
                              else np.zeros(len(batch.item_ids)))
            self.heads[kind] = (ids, np.concatenate(vectors), np.concatenate(biases))
        return self.heads[kind]

    def activations(self, kind, queries, past=False):
        response = self.suite.probe.ComputeActivations(pb.ComputeActivationsRequest(
            recommender=f"recommenders/{kind}", with_past=past,
            queries=[pb.ComputeActivationsRequest.Query(user_id=user, history_item_ids=items)
                     for user, items in queries]))
        return array(response.activations), response

    def answer(self, kind, user, **how):
        return self.suite.explainer.Explain(ex.ExplainRequest(
            sae=f"saes/{kind}", subject=ex.Subject(history=ex.Subject.History(user_id=user)),
            top_item_count=5, **how))

    def explain(self, kind, user, **how):
        return self.answer(kind, user, **how).explanations[0]

    def warnings(self, kind, user, **how):
        return list(self.answer(kind, user, **how).warnings)

    def past(self, kind, user):
        return list(self.activations(kind, [(user, [])], past=True)[1].pasts[0].item_ids)

    def test_a_reason_is_what_the_score_loses_without_it(self):
        ids, vectors, biases = self.head("sasrec")
        for user in USERS[:4]:
            past = self.past("sasrec", user)
            explanation = self.explain("sasrec", user, reason_count=10)
            self.assertEqual(explanation.reason_method, ex.REASON_METHOD_LEAVE_ONE_OUT)
            weighed = [item.item_id for item in explanation.reason_items]
            self.assertEqual(weighed, list(dict.fromkeys(past[::-1]))[:10][::-1])
            self.assertEqual(explanation.unweighed_count, len(set(past)) - 10)
            queries = [(user, past)] + [(user, [i for i in past if i != gone]) for gone in weighed]
            x, _ = self.activations("sasrec", queries)
            for item in explanation.items:
                v = vectors[ids.index(item.item_id)]
                effects = [reason.effect for reason in item.reasons]
                self.assertEqual(len(effects), 10)
                raising = [e for e in effects if e > 0]
                self.assertEqual(effects, sorted(raising, reverse=True)
                                 + sorted(e for e in effects if e <= 0))
                for reason in item.reasons:
                    expected = float((x[0] - x[1 + reason.reason_item]) @ v)
                    self.assertAlmostEqual(reason.effect, expected, delta=1e-3 * (1 + abs(expected)))

    def test_reasons_found_stepwise_add_up_to_what_is_lost_without_all_of_them(self):
        ids, vectors, biases = self.head("sasrec")
        for user in USERS[:3]:
            past = self.past("sasrec", user)
            item = self.explain("sasrec", user).items[2].item_id
            explanation = self.explain("sasrec", user, reason_count=15, item_ids=[item],
                                       stepwise_reasons=True)
            asked = explanation.items[-1]
            self.assertEqual(asked.item_id, item)
            self.assertEqual(sorted(reason.reason_item for reason in asked.reasons), list(range(15)))
            steps = [reason for reason in asked.reasons if reason.step]
            self.assertEqual([reason.step for reason in steps], list(range(1, len(steps) + 1)))
            self.assertGreater(len(steps), 0)
            gone = [explanation.reason_items[reason.reason_item].item_id for reason in steps]
            x, _ = self.activations("sasrec", [(user, past), (user, [i for i in past if i not in gone])])
            lost = float((x[0] - x[1]) @ vectors[ids.index(item)])
            self.assertAlmostEqual(sum(reason.effect for reason in steps), lost,
                                   delta=1e-3 * (1 + abs(lost)))
            # The others' effects are those with everything there.
            plain = {reason.reason_item: reason.effect
                     for reason in self.explain("sasrec", user, reason_count=15,
                                                item_ids=[item]).items[-1].reasons}
            for reason in asked.reasons[len(steps):]:
                self.assertAlmostEqual(reason.effect, plain[reason.reason_item], places=4)
        with self.assertRaises(grpc.RpcError) as refused:
            self.explain("sasrec", USERS[0], stepwise_reasons=True)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_what_everyone_gets_is_the_mean_and_the_parts_add_up(self):
        for kind in ("sasrec", "bprmf"):
            for user in USERS[:5]:
                for item in self.explain(kind, user).items:
                    parts = item.personal
                    self.assertAlmostEqual(
                        parts.everyone + sum(parts.groups) + parts.absent + parts.unexplained,
                        item.score, delta=1e-4 * (1 + abs(item.score)))
        everyone = self.explain("sasrec", USERS[0]).items[0]
        rows = [array(part.activations)
                for capture in self.suite.probe.ListCaptures(
                    pb.ListCapturesRequest(parent="recommenders/sasrec")).captures
                for part in self.rows(capture)]
        ids, vectors, biases = self.head("sasrec")
        place = ids.index(everyone.item_id)
        mean = float(np.concatenate(rows).mean(axis=0) @ vectors[place] + biases[place])
        self.assertAlmostEqual(everyone.personal.everyone, mean, delta=1e-3 * (1 + abs(mean)))

    def rows(self, capture):
        """Of a capture that concepts are built from: one with cases."""
        if capture.has_cases:
            yield from self.suite.probe.ReadActivations(
                pb.ReadActivationsRequest(capture=capture.name))

    def test_a_recommender_that_reads_no_history_is_told_by_what_it_was_trained_on(self):
        ids, vectors, _ = self.head("bprmf")
        for user in USERS[:4]:
            explanation = self.explain("bprmf", user, reason_count=8)
            self.assertEqual(explanation.reason_method, ex.REASON_METHOD_INFLUENCE)
            self.assertEqual(self.warnings("bprmf", user, reason_count=8), [])
            said = self.warnings("bprmf", user, reason_count=8, stepwise_reasons=True,
                                 item_ids=[explanation.items[0].item_id])
            self.assertEqual(len(said), 1, said)
            self.assertIn("stepwise_reasons has no effect", said[0])
            self.assertGreater(explanation.reason_fit, 0.5)
            x, response = self.activations("bprmf", [(user, [])], past=True)
            self.assertFalse(response.reads_history)
            past = response.pasts[0]
            trained = list(dict.fromkeys(past.item_ids[:past.trained_count]))
            self.assertLessEqual({item.item_id for item in explanation.reason_items}, set(trained))
            effects = influences(x[0].astype(float), vectors.astype(float),
                                 [ids.index(i) for i in trained])
            for item in explanation.items:
                target = vectors[ids.index(item.item_id)]
                for reason in item.reasons:
                    place = trained.index(explanation.reason_items[reason.reason_item].item_id)
                    expected = float(effects[place] @ target)
                    self.assertAlmostEqual(reason.effect, expected, delta=1e-3 * (1 + abs(expected)))

    def test_without_the_items_of_a_counterfactual_the_recommender_does_as_it_says(self):
        ids, vectors, biases = self.head("sasrec")
        found = 0
        for user in USERS:
            past = self.past("sasrec", user)
            item = self.explain("sasrec", user).items[4].item_id
            response = self.suite.explainer.FindCounterfactual(ex.FindCounterfactualRequest(
                sae="saes/sasrec", item_id=item,
                subject=ex.Subject(history=ex.Subject.History(user_id=user))))
            self.assertEqual(response.rank_before, 5)
            gone = {item.item_id for item in response.items}
            self.assertLessEqual(gone, set(past))
            x, _ = self.activations("sasrec", [(user, [i for i in past if i not in gone])])
            scores = vectors @ x[0] + biases
            scores[[ids.index(i) for i in past]] = -np.inf
            rank = 1 + int((scores > scores[ids.index(item)]).sum())
            self.assertEqual(response.rank_after, rank)
            self.assertEqual(response.found, rank > 10)
            found += response.found
        self.assertGreater(found, 0)

    def test_history_cannot_be_taken_from_a_recommender_that_reads_none(self):
        with self.assertRaises(grpc.RpcError) as refused:
            self.suite.explainer.FindCounterfactual(ex.FindCounterfactualRequest(
                sae="saes/bprmf", item_id=self.explain("bprmf", USERS[0]).items[0].item_id,
                subject=ex.Subject(history=ex.Subject.History(user_id=USERS[0]))))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("OF_CONCEPTS", refused.exception.details())

    def test_the_command_tells_why(self):
        def recsae(*arguments):
            return subprocess.run(
                [BIN / "recsae", "--server", self.suite.servers["probe"].address, *arguments],
                capture_output=True, text=True, timeout=60, check=True).stdout
        text = recsae("explain", "--sae", "sasrec", "--user", USERS[0])
        for words in ("WHY", "what everyone gets", "by ", "the recommender run again without each"):
            self.assertIn(words, text)
        self.assertIn("everything else (bias, residual)",
                      recsae("explain", "--sae", "sasrec", "--user", USERS[0], "--exact"))
        items = self.explain("sasrec", USERS[0]).items
        self.assertIn("rather than", recsae("explain", "--sae", "sasrec", "--user", USERS[0],
                                            "--than", items[3].item_id))
        self.assertIn("first 10", recsae("counterfactual", "--sae", "sasrec", "--user", USERS[0],
                                         "--item", items[0].item_id))


if __name__ == "__main__":
    unittest.main()
