#!/usr/bin/env python3
"""How long a concept-store with many revisions takes to open, and an explainer until it knows all.

  PYTHONPATH=build/release/python RECSAE_BIN=build/release/bin \\
      python3 benchmarks/many_revisions.py --revisions 1000000 --concepts 16384

Fills a store in a folder of its own (batches of 500 descriptions), then starts the concept-store
on it (from the start of the process to the health check) and, beside it, an explainer (to the last
concept in its cache), --starts times each. The concept-store is killed in between once, so that one
start has its log to read. Prints one JSON line: seconds of each, and the store's bytes. A million
revisions are written in some five minutes, half of a core.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "integration"))

import numpy as np  # noqa: E402

from harness import (Server, concept_store_pb2_grpc, cs, tensor)  # noqa: E402

BATCH = 500
DIM = 4
WORDS = ("horror comedy drama war western musical romance thriller animation noir crime "
         "mystery adventure fantasy children documentary").split()


def publish(store, latents):
    request, weights = cs.PublishSaeRequest, cs.SaeWeights
    rows = np.zeros((latents, DIM), "<f4")
    rows[np.arange(latents), np.arange(latents) % DIM] = 1

    def parts():
        yield request(header=request.Header(sae_id="many", sae=cs.Sae(
            activation_dim=DIM, latent_count=latents, k=4, scale=1,
            architecture=cs.Sae.ARCHITECTURE_TOPK)))
        for array in (weights.ARRAY_W_ENC, weights.ARRAY_W_DEC):
            for start in range(0, latents, 16384):
                yield request(weights=weights(array=array, start_row=start,
                                              values=tensor(rows[start:start + 16384])))
        for array, count in ((weights.ARRAY_B_ENC, latents), (weights.ARRAY_B_PRE, DIM)):
            for start in range(0, count, 65536):
                yield request(weights=weights(array=array, start_row=start, values=tensor(
                    np.zeros(min(65536, count - start), "<f4"))))
    store.PublishSae(parts())


def fill(store, revisions, concepts):
    publish(store, concepts)
    for done in range(0, revisions, BATCH):
        latents = [(done + i) % concepts for i in range(min(BATCH, revisions - done))]
        store.BatchUpsertConcepts(cs.BatchUpsertConceptsRequest(parent="saes/many", concepts=[
            cs.Concept(name=f"saes/many/concepts/{latent}", latent=latent, description=" ".join(
                (WORDS[latent % 16], WORDS[latent // 16 % 16], f"the {(done + i) % 997}th")))
            for i, latent in enumerate(latents)]))
        if done // BATCH % 200 == 0:
            print(f"{done:,} of {revisions:,}", file=sys.stderr)


def metric(server, name):
    ports = re.findall(r'"metrics_port":(\d+)', server.log_text())  # of this start: the last
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[-1]}/metrics") as page:
        return float(re.search(rf"^{name} (\S+)$", page.read().decode(), re.MULTILINE).group(1))


def start_store(server):
    begin = time.monotonic()
    server.start()
    return time.monotonic() - begin


def start_explainer(directory, store, concepts):
    server = Server("explainer", directory, ["--concept-store", store.address,
                                             "--probe", "127.0.0.1:1"])
    begin = time.monotonic()
    server.start()
    while metric(server, "recsae_explainer_cached_concepts") < concepts:
        time.sleep(0.02)
        assert time.monotonic() - begin < 120, "the explainer does not fill"
    took = time.monotonic() - begin
    server.stop()
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--revisions", type=int, default=1_000_000)
    parser.add_argument("--concepts", type=int, default=16_384)
    parser.add_argument("--starts", type=int, default=3)
    flags = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-revisions-"))
    server = Server("concept-store", directory / "store")
    try:
        server.start()
        begin = time.monotonic()
        fill(concept_store_pb2_grpc.ConceptStoreStub(server.channel), flags.revisions,
             flags.concepts)
        filling = time.monotonic() - begin
        held = metric(server, "recsae_concept_store_concepts")
        server.kill()
        opened = []
        for _ in range(flags.starts):
            opened.append(start_store(server))
            assert metric(server, "recsae_concept_store_concepts") == held
            revision = metric(server, "recsae_concept_store_revision")
            if len(opened) < flags.starts:
                server.stop()
        filled = [start_explainer(directory / "explainer", server, held)
                  for _ in range(flags.starts)]
        size = sum(file.stat().st_size for file in (directory / "store").rglob("*")
                   if file.is_file())
        print(json.dumps({"revision": revision, "concepts": held, "store_bytes": size,
                          "fill_s": round(filling, 1),
                          "store_open_s": [round(s, 2) for s in opened],
                          "explainer_filled_s": [round(s, 2) for s in filled],
                          "cores": os.cpu_count()}))
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
