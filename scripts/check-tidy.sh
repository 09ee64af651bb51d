#!/usr/bin/env bash
# Runs clang-tidy over the project's sources, or over the given ones; needs a configured
# build/release.
#
#   scripts/check-tidy.sh                            everything (an hour on two cores)
#   scripts/check-tidy.sh common/sae/*.cc            some files
#   scripts/check-tidy.sh $(git diff --name-only main -- '*.cc')
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
if (( $# == 0 )); then
  mapfile -t files < <(git ls-files -- 'common/*.cc' 'services/*.cc' 'clients/*.cc')
  set -- "${files[@]}"
fi
printf '%s\0' "$@" | xargs --null --max-args=1 --max-procs="$(nproc)" \
  clang-tidy -p build/release --quiet
