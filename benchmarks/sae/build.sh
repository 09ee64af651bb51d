#!/usr/bin/env bash
# Builds a program of the SAE benchmarks, if need be, and prints its path:
#
#   benchmarks/sae/build.sh sae_step_benchmark
#
# $RECSAE_BUILD_DIR: the build folder [build/release].
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
build=${RECSAE_BUILD_DIR:-$root/build/release}
(
  cd -- "$root"
  cmake --preset release -B "$build" >/dev/null
  cmake --build "$build" --target "$1"
) >&2
echo "$build/bin/$1"
