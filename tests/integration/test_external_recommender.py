"""An outside recommender in Python: a matrix factorisation in numpy whose activations are recorded,
interpreted, explained and steered by RPC alone, as a user of any language would."""

import unittest

import numpy as np

from harness import SuiteTest, array, cs, ex, head_stream, item_stream, jb, pb, recording, tensor, tr

GENRES = ["Horror", "Western", "Musical", "Romance", "War", "Comedy", "Crime", "Fantasy"]
ITEMS_PER_GENRE = 20
USERS = 1500
DIM = 24


def make_interactions(random):
    """Users like one or two genres: returns a 0/1 matrix [users, items]."""
    items = len(GENRES) * ITEMS_PER_GENRE
    likes = np.zeros((USERS, items), dtype=np.float32)
    for user in range(USERS):
        for genre in random.choice(len(GENRES), size=random.integers(1, 3), replace=False):
            picked = random.choice(ITEMS_PER_GENRE, size=8, replace=False)
            likes[user, genre * ITEMS_PER_GENRE + picked] = 1
        likes[user, random.integers(0, items, size=1)] = 1
    return likes


def factorise(likes, random, rounds=8, penalty=2.0):
    """Alternating least squares on the 0/1 matrix (Hu, Koren, Volinsky 2008, all confidences 1)."""
    items = random.normal(0, 0.1, (likes.shape[1], DIM))
    eye = penalty * np.eye(DIM)
    for _ in range(rounds):
        users = np.linalg.solve(items.T @ items + eye, items.T @ likes.T).T
        items = np.linalg.solve(users.T @ users + eye, users.T @ likes).T
    return users.astype(np.float32), items.astype(np.float32)


class ExternalRecommenderTest(SuiteTest):
    separate = True  # four real servers

    def test_whole_life(self):
        random = np.random.default_rng(7)
        likes = make_interactions(random)
        users, items = factorise(likes, random)
        probe, store, explainer = self.suite.probe, self.suite.store, self.suite.explainer

        # Register: catalogue, recommender, prediction head.
        probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="films", display_name="Films"))
        probe.UploadItems(item_stream("catalogs/films", [
            pb.Item(id=f"film-{i}", title=f"Film number {i}", attributes=[
                pb.Attribute(key="genre", value=GENRES[i // ITEMS_PER_GENRE])])
            for i in range(len(items))]))
        recommender = probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="numpy-mf", catalog="catalogs/films", activation_dim=DIM))
        self.assertEqual(recommender.kind, pb.Recommender.KIND_EXTERNAL)
        recommender = probe.UploadPredictionHead(head_stream(recommender.name, [
            ([f"film-{i}" for i in range(first, first + 40)], items[first:first + 40])
            for first in range(0, len(items), 40)]))
        self.assertTrue(recommender.has_prediction_head)

        # Record; a batch sent twice is stored once.
        capture = probe.CreateCapture(pb.CreateCaptureRequest(
            parent=recommender.name, capture_id="live", has_cases=True))

        def batch(sequence, rows):
            cases = [pb.Case(user_id=f"user-{u}",
                             history_item_ids=[f"film-{i}" for i in np.flatnonzero(likes[u])[-8:]])
                     for u in rows]
            return {"sequence": sequence, "activations": tensor(users[rows]), "cases": cases}

        batches = [batch(1 + i, range(i * 100, i * 100 + 100)) for i in range(USERS // 100)]
        first = probe.RecordActivations(recording(capture.name, "numpy", batches[:5]))
        self.assertEqual((first.stored_row_count, first.duplicate_row_count), (500, 0))
        second = probe.RecordActivations(recording(capture.name, "numpy", batches[3:]))
        self.assertEqual((second.stored_row_count, second.duplicate_row_count), (USERS - 500, 200))
        self.assertEqual(second.capture.row_count, USERS)
        case = probe.BatchGetCases(pb.BatchGetCasesRequest(
            capture=capture.name, user_ids=["user-3"])).cases[0]
        self.assertEqual(len(case.ranked_items), 10, "the probe ranks where the recorder did not")

        # Train an SAE.
        job = self.suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="films", capture=capture.name,
            config=tr.TrainingConfig(latent_count=32, k=3, epoch_count=300, batch_rows=100,
                                     learning_rate=3e-3, seed=1)))
        sae = self.suite.finish("trainer", job, tr.TrainSaeResult).sae
        self.assertEqual((sae.activation_dim, sae.latent_count, sae.k), (DIM, 32, 3))
        self.assertLess(sae.report.fvu, 0.5)

        # Build concepts, and find every genre among them.
        report = self.suite.finish("explainer", explainer.BuildConcepts(
            ex.BuildConceptsRequest(sae=sae.name, capture=capture.name)), ex.ConceptReport)
        self.assertGreater(report.concept_count, 8)
        self.assertEqual(report.untested, "")
        kinds = ex.DictionaryScore
        tests = {counts.kind: counts for counts in report.tests}
        self.assertEqual(list(tests), [kinds.KIND_TRAINED, kinds.KIND_RAW, kinds.KIND_RANDOM,
                                       kinds.KIND_EXEMPLARS])
        self.assertGreater(tests[kinds.KIND_TRAINED].verified_count, 0)
        self.assertGreater(tests[kinds.KIND_TRAINED].verified_count,
                           tests[kinds.KIND_RANDOM].verified_count)
        concepts = store.ListConcepts(cs.ListConceptsRequest(
            parent=sae.name, page_size=100)).concepts
        self.assertEqual(sum(c.tests.verified for c in concepts),
                         tests[kinds.KIND_TRAINED].verified_count)
        grouped = store.ListConcepts(cs.ListConceptsRequest(
            parent=sae.name, page_size=100, groups_only=True)).concepts
        self.assertEqual(len(grouped), report.group_count)
        self.assertEqual(sum(c.tests.verified for c in grouped), report.verified_group_count)
        described = " ".join(c.description for c in concepts)
        found = [genre for genre in GENRES if genre in described]
        self.assertGreaterEqual(len(found), 7, described)

        # Explain: the parts add up to the score.
        explanation = explainer.Explain(ex.ExplainRequest(
            sae=sae.name, subject=ex.Subject(activations=tensor(users[5:6])),
            top_item_count=5)).explanations[0]
        self.assertLessEqual(len(explanation.latents), 3)
        self.assertEqual(sorted(place for group in explanation.groups for place in group.latents),
                         list(range(len(explanation.latents))))
        scores = items @ users[5]
        for item in explanation.items:
            parts = sum(item.contributions) + item.bias + item.residual
            self.assertAlmostEqual(parts, item.score, delta=1e-4 * max(1, abs(item.score)))
            self.assertAlmostEqual(sum(item.group_contributions), sum(item.contributions),
                                   delta=1e-4 * max(1, abs(item.score)))
            self.assertEqual(len(item.group_contributions), len(explanation.groups))
            self.assertAlmostEqual(item.score, scores[int(item.item_id[5:])], delta=1e-3)
        self.assertEqual(explanation.items[0].item_id, f"film-{int(np.argmax(scores))}")

        # Steer towards a concept by its word: its genre fills the list.
        best = store.SearchConcepts(cs.SearchConceptsRequest(parent=sae.name, query="western"))
        self.assertTrue(best.matches)
        user = next(u for u in range(USERS) if likes[u, 20:40].sum() == 0)
        subject = ex.Subject(captured_user=ex.Subject.CapturedUser(
            capture=capture.name, user_id=f"user-{user}"))

        def westerns(edit):
            steered = explainer.Steer(ex.SteerRequest(sae=sae.name, subject=subject, edits=[edit]))
            self.assertEqual(array(steered.activation).shape, (DIM,))
            return [sum(20 <= int(item.item_id[5:]) < 40 for item in ranked)
                    for ranked in (steered.before, steered.after)]

        # (A broad latent fires at much the same strength wherever it fires: many deviations.)
        before, after = westerns(ex.Edit(text="western", add=20))
        self.assertGreater(after, before)
        same_before, same_after = westerns(ex.Edit(text="western", scale=1))
        self.assertEqual(same_before, same_after)

        self.assertEqual(
            self.suite.jobs["trainer"].GetJob(jb.GetJobRequest(name=job.name)).state,
            jb.Job.STATE_SUCCEEDED)


if __name__ == "__main__":
    unittest.main()
