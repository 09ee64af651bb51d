#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test.
#
#   ./test.sh                               all tests
#   ./test.sh -R cli                        arguments go to ctest: only the tests that match
#   RECSAE_DATA_DIR=~/data ./test.sh        with the data sets there (ml-1m, ml-1m-recsae, ...)
#
# Tests that need something that is not there (a data set, a tool chain) are skipped, and named at
# the end.
set -euo pipefail

if [[ -n ${RECSAE_DATA_DIR:-} ]]; then
  # Tests run in other folders.
  RECSAE_DATA_DIR=$(realpath --canonicalize-missing -- "$RECSAE_DATA_DIR")
  export RECSAE_DATA_DIR
  if [[ ! -d $RECSAE_DATA_DIR ]]; then
    echo "test.sh: no data sets: RECSAE_DATA_DIR=$RECSAE_DATA_DIR is not there" >&2
    unset RECSAE_DATA_DIR
  fi
fi

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
scripts/install-dependencies.sh
cmake --preset release -DRECSAE_TESTS=ON -DRECSAE_BENCHMARKS=ON
cmake --build --preset release
status=0
ctest --preset release --parallel 2 --output-junit "$PWD/build/release/tests.xml" "$@" || status=$?
scripts/list-skipped.py build/release/tests.xml
exit "$status"
