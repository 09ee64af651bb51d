#!/usr/bin/env bash
# Builds all images (docker/build.sh) and runs them by podman: each by itself and through a rolling restart
# (scripts/images/check_images.py), and the pods of k8s/overlays/prod (scripts/images/check_pods.py).
#
#   scripts/images/check.sh                     on a base that debootstrap makes of Debian 13, needing no registry; as root
#   scripts/images/check.sh --base IMAGE        on that base
#   RECSAE_SUITE=bookworm scripts/images/check.sh     on Debian 12
#
# Needs podman with netavark, debootstrap and a build of the Python protos (build/release/python, or $RECSAE_PYTHON_PROTOS).
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

suite=${RECSAE_SUITE:-trixie}
base=localhost/recsae-base:$suite
from=(--debootstrap "$suite")
if [[ ${1:-} == --base ]]; then
  base=$2
  from=(--base "$2")
  shift 2
fi
protos=${RECSAE_PYTHON_PROTOS:-build/release/python}
[[ -d $protos/recsae ]] || { echo "check.sh: no Python protos in $protos: build the target recsae_python_protos" >&2; exit 1; }
if [[ ! -d /run/systemd/system ]]; then export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}; fi
tag=check-${base//[^a-z0-9]/-}
docker/build.sh --engine podman "${from[@]}" --tag "$tag"
PYTHONPATH=$protos PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 scripts/images/check_images.py --tag "$tag" --base "$base" "$@"
scripts/k8s/install_tools.sh build/tools/k8s
PATH=$PWD/build/tools/k8s/bin:$PATH PYTHONDONTWRITEBYTECODE=1 python scripts/images/check_pods.py --tag "$tag"
