#!/usr/bin/env bash
# Builds unit tests with sanitizers and runs them, without libtorch, whose binaries know none.
#
#   scripts/check-sanitizers.sh           both
#   scripts/check-sanitizers.sh tsan      data races: what has threads
#   scripts/check-sanitizers.sh asan      memory and undefined behaviour: the rest
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# Not what scans a store while others write to it: a scan reads RocksDB's memory, which packaged
# RocksDB hands over in a way that ThreadSanitizer does not see.
tsan=(tsan_test math_test budget_test storage_test jobs_test rpc_test client_test process_test trainer_test)
asan=(base_test files_test messages_test math_test sae_test recsae_ranking_test storage_test
  concept_store_test probe_captures_test recsae_probe_datasets_test explainer_verification_test
  explainer_evaluation_test explainer_labeling_test)

check() {
  local preset=$1
  shift
  cmake --preset "$preset" >/dev/null
  cmake --build "build/$preset" --target "$@"
  ctest --test-dir "build/$preset" --parallel 2 --output-on-failure --timeout 600 \
    --tests-regex "$(IFS='|'; echo "^($(cd "build/$preset/tests" && for t in "$@"; do
      ./"$t" --gtest_list_tests 2>/dev/null | awk -F'[ .#]' '/^[^ ]/ {print $1}'; done | sort -u | paste -sd'|'))\\.")"
}

if (( $# == 0 )); then set -- asan tsan; fi
for preset in "$@"; do
  declare -n targets=$preset
  check "$preset" "${targets[@]}"
done
