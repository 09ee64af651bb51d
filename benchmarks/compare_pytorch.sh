#!/usr/bin/env bash
# How many times faster the SAE engine trains than PyTorch: same initial weights, rows, recipe and
# number of steps, the auxiliary loss at work. One JSON line a batch size; ratio = PyTorch's seconds
# / the engine's. Builds what it needs; takes a minute or two.
#
#   benchmarks/compare_pytorch.sh                              d = 64, F = 1,024, k = 8
#   benchmarks/compare_pytorch.sh --activations rows.npy       these, float32 [rows, d]
#   benchmarks/compare_pytorch.sh --batch-rows 4096 --rounds 3
#   benchmarks/compare_pytorch.sh --preset trainer             Matryoshka BatchTopK
#   benchmarks/compare_pytorch.sh --help                       all flags
#
# With --peers in front, instead: one step of the engine against those of current PyTorch, eager and
# compiled, SAELens and sparsify, each on one thread and on two. Installs these into build/peers, some
# 6 GB; the first run compiles for minutes, the next ones for seconds.
#
#   benchmarks/compare_pytorch.sh --peers                      Matryoshka BatchTopK, d = 64
#   benchmarks/compare_pytorch.sh --peers --preset default     TopK
#   benchmarks/compare_pytorch.sh --peers --dim 512 --latents 8192 --k 32 --slice 3
#   benchmarks/compare_pytorch.sh --peers --help               all flags, and what is compared
#
# $PYTHON: an interpreter with numpy and torch [/usr/bin/python3].
# $RECSAE_BUILD_DIR: where to build [build/release].
set -euo pipefail

here=$(dirname -- "${BASH_SOURCE[0]}")
if [[ ${1:-} == --peers ]]; then
  exec "$here/sae/peers.sh" "${@:2}"
fi
exec "$here/sae/compare.sh" speed "$@"
