#!/usr/bin/env bash
# The SAE engine against the least it has to do: the bare product of the encoder, by the fastest BLAS
# at hand, timed in turn with it, of the trainer's default recipe (Matryoshka BatchTopK) and of TopK.
# Builds what it needs; takes about two minutes. JSON lines:
#
#   ratio                    a training step / the product, same rows and threads; share of its parts
#   speedup_over_one_thread  of the step
#   recipe                   default, top-k
#   instruction_set          the machine's, and AVX2 where that has wider ones; of both sides
#   dead                     latents that the auxiliary loss works on (none, a twentieth)
#   peak_memory_ratio        of a training process, over the bytes of the parameters
#   encode_batch_rate_share  rate of EncodeBatch / rate of the product, on one thread
#   encode_row_us            one row on one thread
#
#   benchmarks/step_vs_sgemm.sh              on two threads
#   benchmarks/step_vs_sgemm.sh 1            on one
#   <build>/bin/sae_step_benchmark --help    other shapes
#
# $RECSAE_BUILD_DIR: where to build [build/release].
set -euo pipefail

threads=${1:-2}
program=$("$(dirname -- "${BASH_SOURCE[0]}")/sae/build.sh" sae_step_benchmark)

small=(--dim 64 --latents 1024 --k 8)
large=(--dim 512 --latents 16384 --k 32 --rows 1024 --top-k)
for width in "" --avx2; do
  for rows in 1024 4096; do
    for dead_share in 0 0.05; do
      # shellcheck disable=SC2086  # no flag where $width is empty
      "$program" step "${small[@]}" --rows "$rows" --threads "$threads" --dead-share "$dead_share" \
        $width
    done
  done
done
for rows in 1024 4096; do
  "$program" step "${small[@]}" --rows "$rows" --threads "$threads" --top-k
done
"$program" step --dim 512 --latents 8192 --k 32 --rows 1024 --threads "$threads"
"$program" step "${large[@]}" --threads "$threads"
"$program" memory "${large[@]}" --threads "$threads"
"$program" encode "${small[@]}" --rows 1024
