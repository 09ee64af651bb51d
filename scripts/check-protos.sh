#!/usr/bin/env bash
# Checks the contract, protos/: `buf lint` with the rules of buf.yaml, and `buf breaking` against
# protos/contract.binpb, the contract as it was last accepted.
#
#   scripts/check-protos.sh            check
#   scripts/check-protos.sh --accept   make the contract as it is now the one to compare with
#
# buf comes from npm, once, into build/tools/buf; nothing else is read from the network.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

version=1.75.0
accepted=protos/contract.binpb
tools=build/tools/buf
buf=$tools/node_modules/.bin/buf

if [[ $("$buf" --version 2>/dev/null) != "$version" ]]; then
  if ! command -v npm >/dev/null; then
    echo "check-protos.sh: npm is missing, which buf comes from: install nodejs and npm" >&2
    exit 1
  fi
  echo "Installing buf $version into $tools" >&2
  mkdir --parents "$tools"
  npm install --prefix "$tools" --no-save --no-package-lock --ignore-scripts --silent \
    "@bufbuild/buf@$version" >&2
fi

if [[ ${1:-} == --accept ]]; then
  "$buf" build --exclude-source-info --output "$accepted"
  echo "Accepted: commit $accepted"
  exit 0
fi

"$buf" lint

if ! "$buf" breaking --against "$accepted"; then
  cat >&2 <<EOF

check-protos.sh: clients generated from the accepted contract would no longer work (see above).
  Not meant?  Leave what is there as it is, and add beside it.
  Meant?      Say in CHANGELOG.md what changes for callers, then scripts/check-protos.sh --accept
              and commit $accepted with the change.
EOF
  exit 1
fi

current=$(mktemp --suffix=.binpb)
trap 'rm --force -- "$current"' EXIT
"$buf" build --exclude-source-info --output "$current"
if ! cmp --silent -- "$current" "$accepted"; then
  cat >&2 <<EOF
check-protos.sh: the contract has changed compatibly; from here on the new parts must stay, too.
  Run scripts/check-protos.sh --accept and commit $accepted with the change.
EOF
  exit 1
fi
echo "The contract is clean, and as accepted"
