"""Starts the real servers on free ports and gives stubs for them; shared by all integration tests."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import grpc
import numpy as np
from google.protobuf import any_pb2  # noqa: F401  (registers Any for Job.result)
from google.rpc import error_details_pb2, status_pb2

from recsae.concept_store.v1 import concept_store_pb2 as cs
from recsae.concept_store.v1 import concept_store_pb2_grpc
from recsae.explainer.v1 import explainer_pb2 as ex
from recsae.explainer.v1 import explainer_pb2_grpc
from recsae.jobs.v1 import jobs_pb2 as jb
from recsae.jobs.v1 import jobs_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc
from recsae.tensor.v1 import tensor_pb2
from recsae.trainer.v1 import trainer_pb2 as tr
from recsae.trainer.v1 import trainer_pb2_grpc

BIN = pathlib.Path(os.environ["RECSAE_BIN"])
PEERS = {"probe": [], "trainer": ["probe", "concept-store"], "concept-store": [],
         "explainer": ["probe", "concept-store"]}
START_SECONDS = 60
JOB_SECONDS = 240


def tensor(values):
    """A float32 array as the wire has it."""
    values = np.ascontiguousarray(values, dtype="<f4")
    return tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=values.shape,
                             data=values.tobytes())


def item_stream(catalog, items):
    """What UploadItems takes."""
    return iter([pb.UploadItemsRequest(header=pb.UploadItemsRequest.Header(catalog=catalog)),
                 pb.UploadItemsRequest(batch=pb.UploadItemsRequest.Batch(items=items))])


def head_stream(recommender, batches):
    """What UploadPredictionHead takes: batches of (item ids, vectors [n, d])."""
    request = pb.UploadPredictionHeadRequest
    yield request(header=request.Header(recommender=recommender))
    for item_ids, vectors in batches:
        yield request(batch=request.Batch(item_ids=item_ids, vectors=tensor(vectors)))


def recording(capture, producer, batches):
    """What RecordActivations takes: batches are dictionaries of RecordActivationsRequest.Batch."""
    request = pb.RecordActivationsRequest
    yield request(header=request.Header(capture=capture, producer=producer))
    for batch in batches:
        yield request(batch=request.Batch(**batch))


def array(message):
    """A float32 Tensor as an array."""
    assert message.data_type == tensor_pb2.DATA_TYPE_FLOAT32
    return np.frombuffer(message.data, dtype="<f4").reshape(list(message.shape))


class Server:
    """One server process on free ports, with its data in a folder of its own."""

    def __init__(self, service, directory, flags=(), env=None, files=None, within=()):
        """files: how many files the process may have open; within: the words of a command that runs it."""
        self.files = files
        self.within = list(within)
        self.service = service
        self.directory = pathlib.Path(directory)
        self.flags = list(flags)
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.address = None
        self._channel = None

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        port_file = self.directory.parent / (self.directory.name + ".port")
        port_file.unlink(missing_ok=True)
        self.log = self.directory.parent / (self.directory.name + ".log")
        # By another program: a preexec_fn would fork this process, which gRPC's threads may not live through.
        limit = [] if self.files is None else ["prlimit", f"--nofile={self.files}:{self.files}"]
        listen = self.address or "127.0.0.1:0"  # a restart keeps its port: peers know it
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.within, *limit, BIN / f"recsae-{self.service}", "--listen", listen,
                 "--metrics-listen", "127.0.0.1:0", "--data-dir", self.directory,
                 "--port-file", port_file, *self.flags],
                env=self.env, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not (port_file.exists() and port_file.read_text().strip()):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.service} ended with {self.process.returncode}: "
                                   + self.log_text()[-2000:])
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.service} did not start: " + self.log_text()[-2000:])
            time.sleep(0.02)
        text = port_file.read_text().strip()
        self.address = text if ":" in text else f"127.0.0.1:{text}"
        self.wait_until_serving()
        return self

    def log_text(self):
        return self.log.read_text(errors="replace")

    def metrics_address(self):
        """From the log: the servers say where they serve their metrics."""
        for line in self.log_text().splitlines():
            port = json.loads(line).get("metrics_port")
            if port:
                return f"127.0.0.1:{port}"
        raise AssertionError("no metrics address in the log")

    def wait_until_serving(self):
        """Until a health check is answered; a channel to a killed process notices only by a call."""
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check",
                                         request_serializer=lambda _: b"",
                                         response_deserializer=lambda b: b)
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(grpc.RpcError):
                # HealthCheckResponse{status: SERVING}
                if check(None, timeout=5, wait_for_ready=True) == b"\x08\x01":
                    return
            assert time.monotonic() < deadline, f"{self.service} does not serve"
            time.sleep(0.05)

    @property
    def channel(self):
        if self._channel is None:
            self._channel = grpc.insecure_channel(self.address, options=[
                ("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 500)])
        return self._channel

    def kill(self):
        """kill -9, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self.process is None or self.process.poll() is not None:
            return None if self.process is None else self.process.returncode
        self.process.terminate()
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def alive(self):
        return self.process.poll() is None


class Suite:
    """The whole suite: one recsae-standalone, or the four servers (`flags` are the probe's then,
    `all_flags` those of each)."""

    def __init__(self, directory, separate=False, flags=(), env=None, all_flags=()):
        directory = pathlib.Path(directory)
        self.servers = {}
        if not separate:
            server = Server("standalone", directory / "standalone", [*flags, *all_flags],
                            env).start()
            self.servers = {name: server for name in PEERS}
        else:
            for name in ("probe", "concept-store", "trainer", "explainer"):
                extra = [f"--{peer}={self.servers[peer].address}" for peer in PEERS[name]]
                extra += all_flags
                if name == "probe":
                    extra += flags
                self.servers[name] = Server(name, directory / name, extra, env).start()
        self.connect()

    def connect(self):
        """Stubs of the servers; again after one was stopped and started."""
        self.probe = probe_pb2_grpc.ProbeStub(self.servers["probe"].channel)
        self.trainer = trainer_pb2_grpc.TrainerStub(self.servers["trainer"].channel)
        self.store = concept_store_pb2_grpc.ConceptStoreStub(self.servers["concept-store"].channel)
        self.explainer = explainer_pb2_grpc.ExplainerStub(self.servers["explainer"].channel)
        self.jobs = {name: jobs_pb2_grpc.JobsStub(self.servers[name].channel)
                     for name in ("probe", "trainer", "explainer")}

    def stop(self):
        return [server.stop() for server in set(self.servers.values())]

    def finish(self, service, job, result_type=None):
        """Waits for a job through WatchJob; returns its result, or the failed job."""
        for state in self.jobs[service].WatchJob(jb.WatchJobRequest(name=job.name),
                                                 timeout=JOB_SECONDS, wait_for_ready=True):
            job = state
        if result_type is None:
            return job
        if job.state != jb.Job.STATE_SUCCEEDED:
            raise AssertionError(f"{job.name} ({job.kind}) did not succeed: {job.error.message}")
        result = result_type()
        assert job.result.Unpack(result), job.result.type_url
        return result


class SuiteTest(unittest.TestCase):
    """A test class with one suite of its own for all its tests."""

    separate = False
    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-test-"))
        cls.suite = Suite(cls.directory, cls.separate, cls.flags)
        # Not tearDownClass: that is left out where the set-up of a subclass fails after this.
        cls.addClassCleanup(cls.stop_suite)

    @classmethod
    def stop_suite(cls):
        statuses = cls.suite.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)
        assert all(status == 0 for status in statuses), f"exit statuses {statuses}"

    def assert_error(self, code, reason, call, *args, mentions=(), **kwargs):
        """The call fails with this code and ErrorInfo reason; returns the error for more checks."""
        requests = list(args[0]) if hasattr(args[0], "__next__") else [args[0]]
        sent = iter(requests) if hasattr(args[0], "__next__") else args[0]
        with self.assertRaises(grpc.RpcError) as caught:
            result = call(sent, *args[1:], timeout=30, **kwargs)
            if hasattr(result, "__next__"):
                list(result)
        error = caught.exception
        self.assertEqual(error.code(), code, error.details())
        info = details(error).get("google.rpc.ErrorInfo")
        self.assertIsNotNone(info, f"no ErrorInfo: {error.details()}")
        self.assertEqual(info.domain, "recsae")
        self.assertEqual(info.reason, reason, error.details())
        for text in mentions:
            self.assertIn(text, error.details())
        for field in named_fields(error):
            self.assertTrue(has_field(requests[0].DESCRIPTOR, field),
                            f"{type(requests[0]).__name__} has no {field}: {error.details()}")
        for server in set(self.suite.servers.values()):
            self.assertTrue(server.alive(), "the server died")
        return error


def named_fields(error):
    """The paths in the request that an error says to be at fault."""
    found = details(error)
    fields = [v.field for v in found["google.rpc.BadRequest"].field_violations] \
        if "google.rpc.BadRequest" in found else []
    if "field" in found["google.rpc.ErrorInfo"].metadata:
        fields.append(found["google.rpc.ErrorInfo"].metadata["field"])
    return fields


def has_field(message, path):
    """Whether messages of this type have such a path: "variants[1].config.k"."""
    for name in re.sub(r"\[\d+\]", "", path).split("."):
        if message is None or name not in message.fields_by_name:
            return False
        message = message.fields_by_name[name].message_type
    return True


def details(error):
    """The google.rpc details of an RPC error, by message name."""
    found = {}
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                name = detail.type_url.rsplit("/", 1)[-1]
                kind = {"google.rpc.ErrorInfo": error_details_pb2.ErrorInfo,
                        "google.rpc.BadRequest": error_details_pb2.BadRequest}.get(name)
                if kind is not None:
                    found[name] = kind.FromString(detail.value)
    return found
