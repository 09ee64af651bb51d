"""What one client without manners may do to a server, and what everybody else notices of it.

A bystander asks for an explanation all the while, over a connection of its own: it is answered throughout. The server has
1,024 file descriptors, as many systems give by default.

`scripts/check.sh abuse` runs this with RECSAE_ABUSE_GROUP, a control group of memory that each server is put into;
RECSAE_ABUSE_DISK, a small file system that its data lie on; and RECSAE_ABUSE_FIGURES, a file that takes a line of JSON for
each test: what it measured."""

import asyncio
import contextlib
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import grpc
import numpy as np

from harness import BIN, Server, recording, tensor
from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.concept_store.v1 import concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc
from recsae.jobs.v1 import jobs_pb2 as jb
from recsae.jobs.v1 import jobs_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc

FILES = 1024
QUIET_SECONDS = 2
FLOOD = pathlib.Path(__file__).parent / "flood.py"
GROUP = os.environ.get("RECSAE_ABUSE_GROUP")
DISK = os.environ.get("RECSAE_ABUSE_DISK")
FIGURES = os.environ.get("RECSAE_ABUSE_FIGURES")


class Bystander:
    """Somebody who asks for an explanation every 10 ms, and keeps how long each took and those that failed."""

    def __init__(self, address, request):
        self.channel = grpc.insecure_channel(address)
        self.request = request
        self.explain = explainer_pb2_grpc.ExplainerStub(self.channel).Explain
        self.seconds, self.failures = [], []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.is_set():
            begin = time.monotonic()
            try:
                self.explain(self.request, timeout=10)
                self.seconds.append(time.monotonic() - begin)
            except grpc.RpcError as error:
                self.failures.append((error.code(), error.details()))
            self.done.wait(0.01)

    def __enter__(self):
        """Returns when it has measured how long a call takes that nobody disturbs."""
        self.thread.start()
        time.sleep(QUIET_SECONDS)
        self.quiet, self.seconds = self.seconds, []
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.channel.close()

    def figures(self):
        """Milliseconds."""
        def p99(seconds):
            return round(1000 * statistics.quantiles(seconds, n=100)[98], 2)
        return {"quiet_p99": p99(self.quiet), "p99": p99(self.seconds), "calls": len(self.seconds)}


class Elsewhere:
    """Hands connections on to a server from another of this machine's addresses."""

    def __init__(self, place, source):
        self.place, self.source = place, source

    def __enter__(self):
        async def carry(reader, writer):
            with contextlib.suppress(OSError):
                while data := await reader.read(1 << 16):
                    writer.write(data)
                    await writer.drain()
            writer.close()

        async def hand_on(reader, writer):
            there = await asyncio.open_connection(*self.place, local_addr=(self.source, 0))
            await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(hand_on, "127.0.0.1", 0))
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.server.close()
        self.loop.run_until_complete(asyncio.sleep(0.1))
        self.loop.close()


def planted(directory):
    """The data of a server on which somebody can be explained, and a request that does."""
    server = Server("standalone", directory / "planted").start()
    try:
        subprocess.run([BIN / "recsae", "--server", server.address, "pipeline", "--dataset", "planted",
                        "--planted-users", "200", "--recommender", "bprmf", "--quiet"],
                       check=True, stdout=subprocess.DEVNULL, timeout=600)
        (sae,) = concept_store_pb2_grpc.ConceptStoreStub(server.channel).ListSaes(cs.ListSaesRequest()).saes
        probe = probe_pb2_grpc.ProbeStub(server.channel)
        capture = next(c for c in probe.ListCaptures(pb.ListCapturesRequest(parent="recommenders/-")).captures
                       if c.name.endswith("/test"))
        case = probe.BatchGetCases(pb.BatchGetCasesRequest(capture=capture.name, rows=[0])).cases[0]
    finally:
        server.stop()
    return server.directory, ex.ExplainRequest(sae=sae.name, subject=ex.Subject(
        captured_user=ex.Subject.CapturedUser(capture=capture.name, user_id=case.user_id)))


class AbuseTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="recsae-abuse-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.data, cls.request = planted(cls.folder)

    def setUp(self):
        self.directory = self.folder / self.id().rsplit(".", 1)[-1]
        self.directory.mkdir()
        data = pathlib.Path(DISK, self.directory.name) if DISK else self.directory / "disk"
        self.addCleanup(shutil.rmtree, data, ignore_errors=True)
        shutil.copytree(self.data, data)
        (self.directory / "abused").symlink_to(data)  # its log and port file lie beside it, on the large disk
        within = ["sh", "-c", f'echo $$ >{GROUP}/cgroup.procs && exec "$@"', "sh"] if GROUP else []
        self.server = Server("standalone", self.directory / "abused", files=FILES, within=within).start()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))  # this client's own
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.addCleanup(self.stop)
        host, port = self.server.address.split(":")
        self.place = (host, int(port))
        self.figures = {"port_seconds": 0.0, "scrape_seconds": 0.0}

    def bystander(self):
        return Bystander(self.server.address, self.request)

    def stop(self):
        self.assertTrue(self.server.alive(), "the server died")
        self.figures["peak_rss_mib"] = self.status("VmHWM") // 1024
        if FIGURES:
            with open(FIGURES, "a") as out:
                out.write(json.dumps({"test": self.directory.name, **self.figures}) + "\n")
        self.assertEqual(self.server.stop(), 0)

    def status(self, name):
        text = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(next(line for line in text.splitlines()
                        if line.startswith(name + ":")).split()[1])

    def was_answered(self, bystander):
        self.assertEqual(bystander.failures, [])
        self.figures.update(bystander.figures())

    def answers(self, seconds):
        """Whether a connection that is made now is served within so many seconds."""
        begin = time.monotonic()
        deadline = begin + seconds
        while time.monotonic() < deadline:
            with grpc.insecure_channel(self.server.address) as channel:
                with contextlib.suppress(grpc.RpcError):
                    jobs_pb2_grpc.JobsStub(channel).ListJobs(
                        jb.ListJobsRequest(), timeout=max(0.1, deadline - time.monotonic()))
                    self.figures["port_seconds"] = max(self.figures["port_seconds"], time.monotonic() - begin)
                    return True
        return False

    def scrape(self, seconds=1):
        begin = time.monotonic()
        address = self.server.metrics_address()
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
            text = page.read().decode()
        taken = time.monotonic() - begin
        self.figures["scrape_seconds"] = max(self.figures["scrape_seconds"], taken)
        self.assertLess(taken, seconds)
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in text.splitlines() if not line.startswith("#")}

    def connect(self, first_bytes=b""):
        made = socket.socket()
        made.settimeout(5)
        try:
            made.connect(self.place)
            if first_bytes:
                made.sendall(first_bytes)
        except OSError:
            pass
        return made

    def test_five_thousand_connections(self):
        with self.bystander() as bystander:
            for first_bytes in (b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
                held = [self.connect(first_bytes) for _ in range(2500)]
                time.sleep(1)
                self.scrape()
                for connection in held:
                    connection.close()
                self.assertTrue(self.answers(3), "the port is deaf")
                time.sleep(1)
        self.was_answered(bystander)
        self.assertGreater(len(bystander.seconds), 50)
        found = self.scrape()
        refused = sum(value for name, value in found.items()
                      if name.startswith("recsae_connections_refused_total"))
        self.assertGreater(refused + found["recsae_connections_silent_closed_total"], 1000)

    def test_one_address_does_not_take_all_places(self):
        """With connections that speak HTTP/2 and stay."""
        settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
        with self.bystander() as bystander:
            held = [self.connect(settings) for _ in range(1100)]
            try:
                time.sleep(0.5)
                found = self.scrape()
                self.assertGreater(found['recsae_connections_refused_total{reason="peer"}'], 100)
                self.assertLess(found["recsae_connections"], FILES / 2)
            finally:
                for connection in held:
                    connection.close()
            self.assertTrue(self.answers(3))
        self.was_answered(bystander)

    def test_a_thousand_idle_streams(self):
        """Uploads and recordings that never say anything: those that hold threads are bounded."""
        channels = [grpc.insecure_channel(self.server.address, options=[("grpc.use_local_subchannel_pool", 1)])
                    for _ in range(10)]
        never = threading.Event()
        calls = []

        def silent():
            never.wait()
            yield from ()

        with self.bystander() as bystander:
            for _ in range(100):
                for channel in channels:
                    calls.append(probe_pb2_grpc.ProbeStub(channel).RecordActivations.future(silent()))
            time.sleep(3)
            quiet = len(bystander.seconds)
            time.sleep(1)
            self.assertGreater(len(bystander.seconds), quiet, "nobody is answered any more")
            self.assertLess(self.status("Threads"), 400)
            self.scrape()
        for call in calls:
            call.cancel()
        never.set()
        for channel in channels:
            channel.close()
        self.was_answered(bystander)

    def test_silent_and_dripping_clients_at_the_metrics_port(self):
        host, port = self.server.metrics_address().split(":")
        held = []
        for i in range(12):
            made = socket.create_connection((host, int(port)))
            if i % 2:
                made.sendall(b"GET /met")
            held.append(made)
        try:
            with self.bystander() as bystander:
                for _ in range(10):
                    self.scrape()
                    time.sleep(0.1)
                with urllib.request.urlopen(f"http://{host}:{port}/livez", timeout=2) as page:
                    self.assertEqual(page.read(), b"ok\n")
        finally:
            for made in held:
                made.close()
        self.was_answered(bystander)

    def test_pings_without_calls(self):
        """As common keepalives send them: no GOAWAY too_many_pings."""
        options = [("grpc.keepalive_time_ms", 1500), ("grpc.keepalive_permit_without_calls", 1),
                   ("grpc.http2.max_pings_without_data", 0),
                   ("grpc.keepalive_timeout_ms", 5000)]
        with grpc.insecure_channel(self.server.address, options=options) as channel:
            states = []
            channel.subscribe(states.append, try_to_connect=True)
            time.sleep(9)
            jobs_pb2_grpc.JobsStub(channel).ListJobs(jb.ListJobsRequest(), timeout=5)
        self.assertNotIn(grpc.ChannelConnectivity.TRANSIENT_FAILURE, states)

    def test_a_flood_of_calls(self):
        """More ComputeActivations than may run or wait: the rest are told to come again."""
        stub = probe_pb2_grpc.ProbeStub(self.server.channel)
        captured = self.request.subject.captured_user
        recommender = captured.capture.split("/captures/")[0]
        asked = [pb.ComputeActivationsRequest(recommender=recommender, queries=[
            pb.ComputeActivationsRequest.Query(user_id=captured.user_id)] * 100),
                 pb.ComputeActivationsRequest(recommender="recommenders/none", queries=[
            pb.ComputeActivationsRequest.Query(history_item_ids=["x"] * 500)] * 100)]
        codes = set()
        with self.bystander() as bystander:
            for request in asked:
                calls = [stub.ComputeActivations.future(request, timeout=30) for _ in range(1000)]
                codes |= {call.code() for call in calls}
        answered = {grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND}
        self.assertLessEqual(answered, codes)
        self.assertLessEqual(codes, answered | {grpc.StatusCode.RESOURCE_EXHAUSTED})
        self.was_answered(bystander)
        self.assertLess(statistics.median(bystander.seconds), 1 + 50 * statistics.median(bystander.quiet))

    def test_one_caller_does_not_take_all_turns(self):
        """Another address asks for far more explanations than may run or wait: it alone is turned away."""
        self.server.stop()
        self.server.log.unlink()  # it tells where metrics are
        self.server.flags += ["--max-concurrent-calls", "2", "--max-waiting-calls", "4"]
        self.server.start()
        probe = probe_pb2_grpc.ProbeStub(self.server.channel)
        capture = self.request.subject.captured_user.capture
        rows = next(probe.ReadActivations(pb.ReadActivationsRequest(capture=capture, batch_rows=128))).activations
        request = ex.ExplainRequest(sae=self.request.sae, subject=ex.Subject(activations=rows), top_item_count=20)
        with Elsewhere(self.place, "127.0.0.9") as address, self.bystander() as bystander:
            flood = subprocess.Popen([sys.executable, FLOOD, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            answers, _ = flood.communicate(request.SerializeToString())
            counts = self.scrape(seconds=5)
        answers = json.loads(answers)
        self.assertEqual(set(answers), {"OK", "RESOURCE_EXHAUSTED"})  # or nothing was shown
        self.was_answered(bystander)
        self.assertGreater(counts['recsae_calls_displaced_total{gate="explain"}'], 0)

    def test_messages_as_large_as_they_may_be(self):
        """Recordings by sixteen callers at a time, more than the disk holds, if it is a small one."""
        probe = probe_pb2_grpc.ProbeStub(self.server.channel)
        probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="large"))
        probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="large", catalog="catalogs/large", activation_dim=512))
        probe.CreateCapture(pb.CreateCaptureRequest(parent="recommenders/large", capture_id="c"))
        rows = tensor(np.random.default_rng(0).normal(size=(1900, 512)))  # of the 4 MiB of a message
        batches = 12 if DISK else 2
        with self.bystander() as bystander:
            calls = [probe.RecordActivations.future(recording("recommenders/large/captures/c", f"p{i}", [
                {"sequence": n, "activations": rows} for n in range(1, batches + 1)]), timeout=120)
                     for i in range(16)]
            codes = {call.code() for call in calls}
            probe.DeleteCapture(pb.DeleteCaptureRequest(name="recommenders/large/captures/c"), timeout=60)
        self.assertLessEqual(codes, {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED})
        if DISK:
            self.assertIn(grpc.StatusCode.RESOURCE_EXHAUSTED, codes)
        self.was_answered(bystander)

    def test_downloads_are_off(self):
        with self.assertRaises(grpc.RpcError) as caught:
            probe_pb2_grpc.ProbeStub(self.server.channel).GetDataset(
                pb.GetDatasetRequest(dataset=pb.DatasetRef(name="ml-100k")), timeout=10)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertIn("--allow-downloads", caught.exception.details())


class FewFilesTest(unittest.TestCase):
    def test_the_command_says_where_it_is_refused(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-abuse-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        server = Server("standalone", directory / "one", ["--max-connections", "1",
                                                          "--max-connections-per-peer", "1"]).start()
        self.addCleanup(server.stop)
        run = subprocess.run([BIN / "recsae", "--server", server.address, "saes", "list"],
                             capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 7, run.stderr)


if __name__ == "__main__":
    unittest.main()
