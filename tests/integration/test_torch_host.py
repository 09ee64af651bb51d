"""What runs on libtorch runs in processes of its own: the servers link none, modules are confined and ended,
a crash costs the calls in flight alone, no child outlives its server, and without the program the rest
works."""

import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time
import unittest

import grpc
import numpy as np
import torch

from harness import BIN, SuiteTest, array, jb, pb, tensor

DIM = 8
HISTORY = 6
PLANTED = pb.DatasetRef(name="planted", planted=pb.PlantedOptions(
    concept_count=4, items_per_concept=10, user_count=100, interactions_per_user=10, seed=3))
ITEMS = 40
DEADLINE = 3
LOOPS, ALLOCATES, THROWS = 1, 2, 3  # numbers of the first item, from 1


class Moody(torch.nn.Module):
    """Does harm for histories of two items that begin with some item, which an import does not try."""

    def __init__(self):
        super().__init__()
        self.items = torch.nn.Embedding(ITEMS + 1, DIM, padding_idx=0)

    def forward(self, history: torch.Tensor, lengths: torch.Tensor,
                user: torch.Tensor) -> torch.Tensor:
        x = self.items(history).sum(1)
        first = int(history[0, 0])
        if int(lengths[0]) == 2 and int(history.size(0)) == 1:
            if first == 1:
                while bool(x.abs().sum() >= 0):
                    x = x * 1.0
            if first == 2:
                x = x + torch.ones(25000000000).sum()
            if first == 3:
                raise ValueError("not today")
        return x


class Looping(Moody):
    def forward(self, history: torch.Tensor, lengths: torch.Tensor,
                user: torch.Tensor) -> torch.Tensor:
        x = self.items(history).sum(1)
        while bool(x.abs().sum() >= 0):
            x = x * 1.0
        return x


class Reading(Moody):
    def forward(self, history: torch.Tensor, lengths: torch.Tensor,
                user: torch.Tensor) -> torch.Tensor:
        secret = torch.from_file("/etc/passwd", False, 16, dtype=torch.uint8)
        return self.items(history).sum(1) + secret.sum().float()


class Forking(Moody):
    def forward(self, history: torch.Tensor, lengths: torch.Tensor,
                user: torch.Tensor) -> torch.Tensor:
        half = torch.jit.fork(halved, self.items(history).sum(1))
        print("a line that is no log line")
        return torch.jit.wait(half)


def halved(x: torch.Tensor) -> torch.Tensor:
    return x / 2


def hosts_of(server):
    """Process ids of the server's recsae-torch-hosts."""
    listed = subprocess.run(["ps", "--ppid", str(server.process.pid), "-o", "pid=,comm="],
                            capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "recsae-torch-ho" in line]


def is_running(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


class HostTest(SuiteTest):
    def import_stream(self, recommender_id, module, vectors, ids=(), **header):
        header.setdefault("dataset", PLANTED)
        yield pb.ImportRecommenderRequest(header=pb.ImportRecommenderRequest.Header(
            recommender_id=recommender_id, history_length=HISTORY, **header))
        yield pb.ImportRecommenderRequest(module=module)
        yield pb.ImportRecommenderRequest(item_vectors=tensor(vectors), item_ids=ids)

    def script(self, module):
        path = self.directory / "module.pt"
        torch.jit.script(module.eval()).save(str(path))
        return path.read_bytes()

    def do_import(self, name, module, ids=(), **header):
        vectors = module.items.weight[1:].detach().numpy()
        made = self.suite.probe.ImportRecommender(
            self.import_stream(name, self.script(module), vectors, ids, **header), timeout=60)
        self.ids = [item.id for part in self.suite.probe.ReadItems(
            pb.ReadItemsRequest(catalog=made.catalog)) for item in part.items]
        return made.name

    def refuse(self, code, reason, module, mentions=()):
        self.assert_error(code, reason, self.suite.probe.ImportRecommender,
                          self.import_stream("refused", self.script(module), np.ones((ITEMS, DIM))),
                          mentions=mentions)

    def request(self, name, *numbers):
        """Of one history of items by their numbers, from 1."""
        return pb.ComputeActivationsRequest(recommender=name, queries=[
            pb.ComputeActivationsRequest.Query(
                history_item_ids=[self.ids[number - 1] for number in numbers])])

    def compute(self, name, *numbers):
        return array(self.suite.probe.ComputeActivations(self.request(name, *numbers), timeout=60).activations)

    def train(self, recommender_id, kind=pb.Recommender.KIND_SASREC, epochs=1):
        return self.suite.probe.TrainRecommender(pb.TrainRecommenderRequest(
            recommender_id=recommender_id, kind=kind, dataset=PLANTED,
            hyper_parameters=pb.HyperParameters(epoch_count=epochs, embedding_dim=DIM, patience=100_000)))


class ModulesTest(HostTest):
    flags = ("--allow-modules", "--module-deadline", str(DEADLINE), "--module-memory", "512MiB")

    def test_harm_costs_its_own_call_alone(self):
        torch.manual_seed(1)
        module = Moody()
        name = self.do_import("moody", module)
        expected = module.items.weight[5].detach().numpy()
        np.testing.assert_allclose(self.compute(name, 5)[0], expected, atol=1e-6)
        compute = self.suite.probe.ComputeActivations
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "MODULE_FAILED", compute,
                          self.request(name, THROWS, 1), mentions=("not today", name))
        self.assert_error(grpc.StatusCode.FAILED_PRECONDITION, "MODULE_FAILED", compute,
                          self.request(name, ALLOCATES, 1), mentions=("allocate", name))
        began = time.monotonic()
        self.assert_error(grpc.StatusCode.DEADLINE_EXCEEDED, "MODULE_DEADLINE", compute,
                          self.request(name, LOOPS, 1), mentions=("--module-deadline", name))
        self.assertLess(time.monotonic() - began, DEADLINE + 5)
        np.testing.assert_allclose(self.compute(name, 5)[0], expected, atol=1e-6)

    def test_those_in_line_behind_a_loop_are_answered(self):
        name = self.do_import("line", Moody())
        answers = {}

        def call(number, *history):
            try:
                answers[number] = self.compute(name, *history)
            except grpc.RpcError as error:
                answers[number] = error

        threads = [threading.Thread(target=call, args=(0, LOOPS, 1))]
        threads[0].start()
        time.sleep(0.3)
        threads += [threading.Thread(target=call, args=(n, 5 + n)) for n in range(1, 6)]
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers[0].code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        for number in range(1, 6):
            self.assertEqual(answers[number].shape, (1, DIM))

    def test_a_caller_that_goes_away_ends_its_loop(self):
        name = self.do_import("left-alone", Moody())
        with self.assertRaises(grpc.RpcError):
            self.suite.probe.ComputeActivations(self.request(name, LOOPS, 1), timeout=0.3)
        began = time.monotonic()
        self.assertEqual(self.compute(name, 5).shape, (1, DIM))
        self.assertLess(time.monotonic() - began, DEADLINE)

    def test_a_killed_host_is_replaced(self):
        name = self.do_import("killed", Moody())
        self.compute(name, 5)
        server = self.suite.servers["probe"]
        for pid in hosts_of(server):
            os.kill(pid, signal.SIGSEGV)
        time.sleep(0.2)
        self.assertEqual(self.compute(name, 5).shape, (1, DIM))
        answer = self.suite.probe.ComputeActivations.future(self.request(name, LOOPS, 1), timeout=60)
        time.sleep(0.5)
        for pid in hosts_of(server):
            os.kill(pid, signal.SIGSEGV)
        with self.assertRaises(grpc.RpcError) as caught:
            answer.result()
        self.assertEqual(caught.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("signal 11", caught.exception.details())

    def test_harm_at_the_import_is_refused(self):
        self.refuse(grpc.StatusCode.DEADLINE_EXCEEDED, "MODULE_DEADLINE", Looping())
        self.refuse(grpc.StatusCode.INVALID_ARGUMENT, "MODULE_FAILED", Reading(),
                    ["/etc/passwd", "not permitted"])

    def test_threads_are_fine_and_output_is_dropped(self):
        name = self.do_import("threads", Forking())
        self.assertEqual(self.compute(name, 5).shape, (1, DIM))
        self.assertNotIn("no log line", self.suite.servers["probe"].log_text())

    def test_items_by_id_in_the_modules_own_order(self):
        torch.manual_seed(2)
        module = Moody()
        plain = self.do_import("plain", module)
        order = list(reversed(self.ids))
        name = self.do_import("by-id", module, order)
        # The catalogue's last item is the module's first.
        np.testing.assert_array_equal(self.compute(name, ITEMS), self.compute(plain, 1))
        heads = [np.concatenate([array(part.vectors) for part in self.suite.probe.ReadPredictionHead(
            pb.ReadPredictionHeadRequest(recommender=one))]) for one in (plain, name)]
        np.testing.assert_array_equal(heads[1], heads[0][::-1])
        for ids, code, reason, named in (
                (["nobody"] + order[1:], grpc.StatusCode.NOT_FOUND, "ITEM_NOT_FOUND", "nobody"),
                ([order[1]] + order[1:], grpc.StatusCode.INVALID_ARGUMENT, "HEAD_ITEM_REPEATED", order[1]),
                (order[:-1], grpc.StatusCode.INVALID_ARGUMENT, "HEAD_INCOMPLETE", "39")):
            self.assert_error(code, reason, self.suite.probe.ImportRecommender,
                              self.import_stream("x", self.script(module), np.ones((ITEMS, DIM)), ids),
                              mentions=(named,))
        self.assert_error(grpc.StatusCode.INVALID_ARGUMENT, "HEAD_INCOMPLETE",
                          self.suite.probe.ImportRecommender,
                          self.import_stream("x", self.script(module), np.ones((ITEMS - 1, DIM)), order[1:]),
                          mentions=(order[0], "missing"))


class BuiltInsTest(HostTest):
    """Not modules: those are not allowed here."""

    def setUp(self):
        self.suite.finish("probe", self.train(self._testMethodName.replace("_", "-")), pb.Recommender)
        self.name = "recommenders/" + self._testMethodName.replace("_", "-")
        self.ids = [item.id for part in self.suite.probe.ReadItems(pb.ReadItemsRequest(
            catalog=self.name.replace("recommenders", "catalogs"))) for item in part.items]

    def test_modules_are_not_taken(self):
        self.refuse(grpc.StatusCode.FAILED_PRECONDITION, "MODULES_DISABLED", Moody(),
                    ["--allow-modules", "docs/hosts.md"])

    def test_a_killed_host_is_replaced(self):
        before = self.compute(self.name, 5)
        for pid in hosts_of(self.suite.servers["probe"]):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
        np.testing.assert_array_equal(self.compute(self.name, 5), before)

    def test_hosts_end_with_their_model_and_server(self):
        self.compute(self.name, 5)
        server = self.suite.servers["probe"]
        pids = hosts_of(server)
        self.assertGreaterEqual(len(pids), 1)
        server.kill()
        deadline = time.monotonic() + 10
        while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual([pid for pid in pids if is_running(pid)], [])
        server.start()

    def test_hosts_outlast_a_signal_to_all(self):
        self.compute(self.name, 5)
        for pid in hosts_of(self.suite.servers["probe"]):
            os.kill(pid, signal.SIGTERM)
        pids = hosts_of(self.suite.servers["probe"])
        self.compute(self.name, 5)
        self.assertEqual(hosts_of(self.suite.servers["probe"]), pids)

    def test_a_cancelled_training_ends_its_host(self):
        job = self.train("never", epochs=100_000)
        server = self.suite.servers["probe"]
        before = time.monotonic()
        while not any(j.progress.stage.startswith("epoch") for j in
                      [self.suite.jobs["probe"].GetJob(jb.GetJobRequest(name=job.name))]):
            self.assertLess(time.monotonic() - before, 60)
            time.sleep(0.1)
        hosts = hosts_of(server)
        self.suite.jobs["probe"].CancelJob(jb.CancelJobRequest(name=job.name))
        self.assertEqual(self.suite.finish("probe", job).state, jb.Job.STATE_CANCELLED)
        self.assertLess(len(hosts_of(server)), len(hosts))


class WithoutHostTest(HostTest):
    flags = ("--torch-host", "/nowhere/recsae-torch-host", "--allow-modules")

    def test_what_needs_it_is_refused_at_the_call(self):
        for kind in ("SASREC", "TIMIREC", "GPT", "BERT4REC", "ECF"):
            self.assert_error(
                grpc.StatusCode.UNIMPLEMENTED, "RECOMMENDER_KIND_UNAVAILABLE",
                self.suite.probe.TrainRecommender,
                pb.TrainRecommenderRequest(recommender_id="x", dataset=PLANTED,
                                           kind=pb.Recommender.Kind.Value("KIND_" + kind)),
                mentions=(kind, "/nowhere/recsae-torch-host", "--torch-host"))
        self.refuse(grpc.StatusCode.UNIMPLEMENTED, "RECOMMENDER_KIND_UNAVAILABLE", Moody(),
                    ["TORCHSCRIPT"])

    def test_the_rest_works(self):
        job = self.train("bprmf", pb.Recommender.KIND_BPRMF)
        self.assertIn("test_hr@10", self.suite.finish("probe", job, pb.Recommender).metrics)


class LinkedTest(unittest.TestCase):
    def test_no_server_links_libtorch(self):
        programs = ["recsae", *("recsae-" + name for name in
                                ("standalone", "probe", "trainer", "concept-store", "explainer"))]
        for program in programs:
            linked = subprocess.run(["ldd", BIN / program], capture_output=True, text=True,
                                    check=True).stdout
            self.assertIn("libc.so", linked)
            for library in ("libtorch", "libc10", "libseccomp"):
                self.assertNotIn(library, linked, program)
        host = subprocess.run(["ldd", BIN / "recsae-torch-host"], capture_output=True, text=True,
                              check=True).stdout
        self.assertIn("libtorch", host)
        self.assertNotIn("libgrpc", host)


if __name__ == "__main__":
    unittest.main()
