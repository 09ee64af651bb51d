"""A store that an earlier release wrote opens, holds all that it held, and explains the same."""

import json
import pathlib
import shutil
import tarfile
import tempfile
import unittest

from google.protobuf import field_mask_pb2

import golden_store
from golden_store import describe, digest
from harness import (Server, Suite, concept_store_pb2_grpc, cs, ex, jb, pb, recording, tensor,
                     tr)

STORES = pathlib.Path(__file__).parent.parent / "golden" / "store"
GOLDEN = "saes/golden"
PERSON = cs.Concept.SOURCE_PERSON


class UpgradeTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-upgrade-"))
        self.suite = None

    def tearDown(self):
        if self.suite is not None:
            self.suite.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def unpack(self, version):
        with tarfile.open(STORES / f"{version}.tar.xz") as tar:
            tar.extractall(self.directory)
        (self.directory / "store").rename(self.directory / "standalone")
        return json.loads((STORES / f"{version}.json").read_text())

    def assert_same(self, found, expected, where):
        """Numbers may differ by the rounding of another instruction set."""
        if isinstance(expected, float):
            self.assertAlmostEqual(found, expected, delta=1e-4 * max(1, abs(expected)), msg=where)
        elif isinstance(expected, dict):
            self.assertEqual(sorted(found), sorted(expected), where)
            for key, value in expected.items():
                self.assert_same(found[key], value, f"{where}/{key}")
        elif isinstance(expected, list):
            self.assertEqual(len(found), len(expected), where)
            for i, value in enumerate(expected):
                self.assert_same(found[i], value, f"{where}/{i}")
        else:
            self.assertEqual(found, expected, where)

    def check_untested(self):
        """Concepts of the first format say nothing of the tests that there are now, and are found."""
        store = self.suite.store

        def listed(**filters):
            return list(store.ListConcepts(cs.ListConceptsRequest(
                parent=GOLDEN, page_size=1000, **filters)).concepts)

        concepts = listed()
        self.assertTrue(concepts)
        for concept in concepts:
            self.assertFalse(concept.HasField("tests"), concept)
            self.assertFalse(concept.HasField("group"), concept)
        names = sorted(concept.name for concept in concepts)
        for order in cs.ListConceptsRequest.Order.values():
            self.assertEqual(sorted(c.name for c in listed(order=order)), names)
        # Each stands for itself, and none reaches anything.
        self.assertEqual(listed(groups_only=True), concepts)
        self.assertEqual(listed(verified_only=True), [])
        self.assertEqual(listed(min_correlation=0.01), [])
        found = store.SearchConcepts(cs.SearchConceptsRequest(parent=GOLDEN, query="molefir"))
        self.assertTrue(found.matches)
        self.assertIn("molefir", found.matches[0].latent_concept.description.lower())
        explanation = golden_store.explained(self.suite.explainer)
        self.assertEqual(len(explanation.groups), len(explanation.latents))
        for group in explanation.groups:
            (place,) = group.latents
            self.assertEqual(group.lead_latent, explanation.latents[place].latent)
            self.assertEqual(group.description, explanation.latents[place].description)
            self.assertEqual((group.correlation, group.verified), (0, False))

    def check_built_again(self):
        """Then they are tested; what a person wrote stays."""
        captures = [f"recommenders/golden/captures/{name}" for name in ("test", "dev", "context")]
        report = self.suite.finish("explainer", self.suite.explainer.BuildConcepts(
            ex.BuildConceptsRequest(sae=GOLDEN, capture=captures[0],
                                    evidence_captures=captures[1:])), ex.ConceptReport)
        self.assertEqual(report.untested, "")
        concepts = self.suite.store.ListConcepts(cs.ListConceptsRequest(
            parent=GOLDEN, page_size=1000)).concepts
        self.assertEqual(sum(c.HasField("tests") for c in concepts),
                         report.tests[0].described_count)
        self.assertTrue(all(c.HasField("group") for c in concepts if c.source != PERSON))
        edited = self.suite.store.GetConcept(cs.GetConceptRequest(name=golden_store.EDITED))
        self.assertEqual(edited.description, "what a person wrote")

    def check_held(self, manifest):
        found = describe(self.suite, manifest["jobs"])
        found["saes"].pop("saes/resumed", None)  # it may be trained by now
        for part, expected in found.items():
            self.assert_same(expected, manifest[part], part)

    def concept_store(self, archive):
        """The server on such a folder."""
        with tarfile.open(STORES / archive) as tar:
            tar.extractall(self.directory / "store")
        return Server("concept-store", self.directory / "store")

    def test_a_store_that_rocksdb_9_wrote(self):
        """With the tables that this suite asks for, RocksDB 7.8 reads it, and the other way round."""
        server = self.concept_store("v1-rocksdb9.tar.xz").start()
        self.addCleanup(server.stop)
        store = concept_store_pb2_grpc.ConceptStoreStub(server.channel)
        manifest = json.loads((STORES / "v1.json").read_text())
        saes = {s.name: golden_store.sae(store, s) for s in store.ListSaes(
            cs.ListSaesRequest(page_size=100)).saes}
        for sae in manifest["saes"].values():
            for concept in sae["concepts"].values():
                concept[5:] = [[]]
        self.assert_same(saes, manifest["saes"], "saes")
        store.UpdateConcept(cs.UpdateConceptRequest(
            latent_concept=cs.Concept(name=golden_store.EDITED, description="written since"),
            update_mask=field_mask_pb2.FieldMask(paths=["description"])))
        self.assertEqual(server.stop(), 0)
        server.start()
        store = concept_store_pb2_grpc.ConceptStoreStub(server.channel)
        self.assertEqual(store.GetConcept(cs.GetConceptRequest(
            name=golden_store.EDITED)).description, "written since")

    def test_tables_of_a_newer_rocksdb_are_refused_in_words(self):
        """Those that RocksDB 9 writes of its own accord, by a program with RocksDB 7.8."""
        server = self.concept_store("rocksdb9-tables6.tar.xz")
        try:
            server.start()
        except RuntimeError as refused:
            self.assertIn("was written by a RocksDB newer than this program's", str(refused))
            self.assertIn("use the version that wrote it", str(refused))
        else:
            self.addCleanup(server.stop)  # this program's RocksDB is as new

    def test_a_store_of_the_first_format(self):
        manifest = self.unpack("v1")
        # Its concepts were tested for what no version tells of any more.
        for sae in manifest["saes"].values():
            for concept in sae["concepts"].values():
                concept[5:] = [[]]
        self.suite = Suite(self.directory)
        self.check_held(manifest)
        self.check_untested()

        # The job that was paused when the old server stopped goes on from its checkpoint.
        job = self.suite.jobs["trainer"].GetJob(jb.GetJobRequest(name=manifest["resumes"]))
        made = self.suite.finish("trainer", job, tr.TrainSaeResult).sae
        self.assertEqual(made.name, "saes/resumed")
        job = self.suite.jobs["trainer"].GetJob(jb.GetJobRequest(name=manifest["resumes"]))
        self.assertEqual(job.resume_count, 1)

        # A producer goes on after its last batch; what it sent before is known to be there.
        self.suite.probe.RecordActivations(recording(golden_store.CAPTURE, "b", [
            {"sequence": 2, "activations": tensor(golden_store.ROWS[250:])},
            {"sequence": 3, "activations": tensor(golden_store.ROWS[:50])}]))
        captures = self.suite.probe.ListCaptures(pb.ListCapturesRequest(
            parent="recommenders/elsewhere")).captures
        self.assertEqual([capture.row_count for capture in captures], [350])

        # What the upgrade wrote is read by the next start as well.
        self.assertEqual(self.suite.stop(), [0])
        self.suite = Suite(self.directory)
        manifest["captures"][golden_store.CAPTURE] = {
            **manifest["captures"][golden_store.CAPTURE], "rows": 350,
            "all": digest(golden_store.ROWS.tobytes() + golden_store.ROWS[:50].tobytes(), [])}
        self.check_held(manifest)
        self.check_untested()
        self.check_built_again()


if __name__ == "__main__":
    unittest.main()
