#!/usr/bin/env python3
"""What a user's controls cost: Steer with 20 of them, with none, and with ignore_controls, by turns.

Against a running server that has an SAE with concepts and a capture with cases (recsae pipeline makes both):

  PYTHONPATH=build/release/python python3 benchmarks/controls_latency.py \
      --server 127.0.0.1:7400 --sae ml-1m-recsae-sasrec

Sets 20 controls of the first user of the capture and takes them back at the end. Prints one JSON line: the median and the
99th percentile in seconds as the client sees them, and what controls add as ratios to the calls that ignore them.
"""

import argparse
import json
import statistics
import time

import grpc

from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.concept_store.v1 import concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc

CONTROLS = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--capture", default="test", help="id of a capture with cases")
    parser.add_argument("--calls", type=int, default=2000, help="of each kind")
    flags = parser.parse_args()

    channel = grpc.insecure_channel(flags.server)
    store = concept_store_pb2_grpc.ConceptStoreStub(channel)
    explainer = explainer_pb2_grpc.ExplainerStub(channel)
    sae = store.GetSae(cs.GetSaeRequest(name=f"saes/{flags.sae}"))
    capture = f"{sae.capture.split('/captures/')[0]}/captures/{flags.capture}"
    read = pb.ReadActivationsRequest(capture=capture, batch_rows=2)
    read.read_mask.paths.append("cases")
    cases = next(iter(probe_pb2_grpc.ProbeStub(channel).ReadActivations(read))).cases
    wanting, without = cases[0].user_id, cases[1].user_id
    leads = [c.latent for c in store.ListConcepts(cs.ListConceptsRequest(
        parent=sae.name, page_size=1000, groups_only=True)).concepts][:CONTROLS]
    assert len(leads) == CONTROLS, f"{sae.name} has {len(leads)} concepts only"
    polarities = (cs.Control.POLARITY_MORE, cs.Control.POLARITY_LESS, cs.Control.POLARITY_NEVER)
    controls = [store.CreateControl(cs.CreateControlRequest(parent=sae.name, control=cs.Control(
        user_id=wanting, lead_latent=lead, polarity=polarities[i % 3]))).control
        for i, lead in enumerate(leads)]

    def steer(user, ignore):
        request = ex.SteerRequest(sae=sae.name, ignore_controls=ignore, subject=ex.Subject(
            captured_user=ex.Subject.CapturedUser(capture=capture, user_id=user)))
        request.edits.add(latent=leads[0], scale=2)
        return explainer.Steer(request)

    kinds = {"with_20": lambda: steer(wanting, False), "with_none": lambda: steer(without, False),
             "ignored": lambda: steer(wanting, True),
             "list_none": lambda: store.ListControls(cs.ListControlsRequest(
                 parent=sae.name, user_id=without))}
    try:
        assert len(kinds["with_20"]().controls) == CONTROLS
        seconds = {kind: [] for kind in kinds}
        for i in range(flags.calls + 50):
            for kind, call in kinds.items():
                start = time.perf_counter()
                call()
                if i >= 50:
                    seconds[kind].append(time.perf_counter() - start)
    finally:
        for control in controls:
            store.DeleteControl(cs.DeleteControlRequest(name=control.name))
    told = {"calls": flags.calls}
    for kind, all_seconds in seconds.items():
        told[f"{kind}_median"] = statistics.median(all_seconds)
        told[f"{kind}_p99"] = statistics.quantiles(all_seconds, n=100)[98]
    for kind in ("with_20", "with_none"):
        told[f"{kind}_to_ignored"] = told[f"{kind}_median"] / told["ignored_median"]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
