"""What is said of a dictionary can come out badly: recommenders that know nothing, and one that does.

An untrained recommender, and one of interactions that were dealt out at random, go the same way as a
trained one. Their dictionaries must describe nothing, hardly a concept may be verified, and the verdict
must say so."""

import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

from harness import BIN, Suite, cs, ex

USERS = 700
ITEMS = 600
GENRES = ["Drama", "Comedy", "Horror", "Action", "War", "Western", "Musical", "Crime"]
NOTHING = 0.06  # of described R2@3
CHANCE_VERIFIED = 0.01  # of an SAE's latents
CHANCE = {"untrained": ("sasrec", ["--epochs", "1", "--learning-rate", "1e-9"]),
          "untrained-graph": ("lightgcn", ["--epochs", "1", "--learning-rate", "1e-9"])}


def write_data(folder, dealt_out):
    """Items of one or two genres and a decade; users who keep to two genres, or to nothing."""
    rng = random.Random(5)
    folder.mkdir()
    genres = [rng.sample(GENRES, rng.choice([1, 1, 2])) for _ in range(ITEMS)]
    with open(folder / "items.csv", "w") as items:
        items.write("item_id,title,genre,decade\n")
        for item in range(ITEMS):
            items.write(f"i{item},Film {item},{'|'.join(genres[item])},{1950 + 10 * (item % 5)}s\n")
    of_genre = {g: [i for i in range(ITEMS) if g in genres[i]] for g in GENRES}
    with open(folder / "interactions.csv", "w") as log:
        log.write("user_id,item_id,timestamp\n")
        for user in range(USERS):
            liked = rng.sample(GENRES, 2)
            seen = set()
            while len(seen) < 25:
                pool = range(ITEMS) if dealt_out or rng.random() < 0.1 else of_genre[rng.choice(liked)]
                seen.add(rng.choice(list(pool)))
            for time, item in enumerate(rng.sample(sorted(seen), len(seen))):
                log.write(f"u{user},i{item},{user * 1000 + time}\n")


class EvidenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="recsae-evidence-"))
        data = cls.directory / "data"
        data.mkdir()
        write_data(data / "genres", dealt_out=False)
        write_data(data / "dealt-out", dealt_out=True)
        cls.suite = Suite(cls.directory / "suite", flags=("--data", data))

    @classmethod
    def tearDownClass(cls):
        cls.suite.stop()
        shutil.rmtree(cls.directory, ignore_errors=True)

    def recsae(self, *arguments):
        done = subprocess.run(
            [BIN / "recsae", "--server", self.suite.servers["probe"].address, "-q", *arguments],
            capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])

    def evaluate(self, name, data, kind, training):
        self.recsae("recommenders", "train", name, "--dataset", data, "--kind", kind, "--seed", "1",
                    *training)
        for capture, flags in {"train": (), "context": ("--cases",)}.items():
            self.recsae("captures", "create", f"{name}/{capture}", "--split", "train", *flags)
        self.recsae("captures", "create", f"{name}/test", "--split", "test", "--cases")
        self.recsae("saes", "train", name, "--capture", f"{name}/train", "--latents", "64",
                    "--epochs", "60")
        of = f"recommenders/{name}/captures/"
        job = self.suite.explainer.EvaluateSae(ex.EvaluateSaeRequest(
            sae=f"saes/{name}", capture=of + "test", evidence_captures=[of + "context"]))
        evaluation = self.suite.finish("explainer", job, ex.Evaluation)
        self.assertEqual(evaluation.comparison.missing, "")
        return evaluation

    def passed(self, name):
        """By dictionary, how many latents pass which test."""
        of = f"recommenders/{name}/captures/"
        job = self.suite.explainer.BuildConcepts(ex.BuildConceptsRequest(
            sae=f"saes/{name}", capture=of + "test", evidence_captures=[of + "context"]))
        report = self.suite.finish("explainer", job, ex.ConceptReport)
        self.assertEqual(report.untested, "")
        verified = self.suite.store.ListConcepts(cs.ListConceptsRequest(
            parent=f"saes/{name}", verified_only=True))
        self.assertEqual(verified.total_size, report.tests[0].verified_count)
        return {counts.kind: counts for counts in report.tests}

    def test_a_trained_recommender_is_described(self):
        evaluation = self.evaluate("trained", "genres", "bprmf", ["--epochs", "40"])
        trained = evaluation.dictionaries[0]
        self.assertEqual(trained.kind, ex.DictionaryScore.KIND_TRAINED)
        self.assertGreater(trained.shown.at_3, 0.3)
        self.assertGreater(trained.random_items.at_3, 0.2)
        raw = next(d for d in evaluation.dictionaries if d.kind == ex.DictionaryScore.KIND_RAW)
        self.assertGreater(trained.shown.at_3, 1.5 * raw.shown.at_3)
        self.assertTrue(evaluation.verdicts[0].beaten)
        self.assertEqual({a.value for a in trained.attributes} & set(GENRES), set(GENRES))
        tests = self.passed("trained")
        verified = tests[ex.DictionaryScore.KIND_TRAINED].verified_count
        self.assertGreater(verified, tests[ex.DictionaryScore.KIND_RANDOM].verified_count)
        self.assertGreaterEqual(verified, len(GENRES) / 2)

    def check_nothing_is_described(self, name, evaluation):
        trained = self.passed(name)[ex.DictionaryScore.KIND_TRAINED]
        self.assertLessEqual(trained.verified_count, CHANCE_VERIFIED * trained.latent_count, trained)
        for dictionary in evaluation.dictionaries:
            with self.subTest(kind=dictionary.kind):
                self.assertLessEqual(dictionary.shown.at_3, NOTHING)
                self.assertLessEqual(dictionary.random_items.at_3, NOTHING)
        verdict = evaluation.verdicts[0]
        self.assertFalse(verdict.beaten)
        self.assertIn("hardly anything", verdict.reason)

    def test_untrained_recommenders_are_not(self):
        for name, (kind, training) in CHANCE.items():
            with self.subTest(name):
                self.check_nothing_is_described(name, self.evaluate(name, "genres", kind, training))

    def test_interactions_dealt_out_at_random_are_not(self):
        self.check_nothing_is_described(
            "chance", self.evaluate("chance", "dealt-out", "bprmf", ["--epochs", "20"]))


if __name__ == "__main__":
    unittest.main()
