#!/usr/bin/env bash
# Installs the Debian packages (12 and 13) that building, testing and running the suite needs, as far as they
# are missing. The one list of them: quickstart.sh and test.sh call this.
#
#   scripts/install-dependencies.sh [GROUP ...]          install what is missing of these groups
#   scripts/install-dependencies.sh --list [GROUP ...]   print the packages, one a line
#
# Groups, all by default:
#   servers    the servers and the command, as built with RECSAE_TORCH=OFF and RECSAE_DOWNLOAD=OFF
#   download   for RECSAE_DOWNLOAD: data sets that the probe fetches
#   torch      for RECSAE_TORCH: recsae-torch-host, with SASRec, TiMiRec, GPT, BERT4Rec, training of ECF, TorchScript modules
#   tests      for RECSAE_TESTS and RECSAE_BENCHMARKS, and their Python
set -euo pipefail

servers=(
  # Compiler and build
  g++ cmake ninja-build ccache mold pkg-config
  # RPC and its schemas
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev
  # Storage, metrics and hashes
  librocksdb-dev prometheus-cpp-dev libcpp-httplib-dev libssl-dev
  # Calls of language models and of embeddings
  libcurl4-openssl-dev
  # Numbers. oneDNN's CMake package looks for the OpenCL headers.
  libdnnl-dev ocl-icd-opencl-dev libhwy-dev libeigen3-dev
  # Command line and JSON
  libcli11-dev nlohmann-json3-dev libsimdjson-dev
  # Words of every script; data sets that come compressed
  libicu-dev zlib1g-dev libzstd-dev
)
download=(libarchive-dev)
# Without OpenBLAS libtorch falls back to the reference BLAS, twenty times slower.
torch=(libtorch-dev libopenblas0-openmp libseccomp-dev)
tests=(
  libgtest-dev libgmock-dev libbenchmark-dev
  python3 python3-grpcio python3-protobuf python3-numpy python3-torch unzip openssl
)

list=
if [[ ${1:-} == --list ]]; then
  list=1
  shift
fi
packages=()
(( $# > 0 )) || set -- servers download torch tests
for group in "$@"; do
  case $group in
    servers) packages+=("${servers[@]}") ;;
    download) packages+=("${download[@]}") ;;
    torch) packages+=("${torch[@]}") ;;
    tests) packages+=("${tests[@]}") ;;
    all) packages+=("${servers[@]}" "${download[@]}" "${torch[@]}" "${tests[@]}") ;;
    *)
      echo "install-dependencies.sh: no group '$group': servers, download, torch, tests or all" >&2
      exit 2
      ;;
  esac
done

if [[ -n $list ]]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install-dependencies.sh: this machine has no apt; install the counterparts of:" >&2
  printf '  %s\n' "${packages[@]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if (( ${#missing[@]} == 0 )); then
  exit 0
fi

as_root=()
if (( EUID != 0 )); then
  if ! command -v sudo >/dev/null; then
    echo "install-dependencies.sh: run as root, or install sudo, to install: ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}" >&2
"${as_root[@]}" apt-get update --quiet --quiet
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
