#!/usr/bin/env bash
# Runs clang-tidy over the project's sources, as the preset thread-safety builds them: with clang and
# without GCC's precompiled headers, which it cannot read.
#
#   scripts/check-tidy.sh                            everything (an hour on two cores)
#   scripts/check-tidy.sh common/sae/*.cc            some files
#   scripts/check-tidy.sh --changed [COMMIT]         what changed since COMMIT [origin/main, or where
#                                                    that is this commit, the last 20 commits]
#
# Left out: libtorch's users, whose headers clang 14 cannot read.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
most_changed=40  # files; more are checked in part, and that is said

changed_since() {
  local base=${1:-}
  if [[ -z $base ]]; then
    base=$(git merge-base HEAD origin/main 2>/dev/null || true)
    if [[ -z $base || $base == "$(git rev-parse HEAD)" ]]; then
      base=$(git rev-list --max-count=20 HEAD | tail --lines 1)
    fi
  fi
  git diff --name-only --diff-filter=d "$base" -- 'common/*.cc' 'services/*.cc' 'clients/*.cc'
}

if [[ ${1:-} == --changed ]]; then
  mapfile -t files < <(changed_since "${2:-}")
  if (( ${#files[@]} > most_changed )); then
    echo "check-tidy.sh: ${#files[@]} files changed, $most_changed of them are checked" >&2
    mapfile -t files < <(printf '%s\n' "${files[@]}" | shuf --random-source=<(yes) --head-count="$most_changed")
  fi
elif (( $# > 0 )); then
  files=("$@")
else
  mapfile -t files < <(git ls-files -- 'common/*.cc' 'services/*.cc' 'clients/*.cc')
fi
mapfile -t files < <(printf '%s\n' "${files[@]}" | grep --invert-match '/torch-host/' || true)
if [[ -z ${files[*]} ]]; then exit 0; fi
cmake --preset thread-safety >/dev/null
cmake --build build/thread-safety --target recsae_generated >/dev/null
# What the preset does not compile has no command to check it by.
compiled=()
for file in "${files[@]}"; do
  if grep --quiet --fixed-strings "/$file\"" build/thread-safety/compile_commands.json; then
    compiled+=("$file")
  else
    echo "check-tidy.sh: $file is not compiled by the preset thread-safety, and not checked" >&2
  fi
done
if (( ${#compiled[@]} == 0 )); then exit 0; fi
printf '%s\0' "${compiled[@]}" | xargs --null --max-args=1 --max-procs="$(nproc)" \
  clang-tidy -p build/thread-safety --quiet
