"""What one client without manners may do to a server, and what everybody else notices of it.

A bystander asks for jobs all the while, over a connection of its own: it is answered throughout. The server has 1,024 file
descriptors, as many systems give by default."""

import contextlib
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import grpc

from harness import BIN, Server
from recsae.jobs.v1 import jobs_pb2 as jb
from recsae.jobs.v1 import jobs_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc

FILES = 1024


class Bystander:
    """Somebody who calls, every 10 ms, and keeps how long each call took and those that failed."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.stub = jobs_pb2_grpc.JobsStub(self.channel)
        self.seconds, self.failures = [], []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.is_set():
            begin = time.monotonic()
            try:
                self.stub.ListJobs(jb.ListJobsRequest(), timeout=10)
                self.seconds.append(time.monotonic() - begin)
            except grpc.RpcError as error:
                self.failures.append((error.code(), error.details()))
            self.done.wait(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.channel.close()


class AbuseTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-abuse-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.server = Server("standalone", self.directory / "abused", files=FILES).start()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))  # this client's own
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.addCleanup(self.stop)
        host, port = self.server.address.split(":")
        self.place = (host, int(port))

    def stop(self):
        self.assertTrue(self.server.alive(), "the server died")
        self.assertEqual(self.server.stop(), 0)

    def status(self, name):
        text = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(next(line for line in text.splitlines()
                        if line.startswith(name + ":")).split()[1])

    def answers(self, seconds):
        """Whether a connection that is made now is served within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with grpc.insecure_channel(self.server.address) as channel:
                with contextlib.suppress(grpc.RpcError):
                    jobs_pb2_grpc.JobsStub(channel).ListJobs(
                        jb.ListJobsRequest(), timeout=max(0.1, deadline - time.monotonic()))
                    return True
        return False

    def scrape(self, seconds=1):
        begin = time.monotonic()
        address = self.server.metrics_address()
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
            text = page.read().decode()
        self.assertLess(time.monotonic() - begin, seconds)
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
        with Bystander(self.server.address) as bystander:
            time.sleep(0.5)
            for first_bytes in (b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
                held = [self.connect(first_bytes) for _ in range(2500)]
                self.scrape()
                for connection in held:
                    connection.close()
                self.assertTrue(self.answers(3), "the port is deaf")
        self.assertEqual(bystander.failures, [])
        self.assertGreater(len(bystander.seconds), 50)
        found = self.scrape()
        refused = sum(value for name, value in found.items()
                      if name.startswith("recsae_connections_refused_total"))
        self.assertGreater(refused + found["recsae_connections_silent_closed_total"], 1000)

    def test_one_address_does_not_take_all_places(self):
        """With connections that speak HTTP/2 and stay."""
        settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
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

    def test_a_thousand_idle_streams(self):
        """Uploads and recordings that never say anything: those that hold threads are bounded."""
        channels = [grpc.insecure_channel(self.server.address, options=[("grpc.use_local_subchannel_pool", 1)])
                    for _ in range(10)]
        never = threading.Event()
        calls = []

        def silent():
            never.wait()
            yield from ()

        with Bystander(self.server.address) as bystander:
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
        self.assertEqual(bystander.failures, [])

    def test_silent_and_dripping_clients_at_the_metrics_port(self):
        host, port = self.server.metrics_address().split(":")
        held = []
        for i in range(12):
            made = socket.create_connection((host, int(port)))
            if i % 2:
                made.sendall(b"GET /met")
            held.append(made)
        try:
            self.scrape()
            with urllib.request.urlopen(f"http://{host}:{port}/livez", timeout=2) as page:
                self.assertEqual(page.read(), b"ok\n")
        finally:
            for made in held:
                made.close()

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
        quiet = []
        for _ in range(100):
            begin = time.monotonic()
            stub.ListCatalogs(pb.ListCatalogsRequest(), timeout=10)
            quiet.append(time.monotonic() - begin)
        request = pb.ComputeActivationsRequest(
            recommender="recommenders/none",
            queries=[pb.ComputeActivationsRequest.Query(history_item_ids=["x"] * 500)] * 100)
        codes = []
        with Bystander(self.server.address) as bystander:
            calls = [stub.ComputeActivations.future(request, timeout=30) for _ in range(1000)]
            for call in calls:
                codes.append(call.code())
        self.assertLessEqual(set(codes), {grpc.StatusCode.NOT_FOUND,
                                          grpc.StatusCode.RESOURCE_EXHAUSTED})
        self.assertIn(grpc.StatusCode.NOT_FOUND, codes)
        self.assertEqual(bystander.failures, [])
        self.assertLess(statistics.median(bystander.seconds), 1 + 50 * statistics.median(quiet))

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
