"""A PyTorch recommender hosted as TorchScript, scripted and traced: imported by the command, captured,
trained on, explained and steered at an inner probe site; wrong modules are refused by name."""

import json
import os
import subprocess
import unittest

import grpc
import numpy as np
import torch

from harness import BIN, SuiteTest, array, ex, item_stream, pb, tensor, tr

DIM = 16
HISTORY = 12
SITE = "blocks.0"
PLANTED = pb.DatasetRef(name="planted", planted=pb.PlantedOptions(
    concept_count=8, items_per_concept=10, user_count=300, interactions_per_user=20, seed=3))
PLANTED_FLAGS = ["--dataset", "planted", "--planted-concepts", "8", "--planted-items", "10",
                 "--planted-users", "300", "--planted-interactions", "20", "--planted-seed", "3"]
ITEMS = 80


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = torch.nn.Linear(DIM, 3 * DIM)
        self.inner = torch.nn.Linear(DIM, DIM)
        self.norm1 = torch.nn.LayerNorm(DIM)
        self.norm2 = torch.nn.LayerNorm(DIM)
        self.dropout = torch.nn.Dropout(0.2)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        weights = (q @ k.transpose(1, 2) / x.size(-1) ** 0.5).masked_fill(mask, -1e9).softmax(-1)
        x = self.norm1(x + self.dropout(weights @ v))
        return self.norm2(x + self.dropout(torch.relu(self.inner(x))))


class SmallSasrec(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.items = torch.nn.Embedding(ITEMS + 1, DIM, padding_idx=0)
        self.positions = torch.nn.Embedding(HISTORY, DIM)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(2))

    def forward(self, history: torch.Tensor, lengths: torch.Tensor,
                user: torch.Tensor) -> torch.Tensor:
        length = history.size(1)
        x = self.items(history) + 0.3 * self.positions(torch.arange(length))
        mask = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
        for block in self.blocks:
            x = block(x, mask)
        return x[torch.arange(history.size(0)), lengths - 1]


class Wrong(torch.nn.Module):
    """Does what `how` says instead of what it should."""

    def __init__(self, how: str):
        super().__init__()
        self.how = how
        self.items = torch.nn.Embedding(ITEMS + 1, DIM)

    def forward(self, history: torch.Tensor, lengths: torch.Tensor,
                user: torch.Tensor) -> torch.Tensor:
        x = self.items(history)
        if self.how == "wide":
            return x.sum(1).repeat(1, 2)
        if self.how == "all positions":
            return x
        if self.how == "throws":
            raise ValueError("this model is not ready")
        if self.how == "throws on item 1" and bool((history[:, 0] == 1).any()):
            raise ValueError("item 1 came first")
        return x.sum(1)


class TwoArguments(torch.nn.Module):
    def forward(self, history: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return history.float()


def inputs(histories):
    """What the server gives forward for histories of item numbers from 0."""
    padded = torch.zeros(len(histories), HISTORY, dtype=torch.long)
    for row, history in zip(padded, histories):
        last = torch.tensor(history[-HISTORY:]) + 1
        row[:len(last)] = last
    lengths = torch.tensor([min(len(history), HISTORY) for history in histories])
    return padded, lengths, torch.zeros(len(histories), dtype=torch.long)


def saved(module, path, how="script"):
    module.eval()
    if how == "script":
        torch.jit.script(module).save(str(path))
    else:
        torch.jit.trace(module, inputs([[1, 2, 3], [4]])).save(str(path))
    return path.read_bytes()


class TorchScriptTest(SuiteTest):
    flags = ("--allow-modules",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        torch.manual_seed(1)
        torch.set_num_threads(1)
        cls.model = SmallSasrec().eval()
        cls.vectors = cls.model.items.weight[1:].detach().numpy()
        np.save(cls.directory / "items.npy", cls.vectors)
        for how in ("script", "trace"):
            saved(cls.model, cls.directory / f"{how}.pt", how)

    def recsae(self, *arguments, status=0):
        """Runs the command; returns what it printed, as JSON."""
        server = self.suite.servers["probe"]
        run = subprocess.run([BIN / "recsae", *arguments, "--json"], capture_output=True, text=True,
                             env={**os.environ, "RECSAE_SERVER": server.address}, timeout=240)
        self.assertEqual(run.returncode, status, run.stderr)
        return json.loads(run.stdout) if status == 0 else run.stderr

    def import_stream(self, recommender_id, module, vectors=None, request_id="", **description):
        """The messages of an import for the planted data set or a given catalogue."""
        if "catalog" not in description:
            description.setdefault("dataset", PLANTED)
        yield pb.ImportRecommenderRequest(header=pb.ImportRecommenderRequest.Header(
            recommender_id=recommender_id, history_length=HISTORY, request_id=request_id,
            **description))
        for at in range(0, len(module), 10_000):
            yield pb.ImportRecommenderRequest(module=module[at:at + 10_000])
        for part in np.array_split(self.vectors if vectors is None else vectors, 3):
            yield pb.ImportRecommenderRequest(item_vectors=tensor(part))

    def do_import(self, *arguments, **description):
        return self.suite.probe.ImportRecommender(self.import_stream(*arguments, **description),
                                                  timeout=60)

    def refuse_import(self, reason, module, mentions=(), code=grpc.StatusCode.INVALID_ARGUMENT,
                      **description):
        self.assert_error(code, reason, self.suite.probe.ImportRecommender,
                          self.import_stream("refused", module, **description), mentions=mentions)

    def item_ids(self, catalog):
        return [item.id for batch in self.suite.probe.ReadItems(pb.ReadItemsRequest(catalog=catalog))
                for item in batch.items]

    # ---- what the module computes, by PyTorch alone

    def at_site(self, histories, replacement=None):
        """The outputs at SITE [B, L, d] and of the module [B, d]; `replacement` [B, d] takes the
        place of the former's last positions."""
        seen = []

        def hook(_module, _inputs, output):
            if replacement is not None:
                output = output.clone()
                for i, history in enumerate(histories):
                    output[i, min(len(history), HISTORY) - 1] = torch.tensor(replacement[i])
            seen.append(output)
            return output

        handle = self.model.blocks[0].register_forward_hook(hook)
        with torch.no_grad():
            final = self.model(*inputs(histories))
        handle.remove()
        return seen[0].numpy(), final.numpy()

    # ---- tests

    def test_scripted(self):
        self.live("script")

    def test_traced(self):
        self.live("trace")

    def live(self, how):
        """Everything from the import to the deletion of one recommender."""
        name = f"recommenders/{how}"
        shown = self.recsae("recommenders", "import", how, "--module",
                            str(self.directory / f"{how}.pt"), "--items",
                            str(self.directory / "items.npy"), *PLANTED_FLAGS, "--history",
                            str(HISTORY), "--probe-site", SITE)
        self.assertEqual(shown["kind"], "KIND_TORCHSCRIPT")
        self.assertEqual([site["name"] for site in shown["probeSites"]], [SITE, "user"])
        self.assertIn("test_hr@10", shown["metrics"])
        self.assertEqual(self.recsae("recommenders", "get", how)["probeSites"],
                         shown["probeSites"])
        self.ids = self.item_ids(shown["catalog"])
        self.check_activations(name)
        captures = self.check_captures(name)
        sae = self.check_sae(how, captures)
        self.check_explanations(sae, captures["test"])
        self.check_evaluation(sae, captures["test"], shown["metrics"])
        self.check_restart(name)
        self.check_deletion(name)

    def queries(self, histories):
        return [pb.ComputeActivationsRequest.Query(history_item_ids=[self.ids[i] for i in history])
                for history in histories]

    def activations(self, name, histories, site=""):
        return array(self.suite.probe.ComputeActivations(pb.ComputeActivationsRequest(
            recommender=name, queries=self.queries(histories), site=site)).activations)

    def resume(self, name, histories, activations):
        return array(self.suite.probe.ResumeFromSite(pb.ResumeFromSiteRequest(
            recommender=name, queries=self.queries(histories), site=SITE,
            activations=tensor(activations))).activations)

    def check_activations(self, name):
        """As PyTorch has them, at both sites and from the inner one on."""
        histories = [[3], list(range(40, 70)), [5, 5, 79], [0, 1, 2, 3, 4, 5, 6]]
        inner, final = self.at_site(histories)
        last = np.stack([inner[i, min(len(h), HISTORY) - 1] for i, h in enumerate(histories)])
        np.testing.assert_allclose(self.activations(name, histories), final, atol=1e-5)
        np.testing.assert_allclose(self.activations(name, histories, SITE), last, atol=1e-5)
        np.testing.assert_allclose(self.resume(name, histories, last), final, atol=1e-5)
        changed = last + np.random.default_rng(1).normal(size=last.shape)
        _, expected = self.at_site(histories, changed.astype("f4"))
        self.assertGreater(np.abs(expected - final).max(), 0.1)
        np.testing.assert_allclose(self.resume(name, histories, changed), expected, atol=1e-5)
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "PROBE_SITE_UNKNOWN",
                          self.suite.probe.ComputeActivations,
                          pb.ComputeActivationsRequest(recommender=name, site="blocks.1",
                                                       queries=self.queries(histories)),
                          mentions=(SITE, "user"))

    def check_captures(self, name):
        """All positions for training, the last with cases for the rest; as PyTorch has them."""
        short = name.split("/")[1]
        train = self.recsae("captures", "create", f"{short}/train", "--split", "train", "--site",
                            SITE, "--positions", "all", "--cases", "--quiet")
        self.assertEqual((train["site"], train["positions"], train["dim"]),
                         (SITE, "POSITIONS_ALL", DIM))
        for split in ("dev", "test"):
            self.recsae("captures", "create", f"{short}/{split}", "--split", split, "--site", SITE,
                        "--cases", "--quiet")
        # Each training position once, as when the vector before scoring is captured.
        plain = self.recsae("captures", "create", f"{short}/plain", "--split", "train", "--quiet")
        self.assertEqual(train["rowCount"], plain["rowCount"])

        got = self.suite.probe.BatchGetCases(pb.BatchGetCasesRequest(
            capture=f"{name}/captures/train", rows=range(40)))
        # Rows of one window follow each other, each with one item more; the window's activations
        # are those of its longest history.
        histories = [[self.ids.index(i) for i in case.history_item_ids] for case in got.cases]
        for i, row in enumerate(array(got.activations)):
            inner, _ = self.at_site([histories[i]])
            # The mask is causal: what comes later does not matter.
            np.testing.assert_allclose(row, inner[0, len(histories[i]) - 1], atol=1e-5)
        lengths = [0] + [len(h) for h in histories]
        for before, length in zip(lengths, lengths[1:]):
            self.assertIn(length, (1, before + 1))
        self.assertEqual(max(lengths), HISTORY)
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "POSITIONS_UNSUPPORTED",
                          self.suite.probe.CaptureActivations, pb.CaptureActivationsRequest(
                              parent=name, capture_id="x", split=pb.SPLIT_TEST,
                              positions=pb.POSITIONS_ALL))
        return {split: f"{name}/captures/{split}" for split in ("train", "dev", "test", "plain")}

    def check_sae(self, how, captures):
        """Trained on the inner site, which it knows; described by cases."""
        sae_id = f"{how}-inner"
        stop = tr.EarlyStop(capture=captures["dev"], metric=tr.EarlyStop.METRIC_NDCG)
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "NDCG_NEEDS_USER_SITE",
                          self.suite.trainer.TrainSae, tr.TrainSaeRequest(
                              sae_id=sae_id, capture=captures["train"],
                              config=tr.TrainingConfig(early_stop=stop)))
        job = self.suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id=sae_id, capture=captures["train"],
            config=tr.TrainingConfig(latent_count=64, k=4, epoch_count=6, seed=1)))
        sae = self.suite.finish("trainer", job, tr.TrainSaeResult).sae
        self.assertEqual(sae.probe_site, SITE)
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "PROBE_SITE_MISMATCH",
                          self.suite.explainer.BuildConcepts, ex.BuildConceptsRequest(
                              sae=sae.name, capture=captures["test"],
                              evidence_captures=[captures["plain"]]))
        job = self.suite.explainer.BuildConcepts(ex.BuildConceptsRequest(
            sae=sae.name, capture=captures["test"], evidence_captures=[captures["train"]]))
        self.assertGreater(self.suite.finish("explainer", job, ex.ConceptReport).concept_count, 10)
        return sae.name

    def check_explanations(self, sae, capture):
        """Latents of the inner site, items of the whole recommender; steering runs the rest."""
        case = self.suite.probe.BatchGetCases(
            pb.BatchGetCasesRequest(capture=capture, rows=[0])).cases[0]
        captured = ex.Subject(captured_user=ex.Subject.CapturedUser(
            capture=capture, user_id=case.user_id))
        history = ex.Subject(history=ex.Subject.History(item_ids=case.history_item_ids))
        for subject in (captured, history):
            explanation = self.suite.explainer.Explain(
                ex.ExplainRequest(sae=sae, subject=subject)).explanations[0]
            self.assertGreater(len(explanation.latents), 0)
            self.assertEqual(len(explanation.items), 10)
            for item in explanation.items:
                self.assertEqual(len(item.contributions), 0)
                self.assertAlmostEqual(item.score, item.bias + item.residual, places=4)
            latent = explanation.latents[0]

            def steer(edit, subject=subject):
                return self.suite.explainer.Steer(ex.SteerRequest(
                    sae=sae, subject=subject, edits=[edit], top_item_count=20))

            same = steer(ex.Edit(latent=latent.latent, scale=1))
            self.assertEqual([i.item_id for i in same.before], [i.item_id for i in same.after])
            for before, after in zip(same.before, same.after):
                self.assertAlmostEqual(before.score, after.score, places=4)
            self.assertEqual([i.item_id for i in same.before][:10],
                             [i.item_id for i in explanation.items])
            other = steer(ex.Edit(latent=latent.latent, scale=-20))
            self.assertNotEqual([i.item_id for i in other.before],
                                [i.item_id for i in other.after])
            # As PyTorch goes on from the changed activation.
            numbers = [self.ids.index(i) for i in case.history_item_ids]
            _, final = self.at_site([numbers], array(other.activation)[None])
            scores = dict(zip(self.ids, self.vectors @ final[0]))
            for item in other.after:
                self.assertAlmostEqual(item.score, float(scores[item.item_id]), places=3)
        raw = ex.Subject(activations=tensor(array(other.activation)))
        explanation = self.suite.explainer.Explain(ex.ExplainRequest(sae=sae, subject=raw))
        self.assertGreater(len(explanation.explanations[0].latents), 0)
        self.assertEqual(len(explanation.explanations[0].items), 0)
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "HISTORY_NEEDED",
                          self.suite.explainer.Steer, ex.SteerRequest(
                              sae=sae, subject=raw, edits=[ex.Edit(latent=0, scale=0)]))

    def check_evaluation(self, sae, capture, metrics):
        job = self.suite.explainer.EvaluateSae(ex.EvaluateSaeRequest(sae=sae, capture=capture))
        evaluation = self.suite.finish("explainer", job, ex.Evaluation)
        self.assertAlmostEqual(evaluation.recommender.hr_at_10, metrics["test_hr@10"], places=6)
        self.assertTrue(0 < evaluation.fvu < 0.9, evaluation.fvu)
        self.assertTrue(0.2 < evaluation.rbo < 1, evaluation.rbo)

    def check_restart(self, name):
        histories = [[3, 4], [17]]
        before = self.activations(name, histories, SITE)
        server = self.suite.servers["probe"]
        server.kill()
        server.start()
        np.testing.assert_array_equal(self.activations(name, histories, SITE), before)

    def check_deletion(self, name):
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "RECOMMENDER_IN_USE",
                          self.suite.probe.DeleteRecommender,
                          pb.DeleteRecommenderRequest(name=name))
        self.recsae("recommenders", "delete", name.split("/")[1], "--force")
        self.assert_error(grpc.StatusCode.NOT_FOUND, "RECOMMENDER_NOT_FOUND",
                          self.suite.probe.GetRecommender, pb.GetRecommenderRequest(name=name))

    def test_repeated_import(self):
        module = (self.directory / "script.pt").read_bytes()
        first = self.do_import("again", module, request_id="import-1")
        self.assertEqual(self.do_import("again", module, request_id="import-1"), first)
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED",
                          self.suite.probe.ImportRecommender,
                          self.import_stream("again", module, 2 * self.vectors,
                                             request_id="import-1"))
        self.assert_error(grpc.StatusCode.ALREADY_EXISTS, "RECOMMENDER_EXISTS",
                          self.suite.probe.ImportRecommender, self.import_stream("again", module))

    def test_wrong_modules_are_refused(self):
        def module(how):
            return saved(Wrong(how), self.directory / "wrong.pt")

        self.refuse_import("MODULE_UNREADABLE", b"PK\x03\x04 not really", ["torch.jit.save"])
        good = (self.directory / "script.pt").read_bytes()
        self.refuse_import("MODULE_UNREADABLE", good[:len(good) // 2])
        self.refuse_import("MODULE_SIGNATURE",
                           saved(TwoArguments(), self.directory / "wrong.pt"), ["user: Tensor"])
        self.refuse_import("MODULE_OUTPUT", module("wide"), ["Float [4, 32]", "Float [4, 16]"])
        self.refuse_import("MODULE_OUTPUT", module("all positions"), ["Float [4, 12, 16]"])
        self.refuse_import("MODULE_FAILED", module("throws"), ["this model is not ready"])
        self.refuse_import("PROBE_SITE_UNKNOWN", good, ["blocks.9", "blocks.0, "],
                           probe_sites=["blocks.9"])
        self.refuse_import("PROBE_SITE_INVALID", good, ["blocks"], probe_sites=["blocks"])
        self.refuse_import("MODULE_OUTPUT", good, vectors=self.vectors[:, :8])
        self.refuse_import("HEAD_INCOMPLETE", good, ["79", "80"], vectors=self.vectors[:-1])
        bad = self.vectors.copy()
        bad[7, 3] = np.nan
        self.refuse_import("TENSOR_NOT_FINITE", good, vectors=bad)
        self.refuse_import("DATASET_NOT_FOUND", good, code=grpc.StatusCode.NOT_FOUND,
                           dataset=pb.DatasetRef(name="no-such-data"))
        self.refuse_import("CATALOG_NOT_FOUND", good, code=grpc.StatusCode.NOT_FOUND,
                           catalog="catalogs/none")
        self.assert_error(grpc.StatusCode.NOT_FOUND, "RECOMMENDER_NOT_FOUND",
                          self.suite.probe.GetRecommender,
                          pb.GetRecommenderRequest(name="recommenders/refused"))

    def test_a_module_that_throws_later_fails_that_call_alone(self):
        self.suite.probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="shop"))
        self.suite.probe.UploadItems(item_stream(
            "catalogs/shop", [pb.Item(id=f"i{n}") for n in range(ITEMS)]))
        made = self.do_import("moody", saved(Wrong("throws on item 1"), self.directory / "moody.pt"),
                              catalog="catalogs/shop")
        self.assertEqual(made.catalog, "catalogs/shop")
        self.ids = self.item_ids("catalogs/shop")
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "MODULE_FAILED",
                          self.suite.probe.ComputeActivations, pb.ComputeActivationsRequest(
                              recommender=made.name, queries=self.queries([[0, 3]])),
                          mentions=("item 1 came first", made.name))
        self.assertEqual(self.activations(made.name, [[3, 0]]).shape, (1, DIM))
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "NO_DATASET",
                          self.suite.probe.CaptureActivations, pb.CaptureActivationsRequest(
                              parent=made.name, capture_id="x", split=pb.SPLIT_TEST))


if __name__ == "__main__":
    unittest.main()
