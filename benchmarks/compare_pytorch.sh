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
# $PYTHON: an interpreter with numpy and torch [/usr/bin/python3].
# $RECSAE_BUILD_DIR: where to build [build/release].
set -euo pipefail

exec "$(dirname -- "${BASH_SOURCE[0]}")/sae/compare.sh" speed "$@"
