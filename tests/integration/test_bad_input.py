"""Bad input: the right code and ErrorInfo, nothing lost, the server alive."""

import json
import pathlib
import socket
import subprocess
import tempfile
import unittest

import grpc
import numpy as np

from harness import (BIN, Server, SuiteTest, cs, details, ex, head_stream, item_stream, jb, named_fields,
                     pb, recording, tensor, tensor_pb2, tr)

DIM = 8
ITEMS = 12
BAD = grpc.StatusCode.INVALID_ARGUMENT
MISSING = grpc.StatusCode.NOT_FOUND


class BadInputTest(SuiteTest):
    @classmethod
    def setUpClass(cls):
        cls.data = pathlib.Path(tempfile.mkdtemp(prefix="recsae-bad-data-"))
        write_data_sets(cls.data)
        cls.flags = ("--data", cls.data)
        super().setUpClass()
        probe = cls.suite.probe
        cls.random = np.random.default_rng(1)
        probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c"))
        probe.UploadItems(item_stream("catalogs/c", [
            pb.Item(id=f"i{i}", title=f"Item {i}") for i in range(ITEMS)]))
        probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="r", catalog="catalogs/c", activation_dim=DIM))
        probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="headless", catalog="catalogs/c", activation_dim=DIM))
        cls.vectors = cls.random.normal(size=(ITEMS, DIM))
        probe.UploadPredictionHead(head_stream(
            "recommenders/r", [([f"i{i}" for i in range(ITEMS)], cls.vectors)]))
        for capture in ("full", "empty"):
            probe.CreateCapture(pb.CreateCaptureRequest(parent="recommenders/r",
                                                        capture_id=capture))
        cls.capture = "recommenders/r/captures/full"
        cls.rows = cls.random.normal(size=(400, DIM)).astype("<f4")
        probe.RecordActivations(recording(
            cls.capture, "p", [{"sequence": 1, "activations": tensor(cls.rows)}]))
        job = cls.suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="s", capture=cls.capture,
            config=tr.TrainingConfig(latent_count=16, k=2, epoch_count=2, batch_rows=64)))
        cls.suite.finish("trainer", job, tr.TrainSaeResult)
        cls.suite.store.CreateConcept(cs.CreateConceptRequest(
            parent="saes/s", latent_concept=cs.Concept(latent=3, description="three")))

    # ---- data files

    def test_missing_data_set(self):
        self.assert_error(MISSING, "DATASET_NOT_FOUND", self.suite.probe.GetDataset,
                          pb.GetDatasetRequest(dataset=pb.DatasetRef(name="no-such-set")),
                          mentions=["no-such-set", str(self.data)])

    def test_path_as_data_set_name(self):
        for name in ("../etc", "/etc", "a/b", "..", ""):
            with self.assertRaises(grpc.RpcError) as caught:
                self.suite.probe.GetDataset(pb.GetDatasetRequest(dataset=pb.DatasetRef(name=name)))
            self.assertEqual(caught.exception.code(), BAD, name)

    def test_malformed_data_file_names_file_and_line(self):
        error = self.assert_error(BAD, "DATASET_MALFORMED", self.suite.probe.GetDataset,
                                  pb.GetDatasetRequest(dataset=pb.DatasetRef(name="malformed")))
        self.assertRegex(error.details(), r"interactions\.csv:\d+")

    def test_missing_data_file_is_named(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.suite.probe.GetDataset(pb.GetDatasetRequest(dataset=pb.DatasetRef(
                name="half", format=pb.DATASET_FORMAT_RECHORUS)))
        self.assertEqual(caught.exception.code(), MISSING)
        self.assertIn("test.csv", caught.exception.details())

    def test_job_on_a_bad_data_set_fails_and_says_why(self):
        with self.assertRaises(grpc.RpcError) as caught:
            job = self.suite.probe.TrainRecommender(pb.TrainRecommenderRequest(
                recommender_id="x", kind=pb.Recommender.KIND_BPRMF,
                dataset=pb.DatasetRef(name="malformed")))
            job = self.suite.finish("probe", job)
            self.assertEqual(job.state, jb.Job.STATE_FAILED)
            self.assertRegex(job.error.message, r"interactions\.csv:\d+")
            self.suite.probe.GetRecommender(pb.GetRecommenderRequest(name="recommenders/x"))
        self.assertIn(caught.exception.code(), (MISSING, BAD))

    # ---- unknown ids and malformed names

    def test_unknown_ids(self):
        suite = self.suite
        for reason, call, request in [
                ("CATALOG_NOT_FOUND", suite.probe.GetCatalog,
                 pb.GetCatalogRequest(name="catalogs/none")),
                ("RECOMMENDER_NOT_FOUND", suite.probe.GetRecommender,
                 pb.GetRecommenderRequest(name="recommenders/none")),
                ("CAPTURE_NOT_FOUND", suite.probe.GetCapture,
                 pb.GetCaptureRequest(name="recommenders/r/captures/none")),
                ("CAPTURE_NOT_FOUND", suite.probe.ReadActivations,
                 pb.ReadActivationsRequest(capture="recommenders/r/captures/none")),
                ("SAE_NOT_FOUND", suite.store.GetSae, cs.GetSaeRequest(name="saes/none")),
                ("CONCEPT_NOT_FOUND", suite.store.GetConcept,
                 cs.GetConceptRequest(name="saes/s/concepts/5")),
                ("JOB_NOT_FOUND", suite.jobs["probe"].GetJob,
                 jb.GetJobRequest(name="jobs/none")),
                ("SAE_NOT_FOUND", suite.explainer.Explain, ex.ExplainRequest(
                    sae="saes/none", subject=ex.Subject(activations=tensor(self.rows[:1])))),
                ("CAPTURE_NOT_FOUND", suite.trainer.TrainSae, tr.TrainSaeRequest(
                    sae_id="t", capture="recommenders/r/captures/none"))]:
            with self.subTest(reason=reason, call=type(request).__name__):
                self.assert_error(MISSING, reason, call, request, mentions=[
                    "5" if reason == "CONCEPT_NOT_FOUND" else "none"])

    def test_malformed_names(self):
        for name in ("", "r", "recommenders/", "recommenders/A B", "catalogs/r",
                     "recommenders/r/captures", "recommenders/\u00e9"):
            with self.subTest(name=name), self.assertRaises(grpc.RpcError) as caught:
                self.suite.probe.GetRecommender(pb.GetRecommenderRequest(name=name))
            self.assertEqual(caught.exception.code(), BAD)

    # ---- tensors

    def record(self, activations, sequence=2, **more):
        return self.suite.probe.RecordActivations, recording(
            self.capture, "p", [{"sequence": sequence, "activations": activations, **more}])

    def test_wrong_tensors(self):
        good = tensor(self.rows[:2])
        short = tensor_pb2.Tensor(data_type=good.data_type, shape=good.shape, data=good.data[:-1])
        doubles = tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_FLOAT64, shape=[2, DIM],
                                    data=bytes(2 * DIM * 8))
        huge = tensor_pb2.Tensor(data_type=good.data_type, shape=[2 ** 40, 2 ** 40], data=b"")
        nan, inf = self.rows[:2].copy(), self.rows[:2].copy()
        nan[1, 3], inf[0, 0] = np.nan, np.inf
        for reason, bad in [("TENSOR_SIZE_MISMATCH", short), ("TENSOR_TYPE_MISMATCH", doubles),
                            ("TENSOR_SHAPE_MISMATCH", tensor(self.rows[:2, :5])),
                            ("TENSOR_SHAPE_MISMATCH", huge),
                            ("TENSOR_NOT_FINITE", tensor(nan)), ("TENSOR_NOT_FINITE", tensor(inf))]:
            with self.subTest(reason=reason):
                call, stream = self.record(bad)
                self.assert_error(BAD, reason, call, stream)
                self.assert_error(BAD, reason, self.suite.explainer.Explain, ex.ExplainRequest(
                    sae="saes/s", subject=ex.Subject(activations=bad)))
        capture = self.suite.probe.GetCapture(pb.GetCaptureRequest(name=self.capture))
        self.assertEqual((capture.row_count, capture.producers[0].last_sequence), (400, 1))

    def test_sequence_gap(self):
        call, stream = self.record(tensor(self.rows[:2]), sequence=7)
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "SEQUENCE_GAP", call, stream,
                          mentions=["7", "2"])

    def test_cases_where_there_are_none(self):
        with self.assertRaises(grpc.RpcError) as caught:
            call, stream = self.record(tensor(self.rows[:2]), cases=[pb.Case(), pb.Case()])
            call(stream)
        self.assertEqual(caught.exception.code(), BAD)

    # ---- training

    def test_impossible_configurations_list_every_violation(self):
        for config in (tr.TrainingConfig(latent_count=4, k=5), tr.TrainingConfig(latent_count=0),
                       tr.TrainingConfig(k=0), tr.TrainingConfig(learning_rate=float("nan")),
                       tr.TrainingConfig(batch_rows=-1)):
            with self.subTest(config=str(config)), self.assertRaises(grpc.RpcError) as caught:
                self.suite.trainer.TrainSae(tr.TrainSaeRequest(sae_id="t", capture=self.capture,
                                                               config=config))
            self.assertEqual(caught.exception.code(), BAD)
        error = self.assert_error(
            BAD, "INVALID_REQUEST", self.suite.trainer.TrainSae,
            tr.TrainSaeRequest(sae_id="NOT OK", capture="nonsense",
                               config=tr.TrainingConfig(k=-1, epoch_count=0, learning_rate=-1)))
        fields = {v.field for v in details(error)["google.rpc.BadRequest"].field_violations}
        self.assertGreaterEqual(len(fields), 5, fields)

    def test_impossible_recommenders_name_the_field(self):
        ecf, timirec, sasrec = (pb.Recommender.KIND_ECF, pb.Recommender.KIND_TIMIREC,
                                pb.Recommender.KIND_SASREC)
        for kind, field, values in [
                (sasrec, "history_length", {"history_length": 0}),
                (sasrec, "layer_count", {"layer_count": 17}),
                (sasrec, "head_count", {"head_count": 0}),
                (sasrec, "head_count", {"head_count": 3, "embedding_dim": 16}),
                (sasrec, "epoch_count", {"epoch_count": 0}),
                (timirec, "interest_count", {"interest_count": 65}),
                (timirec, "pretrain_epoch_count", {"pretrain_epoch_count": 0}),
                (ecf, "cluster_count", {"cluster_count": 0}),
                (ecf, "cluster_count", {"cluster_count": 4096, "member_count": 2}),
                (ecf, "member_count", {"member_count": 17}),
                (ecf, "loss", {"loss": pb.HyperParameters.LOSS_SOFTMAX})]:
            with self.subTest(field=field, values=values):
                error = self.assert_error(
                    BAD, "HYPER_PARAMETER_OUT_OF_RANGE", self.suite.probe.TrainRecommender,
                    pb.TrainRecommenderRequest(recommender_id="x", kind=kind,
                                               dataset=pb.DatasetRef(name="planted"),
                                               hyper_parameters=pb.HyperParameters(**values)),
                    mentions=[f"{field} is "])
                self.assertEqual(named_fields(error), [f"hyper_parameters.{field}"])
        error = self.assert_error(
            BAD, "RECOMMENDER_KIND_INVALID", self.suite.probe.TrainRecommender,
            pb.TrainRecommenderRequest(recommender_id="x", kind=pb.Recommender.KIND_EXTERNAL,
                                       dataset=pb.DatasetRef(name="planted")))
        self.assertEqual(named_fields(error), ["kind"])

    def test_impossible_generated_data_names_the_field(self):
        for field, values in [
                ("interactions_per_user", {"interactions_per_user": 101}),
                ("interactions_per_user", {"interactions_per_user": 2}),
                ("items_per_concept", {"items_per_concept": 1})]:
            with self.subTest(field=field, values=values):
                self.assert_error(
                    BAD, "PLANTED_OPTIONS_INVALID", self.suite.probe.GetDataset,
                    pb.GetDatasetRequest(dataset=pb.DatasetRef(
                        name="planted", planted=pb.PlantedOptions(**values))), mentions=[field])

    def test_empty_capture(self):
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "CAPTURE_EMPTY",
                          self.suite.trainer.TrainSae, tr.TrainSaeRequest(
                              sae_id="t", capture="recommenders/r/captures/empty"))

    def test_captures_that_cannot_end_training(self):
        for reason, code, early_stop in (
                ("CAPTURE_NOT_FOUND", grpc.StatusCode.NOT_FOUND,
                 tr.EarlyStop(capture="recommenders/r/captures/none")),
                ("RECOMMENDER_MISMATCH", BAD,
                 tr.EarlyStop(capture="recommenders/other/captures/c")),
                ("CAPTURE_EMPTY", grpc.StatusCode.FAILED_PRECONDITION,
                 tr.EarlyStop(capture="recommenders/r/captures/empty")),
                ("CAPTURE_WITHOUT_CASES", grpc.StatusCode.FAILED_PRECONDITION,
                 tr.EarlyStop(capture=self.capture, metric=tr.EarlyStop.METRIC_NDCG))):
            with self.subTest(reason=reason):
                self.assert_error(
                    code, reason, self.suite.trainer.TrainSae, tr.TrainSaeRequest(
                        sae_id="t", capture=self.capture,
                        config=tr.TrainingConfig(early_stop=early_stop)),
                    mentions=[early_stop.capture.split("/captures")[0]])

    def test_sweeps_name_the_variant_at_fault(self):
        variants = [tr.SaeVariant(sae_id="a", config=tr.TrainingConfig(k=1)),
                    tr.SaeVariant(sae_id="a", config=tr.TrainingConfig(k=0, batch_rows=7)),
                    tr.SaeVariant(sae_id="s")]
        error = self.assert_error(BAD, "INVALID_REQUEST", self.suite.trainer.TrainSaes,
                                  tr.TrainSaesRequest(capture=self.capture, variants=variants))
        fields = {v.field for v in details(error)["google.rpc.BadRequest"].field_violations}
        self.assertEqual(fields, {"variants[1].sae_id", "variants[1].config.k",
                                  "variants[1].config.batch_rows"})
        self.assert_error(BAD, "INVALID_REQUEST", self.suite.trainer.TrainSaes,
                          tr.TrainSaesRequest(capture=self.capture), mentions=["1 to 64"])
        self.assert_error(grpc.StatusCode.ALREADY_EXISTS, "SAE_EXISTS",
                          self.suite.trainer.TrainSaes,
                          tr.TrainSaesRequest(capture=self.capture, variants=variants[::2]))

    def test_sae_names_are_taken_once(self):
        self.assert_error(grpc.StatusCode.ALREADY_EXISTS, "SAE_EXISTS", self.suite.trainer.TrainSae,
                          tr.TrainSaeRequest(sae_id="s", capture=self.capture))

    # ---- lists, etags, request ids

    def test_negative_page_sizes(self):
        suite = self.suite
        for call, request in [
                (suite.probe.ListCatalogs, pb.ListCatalogsRequest(page_size=-1)),
                (suite.probe.ListCaptures, pb.ListCapturesRequest(parent="recommenders/-",
                                                                  page_size=-1)),
                (suite.store.ListSaes, cs.ListSaesRequest(page_size=-1)),
                (suite.store.ListConcepts, cs.ListConceptsRequest(parent="saes/s", page_size=-1)),
                (suite.jobs["probe"].ListJobs, jb.ListJobsRequest(page_size=-1))]:
            with self.subTest(call=type(request).__name__), \
                    self.assertRaises(grpc.RpcError) as caught:
                call(request)
            self.assertEqual(caught.exception.code(), BAD)
            self.assertIn("page_size", caught.exception.details())

    def test_page_token_of_another_filter(self):
        for latent in (8, 9):
            self.suite.store.CreateConcept(cs.CreateConceptRequest(
                parent="saes/s", latent_concept=cs.Concept(latent=latent, description="x")))
        token = self.suite.store.ListConcepts(cs.ListConceptsRequest(
            parent="saes/s", page_size=1)).next_page_token
        self.assertTrue(token)
        self.assert_error(BAD, "PAGE_TOKEN_INVALID", self.suite.store.ListConcepts,
                          cs.ListConceptsRequest(parent="saes/s", page_size=1, page_token=token,
                                                 min_correlation=0.5))

    def test_stale_etag(self):
        store = self.suite.store
        concept = store.GetConcept(cs.GetConceptRequest(name="saes/s/concepts/3"))
        stale = concept.etag
        concept.description = "drei"
        fresh = store.UpdateConcept(cs.UpdateConceptRequest(
            latent_concept=concept, update_mask={"paths": ["description"]}))
        self.assertNotEqual(fresh.etag, stale)
        concept.description = "trois"
        self.assert_error(grpc.StatusCode.ABORTED, "ETAG_MISMATCH", store.UpdateConcept,
                          cs.UpdateConceptRequest(latent_concept=concept,
                                                  update_mask={"paths": ["description"]}))
        now = store.GetConcept(cs.GetConceptRequest(name="saes/s/concepts/3"))
        self.assertEqual(now.description, "drei")

    def test_replayed_request_id(self):
        store = self.suite.store
        request = cs.CreateConceptRequest(parent="saes/s", request_id="once",
                                          latent_concept=cs.Concept(latent=4, description="four"))
        first = store.CreateConcept(request)
        self.assertEqual(store.CreateConcept(request), first)
        other = cs.CreateConceptRequest(parent="saes/s", request_id="once",
                                        latent_concept=cs.Concept(latent=6, description="six"))
        self.assert_error(BAD, "REQUEST_ID_REUSED", store.CreateConcept, other)

    # ---- limits of a call

    def test_oversized_message(self):
        big = [pb.Item(id="big", title="x" * (5 << 20))]
        with self.assertRaises(grpc.RpcError) as caught:
            self.suite.probe.UploadItems(item_stream("catalogs/c", big))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        catalog = self.suite.probe.GetCatalog(pb.GetCatalogRequest(name="catalogs/c"))
        self.assertEqual(catalog.item_count, ITEMS)

    def test_deadline_too_short(self):
        with self.assertRaises(grpc.RpcError) as caught:
            list(self.suite.store.WatchConcepts(cs.WatchConceptsRequest(parent="saes/s"),
                                                timeout=0.2))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        with self.assertRaises(grpc.RpcError) as caught:
            self.suite.probe.ListCatalogs(pb.ListCatalogsRequest(), timeout=-1)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.suite.probe.ListCatalogs(pb.ListCatalogsRequest(), timeout=30)

    # ---- explain and steer

    def test_what_needs_item_vectors_says_so(self):
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "NO_PREDICTION_HEAD", lambda r,
                          timeout: list(self.suite.probe.ReadPredictionHead(r, timeout=timeout)),
                          pb.ReadPredictionHeadRequest(recommender="recommenders/headless"))
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "RECOMMENDER_NOT_HOSTED",
                          self.suite.probe.ComputeActivations, pb.ComputeActivationsRequest(
                              recommender="recommenders/r",
                              queries=[pb.ComputeActivationsRequest.Query(user_id="u")]))

    def test_impossible_edits(self):
        subject = ex.Subject(activations=tensor(self.rows[:1]))
        for edits in ([], [ex.Edit(latent=16, scale=2)], [ex.Edit(latent=-1, scale=2)],
                      [ex.Edit(latent=1)], [ex.Edit(scale=2)],
                      [ex.Edit(latent=1, scale=float("inf"))], [ex.Edit(latent=1, set=-1)]):
            with self.subTest(edits=str(edits)), self.assertRaises(grpc.RpcError) as caught:
                self.suite.explainer.Steer(ex.SteerRequest(sae="saes/s", subject=subject,
                                                           edits=edits))
            self.assertEqual(caught.exception.code(), BAD, caught.exception.details())
        for words in ("not horror", "no horror", "non-horror", "without horror", "less horror"):
            self.assert_error(BAD, "QUERY_NEGATED", self.suite.store.SearchConcepts,
                              cs.SearchConceptsRequest(parent="saes/s", query=words),
                              mentions=["horror:-4", "horror:off"])
            self.assert_error(BAD, "QUERY_NEGATED", self.suite.explainer.Steer,
                              ex.SteerRequest(sae="saes/s", subject=subject,
                                              edits=[ex.Edit(text=words, add=4)]))
        self.assert_error(MISSING, "CONCEPT_NOT_FOUND", self.suite.explainer.Steer,
                          ex.SteerRequest(sae="saes/s", subject=subject,
                                          edits=[ex.Edit(text="zeppelin", scale=2)]),
                          mentions=["zeppelin"])

    def test_cancel_in_mid_job(self):
        job = self.suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="never", capture=self.capture,
            config=tr.TrainingConfig(latent_count=1024, k=8, epoch_count=100000, batch_rows=16)))
        watch = self.suite.jobs["trainer"].WatchJob(jb.WatchJobRequest(name=job.name), timeout=60)
        for state in watch:
            if state.state == jb.Job.STATE_RUNNING and state.progress.done > 0:
                self.suite.jobs["trainer"].CancelJob(jb.CancelJobRequest(name=job.name))
                break
        self.assertEqual([state.state for state in watch][-1], jb.Job.STATE_CANCELLED)
        self.assert_error(MISSING, "SAE_NOT_FOUND", self.suite.store.GetSae,
                          cs.GetSaeRequest(name="saes/never"))


class WrongStartTest(unittest.TestCase):
    """Servers that must not start, and peers that are not there."""

    def run_server(self, service, *flags):
        return subprocess.run([BIN / f"recsae-{service}", *flags], capture_output=True, text=True,
                              timeout=60, check=False)

    def test_directory_of_another_service(self):
        with tempfile.TemporaryDirectory() as folder:
            Server("trainer", folder + "/d").start().stop()
            started = self.run_server("explainer", "--data-dir", folder + "/d", "--listen",
                                      "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
            self.assertEqual(started.returncode, 1)
            self.assertIn("trainer", started.stderr)

    def test_directory_of_a_newer_format(self):
        with tempfile.TemporaryDirectory() as folder:
            Server("concept-store", folder + "/d").start().stop()
            markers = list(pathlib.Path(folder).rglob("STORE"))
            self.assertGreaterEqual(len(markers), 2)  # the directory's and its database's
            for marker in markers:
                told = marker.read_text()
                marker.write_text(json.dumps({**json.loads(told), "format": 999}))
                started = self.run_server("concept-store", "--data-dir", folder + "/d", "--listen",
                                          "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
                self.assertEqual(started.returncode, 1)
                self.assertIn("999", started.stderr)
                marker.write_text(told)

    def test_bad_flag_and_port_in_use(self):
        bad = self.run_server("probe", "--listen", "nonsense")
        self.assertEqual((bad.returncode, len(bad.stderr.strip().splitlines())), (2, 1), bad.stderr)
        unknown = self.run_server("trainer", "--no-such-flag")
        self.assertEqual((unknown.returncode, len(unknown.stderr.strip().splitlines())), (2, 1))
        with socket.socket() as taken, tempfile.TemporaryDirectory() as folder:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            used = self.run_server("concept-store", "--listen", f"127.0.0.1:{port}", "--data-dir",
                                   folder, "--metrics-listen", "127.0.0.1:0")
            self.assertEqual(used.returncode, 1)
            self.assertIn(str(port), used.stderr.strip().splitlines()[-1])

    def test_peer_down_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            server = Server("explainer", folder + "/d",
                            ["--probe=127.0.0.1:1", "--concept-store=127.0.0.1:1"]).start()
            try:
                from recsae.explainer.v1 import explainer_pb2_grpc
                with self.assertRaises(grpc.RpcError) as caught:
                    explainer_pb2_grpc.ExplainerStub(server.channel).Explain(
                        ex.ExplainRequest(sae="saes/s", subject=ex.Subject(
                            activations=tensor(np.zeros((1, 4))))), timeout=20)
                error = caught.exception
                self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE, error.details())
                self.assertEqual(details(error)["google.rpc.ErrorInfo"].reason, "PEER_UNAVAILABLE")
                self.assertRegex(error.details(), r"concept-store at 127\.0\.0\.1:1")
            finally:
                self.assertEqual(server.stop(), 0)


def write_data_sets(folder):
    malformed = folder / "malformed"
    malformed.mkdir()
    lines = ["user,item,time"] + [f"u{i % 20},i{i % 15},{i}" for i in range(300)]
    for broken in range(10, 200, 10):
        lines[broken] = "only-one-field"
    (malformed / "interactions.csv").write_text("\n".join(lines) + "\n")
    (malformed / "items.csv").write_text(
        "item,title\n" + "".join(f"i{i},Item {i}\n" for i in range(15)))
    half = folder / "half"
    half.mkdir()
    (half / "train.csv").write_text("user,item,time\nu,i,1\n")


if __name__ == "__main__":
    unittest.main()
