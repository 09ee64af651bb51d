"""Connections end by themselves: those that grew old, so that clients find new replicas, and those that nobody uses."""

import pathlib
import shutil
import socket
import tempfile
import time
import unittest

import grpc

from harness import Server
from recsae.jobs.v1 import jobs_pb2 as jb
from recsae.jobs.v1 import jobs_pb2_grpc

# What a client begins with: the preface and empty settings.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
GOAWAY = 7


class ConnectionsTest(unittest.TestCase):
    def start(self, *flags):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-connections-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        server = Server("standalone", directory / "one", flags).start()
        self.addCleanup(server.stop)
        return server

    def read_to_the_end(self, connection, seconds):
        """All that comes until the server closes, or None if it does not; pings are not answered."""
        connection.settimeout(seconds)
        got = b""
        try:
            while part := connection.recv(4096):
                got += part
        except TimeoutError:
            return None
        return got

    def frames(self, got):
        kinds = []
        while len(got) >= 9:
            kinds.append(got[3])
            got = got[9 + int.from_bytes(got[:3], "big"):]
        return kinds

    def test_one_that_grows_old_is_replaced_and_no_call_is_lost(self):
        server = self.start("--max-connection-age-seconds", "1")
        states = []
        with grpc.insecure_channel(server.address) as channel:
            channel.subscribe(states.append)
            stub = jobs_pb2_grpc.JobsStub(channel)
            end = time.monotonic() + 5
            calls = 0
            while time.monotonic() < end:
                stub.ListJobs(jb.ListJobsRequest(), timeout=5)
                calls += 1
            channel.unsubscribe(states.append)
        self.assertGreater(calls, 100)
        again = states.count(grpc.ChannelConnectivity.READY) - 1
        self.assertGreaterEqual(again, 2, states)
        self.assertLessEqual(again, 8, states)

    def test_one_without_calls_is_closed_and_one_with_calls_is_not(self):
        server = self.start("--max-connection-idle-seconds", "1")
        host, port = server.address.split(":")
        begin = time.monotonic()
        states = []
        with grpc.insecure_channel(server.address) as channel, \
                socket.create_connection((host, int(port))) as idle:
            channel.subscribe(states.append)
            idle.sendall(HELLO)
            stub = jobs_pb2_grpc.JobsStub(channel)
            while time.monotonic() < begin + 3:
                stub.ListJobs(jb.ListJobsRequest(), timeout=5)
                time.sleep(0.2)
            self.assertEqual(states.count(grpc.ChannelConnectivity.READY), 1, states)
            got = self.read_to_the_end(idle, 10)
            self.assertIsNotNone(got, "it stays open")
            self.assertIn(GOAWAY, self.frames(got))

    def test_by_default_neither_happens_soon(self):
        server = self.start()
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port))) as idle:
            idle.sendall(HELLO)
            self.assertIsNone(self.read_to_the_end(idle, 4))


if __name__ == "__main__":
    unittest.main()
