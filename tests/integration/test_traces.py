"""Traces over the services: what callers begin goes on, and is sent to a collector if there is one."""

import http.server
import json
import pathlib
import shutil
import socket
import tempfile
import threading
import time
import unittest

import numpy as np

from recsae.hosts.v1 import hosts_pb2, hosts_pb2_grpc

from harness import Suite, grpc, jb, pb, tr
from test_suite_life import record

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
PARENT = (("traceparent", f"00-{TRACE}-{CALLER}-01"),)
SERVER, CLIENT, INTERNAL = 2, 3, 1


class Collector:
    """Takes OTLP over HTTP, in JSON; keeps the spans with their service's name as `service`."""

    def __init__(self):
        spans = self.spans = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/v1/traces", self.path
                for resource in body["resourceSpans"]:
                    names = {a["key"]: a["value"]["stringValue"]
                             for a in resource["resource"]["attributes"]}
                    for scope in resource["scopeSpans"]:
                        spans.extend({**span, "service": names["service.name"]}
                                     for span in scope["spans"])
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.flag = f"--otlp-endpoint=http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def find(self, service, kind, name):
        """The spans of the trace that the tests begin; waits for the first."""
        deadline = time.monotonic() + 20
        while True:
            found = [span for span in list(self.spans) if span["traceId"] == TRACE and
                     (span["service"], span["kind"]) == (service, kind) and
                     span["name"].endswith(name)]
            if found:
                return found
            assert time.monotonic() < deadline, f"no span {name} of {service}"
            time.sleep(0.05)


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


class TracesTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-traces-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def start(self, **options):
        suite = Suite(self.directory / "suite", **options)
        self.addCleanup(suite.stop)
        return suite

    def train(self, suite, metadata=()):
        rows = np.random.default_rng(1).standard_normal((2_000, 16), dtype=np.float32)
        job = suite.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="s", capture=record(suite.probe, rows),
            config=tr.TrainingConfig(latent_count=32, k=4, epoch_count=1)), metadata=metadata)
        suite.finish("trainer", job, tr.TrainSaeResult)
        return job

    def test_a_call_its_job_and_their_calls_are_one_trace(self):
        collector = Collector()
        self.addCleanup(collector.stop)
        suite = self.start(separate=True, all_flags=(collector.flag,))
        job = self.train(suite, PARENT)
        submit = collector.find("recsae-trainer", SERVER, "Trainer/TrainSae")[0]
        self.assertEqual(submit["parentSpanId"], CALLER)
        self.assertEqual(attributes(submit)["rpc.grpc.status_code"], "0")
        self.assertEqual(submit["status"], {})
        # The call asks the probe for the capture; the job reads it, and publishes to the store.
        asked = collector.find("recsae-trainer", CLIENT, "Probe/GetCapture")
        self.assertIn(submit["spanId"], {span["parentSpanId"] for span in asked})
        work = collector.find("recsae-trainer", INTERNAL, "train-sae")[0]
        self.assertEqual(work["parentSpanId"], submit["spanId"])
        self.assertEqual(attributes(work)["recsae.job.name"], job.name)
        self.assertEqual(attributes(work)["recsae.job.state"], "SUCCEEDED")
        for peer, name in (("probe", "Probe/ReadActivations"),
                           ("concept-store", "ConceptStore/PublishSae")):
            call = collector.find("recsae-trainer", CLIENT, name)[0]
            self.assertEqual(call["parentSpanId"], work["spanId"])
            self.assertEqual(attributes(call)["peer.service"], peer)
            served = collector.find(f"recsae-{peer}", SERVER, name)[0]
            self.assertEqual(served["parentSpanId"], call["spanId"])
            self.assertLessEqual(int(served["startTimeUnixNano"]), int(served["endTimeUnixNano"]))
        lines = [json.loads(line) for line in suite.servers["trainer"].log_text().splitlines()]
        ended = next(line for line in lines if line["message"] == "job ended")
        self.assertEqual((ended["trace_id"], ended["span_id"]), (TRACE, work["spanId"]))
        # Who watched the job began a trace by that; health checks did not.
        names = {span["name"] for span in collector.spans if span["traceId"] != TRACE}
        self.assertIn("recsae.jobs.v1.Jobs/WatchJob", names)
        self.assertFalse([name for name in names if name.startswith("grpc.")])

    def test_without_a_collector_ids_go_on_as_they_came(self):
        suite = self.start()
        job = self.train(suite, PARENT)
        job = suite.jobs["trainer"].GetJob(jb.GetJobRequest(name=job.name))
        self.assertEqual(job.trace_parent, PARENT[0][1])
        lines = [json.loads(line) for line in suite.servers["trainer"].log_text().splitlines()]
        of_job = [line for line in lines if line.get("job") == job.name]
        self.assertEqual([line["message"] for line in of_job], ["job started", "job ended"])
        for line in of_job:
            self.assertEqual((line["trace_id"], line["span_id"]), (TRACE, CALLER))
        others = [line["message"] for line in lines if "trace_id" in line and line not in of_job]
        self.assertEqual(set(others), {"audit"})

    def test_a_malformed_one_is_none(self):
        suite = self.start()
        for parent in ("00", "00-" + "0" * 32 + f"-{CALLER}-01", "ff" + PARENT[0][1][2:]):
            with self.assertRaises(grpc.RpcError) as caught:
                suite.probe.GetCatalog(pb.GetCatalogRequest(name="catalogs/none"),
                                       metadata=(("traceparent", parent),))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(self.train(suite, (("traceparent", "nonsense"),)).trace_parent, "")

    def test_a_host_that_is_refused_leaves_a_line(self):
        server = self.start().servers["probe"]
        hosts = hosts_pb2_grpc.ModelHostsStub(server.channel)
        with self.assertRaises(grpc.RpcError) as caught:
            list(hosts.HostRecommender(iter([hosts_pb2.HostRecommenderRequest()]),
                                       metadata=PARENT))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        lines = [json.loads(line) for line in server.log_text().splitlines()]
        line = next(line for line in lines if line["message"] == "a model host was not admitted")
        self.assertEqual((line["severity"], line["trace_id"]), ("WARNING", TRACE))
        self.assertIn("description", line["why"])

    def test_a_collector_that_hangs_delays_no_stop(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            flag = f"--otlp-endpoint=http://127.0.0.1:{silent.getsockname()[1]}"
            suite = self.start(all_flags=(flag,))
            self.train(suite)
            time.sleep(1.5)  # until some are on their way
            start = time.monotonic()
            self.assertEqual(suite.stop(), [0])
            self.assertLess(time.monotonic() - start, 3)


if __name__ == "__main__":
    unittest.main()
