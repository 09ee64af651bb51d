#!/usr/bin/env python3
"""Makes tests/golden/sae: short training runs by the PyTorch port (benchmarks/pytorch_sae.py), in
double precision, for tests/unit/common/sae/golden_test.cc to follow.

  /usr/bin/python3 tests/golden/make_sae_golden.py     needs numpy and torch

For each recipe a case as sae_step_benchmark make-case writes them, and
  after_<n>.npy  weights after n steps, in one row: encoder, encoder bias, decoder, pre_bias
  trace.npy      [steps, 2]: FVU of each step's batch, latents that were dead in it

A selection that hangs on the last bits would come out otherwise in single precision, and all that
follows with it; so seeds are tried until no choice of the run is closer than GAP.
"""

import json
import pathlib
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import pytorch_sae  # noqa: E402  (found by the line above; before torch, it chooses the BLAS)
import numpy as np  # noqa: E402
import torch  # noqa: E402

DIM, LATENTS, ROWS, STEPS = 8, 32, 64, 100
SNAPSHOTS = (1, 10, 100)
# Far above what single precision moves a pre-activation by (some 1e-5 after 100 steps).
GAP = 3e-4

# TrainConfig (common/sae/train_config.h). Batches are small, so that a run has few close choices,
# and latents die soon, so that some of them do it, and come back, within the run.
SHARED = dict(latents=LATENTS, k=4, matryoshka_prefixes=[], unit_norm_decoder=True,
              dead_after_rows=24, revival="aux_loss", aux_weight=1 / 32, aux_k=DIM // 2, beta1=0.9,
              beta2=0.999, decay_shape="linear", batch_rows=8)
RECIPES = {
    "default": dict(SHARED, architecture="top_k", encoder_bias=True, normalise_inputs=True,
                    learning_rate=1e-3, epsilon=6.25e-10, warmup_fraction=0.05, decay_fraction=0.2,
                    clip_norm=1.0),
    "paper": dict(SHARED, architecture="top_k_signed", encoder_bias=False, normalise_inputs=False,
                  learning_rate=1e-4, epsilon=1e-8, warmup_fraction=0.0, decay_fraction=0.0,
                  clip_norm=0.0),
}


class WatchedTrainer(pytorch_sae.Trainer):
    """Notes how close the choices were, and how many steps were clipped."""

    def __init__(self, case):
        super().__init__(case, "dense", dtype=torch.float64)
        self.gap = np.inf
        self.clipped = 0

    def _select(self, x, encoder, bias, k, method):
        with torch.no_grad():
            pre = (x - self.pre_bias) @ encoder.T + bias
            values = pre.sort(descending=True).values
            if k < pre.shape[1]:
                self.gap = min(self.gap, float((values[:, k - 1] - values[:, k]).min()))
            if self.config.architecture == "top_k":
                self.gap = min(self.gap, float(values[:, :k].abs().min()))
        return super()._select(x, encoder, bias, k, method)

    def _constrain_gradients(self):
        super()._constrain_gradients()
        norm = sum(float(p.grad.norm()) ** 2 for p in self.weights.values()) ** 0.5
        self.clipped += abs(norm - self.config.clip_norm) < 1e-9


def random_case(recipe, seed):
    """Rows of a few directions, and weights that nothing is equal or zero in."""
    random = np.random.default_rng(seed)
    config = types.SimpleNamespace(**recipe)

    def unit_rows(count):
        rows = random.standard_normal((count, DIM))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    directions = unit_rows(12)
    rows = 0.3 * random.standard_normal(DIM) + 0.02 * random.standard_normal((ROWS, DIM))
    for row in rows:
        row += random.uniform(0.5, 2.0, 3) @ directions[random.choice(12, 3, replace=False)]
    rows = rows.astype(np.float32)
    mean_squared_norm = float(np.square(rows.astype(np.float64)).sum(1).mean())
    scale = float(np.float32(np.sqrt(DIM / mean_squared_norm))) if config.normalise_inputs else 1.0
    decoder = unit_rows(LATENTS)
    weights = {"encoder": decoder + 0.05 * random.standard_normal((LATENTS, DIM)),
               "encoder_bias": 0.05 * random.standard_normal(LATENTS), "decoder": decoder,
               "pre_bias": scale * rows.mean(0) + 0.05 * random.standard_normal(DIM)}
    if not config.encoder_bias:
        del weights["encoder_bias"]
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    deviation = (rows - rows.mean(0, dtype=np.float64)) * scale
    return pytorch_sae.Case(config, scale, float(np.square(deviation).sum(1).mean()), STEPS,
                            weights, rows)


def run(case):
    """Trains; returns the trainer, the snapshots and the trace."""
    trainer = WatchedTrainer(case)
    rows = torch.from_numpy(case.rows).double()
    snapshots, trace = {}, []
    for batch in pytorch_sae.batches(rows, case.config.batch_rows, STEPS):
        dead = len(trainer.dead)
        trace.append((float(trainer.step(batch)), dead))
        if trainer.steps in SNAPSHOTS:
            snapshots[trainer.steps] = np.concatenate(
                [trainer.weights[name].detach().numpy().ravel() for name in case.weights])
    return trainer, snapshots, np.array(trace)


def good(case, trainer, trace):
    """Whether the run has what it is to show, and no choice that hangs on rounding."""
    dead = trace[:, 1]
    died_and_came_back = dead[0] == 0 and (np.diff(dead) > 0).any() and (np.diff(dead) < 0).any()
    clip = case.config.clip_norm
    return trainer.gap > GAP and died_and_came_back and (clip == 0 or 0 < trainer.clipped < STEPS)


def write(folder, case, snapshots, trace):
    folder.mkdir(parents=True, exist_ok=True)

    def save(name, array):
        np.save(folder / f"{name}.npy", np.asarray(array, dtype="<f4"))

    description = {"config": vars(case.config), "input_scale": case.input_scale,
                   "variance": case.variance, "total_rows": STEPS * case.config.batch_rows}
    (folder / "case.json").write_text(json.dumps(description, indent=2) + "\n")
    for name, array in dict(case.weights, rows=case.rows, trace=trace).items():
        save(name, array)
    for steps, weights in snapshots.items():
        save(f"after_{steps}", weights)


def main():
    for name, recipe in RECIPES.items():
        for seed in range(1000):
            case = random_case(recipe, seed)
            trainer, snapshots, trace = run(case)
            if good(case, trainer, trace):
                break
        else:
            raise SystemExit(f"{name}: no seed gives a run without close choices")
        write(ROOT / "tests" / "golden" / "sae" / name, case, snapshots, trace)
        print(f"{name}: seed {seed}, closest choice {trainer.gap:.1e}, {trainer.clipped} steps "
              f"clipped, FVU {trace[0, 0]:.3f} to {trace[-1, 0]:.3f}, dead latents at most "
              f"{trace[:, 1].max():.0f}")


if __name__ == "__main__":
    main()
