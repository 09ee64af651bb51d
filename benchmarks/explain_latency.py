#!/usr/bin/env python3
"""How long Explain takes inside the server, one activation a call, by the server's own
grpc_server_handling_seconds.

Against a running server that has an SAE with concepts:

  PYTHONPATH=build/release/python python3 benchmarks/explain_latency.py \
      --server 127.0.0.1:7400 --metrics 127.0.0.1:9400 --sae ml-1m-recsae-sasrec

Prints one JSON line: calls, the smallest bucket bound (seconds) that half, and 99 % of them, stay
within, the mean, and the client's median beside them.
"""

import argparse
import json
import re
import statistics
import time
import urllib.request

import grpc

from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.concept_store.v1 import concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc
from recsae.tensor.v1 import tensor_pb2


def handling(metrics):
    """Cumulated buckets {bound: count}, and the sum, of Explain's handling time."""
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        lines = [line for line in page.read().decode().splitlines()
                 if line.startswith("grpc_server_handling_seconds")
                 and 'grpc_method="Explain"' in line]
    buckets = {float(re.search(r'le="([^"]+)"', line).group(1)): float(line.split()[-1])
               for line in lines if "_bucket" in line}
    return buckets, sum(float(line.split()[-1]) for line in lines if "_sum{" in line)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--metrics", default="127.0.0.1:9400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--calls", type=int, default=2000)
    flags = parser.parse_args()

    channel = grpc.insecure_channel(flags.server)
    explainer = explainer_pb2_grpc.ExplainerStub(channel)
    sae = concept_store_pb2_grpc.ConceptStoreStub(channel).GetSae(
        cs.GetSaeRequest(name=f"saes/{flags.sae}"))
    batch = next(iter(probe_pb2_grpc.ProbeStub(channel).ReadActivations(
        pb.ReadActivationsRequest(capture=sae.capture, batch_rows=1000))))
    row_bytes = 4 * sae.activation_dim
    rows = [batch.activations.data[i:i + row_bytes]
            for i in range(0, len(batch.activations.data), row_bytes)]

    def explain(i):
        activation = tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_FLOAT32,
                                       shape=[sae.activation_dim], data=rows[i % len(rows)])
        explainer.Explain(ex.ExplainRequest(sae=sae.name,
                                            subject=ex.Subject(activations=activation)))

    for i in range(50):
        explain(i)
    before, before_sum = handling(flags.metrics)
    seconds = []
    for i in range(flags.calls):
        start = time.perf_counter()
        explain(i)
        seconds.append(time.perf_counter() - start)
    after, after_sum = handling(flags.metrics)
    counts = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}

    def within(share):
        return next(bound for bound, count in counts.items() if count >= share * flags.calls)

    print(json.dumps({"calls": flags.calls, "server_median_within": within(0.5),
                      "server_p99_within": within(0.99),
                      "server_mean": (after_sum - before_sum) / flags.calls,
                      "client_median": statistics.median(seconds)}))


if __name__ == "__main__":
    main()
