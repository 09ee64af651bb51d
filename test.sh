#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test.
#
#   ./test.sh                               all tests
#   ./test.sh -R cli                        arguments go to ctest: only the tests that match
#   RECSAE_DATA_DIR=~/data ./test.sh        with the data sets there (ml-1m, ml-1m-recsae, ...)
#
# Tests that need a data set are skipped by name where it is not in RECSAE_DATA_DIR.
set -euo pipefail

if [[ -n ${RECSAE_DATA_DIR:-} ]]; then
  # Tests run in other folders.
  RECSAE_DATA_DIR=$(realpath --canonicalize-missing -- "$RECSAE_DATA_DIR")
  export RECSAE_DATA_DIR
  if [[ ! -d $RECSAE_DATA_DIR ]]; then
    echo "test.sh: no data sets: RECSAE_DATA_DIR=$RECSAE_DATA_DIR is not there; the tests that" \
      "need them will be skipped" >&2
    unset RECSAE_DATA_DIR
  fi
fi

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
scripts/install-dependencies.sh
cmake --preset release -DRECSAE_TESTS=ON -DRECSAE_BENCHMARKS=ON
cmake --build --preset release
ctest --preset release --parallel 2 "$@"
