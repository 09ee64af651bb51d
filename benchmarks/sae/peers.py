"""Training steps of other libraries on a case (pytorch_sae.Case): SAELens and sparsify.

Each begins with the case's weights, takes its rows in its order, and its learning rate, k, prefixes,
clipping, weight of the auxiliary loss and rows until a latent counts as dead where it has such a
thing. Where it goes another way than the engine it goes its own:

SAELens   its SAETrainer.step with its training SAE. It does not hold decoder rows at unit norm: it
          multiplies activations by their norms (rescale_acts_by_decoder_norm; its sparse
          activations, of TopK alone, have no gradient with that, and go without). Losses of prefixes
          are summed, not averaged, and the auxiliary loss is smaller while few latents are dead.
sparsify  TopK alone. Its SparseCoder; its Trainer.fit takes activations from a language model and
          cannot be called with rows, so what it does with a batch is written here. It clips nothing.
"""

import contextlib
import math
import os
import sys

import torch

os.environ.setdefault("SPARSIFY_DISABLE_TRITON", "1")  # which is for GPUs


def fuse(optimizer):
    """torch.optim.Adam as it comes is no fused one on the CPU, which is the fastest."""
    for group in optimizer.param_groups:
        group.update(fused=True, foreach=False)


def schedule(config, total_steps):
    """Steps of warm-up and of decay, each at least 1."""
    return (max(round(fraction * total_steps), 1)
            for fraction in (config.warmup_fraction, config.decay_fraction))


class SaeLens:
    """SAELens' own trainer and training SAE."""

    def __init__(self, case, fused=False, compiled=False, sparse=False):
        import sae_lens
        from sae_lens.config import SAETrainerConfig
        from sae_lens.training.sae_trainer import SAETrainer
        config, self.variance = case.config, case.variance
        latents, dim = case.weights["encoder"].shape
        options = dict(d_in=dim, d_sae=latents, k=config.k, aux_loss_coefficient=config.aux_weight,
                       use_sparse_activations=sparse, rescale_acts_by_decoder_norm=not sparse)
        if config.architecture == "top_k":
            sae = sae_lens.TopKTrainingSAE(sae_lens.TopKTrainingSAEConfig(**options))
        elif config.matryoshka_prefixes:
            widths = sorted({*config.matryoshka_prefixes, latents})
            sae = sae_lens.MatryoshkaBatchTopKTrainingSAE(
                sae_lens.MatryoshkaBatchTopKTrainingSAEConfig(matryoshka_widths=widths, **options))
        else:
            sae = sae_lens.BatchTopKTrainingSAE(sae_lens.BatchTopKTrainingSAEConfig(**options))
        with torch.no_grad():
            sae.W_enc.copy_(torch.from_numpy(case.weights["encoder"].T.copy()))
            sae.W_dec.copy_(torch.from_numpy(case.weights["decoder"]))
            sae.b_dec.copy_(torch.from_numpy(case.weights["pre_bias"]))
            sae.b_enc.copy_(torch.from_numpy(case.weights["encoder_bias"]))
        if compiled:
            # What its compile_sae does.
            sae.training_forward_pass = torch.compile(sae.training_forward_pass)
        warmup, decay = schedule(config, case.total_steps)
        self.trainer = SAETrainer(
            SAETrainerConfig(
                total_training_samples=case.total_steps * config.batch_rows,
                train_batch_size_samples=config.batch_rows, lr=config.learning_rate,
                lr_end=config.learning_rate / 10, lr_warm_up_steps=warmup, lr_decay_steps=decay,
                adam_beta1=config.beta1, adam_beta2=config.beta2,
                dead_feature_window=math.ceil(config.dead_after_rows / config.batch_rows) - 1),
            sae, data_provider=iter(()))
        self.trainer.activation_scaler.scaling_factor = case.input_scale
        if fused:
            fuse(self.trainer.optimizer)

    def step(self, rows):
        """One update; returns the FVU of the batch before it (a tensor)."""
        output = self.trainer.step(rows)
        self.trainer.n_training_steps += 1
        return output.losses["mse_loss"].detach() / self.variance

    def dead(self):
        return int(self.trainer.dead_neurons.sum())


class Sparsify:
    """sparsify's coder, trained as its Trainer.fit does with Adam."""

    def __init__(self, case, fused=False, compiled=False):
        with contextlib.redirect_stdout(sys.stderr):  # it prints which decoder it takes
            from sparsify import SparseCoder, SparseCoderConfig
            from transformers import get_linear_schedule_with_warmup
        self.case, config = case, case.config
        latents, dim = case.weights["encoder"].shape
        self.coder = SparseCoder(dim, SparseCoderConfig(num_latents=latents, k=config.k),
                                 dtype=torch.float32)
        with torch.no_grad():
            for parameter, name in ((self.coder.encoder.weight, "encoder"),
                                    (self.coder.encoder.bias, "encoder_bias"),
                                    (self.coder.W_dec, "decoder"), (self.coder.b_dec, "pre_bias")):
                parameter.copy_(torch.from_numpy(case.weights[name]))
        self.forward = torch.compile(self.coder) if compiled else self.coder
        self.adam = torch.optim.Adam(self.coder.parameters(), lr=config.learning_rate)
        if fused:
            fuse(self.adam)
        warmup, _ = schedule(config, case.total_steps)
        self.schedule = get_linear_schedule_with_warmup(self.adam, warmup, case.total_steps)
        self.idle_rows = torch.zeros(latents, dtype=torch.long)
        self.fired = torch.zeros(latents, dtype=torch.bool)

    def step(self, rows):
        """One update; returns the FVU of the batch before it (a tensor)."""
        x = rows * self.case.input_scale
        self.coder.set_decoder_norm_to_unit_norm()
        out = self.forward(x, dead_mask=self._dead(),
                           total_variance=(x - x.mean(0)).square().sum())
        self.fired[out.latent_indices.flatten()] = True
        (out.fvu + self.case.config.aux_weight * out.auxk_loss).backward()
        self.coder.remove_gradient_parallel_to_decoder_directions()
        self.adam.step()
        self.adam.zero_grad()
        self.schedule.step()
        self.idle_rows += len(rows)
        self.idle_rows[self.fired] = 0
        self.fired.zero_()
        return out.fvu.detach()

    def _dead(self):
        return self.idle_rows >= self.case.config.dead_after_rows

    def dead(self):
        return int(self._dead().sum())
