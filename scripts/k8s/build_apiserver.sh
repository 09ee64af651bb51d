#!/usr/bin/env bash
# Builds the kube-apiserver of Kubernetes 1.34 from the Go module proxy, once (10 to 20 minutes on 2 cores, 120 MB):
#
#   scripts/k8s/build_apiserver.sh FOLDER     FOLDER/kube-apiserver
set -euo pipefail
folder=$1
release=34.4
[[ ! -x $folder/kube-apiserver ]] || exit 0
command -v go >/dev/null || { echo "build_apiserver.sh: needs Go" >&2; exit 1; }
mkdir --parents "$folder/module"
cd "$folder/module"
module=$(go mod download -json "k8s.io/kubernetes@v1.$release" | sed -n 's/^\t"GoMod": "\(.*\)",*/\1/p')
{
  printf 'module recsae/apiserver\n\n'
  grep --max-count=1 '^go ' "$module"
  printf '\nrequire k8s.io/kubernetes v1.%s\n\nreplace (\n' "$release"
  # Those that stand in Kubernetes' own tree, which names no version of them.
  sed --quiet "s/^\t\(k8s.io\/[a-z0-9-]*\) v0\.0\.0\( .*\)\?$/\t\1 => \1 v0.$release/p" "$module"
  printf ')\n'
} >go.mod
GOFLAGS=-mod=mod nice go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1.$release" -o ../kube-apiserver.new k8s.io/kubernetes/cmd/kube-apiserver
mv ../kube-apiserver.new ../kube-apiserver
