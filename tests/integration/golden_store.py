"""What a suite holds, in words of this file's own, so that a store can be compared with itself after an upgrade.

Run as a program it makes a golden store with the binaries of a release and that release's Python stubs:

  RECSAE_BIN=.../bin PYTHONPATH=.../python python3 golden_store.py ../golden/store/v2
"""

import hashlib
import json
import lzma
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy as np
from google.protobuf import field_mask_pb2

from harness import (BIN, Suite, cs, ex, head_stream, item_stream, jb, pb, recording, tensor,
                     tr)

PIPELINE = ["--dataset", "planted", "--planted-concepts", "8", "--planted-items", "10",
            "--planted-users", "150", "--planted-interactions", "20", "--planted-seed", "3",
            "--recommender-epochs", "5", "--recommender-embedding-dim", "16", "--latents", "64",
            "--k", "4", "--sae-epochs", "10", "--sae-batch-rows", "128", "--users", "1",
            "--context-rows", "500", "--name", "golden", "--quiet"]
SUBJECT = ex.Subject(captured_user=ex.Subject.CapturedUser(
    capture="recommenders/golden/captures/test", user_id="51"))
EDITED = "saes/golden/concepts/5"
# By its number: which latent words mean depends on how far concepts are trusted.
STEERED = 26
# Another recommender's rows, recorded by two producers.
CAPTURE = "recommenders/elsewhere/captures/live"
ROWS = np.random.default_rng(0).normal(size=(300, 8)).astype("<f4")


def digest(*parts):
    """Of bytes and of what JSON can say."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part if isinstance(part, bytes) else json.dumps(part).encode())
    return sha.hexdigest()[:16]


def catalog(probe, stored):
    items = [[item.id, item.title, [[a.key, a.value] for a in item.attributes]]
             for page in probe.ReadItems(pb.ReadItemsRequest(catalog=stored.name))
             for item in page.items]
    return {"title": stored.display_name, "items": len(items), "first": items[:2],
            "all": digest(items)}


def recommender(probe, stored):
    head = b""
    if stored.has_prediction_head:
        head = b"".join(part.vectors.data for part in probe.ReadPredictionHead(
            pb.ReadPredictionHeadRequest(recommender=stored.name)))
    return {"kind": stored.kind, "catalog": stored.catalog, "dim": stored.activation_dim,
            "hosted": stored.hosted, "metrics": dict(sorted(stored.metrics.items())),
            "head": digest(head)}


def capture(probe, stored):
    request = pb.ReadActivationsRequest(capture=stored.name, batch_rows=500)
    request.read_mask.paths.append("activations")
    if stored.has_cases:
        request.read_mask.paths.append("cases")
    batches = list(probe.ReadActivations(request))
    cases = [[case.row, case.user_id, list(case.history_item_ids), case.target_item_id]
             for batch in batches for case in batch.cases]
    return {"rows": stored.row_count, "dim": stored.dim, "split": stored.split,
            "cases": len(cases), "all": digest(*(batch.activations.data for batch in batches), cases)}


def sae(store, stored):
    weights = b"".join(part.values.data for part in store.ReadSaeWeights(
        cs.ReadSaeWeightsRequest(name=stored.name)))
    concepts = store.ListConcepts(cs.ListConceptsRequest(parent=stored.name, page_size=1000)).concepts
    return {"latents": stored.latent_count, "dim": stored.activation_dim, "k": stored.k,
            "sha256": stored.weights_sha256, "weights": digest(weights),
            "fvu": stored.report.fvu,
            "concepts": {str(c.latent): [c.description, c.etag, c.revision, c.source,
                                         c.paper_score.confidence, tested(c)]
                         for c in concepts}}


def tested(stored):
    """What a concept was tested for; nothing where it was not."""
    if not stored.HasField("tests"):
        return []
    return [stored.tests.predictive.correlation, stored.tests.verified, stored.group.lead_latent]


def explained(explainer):
    return explainer.Explain(ex.ExplainRequest(
        sae="saes/golden", subject=SUBJECT, ignore_controls=True)).explanations[0]


def explanation(explainer):
    found = explained(explainer)
    steered = explainer.Steer(ex.SteerRequest(sae="saes/golden", subject=SUBJECT, edits=[
        ex.Edit(latent=STEERED, add=4)], max_change=0))
    return {"latents": [[latent.latent, latent.description, latent.activation]
                        for latent in found.latents],
            "items": [[item.item_id, item.title, item.score, list(item.contributions)]
                      for item in found.items],
            "edits": [[edit.latent, edit.activation_after] for edit in steered.edits],
            "before": [[item.item_id, item.score] for item in steered.before],
            "after": [[item.item_id, item.score] for item in steered.after]}


def describe(suite, ended):
    """Everything that the suite holds; of jobs those that are in `ended`, or all ended ones (None)."""
    probe, store = suite.probe, suite.store
    recommenders = probe.ListRecommenders(pb.ListRecommendersRequest(page_size=100)).recommenders
    jobs = suite.jobs["probe"].ListJobs(jb.ListJobsRequest(page_size=100)).jobs
    over = (jb.Job.STATE_SUCCEEDED, jb.Job.STATE_FAILED, jb.Job.STATE_CANCELLED)
    return {
        "catalogs": {c.name: catalog(probe, c) for c in probe.ListCatalogs(
            pb.ListCatalogsRequest(page_size=100)).catalogs},
        "recommenders": {r.name: recommender(probe, r) for r in recommenders},
        "captures": {c.name: capture(probe, c) for r in recommenders for c in probe.ListCaptures(
            pb.ListCapturesRequest(parent=r.name, page_size=100)).captures},
        "saes": {s.name: sae(store, s) for s in store.ListSaes(
            cs.ListSaesRequest(page_size=100)).saes},
        "history": [[change.type, change.revision, change.latent_concept.description]
                    for change in store.ListConceptRevisions(
                        cs.ListConceptRevisionsRequest(name=EDITED)).changes],
        "explanation": explanation(suite.explainer),
        "jobs": {j.name: [j.kind, j.state, j.target, j.error.message, j.result.type_url]
                 for j in jobs if (j.name in ended if ended is not None else j.state in over)},
    }


def record(probe, producer, rows):
    probe.RecordActivations(recording(CAPTURE, producer, [
        {"sequence": 1 + i, "activations": tensor(part)}
        for i, part in enumerate(np.split(rows, len(rows) // 50))]))


def train(suite, sae_id, **config):
    return suite.trainer.TrainSae(tr.TrainSaeRequest(
        sae_id=sae_id, capture="recommenders/golden/captures/train", config=tr.TrainingConfig(
            latent_count=128, k=4, batch_rows=64, seed=5, thread_count=1, checkpoint_seconds=60,
            **config)))


def make(suite):
    """Fills an empty suite with one of everything that is stored."""
    subprocess.run([BIN / "recsae", "--server", suite.servers["probe"].address, "pipeline",
                    *PIPELINE], check=True, timeout=300, stdout=subprocess.DEVNULL)
    suite.store.UpdateConcept(cs.UpdateConceptRequest(
        latent_concept=cs.Concept(name=EDITED, description="what a person wrote"),
        update_mask=field_mask_pb2.FieldMask(paths=["description"]), request_id="edit"))
    suite.store.DeleteConcept(cs.DeleteConceptRequest(name="saes/golden/concepts/7"))
    suite.probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="shop", display_name="Our shop"))
    suite.probe.UploadItems(item_stream("catalogs/shop", [
        pb.Item(id=f"thing-{i}", title=f"Thing Nº {i}") for i in range(40)]))
    suite.probe.CreateRecommender(pb.CreateRecommenderRequest(
        recommender_id="elsewhere", catalog="catalogs/shop", activation_dim=8))
    suite.probe.UploadPredictionHead(head_stream("recommenders/elsewhere", [
        ([f"thing-{i}" for i in range(40)], ROWS[:40])]))
    suite.probe.CreateCapture(pb.CreateCaptureRequest(
        parent="recommenders/elsewhere", capture_id="live"))
    record(suite.probe, "a", ROWS[:200])
    cancelled = train(suite, "cancelled", epoch_count=100000)
    suite.jobs["trainer"].CancelJob(jb.CancelJobRequest(name=cancelled.name))
    for _ in suite.jobs["trainer"].WatchJob(jb.WatchJobRequest(name=cancelled.name)):
        pass


def finish(suite):
    """After a restart, so that there are tables and a log: the rest, and a job in its middle."""
    record(suite.probe, "b", ROWS[200:])
    job = train(suite, "resumed", epoch_count=2000)
    for state in suite.jobs["trainer"].WatchJob(jb.WatchJobRequest(name=job.name)):
        if state.progress.done > 0.5 * state.progress.total > 0:
            return job.name
    raise AssertionError("the job ended too soon")


def main():
    target = pathlib.Path(sys.argv[1])
    directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-golden-"))
    suite = Suite(directory)
    make(suite)
    suite.stop()
    suite = Suite(directory)
    running = finish(suite)
    manifest = describe(suite, None)
    suite.stop()
    manifest["resumes"] = running
    manifest["version"] = subprocess.check_output([BIN / "recsae-standalone", "--version"],
                                                  text=True).splitlines()[0]
    target.with_suffix(".json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    with lzma.open(f"{target}.tar.xz", "wb", preset=9) as packed, \
            tarfile.open(fileobj=packed, mode="w") as tar:
        # RocksDB's logs and option files say how it was opened; it needs none of them.
        tar.add(directory / "standalone", arcname="store", filter=lambda entry: None if pathlib.Path(
            entry.name).name.startswith(("LOG", "OPTIONS", "LOCK")) else entry)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
