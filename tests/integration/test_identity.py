"""Who may call what: tokens, certificates and roles, over real sockets with the real servers."""

import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import grpc

from harness import BIN, Server, details
from identity import (Authority, bearer, code_of_empty_call, reflected_methods, token_lines)
from recsae.jobs.v1 import jobs_pb2 as jb
from recsae.jobs.v1 import jobs_pb2_grpc
from recsae.probe.v1 import probe_pb2 as pb
from recsae.probe.v1 import probe_pb2_grpc

READER, WRITER, ADMIN = "reader-token-1", "writer-token-2", "admin-token-3"
CALLERS = (("rita", "reader", READER), ("wim", "writer", WRITER), ("ada", "admin", ADMIN))
ROLES = {"": 0, READER: 1, WRITER: 2, ADMIN: 3}


def needed(path):
    """The role by the method's name, as the documentation says it."""
    service, name = path.strip("/").split("/")
    if service == "grpc.health.v1.Health":
        return 0
    if name in ("DeleteControl", "UndeleteControl"):  # who may set one may take it back
        return 2
    if name.startswith(("Delete", "Import")) or service.startswith("recsae.backups."):
        return 3
    if name.startswith(("Create", "Upload", "Record", "Host", "Train", "Build", "Evaluate",
                        "Update", "Publish", "Set", "Cancel", "BatchUpsert", "Capture")):
        return 2
    return 1


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-identity-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.tokens = cls.directory / "tokens"
        cls.tokens.write_text(token_lines(*CALLERS))


class RolesTest(Folder):
    """One standalone on this machine, with tokens."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Server("standalone", cls.directory / "roles",
                            ["--tokens", cls.tokens]).start()
        cls.addClassCleanup(cls.server.stop)

    def test_every_method_and_every_role(self):
        methods = reflected_methods(self.server.channel, bearer(ADMIN))
        self.assertGreater(len(methods), 50)
        wrong = []
        for path, client_streams, _ in methods:
            for token, role in ROLES.items():
                code, text = code_of_empty_call(self.server.channel, path, client_streams,
                                                bearer(token), 0.4)
                if role < needed(path):
                    expected = (grpc.StatusCode.PERMISSION_DENIED if token else
                                grpc.StatusCode.UNAUTHENTICATED)
                    right = code == expected
                else:
                    right = code not in (grpc.StatusCode.PERMISSION_DENIED,
                                         grpc.StatusCode.UNAUTHENTICATED,
                                         grpc.StatusCode.UNIMPLEMENTED)
                if not right:
                    wrong.append((path, token, code, text))
        self.assertEqual(wrong, [])

    def test_a_method_that_is_not_there(self):
        for token, expected in (("", grpc.StatusCode.UNAUTHENTICATED),
                                (ADMIN, grpc.StatusCode.UNIMPLEMENTED)):
            code, _ = code_of_empty_call(self.server.channel, "/recsae.probe.v1.Probe/NoSuch",
                                         False, bearer(token), 5)
            self.assertEqual(code, expected)

    def test_writers_cancel_their_own_jobs_only(self):
        probe = probe_pb2_grpc.ProbeStub(self.server.channel)
        jobs = jobs_pb2_grpc.JobsStub(self.server.channel)
        other = "somebody-elses-4"
        self.tokens.write_text(token_lines(*CALLERS, ("otto", "writer", other)))
        deadline = time.monotonic() + 5
        while True:  # until the new token is known
            try:
                jobs.ListJobs(jb.ListJobsRequest(), metadata=bearer(other), timeout=10)
                break
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.UNAUTHENTICATED)
                self.assertLess(time.monotonic(), deadline, "a new token is not taken")
        request = pb.TrainRecommenderRequest(recommender_id="mine",
                                             kind=pb.Recommender.KIND_BPRMF,
                                             dataset=pb.DatasetRef(name="planted"))
        job = probe.TrainRecommender(request, metadata=bearer(WRITER), timeout=60)
        self.assertEqual(job.creator, "wim")
        with self.assertRaises(grpc.RpcError) as caught:
            jobs.CancelJob(jb.CancelJobRequest(name=job.name), metadata=bearer(other), timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        self.assertEqual(details(caught.exception)["google.rpc.ErrorInfo"].reason,
                         "JOB_OF_ANOTHER")
        jobs.CancelJob(jb.CancelJobRequest(name=job.name), metadata=bearer(WRITER), timeout=20)
        jobs.CancelJob(jb.CancelJobRequest(name=job.name), metadata=bearer(ADMIN), timeout=20)

    def test_changes_and_refusals_leave_a_line(self):
        probe = probe_pb2_grpc.ProbeStub(self.server.channel)
        probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="audited", request_id="r-1"),
                            metadata=bearer(WRITER), timeout=20)
        with self.assertRaises(grpc.RpcError):
            probe.DeleteCatalog(pb.DeleteCatalogRequest(name="catalogs/audited"),
                                metadata=bearer(WRITER), timeout=20)
        lines = [json.loads(line) for line in self.server.log_text().splitlines()]
        made = [line for line in lines if line["message"] == "audit"
                and line["resource"] == "audited"]
        self.assertEqual([(line["who"], line["method"], line["code"], line["request_id"])
                          for line in made],
                         [("wim", "/recsae.probe.v1.Probe/CreateCatalog", "OK", "r-1")])
        self.assertGreaterEqual(made[0]["ms"], 0)
        refused = [line for line in lines if line["message"] == "audit: call refused"
                   and line["method"] == "/recsae.probe.v1.Probe/DeleteCatalog"
                   and line["who"] == "wim"]
        self.assertTrue(refused)
        self.assertEqual(refused[0]["reason"], "ROLE_TOO_LOW")
        for token in (READER, WRITER, ADMIN):
            self.assertNotIn(token, self.server.log_text())


class TlsTest(Folder):
    """TLS with certificates and tokens that change while calls go on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = Authority(cls.directory / "ca")
        cls.certificate, cls.key = cls.authority.issue("server", "DNS:localhost", "IP:127.0.0.1")
        cls.server = Server("standalone", cls.directory / "tls",
                            ["--tokens", cls.tokens, "--tls-cert", cls.certificate, "--tls-key",
                             cls.key, "--tls-client-ca", cls.authority.certificate])
        # The harness's own channel is plaintext: it waits for health over one of TLS instead.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        cls.server.address = f"127.0.0.1:{port}"
        cls.channel = cls.new_channel()
        cls.server._channel = cls.channel
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)

    @classmethod
    def new_channel(cls, certificate=None, key=None, authority=None):
        credentials = grpc.ssl_channel_credentials(
            (authority or cls.authority).certificate.read_bytes(),
            key.read_bytes() if key else None, certificate.read_bytes() if certificate else None)
        return grpc.secure_channel(cls.server.address, credentials)

    def list_jobs(self, channel, token="", **kwargs):
        return jobs_pb2_grpc.JobsStub(channel).ListJobs(jb.ListJobsRequest(),
                                                        metadata=bearer(token), timeout=20,
                                                        **kwargs)

    def code(self, channel, token=""):
        try:
            self.list_jobs(channel, token)
            return grpc.StatusCode.OK
        except grpc.RpcError as error:
            return error.code()

    def test_tokens_over_tls(self):
        self.within(5, lambda: self.code(self.channel, READER) == grpc.StatusCode.OK)
        self.assertEqual(self.code(self.channel), grpc.StatusCode.UNAUTHENTICATED)

    def test_plaintext_and_strangers_get_nothing(self):
        with grpc.insecure_channel(self.server.address) as plain:
            self.assertEqual(self.code(plain, READER), grpc.StatusCode.UNAVAILABLE)
        stranger = Authority(self.directory / "other", "other")
        with self.new_channel(authority=stranger) as untrusting:
            self.assertEqual(self.code(untrusting, READER), grpc.StatusCode.UNAVAILABLE)
        forged = stranger.issue("forged", "URI:recsae:role/admin")
        with self.new_channel(*forged) as channel:
            self.assertEqual(self.code(channel), grpc.StatusCode.UNAVAILABLE)

    def test_a_client_certificate_carries_a_role(self):
        for role, expected in (("reader", grpc.StatusCode.PERMISSION_DENIED),
                               ("writer", grpc.StatusCode.OK)):
            made = self.authority.issue(f"client-{role}", f"URI:recsae:role/{role}")
            with self.new_channel(*made) as channel:
                self.assertEqual(self.code(channel), grpc.StatusCode.OK)
                try:
                    probe_pb2_grpc.ProbeStub(channel).CreateCatalog(
                        pb.CreateCatalogRequest(catalog_id=f"by-{role}"), timeout=20)
                    code = grpc.StatusCode.OK
                except grpc.RpcError as error:
                    code = error.code()
                self.assertEqual(code, expected)
        with self.new_channel(*self.authority.issue("nobody", "DNS:nobody")) as channel:
            self.assertEqual(self.code(channel), grpc.StatusCode.UNAUTHENTICATED)

    def served_certificate(self):
        host, port = self.server.address.split(":")
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))

    def test_a_certificate_is_swapped_and_a_token_revoked_under_load(self):
        done, failures, calls = threading.Event(), [], [0]

        def load():
            while not done.is_set():
                with self.new_channel() as channel:  # each handshakes anew
                    for _ in range(10):
                        try:
                            self.list_jobs(channel, ADMIN)
                        except grpc.RpcError as error:
                            failures.append((error.code(), error.details()))
                        calls[0] += 1

        workers = [threading.Thread(target=load) for _ in range(2)]
        for worker in workers:
            worker.start()
        try:
            before = self.served_certificate()
            new, new_key = self.authority.issue("renewed", "DNS:localhost", "IP:127.0.0.1")
            os.replace(new_key, self.key)
            os.replace(new, self.certificate)
            self.within(5, lambda: self.served_certificate() != before)
            self.assertEqual(self.code(self.channel, READER), grpc.StatusCode.OK)
            rest = self.directory / "tokens.new"
            rest.write_text(token_lines(*(c for c in CALLERS if c[2] != READER)))
            os.replace(rest, self.tokens)
            self.within(5, lambda: self.code(self.channel, READER)
                        == grpc.StatusCode.UNAUTHENTICATED)
            self.within(60, lambda: calls[0] >= 1000)
        finally:
            done.set()
            for worker in workers:
                worker.join()
            self.tokens.write_text(token_lines(*CALLERS))
        self.assertEqual(failures[:3], [])

    def test_metrics_of_identity(self):
        self.code(self.channel)
        with urllib.request.urlopen(f"http://{self.server.metrics_address()}/metrics") as page:
            text = page.read().decode()
        self.assertRegex(text, r'recsae_auth_refused_total\{reason="TOKEN_MISSING"\} [1-9]')
        expiry = float(re.search(r'recsae_certificate_expiry_seconds\{file="server.crt"\} (\S+)',
                                 text)[1])
        self.assertLess(abs(expiry - time.time() - 2 * 86400), 7200)

    def within(self, seconds, condition):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)


class SeparateServersTest(Folder):
    """The four servers and the command, each with a certificate and a token."""

    def test_a_pipeline_over_tls(self):
        authority = Authority(self.directory / "ca")
        service = self.directory / "service.token"
        service.write_text(WRITER + "\n")
        caller = self.directory / "admin.token"
        caller.write_text(ADMIN + "\n")
        servers = {}
        for name in ("probe", "concept-store", "trainer", "explainer"):
            certificate, key = authority.issue(name, "DNS:localhost", "IP:127.0.0.1")
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            flags = ["--tls-cert", certificate, "--tls-key", key, "--tokens", self.tokens]
            if name in ("trainer", "explainer"):
                flags += ["--peer-ca", authority.certificate, "--peer-token", service,
                          "--probe", servers["probe"].address,
                          "--concept-store", servers["concept-store"].address]
            server = Server(name, self.directory / name, flags)
            server.address = f"127.0.0.1:{port}"
            server._channel = grpc.secure_channel(
                server.address,
                grpc.ssl_channel_credentials(authority.certificate.read_bytes()))
            servers[name] = server.start()
            self.addCleanup(server.stop)
        addresses = [part for name, server in servers.items()
                     for part in (f"--{name}", server.address)]
        identity = ["--tls-ca", authority.certificate, "--token-file", caller]

        def recsae(*arguments, who=identity):
            return subprocess.run([BIN / "recsae", *arguments, *addresses, *who],
                                  capture_output=True, text=True, timeout=600)

        run = recsae("pipeline", "--dataset", "planted", "--recommender", "bprmf", "--quiet")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(recsae("saes", "list").returncode, 0)
        nobody = recsae("saes", "list", who=["--tls-ca", authority.certificate])
        self.assertNotEqual(nobody.returncode, 0)
        self.assertIn("token", nobody.stderr)
        plain = recsae("saes", "list", who=[])
        self.assertEqual(plain.returncode, 7, plain.stderr)
        text = " ".join(server.log_text() for server in servers.values())
        self.assertNotIn(ADMIN, text)
        self.assertNotIn(WRITER, text)


class StartTest(Folder):
    """What a server says where it would be open to everybody."""

    def start(self, *flags):
        return subprocess.run([BIN / "recsae-concept-store", "--metrics-listen", "off", "--data-dir",
                               self.directory / "start", *flags], capture_output=True, text=True,
                              timeout=60)

    def test_it_does_not_listen_to_everybody_unasked(self):
        run = self.start("--listen", "0.0.0.0:0")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("--insecure", run.stderr)
        run = self.start("--listen", "0.0.0.0:0", "--tokens", self.tokens)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("plaintext", run.stderr)

    def test_it_says_which_file_is_wrong(self):
        run = self.start("--listen", "127.0.0.1:0", "--tls-cert", self.tokens, "--tls-key",
                         self.tokens)
        self.assertEqual(run.returncode, 1)
        self.assertIn(str(self.tokens), run.stderr)
        run = self.start("--listen", "127.0.0.1:0", "--tokens", self.directory / "missing")
        self.assertEqual(run.returncode, 1)
        self.assertIn("missing", run.stderr)


if __name__ == "__main__":
    unittest.main()
