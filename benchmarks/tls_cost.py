#!/usr/bin/env python3
"""What TLS and a token cost a call of Explain, as a ratio to the same call in plaintext.

    benchmarks/tls_cost.py [BUILD]      (default build/release; needs python3-grpcio, openssl)

Two standalones with the same data, without and with TLS and tokens, called in turn, so that what the machine does besides falls
on both. Prints the medians of each and their ratio. On one connection each; handshakes are not in it."""

import pathlib
import shutil
import socket
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

CALLS, WARM, TOKEN = 2000, 100, "benchmark-token"


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


def measure(callers):
    """Milliseconds of CALLS calls of each of {name: (channel, metadata)}, warm, in turn."""
    calls = {name: (explainer_pb2_grpc.ExplainerStub(channel).Explain, request_of(channel, metadata), metadata)
             for name, (channel, metadata) in callers.items()}
    taken = {name: [] for name in callers}
    for index in range(CALLS + WARM):
        for name, (explain, request, metadata) in calls.items():
            begin = time.perf_counter()
            explain(request, metadata=metadata, timeout=30)
            if index >= WARM:
                taken[name].append((time.perf_counter() - begin) * 1000)
    return taken


def main():
    with tempfile.TemporaryDirectory(prefix="recsae-tls-") as folder:
        folder = pathlib.Path(folder)
        authority = Authority(folder / "ca")
        certificate, key = authority.issue("server", "DNS:localhost", "IP:127.0.0.1")
        tokens = folder / "tokens"
        tokens.write_text(token_lines(("bench", "reader", TOKEN)))
        plain = Server("standalone", folder / "plain").start()
        subprocess.run([BIN / "recsae", "--server", plain.address, "pipeline", "--dataset",
                        "planted", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        plain.stop()
        shutil.copytree(folder / "plain", folder / "secure")
        secure = Server("standalone", folder / "secure",
                        ["--tokens", tokens, "--tls-cert", certificate, "--tls-key", key])
        with socket.socket() as free:  # the channel is made before the server, which waits by it
            free.bind(("127.0.0.1", 0))
            secure.address = f"127.0.0.1:{free.getsockname()[1]}"
        secure._channel = grpc.secure_channel(secure.address, grpc.ssl_channel_credentials(
            authority.certificate.read_bytes()))
        plain.start()
        secure.start()
        taken = measure({"plain": (plain.channel, ()), "tls": (secure.channel, bearer(TOKEN))})
        plain.stop()
        secure.stop()
    p50 = {name: statistics.median(values) for name, values in taken.items()}
    p99 = {name: statistics.quantiles(values, n=100)[98] for name, values in taken.items()}
    print(f"Explain, {CALLS} calls each, in turn: plain p50 {p50['plain']:.3f} ms, TLS and token "
          f"{p50['tls']:.3f} ms, ratio {p50['tls'] / p50['plain']:.3f} "
          f"(p99 {p99['plain']:.2f}, {p99['tls']:.2f} ms)")


if __name__ == "__main__":
    main()
