"""Compares what SAEs compute here and in the libraries that wrote or read their files
(scripts/check-formats.sh)."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from harness import BIN, Suite, array, cs, ex, pb, recording, tensor

D, F, K, ROWS, SCALE = 24, 96, 6, 1000, .37
LIBRARIES = pathlib.Path(__file__).with_name("libraries.py")
EXPORTS = [("safetensors-saelens", "TOPK"), ("safetensors-saelens", "BATCH_TOPK"),
           ("safetensors-saelens", "JUMP_RELU"), ("safetensors-saelens", "RELU"),
           ("safetensors-sparsify", "TOPK"), ("dictionary-learning", "TOPK"),
           ("dictionary-learning", "BATCH_TOPK"), ("dictionary-learning", "JUMP_RELU"),
           ("dictionary-learning", "RELU")]


class Comparison:
    def __init__(self, python, suite, folder):
        self.python, self.suite, self.folder = python, suite, pathlib.Path(folder)
        self.failed = 0
        self.x = np.random.default_rng(2).normal(0, 2, (ROWS, D)).astype("<f4")
        np.save(self.folder / "x.npy", self.x)
        suite.probe.CreateCatalog(pb.CreateCatalogRequest(catalog_id="c"))
        suite.probe.CreateRecommender(pb.CreateRecommenderRequest(
            recommender_id="r", catalog="catalogs/c", activation_dim=D))
        suite.probe.CreateCapture(pb.CreateCaptureRequest(parent="recommenders/r", capture_id="x"))
        suite.probe.RecordActivations(recording("recommenders/r/captures/x", "p", [
            {"sequence": 1, "activations": tensor(self.x)}]))

    def libraries(self, *arguments):
        subprocess.run([self.python, LIBRARIES, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def recsae(self, *arguments):
        subprocess.run([BIN / "recsae", "--server", self.suite.servers["probe"].address, "-q", "saes",
                        *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def publish(self, architecture):
        """An SAE of ours with weights that no training made, but for decoder rows of length 1."""
        random = np.random.default_rng(7)
        decoder = random.normal(0, 1, (F, D))
        decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
        arrays = {cs.SaeWeights.ARRAY_W_ENC: random.normal(0, .4, (F, D)),
                  cs.SaeWeights.ARRAY_B_ENC: random.normal(0, .2, F),
                  cs.SaeWeights.ARRAY_W_DEC: decoder,
                  cs.SaeWeights.ARRAY_B_PRE: random.normal(0, .3, D)}
        if architecture == "BATCH_TOPK":
            arrays[cs.SaeWeights.ARRAY_THRESHOLD] = np.full(F, .3)
        if architecture == "JUMP_RELU":
            arrays[cs.SaeWeights.ARRAY_THRESHOLD] = random.uniform(.1, .5, F)
        sae = cs.Sae(activation_dim=D, latent_count=F, k=K, scale=SCALE,
                     capture="recommenders/r/captures/x",
                     architecture=cs.Sae.Architecture.Value(f"ARCHITECTURE_{architecture}"))
        header = cs.PublishSaeRequest.Header(sae_id=architecture.lower().replace("_", "-"), sae=sae)
        return self.suite.store.PublishSae(iter(
            [cs.PublishSaeRequest(header=header)]
            + [cs.PublishSaeRequest(weights=cs.SaeWeights(array=key, values=tensor(values)))
               for key, values in arrays.items()]))

    def ours(self, name):
        """Latents, as Explain says them, and reconstructions of all rows."""
        sae = self.suite.store.GetSae(cs.GetSaeRequest(name=name))
        arrays = {}
        for piece in self.suite.store.ReadSaeWeights(cs.ReadSaeWeightsRequest(name=name)):
            arrays.setdefault(piece.array, []).append(array(piece.values))
        arrays = {key: np.concatenate(pieces).astype(np.float64) for key, pieces in arrays.items()}
        z = np.zeros((ROWS, sae.latent_count))
        for begin in range(0, ROWS, 250):
            explanations = self.suite.explainer.Explain(ex.ExplainRequest(
                sae=name, subject=ex.Subject(activations=tensor(self.x[begin:begin + 250]))))
            for row, explanation in zip(z[begin:], explanations.explanations):
                for latent in explanation.latents:
                    row[latent.latent] = latent.activation
        return z, (z @ arrays[cs.SaeWeights.ARRAY_W_DEC] + arrays[cs.SaeWeights.ARRAY_B_PRE]) / sae.scale

    def compare(self, what, name, path, by_row_length=False):
        theirs = np.load(path)
        z, x = self.ours(name)
        their_z = theirs["z"]
        if z.shape[1] == 2 * their_z.shape[1]:  # abstopk: one latent for each sign
            their_z = np.concatenate([np.maximum(their_z, 0), np.maximum(-their_z, 0)], axis=1)
        if by_row_length:
            z = z / SCALE
        same = ((z != 0) == (their_z != 0)).all(1).sum()
        latents = np.abs(z - their_z).max() / np.abs(their_z).max()
        error = (np.linalg.norm(x - theirs["x"], axis=1) / np.linalg.norm(theirs["x"], axis=1)).max()
        good = same == ROWS and latents <= 1e-5 and error <= 1e-5
        self.failed += not good
        print(f"{what:52} {same:5} rows the same, latents {latents:.1e}, reconstructions {error:.1e}"
              f"{'' if good else '   FAILED'}")

    def run(self):
        self.libraries("make", self.folder)
        for path in sorted(self.folder.glob("*/*.npz")):
            folder = path.with_suffix("")
            name = f"{folder.parent.name}-{folder.name}".lower()
            # The parent for one, as a folder of folders.
            self.recsae("import", folder, "--id", name, "--capture", "r/x")
            self.compare(f"in:  {folder.parent.name} {folder.name}", f"saes/{name}", path)
        saes = {architecture: self.publish(architecture).name for _, architecture in EXPORTS[:4]}
        for library, architecture in EXPORTS:
            out = self.folder / "out" / library / architecture
            self.recsae("export", saes[architecture], "--format", library, "--out", out)
            self.libraries("run", library, out, self.folder / "x.npy", f"{out}.npz")
            self.compare(f"out: {library} {architecture}", saes[architecture], f"{out}.npz",
                         by_row_length=library == "dictionary-learning" and architecture == "RELU")


def main():
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as data:
        suite = Suite(data)
        try:
            comparison = Comparison(sys.argv[1], suite, folder)
            comparison.run()
        finally:
            suite.stop()
    sys.exit(comparison.failed > 0)


if __name__ == "__main__":
    main()
