#!/usr/bin/env python3
"""The training step of the RecSAE paper in PyTorch: what common/sae is held against.

  python3 benchmarks/pytorch_sae.py CASE [--threads 2] [--method dense] [--adam foreach loop]

CASE is a folder that `sae_step_benchmark make-case` wrote: configuration, initial weights and rows.
Trains on it and prints one JSON line: seconds of all steps together, the FVU of all rows with the
final weights, and how the FVU of the batches went.

The step: pre = W_enc (x − b_pre) + b_enc, the k largest, x̂ = W_decᵀ z + b_pre; loss = (‖x − x̂‖² +
α ‖e − ê‖²) / variance with e = x − x̂ held constant and ê from the k_aux largest dead latents;
autograd; the decoder gradient's component along each row removed, clipping, Adam, decoder rows to
unit norm. Three methods compute the same code and reconstruction:

  dense          encoder product, topk, scatter, decoder product
  embedding_bag  as dense, but decodes the selected rows alone
  sparse         as embedding_bag, and computes the selected values again from their encoder rows,
                 so that the backward pass touches these alone as well

Of BatchTopK, with Matryoshka prefixes or without, the k · n largest values of the batch above 0, and
the mean of the prefixes' losses; there embedding_bag, which takes k values of each row, is left out,
and sparse looks for the largest among those near the last step's least, if they are enough.

By default a few steps of each, with each kind of torch.optim.Adam (fused where this PyTorch has it
for the CPU, foreach, a plain loop), are timed and the fastest is taken, OpenBLAS is told what the
processor can do, and denormal numbers count as 0. With --plain it is the step as the paper's public
code writes it (dense, torch.optim.Adam as it comes), and PyTorch as installed.
"""

import argparse
import copy
import dataclasses
import json
import math
import os
import pathlib
import sys
import time
import types


def widest_blas():
    """OpenBLAS up to 0.3.21 does not know the processors that came after it and takes its SSE3
    kernels there, four times slower; this names it the widest that the processor can run."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return
    for needed, core in (({"avx512f", "avx512dq", "avx512bw", "avx512vl"}, "SkylakeX"),
                         ({"avx2", "fma"}, "Haswell")):
        if needed <= set(flags):
            os.environ.setdefault("OPENBLAS_CORETYPE", core)
            return


PLAIN = "--plain" in sys.argv
if not PLAIN:
    widest_blas()  # before anything loads OpenBLAS
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

METHODS = ("sparse", "embedding_bag", "dense")
ADAMS = ("fused", "foreach", "loop")
PARAMETERS = ("encoder", "encoder_bias", "decoder", "pre_bias")
# Intervals that the course of the FVU is averaged over.
INTERVALS = 20
# With more dead latents than this times k_aux, embedding_bag beats a product with all of them.
FEW_DEAD = 8
# Of the least value that batch_top_k kept in the last step: above it the next ones are looked for.
NEAR = 0.8


@dataclasses.dataclass
class Case:
    """One training run: all that decides its result."""
    config: types.SimpleNamespace  # TrainConfig (common/sae/train_config.h), every field
    input_scale: float
    variance: float                # of the normalised rows
    total_steps: int               # that the learning-rate schedule spans
    weights: dict                  # initial arrays by PARAMETERS; encoder_bias if there is one
    rows: np.ndarray               # [n, d], as captured


def load_case(folder):
    """Reads a folder written by sae_step_benchmark make-case."""
    folder = pathlib.Path(folder)
    case = json.loads((folder / "case.json").read_text())
    config = types.SimpleNamespace(**case["config"])
    if config.architecture not in ("top_k", "top_k_signed", "batch_top_k"):
        raise SystemExit(f"{folder}: the port knows top_k, top_k_signed and batch_top_k alone")
    if config.matryoshka_prefixes and config.architecture != "batch_top_k":
        raise SystemExit(f"{folder}: the port knows prefixes of batch_top_k alone")
    if config.k_anneal_from != 1 and config.k_anneal_fraction > 0:
        raise SystemExit(f"{folder}: the port knows one k for all steps alone")
    if config.decoder_rate != 1:
        raise SystemExit(f"{folder}: the port knows one learning rate alone")
    if config.revival == "resample":
        raise SystemExit(f"{folder}: the port revives latents by the auxiliary loss alone")
    weights = {name: np.load(folder / f"{name}.npy") for name in PARAMETERS
               if name != "encoder_bias" or config.encoder_bias}
    return Case(config, case["input_scale"], case["variance"],
                math.ceil(case["total_rows"] / config.batch_rows), weights,
                np.load(folder / "rows.npy"))


def learning_rate(config, step, total):
    """Warm-up, plateau and decay, as Trainer::LearningRate; step counts from 0."""
    warmup = config.warmup_fraction * total
    decay = config.decay_fraction * total
    factor = 1.0
    if step + 1 < warmup:
        factor = (step + 1) / warmup
    if total - step < decay:
        left = max(total - step, 0) / decay
        if config.decay_shape == "cosine":
            left = (1 - math.cos(math.pi * left)) / 2
        factor *= left
    return config.learning_rate * factor


def make_adam(parameters, config, kind):
    """torch.optim.Adam in one of its ADAMS; None where this PyTorch has no such one for the CPU."""
    options = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
    try:
        return torch.optim.Adam(parameters, lr=config.learning_rate,
                                betas=(config.beta1, config.beta2), eps=config.epsilon,
                                **options[kind])
    except (RuntimeError, TypeError):
        return None


class Trainer:
    """The state of a training run."""

    def __init__(self, case, method="sparse", adam="loop", dtype=torch.float32, compiled=False):
        self.case, self.config, self.method, self.dtype = case, case.config, method, dtype
        weights = {name: torch.nn.Parameter(torch.tensor(array, dtype=dtype))
                   for name, array in case.weights.items()}
        self.encoder, self.decoder = weights["encoder"], weights["decoder"]
        self.pre_bias = weights["pre_bias"]
        # Of models without the bias: zeros that are never trained.
        self.bias = weights.get("encoder_bias", torch.zeros(len(self.encoder), dtype=dtype))
        self.adam = make_adam(list(weights.values()), self.config, adam)
        self.weights = weights
        self.prefixes = sorted({*self.config.matryoshka_prefixes, len(self.encoder)})
        # Of batch_top_k: the least value kept in the last step, and its running mean.
        self.least, self.threshold = torch.zeros((), dtype=dtype), 0.0
        self.idle_rows = torch.zeros(len(self.encoder), dtype=torch.int64)
        self.dead = self.idle_rows.nonzero().squeeze(1)
        self.steps = 0
        if compiled:
            # All that touches each value; what is left reads single numbers, or is Adam.
            for name in ("_loss", "_remove_along_rows", "_normalise_rows"):
                setattr(self, name, torch.compile(getattr(self, name)))

    def step(self, rows):
        """One update from rows [n, d]; returns the FVU of the batch before it (a tensor)."""
        loss, fvu, code = self._loss(rows)
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        with torch.no_grad():
            self._constrain_gradients()
            self.adam.param_groups[0]["lr"] = learning_rate(self.config, self.steps,
                                                            self.case.total_steps)
            self.adam.step()
            if self.config.unit_norm_decoder:
                self._normalise_rows()
            self._mark_fired(code, len(rows))
            if self.config.architecture == "batch_top_k":
                least = float(self.least)
                self.threshold = .99 * (self.threshold or least) + .01 * least
        self.steps += 1
        return fvu.detach()

    def _loss(self, rows):
        """What is minimised, the FVU and the code of rows [n, d]."""
        config = self.config
        x = rows * self.case.input_scale
        weight = 1.0 / (len(x) * self.case.variance)
        if config.architecture == "batch_top_k":
            code, errors = self._reconstruct_batch(x)
            error = errors[-1]
            fvu = error.square().sum() * weight
            loss = sum(each.square().sum() for each in errors) * (weight / len(errors))
        else:
            code, error = self._reconstruct(x)
            fvu = loss = error.square().sum() * weight
        if config.revival == "aux_loss" and config.aux_weight > 0 and len(self.dead):
            missing = error.detach() - self._reconstruct_by_dead(x)
            loss = loss + config.aux_weight * weight * missing.square().sum()
        return loss, fvu, code

    def _reconstruct(self, x):
        """The code (latents, values), both [n, k], and the error x − x̂."""
        code = self._select(x, self.encoder, self.bias, self.config.k, self.method)
        return code, x - self.pre_bias - self._decode(code, self.decoder, self.method)

    def _reconstruct_batch(self, x):
        """The k n largest of the batch, (latents, values), and the error of each prefix, [n, d]."""
        centred = x - self.pre_bias
        latent_count, prefix_count = len(self.encoder), len(self.prefixes)
        with torch.set_grad_enabled(self.method == "dense"):
            pre = functional.linear(centred, self.encoder, self.bias).relu()
            values, places = self._largest(pre.flatten(), self.config.k * len(x))
        self.least = values.detach().min()
        latents = places % latent_count
        if self.method == "dense":
            code = torch.zeros_like(pre).flatten().scatter(0, places, values).view_as(pre)
            errors, begin, left = [], 0, centred
            for end in self.prefixes:
                left = left - code[:, begin:end] @ self.decoder[begin:end]
                errors.append(left)
                begin = end
            return (latents, values), errors
        rows = torch.div(places, latent_count, rounding_mode="floor")
        values = (functional.embedding(latents, self.encoder) * centred[rows]).sum(-1)
        values = (values + self.bias[latents]).relu()
        # What each prefix adds to each row, then sums of these.
        prefix = torch.bucketize(latents, torch.tensor(self.prefixes), right=True)
        parts = centred.new_zeros(len(x) * prefix_count, x.shape[1]).index_add(
            0, rows * prefix_count + prefix,
            functional.embedding(latents, self.decoder) * values.unsqueeze(1))
        parts = parts.view(len(x), prefix_count, -1).cumsum(1)
        return (latents, values), list((centred.unsqueeze(1) - parts).unbind(1))

    def _largest(self, values, count):
        """As topk, unsorted; of a few of the values where the method is sparse and they suffice."""
        if self.method == "sparse":
            near = (values > NEAR * self.least).nonzero().squeeze(1)
            if len(near) >= count:
                found, order = values[near].topk(count, sorted=False)
                return found, near[order]
        return values.topk(count, sorted=False)

    def _reconstruct_by_threshold(self, x):
        """The error of rows that are encoded one by one, as batch_top_k does after training."""
        pre = functional.linear(x, self.encoder, self.bias - self.encoder @ self.pre_bias)
        return x - self.pre_bias - torch.where(pre > self.threshold, pre, 0.0) @ self.decoder

    def _reconstruct_by_dead(self, x):
        """ê = W_decᵀ z', z' the k_aux largest dead latents."""
        dead = self.dead
        aux_k = min(self.config.aux_k, len(dead))
        method = "dense" if len(dead) <= FEW_DEAD * aux_k else "embedding_bag"
        code = self._select(x, self.encoder[dead], self.bias[dead], aux_k, method)
        return self._decode(code, self.decoder[dead], method)

    def _select(self, x, encoder, bias, k, method):
        if method == "sparse":
            centred = x - self.pre_bias
            with torch.no_grad():
                pre = functional.linear(centred, encoder, bias)
                latents = pre.topk(k, sorted=False).indices
            values = (functional.embedding(latents, encoder) * centred.unsqueeze(1)).sum(-1)
            values = values + functional.embedding(latents, bias.unsqueeze(1)).squeeze(-1)
        else:
            # The bias takes pre_bias in, which spares a product in the backward pass.
            pre = functional.linear(x, encoder, bias - encoder @ self.pre_bias)
            values, latents = pre.topk(k, sorted=False)
        if self.config.architecture != "top_k_signed":
            values = values.relu()
        return latents, values

    @staticmethod
    def _decode(code, decoder, method):
        latents, values = code
        if method == "dense":
            return values.new_zeros(len(values), len(decoder)).scatter(1, latents, values) @ decoder
        return functional.embedding_bag(latents, decoder, per_sample_weights=values, mode="sum")

    def _constrain_gradients(self):
        if self.config.unit_norm_decoder:
            self._remove_along_rows()
        if self.config.clip_norm > 0:
            gradients = [parameter.grad for parameter in self.weights.values()]
            norm = math.sqrt(sum(float(gradient.norm()) ** 2 for gradient in gradients))
            if norm > self.config.clip_norm:
                torch._foreach_mul_(gradients, self.config.clip_norm / norm)

    def _remove_along_rows(self):
        along = (self.decoder.grad * self.decoder).sum(1, keepdim=True)
        self.decoder.grad -= along * self.decoder

    def _normalise_rows(self):
        self.decoder /= self.decoder.norm(dim=1, keepdim=True)

    def _mark_fired(self, code, n):
        latents, values = code
        if self.config.architecture != "top_k_signed":
            latents = latents[values > 0]
        self.idle_rows += n
        self.idle_rows[latents.reshape(-1)] = 0
        dead = self.idle_rows >= self.config.dead_after_rows
        was_dead = torch.zeros_like(dead)
        was_dead[self.dead] = True
        self._forget_moments((dead & ~was_dead).nonzero().squeeze(1))
        self.dead = dead.nonzero().squeeze(1)

    def _forget_moments(self, latents):
        """A latent that dies starts with fresh moments, as in Trainer::ForgetMoments."""
        if not len(latents):
            return
        for name, parameter in self.weights.items():
            if name != "pre_bias":
                state = self.adam.state[parameter]
                state["exp_avg"][latents] = 0
                state["exp_avg_sq"][latents] = 0

    @torch.no_grad()
    def evaluate(self, rows):
        """Mean ‖x − x̂‖² / mean ‖x − mean x‖² over rows [n, d]."""
        x = rows.to(self.dtype) * self.case.input_scale
        by_threshold = self.config.architecture == "batch_top_k"
        errors = (self._reconstruct_by_threshold(part) if by_threshold
                  else self._reconstruct(part)[1] for part in x.split(4096))
        error = sum(float(each.double().square().sum()) for each in errors)
        return error / float((x.double() - x.double().mean(0)).square().sum())


def batches(rows, batch_rows, steps):
    """The rows of each step: whole batches, round and round."""
    count = len(rows) // batch_rows
    for step in range(steps):
        begin = step % count * batch_rows
        yield rows[begin:begin + batch_rows]


def interval_means(values):
    """Means over INTERVALS equal intervals of a run (fewer when it is shorter)."""
    count = min(INTERVALS, len(values))
    bounds = [len(values) * i // count for i in range(count + 1)]
    return [float(np.mean(values[begin:end])) for begin, end in zip(bounds, bounds[1:])]


def train(case, method, adam, dtype=torch.float32):
    """Trains on a case from start to end; returns its figures."""
    rows = torch.from_numpy(case.rows).to(dtype)
    trainer = Trainer(case, method, adam, dtype)
    fvu, dead = [], []
    start = time.perf_counter()
    for batch in batches(rows, case.config.batch_rows, case.total_steps):
        dead.append(len(trainer.dead))
        fvu.append(trainer.step(batch))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "steps": case.total_steps, "fvu": trainer.evaluate(rows),
            "mean_dead": float(np.mean(dead)), "aux_share": float(np.mean(np.array(dead) > 0)),
            "fvu_curve": interval_means(torch.stack(fvu).numpy()), "method": method, "adam": adam,
            "torch": torch.__version__, "torch_threads": torch.get_num_threads()}


def time_step(case, method, adam, seconds):
    """Median time of a step without dead latents plus that of one with a tenth of them dead; None
    where this PyTorch has no such Adam."""
    case = dataclasses.replace(case, config=copy.copy(case.config))
    case.config.dead_after_rows = 2 ** 62
    trainer = Trainer(case, method, adam)
    if trainer.adam is None:
        return None
    dead = torch.arange(0, len(trainer.encoder), 10)
    times = []
    rows = torch.from_numpy(case.rows)
    for step, batch in enumerate(batches(rows, case.config.batch_rows, 1000)):
        trainer.dead = dead if step % 2 else dead[:0]
        start = time.perf_counter()
        trainer.step(batch)
        times.append(time.perf_counter() - start)
        if step >= 5 and sum(times) > seconds:
            break
    return float(np.median(times[2::2]) + np.median(times[3::2]))


def fastest(case, methods=METHODS, adams=ADAMS, seconds=0.3):
    """The (method, adam) of these that is the fastest on this case; each is tried so long."""
    spent = {(method, adam): time_step(case, method, adam, seconds)
             for method in methods for adam in adams
             if method != "embedding_bag" or case.config.architecture != "batch_top_k"}
    spent = {choice: value for choice, value in spent.items() if value is not None}
    return min(spent, key=spent.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", help="folder written by sae_step_benchmark make-case")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch threads [1]")
    parser.add_argument("--method", choices=METHODS, nargs="+", default=METHODS,
                        help="the fastest of these is taken [all]")
    parser.add_argument("--adam", choices=ADAMS, nargs="+", default=ADAMS,
                        help="torch.optim.Adam, likewise [all]")
    parser.add_argument("--plain", action="store_true",
                        help="dense, with PyTorch as it is installed")
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    # Moments of latents that no longer fire fade into denormal numbers, which are slow.
    torch.set_flush_denormal(not PLAIN)
    case = load_case(flags.case)
    choice = ("dense", "loop") if PLAIN else fastest(case, flags.method, flags.adam)
    print(json.dumps(train(case, *choice)))


if __name__ == "__main__":
    main()
