#!/usr/bin/env python3
"""Whether search by meaning finds what people mean: check_meaning.py PYTHON (scripts/check.sh meaning).

PYTHON runs embeddings_server.py, the real model. A dictionary is published to a real concept-store: what the labeler
called the groups of an SAE of SASRec on MovieLens-1M (dictionary.json: description, terms with their kinds,
correlation and its lower end, rows on which the latent fires). A query of queries.json is found if one of the first
three concepts has one of the terms that were written beside it before any result was seen. The same queries are asked

  words     of the words alone
  meaning   with embeddings
  shuffled  with what concepts say dealt to other texts by the endpoint: must look bad
  random    with a random vector for each text of a concept: must look bad

Fails where meaning finds fewer than 90 % of either set of queries, or a control more than half. Prints one JSON
document, with the median time of a search.
"""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import numpy as np  # noqa: E402
from harness import Server, tensor  # noqa: E402
from recsae.concept_store.v1 import concept_store_pb2 as cs  # noqa: E402
from recsae.concept_store.v1 import concept_store_pb2_grpc  # noqa: E402

BAR, CONTROL_BAR = 0.9, 0.5
SAE, DIM = "saes/films", 4
MODEL = "all-MiniLM-L6-v2"


def concepts():
    dictionary = json.loads((HERE / "dictionary.json").read_text())
    made = []
    for latent, (description, terms, correlation, low, rows) in enumerate(dictionary):
        concept = cs.Concept(latent=latent, description=description, source=cs.Concept.SOURCE_STATISTICAL_LABELER)
        for text, kind in terms:
            concept.terms.add(text=text, kind=kind, weight=correlation)
        concept.statistics.row_count = 105_436
        concept.statistics.active_row_count = rows
        concept.tests.predictive.correlation = correlation
        concept.tests.predictive.correlation_low = low
        made.append(concept)
    return made


def said(concept):
    """What is embedded of a concept (services/concept-store/meaning/meaning_text.h)."""
    text = concept.description
    for term in concept.terms:
        if term.kind == "popularity":
            text = text.removeprefix(term.text + " ")
    return text


def publish(store, made):
    count = len(made)
    header = cs.PublishSaeRequest.Header(sae_id="films", sae=cs.Sae(
        activation_dim=DIM, latent_count=count, k=2, scale=1, architecture=cs.Sae.ARCHITECTURE_TOPK))
    arrays = ((cs.SaeWeights.ARRAY_W_ENC, (count, DIM)), (cs.SaeWeights.ARRAY_B_ENC, count),
              (cs.SaeWeights.ARRAY_W_DEC, (count, DIM)), (cs.SaeWeights.ARRAY_B_PRE, DIM))
    store.PublishSae(iter([cs.PublishSaeRequest(header=header)] + [
        cs.PublishSaeRequest(weights=cs.SaeWeights(array=array, values=tensor(np.ones(shape))))
        for array, shape in arrays]))
    store.BatchUpsertConcepts(cs.BatchUpsertConceptsRequest(parent=SAE, concepts=made))


@contextlib.contextmanager
def endpoint(python, *words):
    process = subprocess.Popen([python, str(HERE / "embeddings_server.py"), *words], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def dictionary(folder, url, made):
    server = Server("concept-store", folder, ["--embeddings-url", url, "--embeddings-model", MODEL]).start()
    try:
        store = concept_store_pb2_grpc.ConceptStoreStub(server.channel)
        publish(store, made)
        deadline = time.monotonic() + 300
        while (answer := search(store, "anything")).meaning.not_compared_count:
            if time.monotonic() > deadline:
                raise SystemExit(f"check_meaning.py: not all concepts were embedded: {answer.meaning}")
            time.sleep(0.2)
        yield store
    finally:
        server.stop()


def search(store, query, **options):
    return store.SearchConcepts(cs.SearchConceptsRequest(parent=SAE, query=query, **options))


def judge(store, queries, **options):
    found, first, missed, times = 0, 0, [], []
    for query, terms in queries:
        begun = time.perf_counter()
        matches = search(store, query, max_results=3, **options).matches
        times.append(1000 * (time.perf_counter() - begun))
        right = [any(term.text in terms for term in match.latent_concept.terms) for match in matches]
        found += any(right)
        first += right[:1] == [True]
        if not any(right):
            missed.append({query: [match.latent_concept.description for match in matches]})
    return {"queries": len(queries), "among_first_3": found, "first": first,
            "median_ms": round(statistics.median(times), 2), "missed": missed}


def main():
    python, made = sys.argv[1], concepts()
    sets = json.loads((HERE / "queries.json").read_text())["movies"]
    report, wrong = {}, []
    with tempfile.TemporaryDirectory() as work:
        texts = pathlib.Path(work) / "texts.json"
        texts.write_text(json.dumps(sorted({said(concept) for concept in made})))
        for name, words in (("meaning", ()), ("shuffled", ("shuffled", str(texts))), ("random", ("random", str(texts)))):
            with endpoint(python, *words) as url, dictionary(pathlib.Path(work) / name, url, made) as store:
                if name == "meaning":
                    report["words"] = {key: judge(store, queries, words_only=True) for key, queries in sets.items()}
                report[name] = {key: judge(store, queries) for key, queries in sets.items()}
                if name == "meaning":  # the same again: queries are cached
                    report["meaning_again"] = {key: {"median_ms": judge(store, queries)["median_ms"]}
                                               for key, queries in sets.items()}
    for key, queries in sets.items():
        if report["meaning"][key]["among_first_3"] < BAR * len(queries):
            wrong.append(f"meaning finds fewer than {BAR:.0%} of {key}")
        for control in ("shuffled", "random"):
            if report[control][key]["among_first_3"] > CONTROL_BAR * len(queries):
                wrong.append(f"{control} finds more than {CONTROL_BAR:.0%} of {key}")
    print(json.dumps(report, indent=1))
    for what in wrong:
        print(f"check_meaning.py: {what}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
