#!/usr/bin/env bash
# Installs the Debian 12 packages that building, testing and running the suite needs, as far as they
# are missing. The one list of them: quickstart.sh and test.sh call this.
#
#   scripts/install-dependencies.sh           install what is missing
#   scripts/install-dependencies.sh --list    print the packages, one a line
set -euo pipefail

packages=(
  # Compiler and build
  build-essential g++ cmake ninja-build ccache mold pkg-config
  # RPC and its schemas
  libgrpc++-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev
  # Storage, metrics, files and network
  librocksdb-dev prometheus-cpp-dev libcurl4-openssl-dev libarchive-dev libssl-dev
  # Numbers. Without OpenBLAS libtorch falls back to the reference BLAS, twenty times slower;
  # oneDNN's CMake package looks for the OpenCL headers.
  libtorch-dev libopenblas0-openmp libdnnl-dev ocl-icd-opencl-dev libhwy-dev libeigen3-dev
  # Command line and JSON
  libcli11-dev nlohmann-json3-dev
  # Tests and benchmarks
  libgtest-dev libgmock-dev libbenchmark-dev
  python3 python3-grpcio python3-protobuf python3-numpy python3-torch unzip
)

if [[ ${1:-} == --list ]]; then
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
