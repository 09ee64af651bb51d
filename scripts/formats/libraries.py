"""What the real libraries make, and compute, of SAE files; run by compare.py in their Python.

  libraries.py make FOLDER    one SAE of each kind in FOLDER/NAME, with what it computes of
                              FOLDER/x.npy in FOLDER/NAME.npz (z and the reconstruction)
  libraries.py run LIBRARY FOLDER X OUT    what the SAE in FOLDER computes of X, to OUT (.npz)"""

import json
import os
import pathlib
import sys

os.environ.setdefault("SPARSIFY_DISABLE_TRITON", "1")
import numpy as np  # noqa: E402
import torch  # noqa: E402

D, F, K = 24, 96, 6


def fill(module, seed):
    """Values that nobody trained, of a decoder with rows of length 1."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            spread = {"threshold": .2, "r_mag": .3}.get(name, .3)
            parameter.copy_(torch.randn(parameter.shape, generator=random) * spread)
            if name == "threshold":
                parameter.abs_()
            if name in ("W_dec", "decoder.weight"):
                axis = 1 if name == "W_dec" else 0
                parameter.div_(parameter.norm(dim=axis, keepdim=True))
    return module


# ---- SAELens

def saelens_kinds():
    from sae_lens.saes import abstopk_sae, gated_sae, jumprelu_sae, standard_sae, topk_sae
    for name, made, config, more in (
            ("topk", topk_sae.TopKSAE, topk_sae.TopKSAEConfig, {"k": K}),
            ("topk-rescaled", topk_sae.TopKSAE, topk_sae.TopKSAEConfig,
             {"k": K, "rescale_acts_by_decoder_norm": True}),
            ("abstopk", abstopk_sae.AbsTopKSAE, abstopk_sae.AbsTopKSAEConfig, {"k": K}),
            ("jumprelu", jumprelu_sae.JumpReLUSAE, jumprelu_sae.JumpReLUSAEConfig, {}),
            ("jumprelu-unsubtracted", jumprelu_sae.JumpReLUSAE, jumprelu_sae.JumpReLUSAEConfig,
             {"apply_b_dec_to_input": False}),
            ("gated", gated_sae.GatedSAE, gated_sae.GatedSAEConfig, {}),
            ("standard", standard_sae.StandardSAE, standard_sae.StandardSAEConfig, {})):
        yield name, made(config(d_in=D, d_sae=F, dtype="float32", device="cpu", **more))


def saelens_run(sae, x):
    z = sae.encode(x)
    return z.to_dense() if z.is_sparse else z, sae.decode(z)


def saelens_load(folder):
    from sae_lens import SAE
    return SAE.load_from_disk(folder)


# ---- sparsify

def sparsify_kinds():
    from sparsify import SparseCoder
    from sparsify.config import SparseCoderConfig
    yield "topk", SparseCoder(D, SparseCoderConfig(num_latents=F, k=K))


def sparsify_run(sae, x):
    top = sae.encode(x)
    z = torch.zeros(len(x), sae.encoder.weight.shape[0])
    z.scatter_(1, top.top_indices, top.top_acts)
    return z, sae.decode(top.top_acts, top.top_indices)


def sparsify_load(folder):
    from sparsify import SparseCoder
    return SparseCoder.load_from_disk(folder)


# ---- dictionary_learning

def dictionary_kinds():
    from dictionary_learning import dictionary
    from dictionary_learning.trainers import batch_top_k, matryoshka_batch_top_k, top_k
    yield "AutoEncoder", dictionary.AutoEncoder(D, F)
    yield "AutoEncoderNew", dictionary.AutoEncoderNew(D, F)
    yield "GatedAutoEncoder", dictionary.GatedAutoEncoder(D, F)
    yield "JumpReluAutoEncoder", dictionary.JumpReluAutoEncoder(D, F)
    yield "AutoEncoderTopK", top_k.AutoEncoderTopK(D, F, K)
    for name, sae in (("BatchTopKSAE", batch_top_k.BatchTopKSAE(D, F, K)),
                      ("MatryoshkaBatchTopKSAE",
                       matryoshka_batch_top_k.MatryoshkaBatchTopKSAE(D, F, K, [F // 4, F - F // 4]))):
        sae.threshold.fill_(.9)
        yield name, sae


def dictionary_save(sae, name, folder):
    folder.mkdir(parents=True)
    torch.save(sae.state_dict(), folder / "ae.pt")
    # As its training writes it, with more than its loader reads.
    config = {"trainer": {"dict_class": name, "trainer_class": "Trainer", "activation_dim": D,
                          "dict_size": F, "k": K, "lr": 1e-3, "device": "cuda:0", "layer": 1},
              "buffer": {"d_submodule": D, "io": "out", "n_ctxs": 3000}}
    (folder / "config.json").write_text(json.dumps(config))


def dictionary_run(sae, x):
    z = sae.encode(x)
    return z, sae.decode(z)


def dictionary_load(folder):
    from dictionary_learning.utils import load_dictionary
    return load_dictionary(str(folder), "cpu")[0]


LIBRARIES = {
    "safetensors-saelens": (saelens_kinds, lambda sae, _, folder: sae.save_model(folder),
                            saelens_load, saelens_run),
    "safetensors-sparsify": (sparsify_kinds, lambda sae, _, folder: sae.save_to_disk(folder),
                             sparsify_load, sparsify_run),
    "dictionary-learning": (dictionary_kinds, dictionary_save, dictionary_load, dictionary_run),
}


# ---- Gemma Scope and openai have no library in the registry: files as they publish them, by the few
# lines of their own notebooks

def gemma_scope(folder, x):
    random = np.random.default_rng(5)
    w = {"W_enc": random.normal(0, .3, (D, F)), "b_enc": random.normal(0, .3, F),
         "W_dec": random.normal(0, .3, (F, D)), "b_dec": random.normal(0, .3, D),
         "threshold": random.uniform(.1, .5, F)}
    w = {name: values.astype("f4") for name, values in w.items()}
    folder.mkdir(parents=True)
    np.savez(folder / "params.npz", **w)
    pre = torch.from_numpy(x) @ torch.from_numpy(w["W_enc"]) + torch.from_numpy(w["b_enc"])
    z = (pre > torch.from_numpy(w["threshold"])) * torch.relu(pre)
    return z, z @ torch.from_numpy(w["W_dec"]) + torch.from_numpy(w["b_dec"])


def openai(folder, x):
    random = torch.Generator().manual_seed(6)
    state = {name: torch.randn(shape, generator=random) * .3 for name, shape in
             (("pre_bias", (D,)), ("latent_bias", (F,)), ("encoder.weight", (F, D)),
              ("decoder.weight", (D, F)))}
    state["stats_last_nonzero"] = torch.zeros(F, dtype=torch.long)
    state |= {"activation": "TopK", "activation_state_dict": {"k": K, "postact_fn": "ReLU"}}
    folder.mkdir(parents=True)
    torch.save(state, folder / "7.pt")
    pre = (torch.from_numpy(x) - state["pre_bias"]) @ state["encoder.weight"].T + state["latent_bias"]
    top = torch.topk(pre, K, dim=1)
    z = torch.zeros_like(pre).scatter_(1, top.indices, torch.relu(top.values))
    return z, z @ state["decoder.weight"].T + state["pre_bias"]


@torch.no_grad()
def make(folder):
    x = np.load(folder / "x.npy")
    for library, (kinds, save, load, run) in LIBRARIES.items():
        for seed, (name, sae) in enumerate(kinds()):
            place = folder / library / name
            save(fill(sae, seed), name, place)
            # What its loader makes of it, which may be another than what was saved.
            z, reconstruction = run(load(place), torch.from_numpy(x))
            np.savez(f"{place}.npz", z=z.numpy(), x=reconstruction.numpy())
    for name, made in (("gemma-scope/layer_3", gemma_scope), ("openai/v5", openai)):
        z, reconstruction = made(folder / name, x)
        np.savez(f"{folder / name}.npz", z=z.numpy(), x=reconstruction.numpy())


@torch.no_grad()
def run(library, folder, x, out):
    _, _, load, compute = LIBRARIES[library]
    z, reconstruction = compute(load(pathlib.Path(folder)), torch.from_numpy(np.load(x)))
    np.savez(out, z=z.numpy(), x=reconstruction.numpy())


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(pathlib.Path(sys.argv[2]))
    else:
        run(*sys.argv[2:])
