"""Explain without end: flood.py ADDRESS, the request on stdin, keeps far more calls open than a server runs at a time.

Prints how many ended with which code, as JSON. For test_abuse.py."""

import collections
import json
import sys
import threading
import time

import grpc

from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc

SECONDS = 6
CONNECTIONS = 4
CALLS = 60  # of each connection, at a time


def main():
    request = ex.ExplainRequest.FromString(sys.stdin.buffer.read())
    codes, lock = collections.Counter(), threading.Lock()
    end = time.monotonic() + SECONDS

    def caller(explain):
        while time.monotonic() < end:
            try:
                explain(request, timeout=30)
                code = grpc.StatusCode.OK
            except grpc.RpcError as error:
                code = error.code()
            with lock:
                codes[code.name] += 1

    threads = []
    for _ in range(CONNECTIONS):
        # A channel of the same address would share its connection.
        channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.use_local_subchannel_pool", 1)])
        explain = explainer_pb2_grpc.ExplainerStub(channel).Explain
        threads += [threading.Thread(target=caller, args=(explain,)) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(codes))


if __name__ == "__main__":
    main()
