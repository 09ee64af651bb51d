"""The built-in transformers at an inner probe site: captured at all positions, trained on, described,
explained and steered, where the layers after the site run again."""

import unittest

import grpc
import numpy as np

from harness import SuiteTest, array, ex, pb, tensor, tr

SITE = "layers.0"
PLANTED = pb.DatasetRef(name="planted", planted=pb.PlantedOptions(
    concept_count=8, items_per_concept=10, user_count=300, interactions_per_user=20, seed=3))


class ProbeSitesTest(SuiteTest):
    kind, positions = pb.Recommender.KIND_SASREC, pb.POSITIONS_ALL
    epochs = 3

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        job = cls.suite.probe.TrainRecommender(pb.TrainRecommenderRequest(
            recommender_id="inner", kind=cls.kind, dataset=PLANTED,
            hyper_parameters=pb.HyperParameters(embedding_dim=16, history_length=10, layer_count=2, epoch_count=cls.epochs,
                                                seed=1)))
        cls.recommender = cls.suite.finish("probe", job, pb.Recommender)
        cls.train = cls.capture("train", pb.SPLIT_TRAIN, positions=cls.positions)
        cls.test = cls.capture("test", pb.SPLIT_TEST, with_cases=True)
        job = cls.suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="inner", capture=cls.train.name,
            config=tr.TrainingConfig(latent_count=64, k=4, epoch_count=8, seed=1)))
        cls.sae = cls.suite.finish("trainer", job, tr.TrainSaeResult).sae

    @classmethod
    def capture(cls, capture_id, split, **options):
        job = cls.suite.probe.CaptureActivations(pb.CaptureActivationsRequest(
            parent=cls.recommender.name, capture_id=capture_id, split=split, site=SITE, **options))
        return cls.suite.finish("probe", job, pb.Capture)

    def activations(self, histories, site):
        queries = [pb.ComputeActivationsRequest.Query(history_item_ids=h) for h in histories]
        return array(self.suite.probe.ComputeActivations(pb.ComputeActivationsRequest(
            recommender=self.recommender.name, queries=queries, site=site)).activations)

    def histories(self, rows):
        cases = self.suite.probe.BatchGetCases(
            pb.BatchGetCasesRequest(capture=self.test.name, rows=rows)).cases
        return [list(case.history_item_ids) for case in cases]

    def test_the_recommender_names_its_sites(self):
        self.assertEqual([site.name for site in self.recommender.probe_sites],
                         ["embedding", "layers.0", "layers.1", "user"])
        self.assertEqual((self.train.site, self.train.positions), (SITE, self.positions))
        self.assertEqual(self.sae.probe_site, SITE)

    def test_a_capture_holds_what_the_site_gives(self):
        captured = array(self.suite.probe.BatchGetCases(
            pb.BatchGetCasesRequest(capture=self.test.name, rows=range(5))).activations)
        histories = self.histories(range(5))
        np.testing.assert_allclose(captured, self.activations(histories, SITE), atol=1e-5)
        self.assertGreater(np.abs(captured - self.activations(histories, "user")).max(), 0.1)

    def test_concepts_and_evaluation(self):
        job = self.suite.explainer.BuildConcepts(ex.BuildConceptsRequest(
            sae=self.sae.name, capture=self.test.name))
        self.assertGreater(self.suite.finish("explainer", job, ex.ConceptReport).concept_count, 10)
        job = self.suite.explainer.EvaluateSae(ex.EvaluateSaeRequest(
            sae=self.sae.name, capture=self.test.name))
        evaluation = self.suite.finish("explainer", job, ex.Evaluation)
        self.assertAlmostEqual(evaluation.recommender.hr_at_10,
                               self.recommender.metrics["test_hr@10"], places=6)
        self.assertTrue(0 < evaluation.fvu < 0.9, evaluation.fvu)
        self.check_last_read(evaluation)

    def check_last_read(self, evaluation):
        """At an inner site dictionaries are compared by the item read last alone."""
        score = ex.DictionaryScore
        self.assertEqual([d.kind for d in evaluation.dictionaries],
                         [score.KIND_TRAINED, score.KIND_RAW, score.KIND_RANDOM], evaluation.comparison)
        self.assertFalse(evaluation.verdicts)
        for dictionary in evaluation.dictionaries:
            self.assertFalse(dictionary.HasField("shown"))
            self.assertGreater(dictionary.active_count, 0)
            self.assertTrue(dictionary.attributes)
            for key, mean in dictionary.last_read_correlations.items():
                self.assertAlmostEqual(mean, np.mean([
                    fit.last_read.correlation for fit in dictionary.attributes if fit.key == key]))
            for fit in dictionary.attributes:
                self.assertTrue(0 <= fit.last_read.auc <= 1 and 0 < fit.last_read.prevalence < 1, fit)

    def test_steering_runs_the_layers_after_the_site(self):
        history = self.histories([0])[0]
        subject = ex.Subject(history=ex.Subject.History(item_ids=history))
        latent = self.suite.explainer.Explain(ex.ExplainRequest(
            sae=self.sae.name, subject=subject)).explanations[0].latents[0].latent
        steered = self.suite.explainer.Steer(ex.SteerRequest(
            sae=self.sae.name, subject=subject, edits=[ex.Edit(latent=latent, scale=-20)],
            top_item_count=20))
        self.assertNotEqual([i.item_id for i in steered.before], [i.item_id for i in steered.after])
        # The changed activation is one of the site; resumed from there it gives the scores.
        changed = array(steered.activation)[None]
        self.assertGreater(np.abs(changed - self.activations([history], SITE)).max(), 0.1)
        final = array(self.suite.probe.ResumeFromSite(pb.ResumeFromSiteRequest(
            recommender=self.recommender.name, site=SITE,
            queries=[pb.ComputeActivationsRequest.Query(history_item_ids=history)],
            activations=tensor(changed))).activations)[0]
        scores = {}
        for batch in self.suite.probe.ReadPredictionHead(
                pb.ReadPredictionHeadRequest(recommender=self.recommender.name)):
            scores.update(zip(batch.item_ids, array(batch.vectors) @ final))
        for item in steered.after:
            self.assertAlmostEqual(item.score, float(scores[item.item_id]), places=3)


class GptSitesTest(ProbeSitesTest):
    kind = pb.Recommender.KIND_GPT


class Bert4recSitesTest(ProbeSitesTest):
    """One row for a history: the mask token's."""
    kind, positions = pb.Recommender.KIND_BERT4REC, pb.POSITIONS_LAST
    epochs = 12  # it learns from a fifth of the items at a time

    def test_items_have_no_rows_of_their_own(self):
        self.assertFalse(any(site.per_position for site in self.recommender.probe_sites))
        self.assert_error(
            grpc.StatusCode.INVALID_ARGUMENT, "POSITIONS_UNSUPPORTED",
            self.suite.probe.CaptureActivations, pb.CaptureActivationsRequest(
                parent=self.recommender.name, capture_id="all", split=pb.SPLIT_TRAIN, site=SITE,
                positions=pb.POSITIONS_ALL))



if __name__ == "__main__":
    unittest.main()
