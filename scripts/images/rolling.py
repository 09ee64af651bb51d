"""The planted pipeline on containers, then calls through a rolling restart."""
import json
import threading
import time

import grpc

import containers
from containers import Server, podman
from recsae.explainer.v1 import explainer_pb2, explainer_pb2_grpc
from recsae.probe.v1 import probe_pb2, probe_pb2_grpc
from recsae.concept_store.v1 import concept_store_pb2, concept_store_pb2_grpc

CALLERS = 8
LAME_DUCK = 2
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{
        "name": [{"service": "recsae.explainer.v1.Explainer", "method": "Explain"}],
        "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.05s", "maxBackoff": "0.5s", "backoffMultiplier": 2,
                        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]}}]}


class Load:
    """Explain from several threads over one channel; every failure is kept."""

    def __init__(self, addresses, requests, count):
        # As docs/deploy.md has it for callers.
        self.channel = grpc.insecure_channel("ipv4:" + ",".join(addresses), options=[
            ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)])
        self.explain = explainer_pb2_grpc.ExplainerStub(self.channel).Explain
        self.requests, self.left, self.failures, self.done = requests, count, [], 0
        self.lock = threading.Lock()
        self.pause = 0.0
        self.threads = [threading.Thread(target=self.run) for _ in range(CALLERS)]

    def run(self):
        while True:
            with self.lock:
                if self.left == 0:
                    return
                self.left -= 1
                number = self.left
            try:
                answer = self.explain(self.requests[number % len(self.requests)], timeout=20)
                assert answer.explanations
            except grpc.RpcError as error:
                self.failures.append(f"{error.code().name}: {error.details()}")
            with self.lock:
                self.done += 1
            time.sleep(self.pause)


def planted(prefix, tag, servers):
    """The planted pipeline by the cli's image; requests that explain its users."""
    podman("run", "--rm", *containers.FLAGS, "--workdir=/", f"{prefix}-cli:{tag}",
           *(word for name in ("probe", "trainer", "concept-store", "explainer")
             for word in (f"--{name}", servers[name].address)),
           "pipeline", "--dataset", "planted", "--recommender", "bprmf", "--seed", "1", timeout=900)
    store = concept_store_pb2_grpc.ConceptStoreStub(grpc.insecure_channel(servers["concept-store"].address))
    saes = store.ListSaes(concept_store_pb2.ListSaesRequest()).saes
    probe = probe_pb2_grpc.ProbeStub(grpc.insecure_channel(servers["probe"].address))
    vectors = [batch.activations for batch in probe.ReadActivations(probe_pb2.ReadActivationsRequest(
        capture=saes[0].capture, batch_rows=4))]
    return [explainer_pb2.ExplainRequest(sae=saes[0].name, subject=explainer_pb2.Subject(activations=rows),
                                         top_item_count=5) for rows in vectors[:50]]


def check(prefix, tag, count):
    """What is wrong, a line each."""
    def image(target):
        return f"{prefix}-{target}:{tag}"
    servers = {name: Server(image(name), name) for name in ("probe", "concept-store")}
    peers = [f"--{name}={server.address}" for name, server in servers.items()]
    peers_and_duck = [*peers, f"--lame-duck-seconds={LAME_DUCK}"]
    servers["trainer"] = Server(image("trainer"), "trainer", *peers)
    servers["explainer"] = Server(image("explainer"), "explainer", *peers_and_duck)
    second = Server(image("explainer"), "explainer", *peers_and_duck)
    found = []
    try:
        for server in [*servers.values(), second]:
            server.start()
        began = time.monotonic()
        requests = planted(prefix, tag, servers)
        print(f"The planted pipeline ran on four containers in {time.monotonic() - began:.0f} s", flush=True)
        load = Load([servers["explainer"].address, second.address], requests, count)
        load.pause = 15 * CALLERS / count  # spread over the restarts
        began = time.monotonic()
        for thread in load.threads:
            thread.start()
        during = []
        for server in (servers["explainer"], second):
            time.sleep(1)
            before = load.done
            status, _ = server.stop()
            if status != 0:
                found.append(f"rolling restart: {server.name} stopped with {status}")
            server.restart()
            during.append(load.done - before)
        for thread in load.threads:
            thread.join()
        print(f"{count} Explain calls in {time.monotonic() - began:.0f} s, {sum(during)} of them while an explainer was "
              f"away: {len(load.failures)} failed", flush=True)
        if min(during) == 0 or load.done != count:
            found.append(f"rolling restart: no calls during a restart ({during}): nothing was shown")
        if load.failures:
            found.append(f"rolling restart: {len(load.failures)} of {count} calls failed: {sorted(set(load.failures))[:3]}")
    finally:
        for server in [*servers.values(), second]:
            server.remove()
    return found
