#!/usr/bin/env bash
# Builds the fuzzers (tests/fuzz, clang with ASan and UBSan) and runs each for a while.
#
#   scripts/check-fuzz.sh                 30 seconds each
#   scripts/check-fuzz.sh 600 npy         ten minutes of one
#   RECSAE_FUZZ_SEED=7 scripts/check-fuzz.sh   other inputs than those of every run
#   RECSAE_FUZZ_JOBS=1 scripts/check-fuzz.sh   one at a time, rather than one for each processor
#
# A finding's input is left in build/fuzz/findings; put it into tests/fuzz/corpus/NAME with its fix:
# every run begins with the inputs there.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
seconds=${1:-30}
shift || true

cmake --preset fuzz >/dev/null
cmake --build build/fuzz --target fuzzers
mkdir --parents build/fuzz/findings
if (( $# == 0 )); then set -- $(cd build/fuzz/fuzz && ls -- *_fuzz | sed 's/_fuzz$//'); fi

run() {
  local name=$1 corpus=build/fuzz/corpus/$1 folder executions
  folder=$(mktemp --directory)
  mkdir --parents "$corpus" "tests/fuzz/corpus/$name"
  if ! TMPDIR=$folder "build/fuzz/fuzz/${name}_fuzz" -seed="${RECSAE_FUZZ_SEED:-1}" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix="build/fuzz/findings/$name-" \
    "$corpus" "tests/fuzz/corpus/$name" >"build/fuzz/findings/$name.log" 2>&1; then
    tail --lines 40 "build/fuzz/findings/$name.log"
    echo "check-fuzz.sh: $name: a finding, see build/fuzz/findings/$name-*" >&2
    return 1
  fi
  rm --recursive --force "$folder"
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/findings/$name.log")
  echo "$name: ${seconds} s, $executions executions, $(find "$corpus" -type f | wc --lines) inputs kept"
}
export -f run
export seconds
printf '%s\0' "$@" | xargs --null --max-args=1 --max-procs="${RECSAE_FUZZ_JOBS:-$(nproc)}" bash -c 'run "$1"' _
