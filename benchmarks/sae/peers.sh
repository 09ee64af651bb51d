#!/usr/bin/env bash
# Installs what peers.txt lists into a virtual environment, unless it is there, builds the engine's
# side and starts compare_peers.py with the arguments; for compare_pytorch.sh --peers.
#
# $PYTHON: an interpreter with venv, 3.10 or later [/usr/bin/python3, with python3-venv].
# $RECSAE_PEERS_DIR: where to install, some 6 GB, and to keep what torch.compile makes [build/peers].
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
peers=${RECSAE_PEERS_DIR:-$(cd -- "$here/../.." && pwd)/build/peers}
if ! command -v g++ >/dev/null; then
  echo "torch.compile needs g++: apt-get install g++" >&2
  exit 1
fi
if ! cmp -s "$here/peers.txt" "$peers/installed.txt"; then
  echo "installing $(grep -v '^#' "$here/peers.txt" | tr '\n' ' ')into $peers: about 6 GB, some minutes" >&2
  "${PYTHON:-/usr/bin/python3}" -m venv "$peers" >&2
  "$peers/bin/pip" install --quiet --no-cache-dir -r "$here/peers.txt" >&2
  cp "$here/peers.txt" "$peers/installed.txt"
fi
export TORCHINDUCTOR_CACHE_DIR=$peers/compiled
program=$("$here/build.sh" sae_step_benchmark)
exec "$peers/bin/python" "$here/compare_peers.py" "$@" --program "$program"
