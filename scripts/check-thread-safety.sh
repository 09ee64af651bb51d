#!/usr/bin/env bash
# Clang's thread-safety analysis, as errors, over the sources of common/ and services/ that see an
# annotated mutex: what ABSL_GUARDED_BY names is touched under its mutex alone, and a function is
# called with the locks that it asks for. Nothing is compiled but the messages' code generated.
#
#   scripts/check-thread-safety.sh                      all of them
#   scripts/check-thread-safety.sh common/jobs/*.cc     some files
#
# Left out: libtorch's users, whose headers clang 14 cannot read.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
build=build/thread-safety

# Sources that include absl's mutex, however many headers in between.
watched() {
  local seen=absl/synchronization/mutex.h before=
  while [[ $seen != "$before" ]]; do
    before=$seen
    seen=$(printf '%s\n' absl/synchronization/mutex.h "$(git grep --files-with-matches --fixed-strings \
      -f <(printf '%s\n' "$before" | sed 's/.*/#include "&"/') -- 'common/*.h' 'services/*.h' || true)" | sed '/^$/d')
  done
  git grep --files-with-matches --fixed-strings -f <(printf '%s\n' "$seen" | sed 's/.*/#include "&"/') \
    -- 'common/*.cc' 'services/*.cc'
}

if (( $# > 0 )); then
  files=("$@")
else
  mapfile -t files < <(watched | grep --invert-match '/torch-host/')
fi

cmake --preset thread-safety >/dev/null
cmake --build "$build" --target recsae_generated >/dev/null
# Each as it would be compiled, but for the cache before the compiler and what it would write.
python3 - "$build/compile_commands.json" "${files[@]}" <<'PYTHON' |
import json, os, shlex, sys

commands = {os.path.realpath(os.path.join(c["directory"], c["file"])): c["command"]
            for c in json.load(open(sys.argv[1]))}
for file in sys.argv[2:]:
    command = commands.get(os.path.realpath(file))
    if command is None:
        sys.exit(f"check-thread-safety.sh: {file} is not compiled by the preset thread-safety")
    words = shlex.split(command)
    words = words[next(i for i, word in enumerate(words) if os.path.basename(word).startswith("clang")):]
    out = words.index("-o")
    print(shlex.join(words[:out] + words[out + 2:] + ["-fsyntax-only"]), end="\0")
PYTHON
  (cd "$build" && xargs --null --max-args=1 --max-procs="$(nproc)" bash -c)
echo "check-thread-safety.sh: ${#files[@]} files"
