#!/usr/bin/env bash
# Builds the engine's side and starts compare.py with the arguments; for the scripts one folder up.
#
# $PYTHON: an interpreter with numpy and torch [/usr/bin/python3, with python3-torch].
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-/usr/bin/python3}
if ! "$python" -c 'import numpy, torch'; then
  echo "$python has no numpy or no torch: apt-get install python3-numpy python3-torch," \
    "or set PYTHON to an interpreter that has" >&2
  exit 1
fi
program=$("$here/build.sh" sae_step_benchmark)
exec "$python" "$here/compare.py" "$@" --program "$program"
