"""What people type and send, through the real command and server: ids that are not there, edits of idle
latents, users by id, addresses, settings that would be refused after minutes, and errors for scripts."""

import json
import os
import pathlib
import subprocess
import time

import grpc

from harness import BIN, Suite, SuiteTest, cs, ex, pb, tr

USERS, ITEMS = 40, 30


def write_dataset(folder, items=ITEMS):
    """Users with seven interactions, and some with two; items of three kinds."""
    folder.mkdir(parents=True)
    lines = ["user,item,timestamp"]
    for user in range(USERS):
        count = 2 if user >= USERS - 8 else 7
        lines += [f"u{user},i{(user * 3 + step * 4) % items},{1000 + step}" for step in range(count)]
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    (folder / "items.csv").write_text("item,title,kind\n" + "".join(
        f"i{item},Thing {item},{'abc'[item % 3]}\n" for item in range(items)))


class TypedInputTest(SuiteTest):
    def setUp(self):
        self.root = pathlib.Path(self.directory)

    def recsae(self, *arguments, server=None, env=None, stdout=subprocess.PIPE):
        return subprocess.run(
            [BIN / "recsae", "--server", server or self.suite.servers["probe"].address,
             *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120,
            check=False, env={**os.environ, **(env or {})})


class ScriptsTest(TypedInputTest):
    def test_errors_are_json_and_their_statuses_differ(self):
        def error(*arguments, **more):
            done = self.recsae("--json", *arguments, **more)
            self.assertEqual(done.stdout, "")
            return done.returncode, json.loads(done.stderr)["error"]

        status, found = error("saes", "get", "nothing")
        self.assertEqual((status, found["code"], found["reason"]), (4, "NOT_FOUND", "SAE_NOT_FOUND"))
        status, found = error("--timeout", "3", "saes", "list", server="127.0.0.1:1")
        self.assertEqual((status, found["reason"]), (7, "PEER_UNAVAILABLE"))
        status, found = error("saes", "list", "--nope")
        self.assertEqual((status, found["reason"]), (2, "USAGE"))
        status, found = error("saes", "get", "Not An Id")
        self.assertEqual(status, 3)

    def test_counts_are_numbers(self):
        done = self.recsae("--json", "datasets", "get", "planted", "--planted-users", 50)
        self.assertEqual(json.loads(done.stdout)["userCount"], 50, done.stderr)

    def test_a_full_standard_output_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = self.recsae("saes", "list", stdout=full)
        self.assertEqual(done.returncode, 11)
        self.assertIn("No space left", done.stderr)

    def test_addresses(self):
        address = self.suite.servers["probe"].address
        for typed in (f"http://{address}", f" {address} ", f"grpc://{address}/"):
            self.assertEqual(self.recsae("saes", "list", server=typed).returncode, 0, typed)
        for typed in ("localhost", f"https://{address}"):
            done = self.recsae("saes", "list", server=typed)
            self.assertEqual(done.returncode, 2)
            self.assertIn("not HOST:PORT", done.stderr)

    def test_a_misspelt_variable_is_said(self):
        env = {"RECSAE_SERVR": "elsewhere:7400"}
        self.assertIn("RECSAE_SERVER meant", self.recsae("saes", "list", env=env).stderr)
        self.assertEqual(self.recsae("--json", "saes", "list", env=env).stderr, "")

    def test_a_path_as_data_set(self):
        self.assertEqual(self.recsae("datasets", "get", "planted/").returncode, 0)
        for typed in ("/srv/data/shop", "file:///srv/data/shop/", "/srv/data/x/../shop"):
            done = self.recsae("datasets", "get", typed)
            self.assertEqual(done.returncode, 3, typed)
            self.assertIn("--data /srv/data, then --dataset shop", done.stderr)

    def test_settings_are_refused_before_any_training(self):
        report = self.root / "report.json"
        for number, flags in enumerate((("--k", 0), ("--matryoshka", "64,32"), ("--latents", 4, "--k", 8))):
            name = f"late-{number}"
            done = self.recsae("pipeline", "--dataset", "planted", "--planted-users", 100, "--recommender",
                               "bprmf", "--name", name, "--report", report, *flags)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertEqual(self.recsae("recommenders", "get", name).returncode, 4)
        self.assertFalse(report.exists(), "an empty report of a run that failed")


class UsersTest(TypedInputTest):
    """On a server of its own, with a data set."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        root = pathlib.Path(cls.directory)
        write_dataset(root / "data" / "shop")
        write_dataset(root / "data" / "电影")
        write_dataset(root / "data" / "音乐")
        write_dataset(root / "data" / "few", items=13)
        cls.shop = Suite(root / "shop-server", flags=[f"--data={root / 'data'}"])
        for kind in ("bprmf", "sasrec"):
            cls.pipeline(kind, "shop", "--name", kind)

    @classmethod
    def tearDownClass(cls):
        cls.shop.stop()
        super().tearDownClass()

    @classmethod
    def pipeline(cls, kind, dataset, *flags):
        done = subprocess.run(
            [BIN / "recsae", "--server", cls.shop.servers["probe"].address, "pipeline", "--dataset", dataset,
             "--recommender", kind, "--recommender-epochs", "3", "--recommender-embedding-dim", "8",
             "--latents", "32", "--k", "2", "--sae-epochs", "5", "--sae-batch-rows", "32", "-q", *flags],
            capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr

    def setUp(self):
        super().setUp()
        self.address = self.shop.servers["probe"].address

    def history(self, user="", items=()):
        return ex.Subject(history=ex.Subject.History(user_id=user, item_ids=items))

    def items(self, sae, subject, **more):
        return self.shop.explainer.Explain(ex.ExplainRequest(sae=f"saes/{sae}", subject=subject, **more))

    def test_users_by_id_are_not_recommended_what_they_touched(self):
        for kind in ("bprmf", "sasrec"):
            captured = self.shop.probe.BatchGetCases(pb.BatchGetCasesRequest(
                capture=f"recommenders/{kind}/captures/test", user_ids=["u3"])).cases[0]
            touched = {*captured.history_item_ids, *captured.excluded_item_ids}
            by_id = self.items(kind, self.history("u3"), top_item_count=ITEMS).explanations[0].items
            self.assertFalse(touched & {item.item_id for item in by_id})
            self.assertIn(captured.target_item_id, {item.item_id for item in by_id})
            kept = self.items(kind, self.history("u3"), top_item_count=ITEMS, keep_seen_items=True)
            self.assertEqual(len(kept.explanations[0].items), ITEMS)

    def test_users_without_a_test_row_are_explained(self):
        for kind in ("bprmf", "sasrec"):
            done = self.recsae("explain", "--sae", kind, "--user", f"u{USERS - 1}", server=self.address)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("recently: Thing", done.stdout)
            done = self.recsae("explain", "--sae", kind, "--user", "nobody", server=self.address)
            self.assertEqual(done.returncode, 4, done.stderr)

    def test_unknown_items_are_named(self):
        response = self.items("sasrec", self.history(items=["i1", "brand-new", "i5"]),
                              exclude_item_ids=["sold-out"])
        self.assertEqual(list(response.unknown_item_ids), ["brand-new", "sold-out"])
        with self.assertRaises(grpc.RpcError) as error:
            self.items("sasrec", self.history(items=["gone", "sold-out"]))
        self.assertEqual(error.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertIn("gone", error.exception.details())

    def test_edits_that_change_nothing_are_named(self):
        for user in range(USERS):
            subject = self.history(f"u{user}")
            active = {latent.latent for latent in self.items("bprmf", subject).explanations[0].latents}
            if active:
                break
        idle = next(latent for latent in range(32) if latent not in active)
        response = self.shop.explainer.Steer(ex.SteerRequest(
            sae="saes/bprmf", subject=subject, edits=[
                ex.Edit(latent=idle, scale=3), ex.Edit(latent=min(active), remove=True),
                ex.Edit(latent=idle, set=2)]))
        self.assertEqual([(e.edit, list(e.latents)) for e in response.ineffective_edits], [(0, [idle])])
        self.assertIn("not active", response.ineffective_edits[0].reason)
        done = self.recsae("steer", "--sae", "bprmf", "--user", f"u{user}", "--edit", f"#{idle}:x2",
                           server=self.address)
        self.assertIn(f"--edit #{idle}:x2 changes nothing", done.stderr)

    def test_what_a_ranking_cannot_measure_is_said(self):
        """Seven of thirteen items are the user's own: each list of ten holds whatever is held out."""
        report = self.root / "few.json"
        done = self.recsae("pipeline", "--dataset", "few", "--recommender", "bprmf", "--name", "few",
                           "--recommender-epochs", 3, "--latents", 16, "--k", 2, "--sae-epochs", 3,
                           "--sae-batch-rows", 32, "--report", report, server=self.address)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = "HR and NDCG at 10, 20 and 50 are not measured: 32 of 32 rows have at most 10 items"
        self.assertIn(said, done.stderr)
        self.assertRegex(done.stdout, r"recommender +n/a +n/a +n/a +n/a")
        written = json.loads(report.read_text())
        self.assertIn(said, written["evaluation"]["warnings"][0])
        self.assertIsNone(written["recommender"]["hr@10"])
        done = self.recsae("--json", "evaluate", "--sae", "few", server=self.address)
        evaluation = json.loads(done.stdout)
        self.assertIn(said, evaluation["warnings"][0])
        self.assertIn("hrAt5", evaluation["recommender"])
        self.assertNotIn("hrAt10", evaluation["recommender"])

    def test_a_path_in_a_data_folder_is_its_data_set(self):
        shop = self.root / "data" / "shop"
        for typed in (shop, f"file://{shop}/", shop / "interactions.csv"):
            done = self.recsae("--json", "datasets", "get", typed, server=self.address)
            self.assertEqual(json.loads(done.stdout)["name"], "shop", done.stderr)

    def test_names_in_other_scripts_stay_apart(self):
        for dataset in ("电影", "音乐"):
            self.pipeline("bprmf", dataset)
        shown = [c.display_name for c in self.shop.probe.ListCatalogs(pb.ListCatalogsRequest()).catalogs]
        self.assertTrue({"电影", "音乐"} <= set(shown), shown)

    def test_an_sae_of_dead_latents_is_no_success(self):
        job = self.shop.trainer.TrainSae(tr.TrainSaeRequest(
            sae_id="dead", capture="recommenders/bprmf/captures/train",
            config=tr.TrainingConfig(architecture=cs.Sae.ARCHITECTURE_RELU, latent_count=32, k=2, epoch_count=60,
                                     batch_rows=32, sparsity_weight=1e6, learning_rate=.05)))
        done = self.shop.finish("trainer", job)
        self.assertEqual(done.error.code, grpc.StatusCode.FAILED_PRECONDITION.value[0], done)
        self.assertIn("none of its latents fires", done.error.message)


class StartTest(SuiteTest):
    def test_no_home(self):
        env = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_DATA_HOME")}
        done = subprocess.run([BIN / "recsae-standalone", "--listen", "127.0.0.1:0"], env=env,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--data-dir", done.stderr)

    def test_doubtful_variables_and_flags_are_said(self):
        folder = pathlib.Path(self.directory) / "doubtful"
        (folder / "volume").mkdir(parents=True)
        with open(folder / "log", "w") as log:
            server = subprocess.Popen(
                [BIN / "recsae-standalone", "--listen", "127.0.0.1:1", "--listen", "127.0.0.1:0",
                 "--metrics-listen", "off", "--port-file=~/port"],
                env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": "", "RECSAE_LISTN": "x",
                     "RECSAE_DATA_DIR": str(folder / "volume")}, stderr=log, stdout=log)
            try:
                for _ in range(600):
                    if (folder / "port").exists():
                        break
                    self.assertIsNone(server.poll())
                    time.sleep(.1)
            finally:
                server.terminate()
                server.wait(60)
        text = (folder / "log").read_text()
        for said in ("RECSAE_LISTEN meant", "--listen is given 2 times", "RECSAE_STORE_DIR"):
            self.assertIn(said, text)
