#!/usr/bin/env bash
# The SAE engine against the least it has to do: the bare product of the encoder, by the fastest BLAS
# at hand, timed in turn with it. Builds what it needs; takes about two minutes. JSON lines:
#
#   ratio                    a training step / the product, same rows and threads; share of its parts
#   speedup_over_one_thread  of the step
#   dead                     latents that the auxiliary loss works on (none, 2 %, a tenth)
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
large=(--dim 512 --latents 16384 --k 32 --rows 1024)
for rows in 1024 4096; do
  "$program" step "${small[@]}" --rows "$rows" --threads "$threads"
  for dead_share in 0.02 0.1; do
    "$program" step "${small[@]}" --rows "$rows" --threads "$threads" --dead-share "$dead_share"
  done
done
"$program" step "${large[@]}" --threads "$threads"
"$program" memory "${large[@]}" --threads "$threads"
"$program" encode "${small[@]}" --rows 1024
