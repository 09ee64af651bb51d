"""SAEs out to the files of SAELens and sparsify and in from them, by the real command and server.

Neither library is needed: the few lines of numpy below read and write their files and compute what
they compute, in double."""

import json
import pathlib
import struct
import subprocess
import unittest
import zipfile

import numpy as np

from harness import BIN, SuiteTest, array, cs, ex, pb, recording, tensor

DIM = 12
LATENTS = 40
K = 5
SCALE = 0.37
CAPTURE = "recommenders/r/captures/live"
SAELENS = "safetensors-saelens"
SPARSIFY = "safetensors-sparsify"
WEIGHTS_FILE = {SAELENS: "sae_weights.safetensors", SPARSIFY: "sae.safetensors"}
DTYPES = {"F32": "<f4", "F16": "<f2"}
# What each format can say.
EXPORTS = [(SAELENS, "TOPK"), (SAELENS, "BATCH_TOPK"), (SAELENS, "JUMP_RELU"), (SAELENS, "RELU"),
           (SPARSIFY, "TOPK")]


# ---- safetensors

def write_safetensors(path, tensors, dtype="F32"):
    header, data = {}, b""
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values, dtype=DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(np.shape(values)),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], dtype=DTYPES[entry["dtype"]])
            .reshape(entry["shape"]) for name, entry in header.items()}


def read_folder(folder, file_format):
    return (json.loads((folder / "cfg.json").read_text()),
            read_safetensors(folder / WEIGHTS_FILE[file_format]))


# ---- what the libraries compute: latents and reconstructions of rows x

def keep_largest(values, k):
    kept = np.zeros_like(values)
    order = np.argsort(-values, axis=1)[:, :k]
    np.put_along_axis(kept, order, np.take_along_axis(values, order, 1), 1)
    return kept


def saelens(config, tensors, x):
    t = {name: values.astype(np.float64) for name, values in tensors.items()}
    pre = (x - t["b_dec"] * config["apply_b_dec_to_input"]) @ t["W_enc"] + t["b_enc"]
    if config["architecture"] == "topk":
        z = np.maximum(keep_largest(pre, config["k"]), 0)
    elif config["architecture"] == "jumprelu":
        z = np.maximum(pre, 0) * (pre > t["threshold"])
    else:
        assert config["architecture"] == "standard"
        z = np.maximum(pre, 0)
    return z, z @ t["W_dec"] + t["b_dec"]


def sparsify(config, tensors, x):
    t = {name: values.astype(np.float64) for name, values in tensors.items()}
    pre = np.maximum((x - t["b_dec"]) @ t["encoder.weight"].T + t["encoder.bias"], 0)
    z = keep_largest(pre, config["k"])
    return z, z @ t["W_dec"] + t["b_dec"]


LIBRARY = {SAELENS: saelens, SPARSIFY: sparsify}


def saelens_files(random, architecture):
    config = {"d_in": DIM, "d_sae": LATENTS, "dtype": "float32", "device": "cpu",
              "apply_b_dec_to_input": True, "normalize_activations": "none",
              "reshape_activations": "none", "architecture": architecture,
              "metadata": {"sae_lens_version": "6.12.1", "model_name": "x", "hook_name": "y"}}
    if architecture == "topk":
        config["k"] = K
    tensors = {"W_enc": random.normal(0, 0.4, (DIM, LATENTS)), "b_enc": random.normal(0, 0.2, LATENTS),
               "W_dec": random.normal(0, 0.4, (LATENTS, DIM)), "b_dec": random.normal(0, 0.3, DIM)}
    if architecture == "jumprelu":
        tensors["threshold"] = random.uniform(0.1, 0.5, LATENTS)
    return config, {name: values.astype("<f4") for name, values in tensors.items()}


def sparsify_files(random):
    config = {"activation": "topk", "expansion_factor": 32, "normalize_decoder": True,
              "num_latents": LATENTS, "k": K, "multi_topk": False, "skip_connection": False,
              "transcode": False, "d_in": DIM}
    tensors = {"encoder.weight": random.normal(0, 0.4, (LATENTS, DIM)),
               "encoder.bias": random.normal(0, 0.2, LATENTS),
               "W_dec": random.normal(0, 0.4, (LATENTS, DIM)), "b_dec": random.normal(0, 0.3, DIM)}
    return config, {name: values.astype("<f4") for name, values in tensors.items()}


def same_tensors(a, b):
    return a.keys() == b.keys() and all(
        a[name].shape == b[name].shape and a[name].tobytes() == b[name].tobytes() for name in a)


class SaeFormatsTest(SuiteTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = np.random.default_rng(11)
        probe = cls.suite.probe
        probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c"))
        for name, dim in (("r", DIM), ("other", DIM + 1)):
            probe.CreateRecommender(pb.CreateRecommenderRequest(
                recommender_id=name, catalog="catalogs/c", activation_dim=dim))
        for parent, capture in (("r", "live"), ("r", "empty"), ("other", "live")):
            probe.CreateCapture(pb.CreateCaptureRequest(parent=f"recommenders/{parent}",
                                                        capture_id=capture))
        cls.rows = cls.random.normal(0, 2, (700, DIM)).astype("<f4")
        for capture, rows in ((CAPTURE, cls.rows),
                              ("recommenders/other/captures/live", np.zeros((4, DIM + 1)))):
            probe.RecordActivations(recording(
                capture, "p", [{"sequence": 1, "activations": tensor(rows)}]))
        cls.saes = {name: cls.publish(name.lower().replace("_", "-"), name)
                    for name in ("TOPK", "TOPK_SIGNED", "BATCH_TOPK", "JUMP_RELU", "RELU")}

    @classmethod
    def publish(cls, sae_id, architecture, seed=5, dim=DIM, order=None, capture=CAPTURE):
        """An SAE with weights that no training made."""
        random = np.random.default_rng(seed)
        arrays = {cs.SaeWeights.ARRAY_W_ENC: random.normal(0, 0.4, (LATENTS, dim)),
                  cs.SaeWeights.ARRAY_B_ENC: random.normal(0, 0.2, LATENTS),
                  cs.SaeWeights.ARRAY_W_DEC: random.normal(0, 0.4, (LATENTS, dim)),
                  cs.SaeWeights.ARRAY_B_PRE: random.normal(0, 0.3, dim)}
        if architecture == "BATCH_TOPK":
            arrays[cs.SaeWeights.ARRAY_THRESHOLD] = np.full(LATENTS, 0.3)
        if architecture == "JUMP_RELU":
            arrays[cs.SaeWeights.ARRAY_THRESHOLD] = random.uniform(0.1, 0.5, LATENTS)
        if order is not None:
            arrays[cs.SaeWeights.ARRAY_W_DEC] = arrays[cs.SaeWeights.ARRAY_W_DEC][order]
        sae = cs.Sae(activation_dim=dim, latent_count=LATENTS, k=K, scale=SCALE, capture=capture,
                     architecture=cs.Sae.Architecture.Value(f"ARCHITECTURE_{architecture}"),
                     report=cs.TrainingReport(fvu=0.25, l0=K, dead_fraction=0.1))
        return cls.suite.store.PublishSae(iter(
            [cs.PublishSaeRequest(header=cs.PublishSaeRequest.Header(sae_id=sae_id, sae=sae))]
            + [cs.PublishSaeRequest(weights=cs.SaeWeights(array=array_, values=tensor(values)))
               for array_, values in arrays.items()]))

    def setUp(self):
        self.folder = pathlib.Path(self.directory) / self.id().rsplit(".", 1)[-1]
        self.folder.mkdir()

    def command(self, *arguments):
        return subprocess.run([BIN / "recsae", "--server", self.suite.servers["probe"].address,
                               "saes", *map(str, arguments)], capture_output=True, text=True,
                              timeout=120, check=False)

    def recsae(self, *arguments):
        done = self.command("--json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def export(self, sae, file_format, name):
        done = self.recsae("export", sae, "--format", file_format, "--out", self.folder / name)
        self.assertEqual(done["format"], file_format)
        return self.folder / name

    def import_(self, folder, sae_id, *flags):
        self.recsae("import", folder, "--id", sae_id, "--capture", "r/live", *flags)
        return self.suite.store.GetSae(cs.GetSaeRequest(name=f"saes/{sae_id}"))

    def write(self, name, file_format, config, tensors, dtype="F32"):
        folder = self.folder / name
        folder.mkdir()
        (folder / "cfg.json").write_text(json.dumps(config))
        write_safetensors(folder / WEIGHTS_FILE[file_format], tensors, dtype)
        return folder

    def weights(self, name):
        """The SAE's arrays as the store sends them."""
        arrays = {}
        for piece in self.suite.store.ReadSaeWeights(cs.ReadSaeWeightsRequest(name=name)):
            arrays.setdefault(piece.array, []).append(array(piece.values))
        return {key: np.concatenate(pieces).astype(np.float64) for key, pieces in arrays.items()}

    def explained(self, name, x):
        """Latents and reconstructions of rows, through Explain."""
        sae = self.suite.store.GetSae(cs.GetSaeRequest(name=name))
        weights = self.weights(name)
        explanations = self.suite.explainer.Explain(ex.ExplainRequest(
            sae=name, subject=ex.Subject(activations=tensor(x)))).explanations
        z = np.zeros((len(x), sae.latent_count))
        for row, explanation in zip(z, explanations):
            for latent in explanation.latents:
                row[latent.latent] = latent.activation
        reconstruction = (z @ weights[cs.SaeWeights.ARRAY_W_DEC] + weights[cs.SaeWeights.ARRAY_B_PRE]) / sae.scale
        error = ((x - reconstruction) ** 2).sum(1) / (x.astype(np.float64) ** 2).sum(1)
        np.testing.assert_allclose([e.relative_error for e in explanations], error, rtol=1e-3)
        return z, reconstruction

    def assert_computes(self, name, library, x):
        """The SAE computes what `library` does, but for rows that rounding could decide."""
        theirs_z, theirs = library(x)
        ours_z, ours = self.explained(name, x)
        same = ((ours_z > 0) == (theirs_z > 0)).all(1)
        self.assertGreaterEqual(same.mean(), 0.95, "which latents are active")
        self.assertTrue((theirs_z > 0).any())
        error = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
        self.assertLess(error[same].max(), 1e-5)
        np.testing.assert_allclose(ours_z[same], theirs_z[same], rtol=1e-4, atol=1e-5)

    # ---- ours to them

    def test_exported_reconstructs_by_the_librarys_own_rule(self):
        for file_format, architecture in EXPORTS:
            with self.subTest(file_format, architecture=architecture):
                name = self.saes[architecture].name
                folder = self.export(name, file_format, file_format + architecture)
                config, tensors = read_folder(folder, file_format)
                self.assert_computes(
                    name, lambda x: LIBRARY[file_format](config, tensors, x), self.rows[:64])
        self.assertEqual(json.loads((self.folder / (SAELENS + "BATCH_TOPK") / "cfg.json")
                                    .read_text())["architecture"], "jumprelu")

    def test_exported_and_imported_is_the_same_to_the_bit(self):
        for i, (file_format, architecture) in enumerate(EXPORTS):
            with self.subTest(file_format, architecture=architecture):
                before = self.saes[architecture]
                again = self.import_(self.export(before.name, file_format, f"{i}"), f"again-{i}")
                for field in ("weights_sha256", "scale", "k", "architecture", "latent_count"):
                    self.assertEqual(getattr(again, field), getattr(before, field), field)
                self.assertEqual(again.report.hyper_parameters["imported_from"], file_format)
        # By way of both libraries' files.
        via = self.import_(self.export("topk", SAELENS, "first"), "via")
        back = self.import_(self.export(via.name, SPARSIFY, "second"), "back")
        self.assertEqual(back.weights_sha256, self.saes["TOPK"].weights_sha256)

    def test_imports_measure_the_sae_on_its_capture(self):
        sae = self.import_(self.export("jump-relu", SAELENS, "x"), "measured")
        z, reconstruction = saelens(*read_folder(self.folder / "x", SAELENS), self.rows)
        error = ((self.rows - reconstruction) ** 2).sum()
        variance = ((self.rows - self.rows.mean(0, dtype=np.float64)) ** 2).sum()
        self.assertAlmostEqual(sae.report.fvu, error / variance, delta=1e-4 * error / variance)
        self.assertAlmostEqual(sae.report.l0, (z > 0).sum(1).mean(), delta=0.01)
        self.assertAlmostEqual(sae.report.dead_fraction, ((z > 0).sum(0) == 0).mean(), delta=0.03)
        self.assertEqual(sae.report.row_count, len(self.rows))
        fewer = self.import_(self.folder / "x", "fewer", "--measure-rows", "50")
        self.assertEqual(fewer.report.row_count, 50)
        none = self.import_(self.folder / "x", "none", "--measure-rows", "0")
        self.assertEqual((none.report.row_count, none.k), (0, K))

    # ---- theirs to us

    def test_imported_computes_the_same_and_goes_back_unchanged(self):
        random = np.random.default_rng(3)
        files = [(SAELENS, *saelens_files(random, architecture))
                 for architecture in ("topk", "jumprelu", "standard")]
        files.append((SPARSIFY, *sparsify_files(random)))
        for i, (file_format, config, tensors) in enumerate(files):
            with self.subTest(file_format, architecture=config.get("architecture")):
                folder = self.write(f"in-{i}", file_format, config, tensors)
                sae = self.import_(folder, f"theirs-{i}")
                self.assert_computes(
                    sae.name, lambda x: LIBRARY[file_format](config, tensors, x), self.rows[:64])
                z, _ = LIBRARY[file_format](config, tensors, self.rows)
                self.assertEqual(sae.k, config.get("k", round((z > 0).sum(1).mean())))
                again = read_folder(self.export(sae.name, file_format, f"out-{i}"), file_format)
                self.assertTrue(same_tensors(again[1], tensors))
                for key, value in config.items():
                    if key not in ("metadata", "expansion_factor", "normalize_decoder"):
                        self.assertEqual(again[0][key], value, key)

    def test_other_forms_of_the_same(self):
        random = np.random.default_rng(4)
        config, tensors = saelens_files(random, "jumprelu")
        config["apply_b_dec_to_input"] = False
        sae = self.import_(self.write("unsubtracted", SAELENS, config, tensors), "unsubtracted")
        self.assert_computes(sae.name, lambda x: saelens(config, tensors, x), self.rows[:64])

        # Trained on activations times 0.5.
        scaled, tensors = saelens_files(random, "topk")
        scaled["normalize_activations"] = "expected_average_only_in"
        folder = self.write("scaled", SAELENS, scaled, tensors)
        sae = self.import_(folder, "scaled", "--input-scale", "0.5")
        self.assert_computes(
            sae.name, lambda x: (saelens(scaled, tensors, x * 0.5)[0],
                                 saelens(scaled, tensors, x * 0.5)[1] / 0.5), self.rows[:64])
        # SAELens' own file of the factor says the same.
        (folder / "activation_scaler.json").write_text('{"scaling_factor": 0.5}')
        self.assertEqual(self.import_(folder, "by-scaler").scale, 0.5)

        config, tensors = sparsify_files(random)
        halves = {name: values.astype("<f2") for name, values in tensors.items()}
        sae = self.import_(self.write("halves", SPARSIFY, config, halves, "F16"), "halves",
                           "--format", SPARSIFY)
        self.assert_computes(sae.name, lambda x: sparsify(config, halves, x), self.rows[:64])

    # ---- files of torch and numpy, written byte by byte

    def write_pt(self, folder, name, values):
        """A file as torch.save writes it, of arrays, numbers, text and dicts."""
        storages = []

        def text(value):
            return b"X" + struct.pack("<I", len(value)) + value.encode()

        def number(value):
            return b"J" + struct.pack("<i", value)

        def pickled(value):
            if isinstance(value, dict):
                return b"}(" + b"".join(text(k) + pickled(v) for k, v in value.items()) + b"u"
            if isinstance(value, str):
                return text(value)
            if isinstance(value, int):
                return number(value)
            kind = "LongStorage" if value.dtype == np.int64 else "FloatStorage"
            storages.append(value.tobytes())
            strides = [stride // value.itemsize for stride in value.strides]
            return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage")
                    + f"ctorch\n{kind}\n".encode() + text(str(len(storages) - 1)) + text("cpu")
                    + number(value.size) + b"tQ" + number(0)
                    + b"(" + b"".join(map(number, value.shape)) + b"t"
                    + b"(" + b"".join(map(number, strides)) + b"t"
                    + b"\x89ccollections\nOrderedDict\n)RtR")

        folder.mkdir(parents=True, exist_ok=True)
        data = b"\x80\x02" + pickled(values) + b"."
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("a/data.pkl", data)
            for key, raw in enumerate(storages):
                archive.writestr(f"a/data/{key}", raw)
            archive.writestr("a/version", "3\n")
        return folder

    def test_files_of_dictionary_learning_openai_and_gemma_scope(self):
        random = np.random.default_rng(12)
        _, theirs = saelens_files(random, "jumprelu")
        encoder, decoder = theirs["W_enc"].T.copy(), theirs["W_dec"].T.copy()

        def top_k(x):
            return saelens({"architecture": "topk", "k": K, "apply_b_dec_to_input": True}, theirs, x)

        def jump_relu(x):
            return saelens({"architecture": "jumprelu", "apply_b_dec_to_input": False}, theirs, x)

        folder = self.write_pt(self.folder / "dl", "ae.pt", {
            "encoder.weight": encoder, "encoder.bias": theirs["b_enc"], "decoder.weight": decoder,
            "b_dec": theirs["b_dec"], "k": np.array(K, dtype=np.int64),
            "threshold": np.array(-1, dtype="<f4")})
        (folder / "config.json").write_text(json.dumps(
            {"trainer": {"dict_class": "AutoEncoderTopK", "k": K, "lr": float("nan")}}))
        self.assert_computes(self.import_(folder, "dl").name, top_k, self.rows[:64])

        folder = self.write_pt(self.folder / "openai" / "v5", "3.pt", {
            "encoder.weight": encoder, "latent_bias": theirs["b_enc"], "decoder.weight": decoder,
            "pre_bias": theirs["b_dec"], "activation": "TopK",
            "activation_state_dict": {"k": K, "postact_fn": "ReLU"}})
        self.assert_computes(self.import_(folder.parent, "openai").name, top_k, self.rows[:64])

        (self.folder / "gemma").mkdir()
        np.savez(self.folder / "gemma" / "params.npz", **theirs)
        self.assert_computes(self.import_(self.folder / "gemma", "gemma").name, jump_relu,
                             self.rows[:64])

        whole = self.folder / "whole-model"
        whole.mkdir()
        with zipfile.ZipFile(whole / "ae.pt", "w") as archive:
            archive.writestr("a/data.pkl", b"\x80\x02cos\nsystem\n(X\x04\0\0\0truetR.")
        self.assert_refused(("import", whole, "--id", "bad", "--capture", "r/live"),
                            "PICKLE_NOT_PLAIN", "os.system")

    def test_a_pursuit_says_on_how_many_rows_the_library_agrees(self):
        self.publish("pursuit", "PURSUIT")
        for file_format in (SAELENS, SPARSIFY, "dictionary-learning"):
            done = self.recsae("export", "pursuit", "--format", file_format, "--out",
                               self.folder / file_format)
            self.assertTrue(done["changesRule"])
            self.assertTrue(0 <= done["sameLatentsShare"] < 1, done)
            self.assertIn("pursuit", done["notes"][0])
        text = self.command("export", "pursuit", "--format", SPARSIFY, "--out", self.folder / "again")
        self.assertIn("% of the rows of " + CAPTURE, text.stderr)
        self.assertIn("SPARSIFY_DISABLE_TRITON=1", text.stdout)
        back = self.import_(self.folder / "dictionary-learning", "pursuit-again")
        self.assertEqual(back.architecture, cs.Sae.ARCHITECTURE_PURSUIT)

    # ---- what is refused

    def assert_refused(self, arguments, reason, mentions, status=3):
        done = self.command(*arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertIn(mentions, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_refused_exports(self):
        out = self.folder / "out"

        def export(sae, file_format):
            return "export", sae, "--format", file_format, "--out", out

        self.assert_refused(export("topk-signed", SAELENS), "SAE_NOT_REPRESENTABLE",
                            "--architecture topk can be exported")
        for sae in ("jump-relu", "batch-topk", "relu"):
            self.assert_refused(export(sae, SPARSIFY), "SAE_NOT_REPRESENTABLE", SAELENS)
        self.assert_refused(export("no-such", SPARSIFY), "SAE_NOT_FOUND", "recsae saes list",
                            status=4)
        self.assert_refused(export("topk", "onnx"), "--format", SAELENS, status=2)
        self.assertFalse(out.exists())

        self.export("topk", SPARSIFY, "out")
        self.assert_refused(export("topk", SPARSIFY), "FILE_EXISTS", "--force", status=5)
        self.recsae(*export("topk", SPARSIFY), "--force")

    def test_refused_imports(self):
        random = np.random.default_rng(6)
        config, tensors = saelens_files(random, "topk")
        transcoder, their_tensors = sparsify_files(random)
        whole = self.write("whole", SAELENS, config, tensors)
        bad = []

        def write(name, file_format, reason, mentions, *files):
            bad.append((self.write(name, file_format, *files), reason, mentions))

        write("normed", SAELENS, "SAE_NOT_REPRESENTABLE", "layer_norm",
              {**config, "normalize_activations": "layer_norm"}, tensors)
        write("pursuit", SAELENS, "SAE_NOT_REPRESENTABLE", "matching_pursuit",
              {**config, "architecture": "matching_pursuit"}, tensors)
        write("unscaled", SAELENS, "SAE_NOT_REPRESENTABLE", "--input-scale",
              {**config, "normalize_activations": "expected_average_only_in"}, tensors)
        write("transcoder", SPARSIFY, "SAE_NOT_REPRESENTABLE", "transcode",
              {**transcoder, "transcode": True}, their_tensors)
        write("skip", SPARSIFY, "SAE_NOT_REPRESENTABLE", "skip_connection",
              {**transcoder, "skip_connection": True}, their_tensors)
        write("groupmax", SPARSIFY, "SAE_NOT_REPRESENTABLE", "groupmax",
              {**transcoder, "activation": "groupmax"}, their_tensors)
        write("lacking", SAELENS, "SAE_FILES_MALFORMED", "no tensor b_enc", config,
              {name: values for name, values in tensors.items() if name != "b_enc"})
        write("nan", SAELENS, "SAFETENSORS_MALFORMED", "W_dec", config,
              {**tensors, "W_dec": np.full_like(tensors["W_dec"], np.nan)})
        for name, content in (("empty", b""), ("cut", None), ("pickle", b"\x80\x02}q\x00" * 9)):
            folder = self.write(name, SAELENS, config, tensors)
            file = folder / WEIGHTS_FILE[SAELENS]
            file.write_bytes(file.read_bytes()[:-1] if content is None else content)
            bad.append((folder, "SAFETENSORS_MALFORMED", str(file)))
        (whole / "cfg.json").rename(self.folder / "elsewhere.json")
        bad.append((whole, "FILE_NOT_FOUND", "cfg.json"))
        for folder, reason, mentions in bad:
            with self.subTest(folder.name):
                self.assert_refused(("import", folder, "--id", "bad", "--capture", "r/live"),
                                    reason, mentions, status=4 if reason == "FILE_NOT_FOUND" else 3)
        (self.folder / "elsewhere.json").rename(whole / "cfg.json")

        def into(*flags):
            return "import", whole, "--id", "bad", *flags

        self.assert_refused(into("--capture", "r/none"), "CAPTURE_NOT_FOUND", "captures list",
                            status=4)
        self.assert_refused(into("--capture", "other/live"), "DIMENSION_MISMATCH", "13 values")
        self.assert_refused(into("--capture", "r/live", "--k", "7"), "", "files say 5", status=2)
        self.assert_refused(("import", self.folder, "--id", "bad", "--capture", "r/live"),
                            "SAE_FORMAT_UNCLEAR", "several")
        (self.folder / "nothing").mkdir()
        self.assert_refused(("import", self.folder / "nothing", "--id", "bad", "--capture", "r/live"),
                            "FILE_NOT_FOUND", "ae.pt", status=4)
        self.assert_refused(("import", whole, "--id", "topk", "--capture", "r/live"), "SAE_EXISTS",
                            "topk", status=5)
        jump = self.write("jump", SAELENS, *saelens_files(random, "jumprelu"))
        self.assert_refused(("import", jump, "--id", "bad", "--capture", "r/empty"), "", "--k",
                            status=2)
        names = [sae.name for sae in self.suite.store.ListSaes(cs.ListSaesRequest()).saes]
        self.assertNotIn("saes/bad", names)
        sae = self.recsae("import", jump, "--id", "by-k", "--capture", "r/empty", "--k", 9)
        self.assertEqual(sae["k"], 9)

    # ---- comparison

    def test_comparison_finds_a_shuffled_dictionary_again(self):
        order = np.random.default_rng(8).permutation(LATENTS)
        self.publish("shuffled", "TOPK", order=order)
        compared = self.recsae("compare", "topk", "shuffled")
        self.assertAlmostEqual(compared["meanCosine"], 1, delta=1e-5)
        self.assertEqual((compared["pairs"], compared["above0.7"], compared["above0.9"]),
                         (LATENTS, 1, 1))
        place = {latent: position for position, latent in enumerate(order)}
        self.assertEqual({pair["a"]: pair["b"] for pair in compared["matches"]}, place)

        self.publish("unlike", "JUMP_RELU", seed=6)
        unlike = self.recsae("compare", "topk", "unlike")
        self.assertLess(unlike["meanCosine"], 0.9)
        self.assertEqual(unlike["a"]["fvu"], 0.25)
        table = self.command("compare", "topk", "saes/unlike")
        self.assertEqual(table.returncode, 0, table.stderr)
        for text in ("topk", "jump-relu", "0.2500", "mean cosine",
                     f"{unlike['meanCosine']:.3f}", "cosine above 0.9"):
            self.assertIn(text, table.stdout)

        self.publish("wider", "TOPK", dim=DIM + 1, capture="recommenders/other/captures/live")
        self.assert_refused(("compare", "topk", "wider"), "DIMENSION_MISMATCH", "13")


if __name__ == "__main__":
    unittest.main()
