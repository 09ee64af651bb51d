#!/usr/bin/env bash
# Manifests, alerts, dashboards and the Dockerfile, in seconds:
#
#   scripts/k8s/check.sh                  all but what needs a control plane
#   scripts/k8s/check.sh --api-server     that, too: a real kube-apiserver of Kubernetes 1.34 (built once, 10 to 20
#                                         minutes) takes both overlays
#
# Flags, ports and paths are compared with the programs of $RECSAE_BIN [build/release/bin], if they are there.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

tools=$PWD/build/tools/k8s
scripts/k8s/install_tools.sh "$tools"
export PATH=$tools/bin:$PATH PYTHONDONTWRITEBYTECODE=1
bin=${RECSAE_BIN:-build/release/bin}
if [[ -x $bin/recsae-probe ]]; then export RECSAE_BIN=$bin; else unset RECSAE_BIN; fi

hadolint docker/Dockerfile
scripts/k8s/prometheus_rule.py --check
(cd scripts/k8s && python -m unittest --quiet test_checks)
python scripts/k8s/check_manifests.py
python scripts/k8s/check_monitoring.py
if [[ ${1:-} == --api-server ]]; then
  scripts/k8s/build_apiserver.sh build/tools/apiserver
  python scripts/k8s/check_apiserver.py --apiserver build/tools/apiserver/kube-apiserver
fi
