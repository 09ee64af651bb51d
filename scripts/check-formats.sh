#!/usr/bin/env bash
# Holds SAE files to the real libraries: ours out and theirs in, theirs out and ours in, for every
# kind that both have. Needs Python with sae-lens 6.54, eai-sparsify 1.3.3 and dictionary-learning 0.1
# (about 5 GB with torch), and the built programs.
#
#   scripts/check-formats.sh PYTHON [BUILD]
#
#   python3 -m venv libraries
#   libraries/bin/pip install sae-lens==6.54 eai-sparsify==1.3.3 dictionary-learning==0.1
#   scripts/check-formats.sh libraries/bin/python build/release
#
# Says for each kind on how many of 1,000 rows the same latents are active, and the largest relative
# difference of latents and reconstructions; exit status 1 if one is above 1e-5, or a row differs.
set -euo pipefail
cd "$(dirname "$0")/.."
(( $# >= 1 && $# <= 2 )) || { sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2; }
libraries=$1
build=$(realpath "${2:-build/release}")
PYTHONPATH=$build/python:tests/integration RECSAE_BIN=$build/bin /usr/bin/python3 scripts/formats/compare.py "$libraries"
