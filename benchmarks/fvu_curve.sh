#!/usr/bin/env bash
# Whether the SAE engine learns what its PyTorch port learns: one epoch of both from the same
# initial weights. One JSON line: the FVU of the batches averaged over 20 intervals, of both, and
# the largest relative difference.
#
#   benchmarks/fvu_curve.sh --activations rows.npy             float32 [rows, d]
#   benchmarks/fvu_curve.sh --activations rows.npy --latents 2048 --batch-rows 256
#   benchmarks/fvu_curve.sh --help                             all flags
#
# $PYTHON: an interpreter with numpy and torch [/usr/bin/python3].
# $RECSAE_BUILD_DIR: where to build [build/release].
set -euo pipefail

exec "$(dirname -- "${BASH_SOURCE[0]}")/sae/compare.sh" curve "$@"
