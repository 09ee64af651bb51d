#!/usr/bin/env bash
# Builds unit tests with sanitizers and runs them, without libtorch, whose binaries know none.
#
#   scripts/check-sanitizers.sh                 asan and tsan
#   scripts/check-sanitizers.sh asan            memory and undefined behaviour
#   scripts/check-sanitizers.sh tsan            data races: what has threads and no server
#   scripts/check-sanitizers.sh tsan_servers    data races: servers, their jobs and their clients
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

tsan=(tsan_test math_test budget_test probe_hosts_test storage_test)
# By hand: what ThreadSanitizer says of these may be of gRPC, which ends a call in ways that it does
# not see, or of RocksDB's memory under a scan. A report without either is a finding.
tsan_servers=(jobs_test rpc_test client_test process_test trainer_test embedder_test
  concept_store_contract_test)
asan=(base_test files_test messages_test math_test sae_test recsae_ranking_test storage_test
  concept_store_test probe_captures_test probe_hosts_test probe_torch_protocol_test recsae_probe_datasets_test explainer_verification_test
  explainer_evaluation_test explainer_labeling_test explainer_attribution_test explainer_steering_test explainer_steered_test
  endpoint_test explainer_language_test cli_bench_test)

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
for list in "$@"; do
  declare -n targets=$list
  check "${list%_servers}" "${targets[@]}"
done
