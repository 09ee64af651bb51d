"""Explainers keep nothing that another one lacks: three of them behind one name share the calls, and one may go."""

import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import grpc

from harness import BIN, Server, Suite
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc
from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.probe.v1 import probe_pb2 as pb

CALLS = 3000


class ReplicasTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-replicas-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.suite = Suite(self.directory, separate=True)
        self.addCleanup(self.suite.stop)
        servers = self.suite.servers
        places = [f"--{peer}={servers[peer].address}" for peer in ("probe", "concept-store")]
        self.explainers = [servers["explainer"]]
        for name in ("second", "third"):
            # As a Service of Kubernetes is named: all addresses of one name.
            dns = [place.replace("127.0.0.1", "dns:///localhost") for place in places]
            self.explainers.append(Server("explainer", self.directory / name, dns).start())
            self.addCleanup(self.explainers[-1].stop)
        run = subprocess.run(
            [BIN / "recsae", "pipeline", "--dataset", "planted", "--planted-users", "200",
             "--recommender", "bprmf", "--quiet",
             *(part for name, server in servers.items() for part in (f"--{name}", server.address))],
            capture_output=True, text=True, timeout=600)
        self.assertEqual(run.returncode, 0, run.stderr)
        (sae,) = self.suite.store.ListSaes(cs.ListSaesRequest()).saes
        capture = next(c for c in self.suite.probe.ListCaptures(
            pb.ListCapturesRequest(parent="recommenders/-")).captures if c.name.endswith("/test"))
        case = self.suite.probe.BatchGetCases(
            pb.BatchGetCasesRequest(capture=capture.name, rows=[0])).cases[0]
        self.request = ex.ExplainRequest(sae=sae.name, top_item_count=3, subject=ex.Subject(
            captured_user=ex.Subject.CapturedUser(capture=capture.name, user_id=case.user_id)))

    def explained(self, server):
        with urllib.request.urlopen(f"http://{server.metrics_address()}/metrics") as page:
            for line in page.read().decode().splitlines():
                if line.startswith("grpc_server_handled_total") and '"Explain"' in line and \
                        'grpc_code="OK"' in line:
                    return float(line.rsplit(" ", 1)[1])
        return 0

    def test_calls_are_shared_and_one_that_dies_gives_no_wrong_answer(self):
        addresses = ",".join(server.address for server in self.explainers)
        channel = grpc.insecure_channel(f"ipv4:{addresses}", options=[
            ("grpc.lb_policy_name", "round_robin")])
        self.addCleanup(channel.close)
        stub = explainer_pb2_grpc.ExplainerStub(channel)
        expected = stub.Explain(self.request, timeout=30, wait_for_ready=True)
        time.sleep(1)  # until all three connections stand
        before = [self.explained(server) for server in self.explainers]
        wrong, failed = [], []

        def call(count):
            for _ in range(count):
                try:
                    if stub.Explain(self.request, timeout=30).explanations != expected.explanations:
                        wrong.append(1)
                except grpc.RpcError as error:
                    failed.append(error.code())

        callers = [threading.Thread(target=call, args=(CALLS // 4,)) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        self.assertEqual((wrong, failed), ([], []))
        shares = [(self.explained(server) - was) / CALLS
                  for server, was in zip(self.explainers, before)]
        for share in shares:
            self.assertGreater(share, 0.25, shares)
            self.assertLess(share, 0.42, shares)

        callers = [threading.Thread(target=call, args=(CALLS // 8,)) for _ in range(4)]
        for caller in callers:
            caller.start()
        self.explainers[1].kill()
        for caller in callers:
            caller.join()
        self.assertEqual(wrong, [])
        self.assertLessEqual(len(failed), 8)  # those that were in flight there
        self.assertLessEqual(set(failed), {grpc.StatusCode.UNAVAILABLE})


if __name__ == "__main__":
    unittest.main()
