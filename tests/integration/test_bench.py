"""recsae bench synthetic: known truth on the small preset, with no server anywhere."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ["RECSAE_BIN"])
TIMES = ("generateSeconds", "trainSeconds")


def command(*arguments):
    return [str(BIN / "recsae"), "bench", "synthetic", "--json", *arguments]


def run(*arguments):
    """Exit status, standard output as JSON if there is any, and standard error."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def scores(document):
    """(dictionary, seed, reading) -> everything that was measured."""
    return {(line["dictionary"], line["seed"], line["readBy"]):
            {key: value for key, value in line.items() if key not in TIMES}
            for line in document["results"]}


class BenchTest(unittest.TestCase):
    def test_small_preset_tells_architectures_and_controls_apart(self):
        status, document, error = run("--architecture", "matryoshka,batch-topk", "--seed", "1")
        self.assertEqual(status, 0, error)
        self.assertEqual((document["preset"], document["features"], document["worldSeed"]),
                         ("small", 256, 42))
        found = scores(document)
        self.assertEqual(len(found), 2 * 6)
        matryoshka = found["matryoshka", 1, "own"]
        batch = found["batch-topk", 1, "own"]
        truth = found["truth", 1, "own"]
        self.assertGreater(matryoshka["f1"], 0.8)
        self.assertGreater(matryoshka["mcc"], 0.7)
        self.assertGreater(matryoshka["f1"], batch["f1"] + 0.1)
        self.assertGreater(batch["f1"], 0.5)
        self.assertAlmostEqual(truth["mcc"], 1.0, places=5)
        self.assertEqual(truth["uniqueness"], 1.0)
        for control in ("untrained", "random"):
            for reading in ("own", "pursuit"):
                self.assertLess(found[control, 1, reading]["f1"], 0.15)
        for (_, _, reading), line in found.items():
            self.assertLessEqual(line["l0"], document["k"] * 1.25 if reading == "own" else document["k"])

    def test_results_do_not_depend_on_threads_and_do_on_the_seed(self):
        some = ("--architecture", "batch-topk", "--no-controls", "--samples", "20000",
                "--test-samples", "3000")
        _, one, _ = run(*some, "--threads", "1", "--seed", "5")
        _, two, _ = run(*some, "--threads", "2", "--seed", "5,6")
        one, two = scores(one), scores(two)
        for key, value in one.items():
            self.assertEqual(two[key], value)
        self.assertNotEqual(two["batch-topk", 5, "own"]["f1"], two["batch-topk", 6, "own"]["f1"])

    def test_what_was_killed_goes_on_to_the_same_scores(self):
        some = ("--architecture", "topk", "--no-controls", "--samples", "150000",
                "--test-samples", "2000")
        _, whole, _ = run(*some)
        with tempfile.TemporaryDirectory() as folder:
            kept = ("--checkpoints", folder, "--checkpoint-seconds", "0")
            with subprocess.Popen(command(*some, *kept), stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as killed:
                state = pathlib.Path(folder) / "small-topk-seed1.state"
                deadline = time.monotonic() + 60
                while not state.exists() and time.monotonic() < deadline:
                    time.sleep(0.01)
                killed.send_signal(signal.SIGKILL)
            status, resumed, error = run(*some, *kept)
            self.assertEqual(status, 0, error)
            self.assertIn("goes on after", error)
            self.assertEqual(scores(resumed), scores(whole))
            status, _, error = run(*some, *kept, "--learning-rate", "0.5")
            self.assertEqual(status, 3)
            self.assertIn("CHECKPOINT_MISMATCH", error)

    def test_what_cannot_be_is_refused_before_work_begins(self):
        for arguments, status, word in [
                (("--preset", "17k"), 2, "16k"),
                (("--architecture", "gated"), 2, "matryoshka"),
                (("--k", "100000"), 3, "latents"),
                (("--samples", "1"), 3, "--samples"),
                (("--threads", "1000"), 3, "--threads"),
                (("--matryoshka", "9,8"), 3, "matryoshka_prefixes"),
                (("--latents", "1048576", "--preset", "16k", "--batch-rows", "65536"), 9,
                 "--latents")]:
            with self.subTest(arguments):
                started = time.monotonic()
                got, document, error = run(*arguments)
                self.assertEqual(got, status, error)
                self.assertIsNone(document)
                self.assertIn(word, error)
                self.assertLess(time.monotonic() - started, 30)


if __name__ == "__main__":
    unittest.main()
