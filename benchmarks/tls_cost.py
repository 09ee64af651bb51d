#!/usr/bin/env python3
"""What TLS and a token cost a call of Explain, as a ratio to the same call in plaintext.

    benchmarks/tls_cost.py [BUILD]      (default build/release; needs python3-grpcio, openssl)

One standalone with the planted data set, started in turn without and with TLS and tokens, several rounds, so that what the machine does
besides falls on both. Prints the medians of each and their ratio. On one connection; handshakes are not in it."""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release").resolve()
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BUILD / "python"), str(ROOT / "tests" / "integration")]

import os  # noqa: E402

os.environ.setdefault("RECSAE_BIN", str(BUILD / "bin"))

import grpc  # noqa: E402
from harness import BIN, Server  # noqa: E402
from identity import Authority, bearer, token_lines  # noqa: E402
from recsae.concept_store.v1 import concept_store_pb2 as cs  # noqa: E402
from recsae.concept_store.v1 import concept_store_pb2_grpc  # noqa: E402
from recsae.explainer.v1 import explainer_pb2 as ex  # noqa: E402
from recsae.explainer.v1 import explainer_pb2_grpc  # noqa: E402
from recsae.probe.v1 import probe_pb2 as pb  # noqa: E402
from recsae.probe.v1 import probe_pb2_grpc  # noqa: E402

ROUNDS, CALLS, TOKEN = 5, 1000, "benchmark-token"


def request_of(channel, metadata):
    """Explain of one captured user."""
    (sae,) = concept_store_pb2_grpc.ConceptStoreStub(channel).ListSaes(
        cs.ListSaesRequest(), metadata=metadata).saes
    probe = probe_pb2_grpc.ProbeStub(channel)
    capture = next(c for c in probe.ListCaptures(pb.ListCapturesRequest(
        parent="recommenders/-"), metadata=metadata).captures if c.name.endswith("/test"))
    case = probe.BatchGetCases(pb.BatchGetCasesRequest(capture=capture.name, rows=[0]),
                               metadata=metadata).cases[0]
    return ex.ExplainRequest(sae=sae.name, subject=ex.Subject(captured_user=ex.Subject.CapturedUser(
        capture=capture.name, user_id=case.user_id)))


def milliseconds(channel, metadata):
    """Of each of CALLS calls, warm."""
    request = request_of(channel, metadata)
    explain = explainer_pb2_grpc.ExplainerStub(channel).Explain
    taken = []
    for index in range(CALLS + 100):
        begin = time.perf_counter()
        explain(request, metadata=metadata, timeout=30)
        if index >= 100:
            taken.append((time.perf_counter() - begin) * 1000)
    return taken


def main():
    with tempfile.TemporaryDirectory(prefix="recsae-tls-") as folder:
        folder = pathlib.Path(folder)
        authority = Authority(folder / "ca")
        certificate, key = authority.issue("server", "DNS:localhost", "IP:127.0.0.1")
        tokens = folder / "tokens"
        tokens.write_text(token_lines(("bench", "reader", TOKEN)))
        plain = Server("standalone", folder / "data").start()
        subprocess.run([BIN / "recsae", "--server", plain.address, "pipeline", "--dataset",
                        "planted", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        secure = Server("standalone", folder / "data",
                        ["--tokens", tokens, "--tls-cert", certificate, "--tls-key", key])
        secure.address = plain.address
        taken = {"plain": [], "tls": []}
        for _ in range(ROUNDS):
            taken["plain"] += milliseconds(plain.channel, ())
            plain.stop()
            secure._channel = grpc.secure_channel(secure.address, grpc.ssl_channel_credentials(
                authority.certificate.read_bytes()))
            secure.start()
            taken["tls"] += milliseconds(secure.channel, bearer(TOKEN))
            secure.stop()
            plain.start()
        plain.stop()
    p50 = {name: statistics.median(values) for name, values in taken.items()}
    p99 = {name: statistics.quantiles(values, n=100)[98] for name, values in taken.items()}
    print(f"Explain, {ROUNDS} x {CALLS} calls each: plain p50 {p50['plain']:.3f} ms, TLS and token "
          f"{p50['tls']:.3f} ms, ratio {p50['tls'] / p50['plain']:.3f} "
          f"(p99 {p99['plain']:.2f}, {p99['tls']:.2f} ms)")


if __name__ == "__main__":
    main()
