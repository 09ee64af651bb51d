#!/usr/bin/env python3
"""What weighing the history costs a call of Explain.

  python3 benchmarks/reasons_latency.py --server 127.0.0.1:7400 --sae movies

Explains the users 1, 2, ... by id, with and without 20 reasons in turn, and prints the median and the 99th percentile of
each as the client sees them, and the ratio of the medians. Users whom the recommender does not know are passed over.
"""

import argparse
import pathlib
import sys
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "build/release/python"))

from recsae.explainer.v1 import explainer_pb2 as ex, explainer_pb2_grpc  # noqa: E402

WARM_UP = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="127.0.0.1:7400")
    parser.add_argument("--sae", required=True)
    parser.add_argument("--users", type=int, default=800)
    parser.add_argument("--reasons", type=int, default=20)
    args = parser.parse_args()
    explainer = explainer_pb2_grpc.ExplainerStub(grpc.insecure_channel(args.server))
    seconds = {0: [], args.reasons: []}
    unknown = 0
    for user in range(1, args.users + 1):
        for reasons, measured in seconds.items():
            request = ex.ExplainRequest(
                sae=f"saes/{args.sae}", reason_count=reasons,
                subject=ex.Subject(history=ex.Subject.History(user_id=str(user))))
            began = time.perf_counter()
            try:
                explainer.Explain(request)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND:
                    raise
                unknown += reasons == 0
                continue
            measured.append(time.perf_counter() - began)
    medians = {}
    for reasons, measured in seconds.items():
        measured = sorted(measured[WARM_UP:])
        medians[reasons] = measured[len(measured) // 2]
        print(f"{reasons:3} reasons: p50 {1e3 * medians[reasons]:.2f} ms, "
              f"p99 {1e3 * measured[int(.99 * len(measured))]:.2f} ms, {len(measured)} calls")
    print(f"ratio of the medians {medians[args.reasons] / medians[0]:.2f}; {unknown} unknown users")


if __name__ == "__main__":
    main()
