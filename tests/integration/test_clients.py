"""Clients of other languages, generated from protos/ alone: tests/clients builds and runs them."""

import os
import pathlib
import subprocess
import unittest

from harness import SuiteTest, cs, details, ex, grpc, pb, tr

SOURCES = pathlib.Path(__file__).parents[1] / "clients"
# Beside the programs: a client is built once for a contract.
BUILT = pathlib.Path(os.environ["RECSAE_BIN"]).parent / "clients"
BUILD_SECONDS = 600  # the first time, with downloads
TOOLS_MISSING = 77
PLANTED = pb.DatasetRef(name="planted", planted=pb.PlantedOptions(
    concept_count=4, items_per_concept=15, user_count=60, interactions_per_user=10, seed=3))


class ClientsTest(SuiteTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        suite = cls.suite
        made = suite.finish("probe", suite.probe.TrainRecommender(pb.TrainRecommenderRequest(
            recommender_id="mf", kind=pb.Recommender.KIND_BPRMF, dataset=PLANTED,
            hyper_parameters=pb.HyperParameters(epoch_count=3, embedding_dim=8, seed=1))),
            pb.Recommender)
        cls.capture = suite.finish("probe", suite.probe.CaptureActivations(
            pb.CaptureActivationsRequest(parent=made.name, capture_id="test", with_cases=True,
                                         split=pb.SPLIT_TEST)), pb.Capture).name
        for sae_id in ("first", "second"):
            cls.sae = suite.finish("trainer", suite.trainer.TrainSae(tr.TrainSaeRequest(
                sae_id=sae_id, capture=cls.capture, config=tr.TrainingConfig(
                    latent_count=16, k=3, epoch_count=20, batch_rows=16))), tr.TrainSaeResult).sae
        cls.user = suite.probe.BatchGetCases(
            pb.BatchGetCasesRequest(capture=cls.capture, rows=[7])).cases[0].user_id
        explained = suite.explainer.Explain(ex.ExplainRequest(sae=cls.sae.name, subject=ex.Subject(
            captured_user=ex.Subject.CapturedUser(capture=cls.capture, user_id=cls.user))))
        # A description that is not ASCII, on the latent that the explanation names first.
        latent = explained.explanations[0].latents[0].latent
        suite.store.CreateConcept(cs.CreateConceptRequest(
            parent=cls.sae.name, latent_concept=cs.Concept(latent=latent, description="Café noir")))
        cls.expected = ["saes/first: 16 latents", "saes/second: 16 latents"]
        cls.expected += [f"{found.latent} {found.activation:.4f} "
                         + ("Café noir" if found.latent == latent else "")
                         for found in explained.explanations[0].latents]
        try:
            suite.store.GetSae(cs.GetSaeRequest(name="saes/none"))
        except grpc.RpcError as error:
            info = details(error)["google.rpc.ErrorInfo"]
            cls.expected.append(" ".join([info.reason, *(f"{key}={value}" for key, value
                                                         in info.metadata.items())]))

    def run_client(self, language):
        folder = BUILT / language
        built = subprocess.run([SOURCES / "build.sh", language, folder], capture_output=True,
                               text=True, timeout=BUILD_SECONDS)
        if built.returncode == TOOLS_MISSING:
            self.skipTest(built.stderr.strip())
        self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
        run = subprocess.run(
            [folder / "run", self.suite.servers["probe"].address, self.sae.name, self.capture,
             self.user], capture_output=True, text=True, encoding="utf-8", timeout=60,
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(run.stdout.splitlines(), self.expected)

    def test_python(self):
        self.run_client("python")

    def test_node(self):
        self.run_client("node")

    def test_go(self):
        self.run_client("go")

    def test_java(self):
        self.run_client("java")


if __name__ == "__main__":
    unittest.main()
