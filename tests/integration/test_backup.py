"""Backups of servers that are in use, whatever ends them, and what is restored of them."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import numpy as np
from google.protobuf import field_mask_pb2

import golden_store
from golden_store import explained
from harness import BIN, Server, Suite, cs, grpc, pb, recording, tensor

KILLS = 20
ROWS = np.random.default_rng(0).normal(size=(500, 512)).astype("<f4")  # 1 MB


def recsae(*arguments, check=True, env=None):
    done = subprocess.run([BIN / "recsae", *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, env={**os.environ, **(env or {})})
    if check and done.returncode != 0:
        raise AssertionError(f"recsae {arguments}: {done.returncode} {done.stderr}")
    return done


def backups(folder):
    return json.loads(recsae("backup", "list", "--from", folder, "--json").stdout)["backups"]


class BackupTest(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-backup-"))
        self.folder = self.directory / "backups"
        self.servers = []

    def tearDown(self):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def probe(self, directory, *flags):
        server = Server("probe", directory, ["--backup-dir", self.folder, *flags]).start()
        self.servers.append(server)
        from recsae.probe.v1 import probe_pb2_grpc
        return server, probe_pb2_grpc.ProbeStub(server.channel)

    def make_capture(self, probe, name):
        if not probe.ListCatalogs(pb.ListCatalogsRequest()).catalogs:
            probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c"))
            probe.CreateRecommender(pb.CreateRecommenderRequest(
                recommender_id="r", catalog="catalogs/c", activation_dim=512))
        probe.CreateCapture(pb.CreateCaptureRequest(parent="recommenders/r", capture_id=name))
        return f"recommenders/r/captures/{name}"

    def record(self, probe, capture, sequence, rows=ROWS):
        probe.RecordActivations(recording(capture, "p", [
            {"sequence": sequence, "activations": tensor(rows)}]), timeout=30)

    def rows(self, probe, capture):
        return probe.GetCapture(pb.GetCaptureRequest(name=capture)).row_count

    def test_while_it_is_written(self):
        server, probe = self.probe(self.directory / "probe")
        capture = self.make_capture(probe, "a")
        acknowledged, stop = [], threading.Event()

        def write():
            while not stop.is_set():
                self.record(probe, capture, len(acknowledged) + 1)
                acknowledged.append(len(acknowledged) + 1)
        writer = threading.Thread(target=write)
        writer.start()
        found = []
        try:
            for _ in range(3):
                before = len(acknowledged)
                made = json.loads(recsae("--server", server.address, "backup", "create",
                                         "--json").stdout)["backups"]
                found.append((before, made[0]["name"], len(acknowledged)))
        finally:
            stop.set()
            writer.join()
        self.assertGreater(len(acknowledged), 0)
        self.assertIn("backup made", server.log_text())
        recsae("--server", server.address, "backup", "verify")
        for i, (before, name, after) in enumerate(found):
            to = self.directory / f"restored{i}"
            recsae("backup", "restore", "--from", self.folder, "--backup", name, "--to", to)
            _, restored = self.probe(to)
            rows = self.rows(restored, capture) // len(ROWS)
            self.assertLessEqual(before, rows)
            self.assertLessEqual(rows, after + 1)
            read = b"".join(batch.activations.data for batch in restored.ReadActivations(
                pb.ReadActivationsRequest(capture=capture, batch_rows=500)))
            self.assertEqual(read, rows * ROWS.tobytes())

    def test_a_server_that_is_killed_in_the_middle(self):
        """What is there afterwards is whole."""
        chance = random.Random(1)
        server, probe = self.probe(self.directory / "probe", "--backup-rate", "32MiB")
        capture = self.make_capture(probe, "a")
        made = 0
        for kill in range(KILLS):
            for n in range(1, 5):
                self.record(probe, capture, 4 * kill + n)
            asked = subprocess.Popen([BIN / "recsae", "--server", server.address, "--timeout", "5",
                                      "backup", "create"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.02, 0.5))
            server.kill()
            asked.send_signal(signal.SIGKILL)
            asked.wait()
            # Even before the next start.
            if self.folder.exists() and (self.folder / "BACKUPS").exists():
                here = backups(self.folder)
                self.assertGreaterEqual(len(here), made)
                made = len(here)
                for backup in here:
                    recsae("backup", "verify", "--from", self.folder, backup["name"])
            server.start()
        recsae("--server", server.address, "backup", "create")
        here = backups(self.folder)
        self.assertGreater(len(here), made)
        # What was cut off is gone: the engines hold what is listed, and the server keeps no copy.
        self.assertFalse((self.directory / "probe" / "backup.tmp").exists())
        held = {path.name for path in (self.folder / "stores" / "probe" / "private").iterdir()}
        self.assertEqual(len(held), len(here))
        recsae("backup", "restore", "--from", self.folder, "--to", self.directory / "restored")
        _, restored = self.probe(self.directory / "restored")
        self.assertEqual(self.rows(restored, capture), self.rows(probe, capture))

    def test_a_restore_that_is_killed_in_the_middle(self):
        chance = random.Random(2)
        server, probe = self.probe(self.directory / "probe", "--backup-rate", "0")
        capture = self.make_capture(probe, "a")
        for sequence in range(1, 41):
            self.record(probe, capture, sequence)
        recsae("--server", server.address, "backup", "create")
        self.assertEqual(server.stop(), 0)
        to = self.directory / "restored"
        command = ["backup", "restore", "--from", self.folder, "--to", to]
        start = time.monotonic()
        recsae(*command)
        took = time.monotonic() - start
        absent = 0
        for _ in range(KILLS):
            shutil.rmtree(to, ignore_errors=True)
            restoring = subprocess.Popen([BIN / "recsae", *command], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, 1.1 * took))
            restoring.send_signal(signal.SIGKILL)
            restoring.wait()
            if not to.exists():
                absent += 1
                continue
            restored, stub = self.probe(to)
            self.assertEqual(self.rows(stub, capture), 40 * len(ROWS))
            self.assertEqual(restored.stop(), 0)
        self.assertGreater(absent, 0)
        if to.exists():
            shutil.rmtree(to)
        recsae(*command)
        self.assertEqual(sorted(path.name for path in self.directory.glob("restored*")
                                if path.is_dir()), ["restored"])

    def test_what_is_refused(self):
        server = Server("concept-store", self.directory / "store").start()
        self.servers.append(server)
        done = recsae("--server", server.address, "backup", "create", "--json", check=False)
        self.assertEqual(done.returncode, 6)
        error = json.loads(done.stderr)["error"]
        self.assertEqual(error["reason"], "BACKUP_DIR_NOT_SET")
        self.assertIn("--backup-dir", error["message"])
        done = recsae("backup", "restore", "--from", self.directory, "--to",
                      self.directory / "x", check=False)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("BACKUP_DIR_UNUSABLE", done.stderr)


class RestoredTimelineTest(unittest.TestCase):
    """Who followed a concept-store that goes on from an older state agrees with it soon."""

    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-timeline-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.suite = Suite(cls.directory, separate=True)
        cls.addClassCleanup(lambda: cls.suite.stop())
        places = [flag for name, server in cls.suite.servers.items()
                  for flag in (f"--{name}", server.address)]
        recsae(*places, "pipeline", *golden_store.PIPELINE)
        cls.server = cls.suite.servers["concept-store"]
        cls.folder = cls.directory / "backups"
        cls.server.flags += ["--backup-dir", cls.folder]

    def setUp(self):
        self.server.stop()
        self.server.start()
        self.suite.connect()

    def told(self):
        """What the explainer says of the latents of one explanation."""
        return {latent.latent: latent.description for latent in explained(
            self.suite.explainer).latents if latent.description}

    def edit(self, latents, text):
        for latent in latents:
            self.suite.store.UpdateConcept(cs.UpdateConceptRequest(
                latent_concept=cs.Concept(name=f"saes/golden/concepts/{latent}", description=text),
                update_mask=field_mask_pb2.FieldMask(paths=["description"])))

    def stored(self, latents):
        found = {}
        for latent in latents:
            found[latent] = self.suite.store.GetConcept(cs.GetConceptRequest(
                name=f"saes/golden/concepts/{latent}")).description
        return found

    def within(self, seconds, expected):
        start = time.monotonic()
        while (found := self.told()) != expected:
            self.assertLess(time.monotonic() - start, seconds, f"{found} is not {expected}")
            time.sleep(0.05)
        return time.monotonic() - start

    def check(self, take, bring_back):
        before = self.told()
        self.assertGreater(len(before), 1)
        take()
        self.edit(before, "of the lost timeline")
        self.within(5, {latent: "of the lost timeline" for latent in before})
        self.assertEqual(self.server.stop(), 0)
        bring_back()
        self.server.start()
        self.suite.connect()
        self.assertEqual(self.stored(before), before)
        # The revisions of the lost timeline come again, for something else.
        first, *others = before
        self.edit([first] * (len(before) + 3), "of the new timeline")
        self.within(5, {**before, first: "of the new timeline"})
        self.edit([first], before[first])
        self.within(5, before)

    def replace(self, make):
        """The folder by what `make` puts there."""
        shutil.move(self.server.directory, self.directory / "lost")
        make()
        shutil.rmtree(self.directory / "lost")

    def test_restored_from_a_backup(self):
        self.check(lambda: recsae("--server", self.server.address, "backup", "create"),
                   lambda: self.replace(lambda: recsae(
                       "backup", "restore", "--from", self.folder, "--to", self.server.directory)))

    def test_replaced_by_a_copy(self):
        copy = self.directory / "copy"
        self.addCleanup(shutil.rmtree, copy, ignore_errors=True)

        def take():
            # As of this moment: files are not changed, only added to and replaced.
            self.assertEqual(self.server.stop(), 0)
            shutil.copytree(self.server.directory, copy)
            self.server.start()
            self.suite.connect()
        self.check(take, lambda: self.replace(
            lambda: shutil.copytree(copy, self.server.directory)))

    def test_replaced_by_a_copy_of_a_running_server(self):
        """Whose epoch went on after the copy was made."""
        copy = self.directory / "copy"
        self.addCleanup(shutil.rmtree, copy, ignore_errors=True)
        self.check(lambda: shutil.copytree(self.server.directory, copy),
                   lambda: self.replace(lambda: shutil.copytree(copy, self.server.directory)))


if __name__ == "__main__":
    unittest.main()
