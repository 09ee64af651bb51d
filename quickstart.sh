#!/usr/bin/env bash
# From a fresh Debian 12 machine to explained and steered recommendations: installs what is missing,
# builds, starts recsae-standalone, runs `recsae pipeline`, and stops the server again.
#
#   ./quickstart.sh                                     MovieLens-1M with SASRec
#   ./quickstart.sh --dataset ml-1m-recsae --recommender sasrec --seed 1 --report out.json
#   ./quickstart.sh --data ~/datasets                   a folder to look for data sets in
#   ./quickstart.sh --data-dir /var/tmp/recsae          where the server keeps what it makes
#                                                       [${XDG_DATA_HOME:-~/.local/share}/recsae/standalone]
#
# All other arguments go to `recsae pipeline` (see recsae pipeline --help). A second run goes on
# where the last one stopped.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
bin=$root/build/release/bin

say() { printf '%s\n' "$*" >&2; }

# Several folders are separated by colons.
add_data() { data=${data:+$data:}$(realpath -- "$1"); }

usage() {
  # The comment at the top of this file.
  sed --quiet '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

store=${XDG_DATA_HOME:-${HOME:-/var/tmp}/.local/share}/recsae/standalone
data=
pipeline_flags=()
while (( $# > 0 )); do
  case $1 in
    --data-dir | --data)
      if (( $# < 2 )); then
        say "quickstart.sh: $1 needs a folder"
        exit 2
      fi
      if [[ $1 == --data ]]; then add_data "$2"; else store=$2; fi
      shift 2
      ;;
    --data-dir=*) store=${1#*=} && shift ;;
    --data=*) add_data "${1#*=}" && shift ;;
    --help | -h)
      usage
      exit 0
      ;;
    *) pipeline_flags+=("$1") && shift ;;
  esac
done
if [[ -n ${RECSAE_DATA_DIR:-} ]]; then
  RECSAE_DATA_DIR=$(realpath --canonicalize-missing -- "$RECSAE_DATA_DIR")
  export RECSAE_DATA_DIR
fi

"$root/scripts/install-dependencies.sh" servers download torch
say "Building into build/release (the first time takes some minutes) ..."
(
  cd -- "$root"
  if [[ -e build/release/CMakeCache.txt ]]; then
    cmake --preset release >/dev/null
  else
    cmake --preset release -DRECSAE_TESTS=OFF -DRECSAE_BENCHMARKS=OFF >/dev/null
  fi
  cmake --build --preset release --target recsae recsae-standalone
) >&2

mkdir --parents -- "$store"
store=$(realpath -- "$store")
work=$(mktemp --directory)
log=$store/quickstart.log
server=

# shellcheck disable=SC2317  # called by the trap
stop_server() {
  local status=$?
  trap - EXIT
  if [[ -n $server ]] && kill -TERM "$server" 2>/dev/null; then
    wait "$server" || true
  fi
  rm --recursive --force -- "$work"
  exit "$status"
}
trap stop_server EXIT
trap 'exit 143' TERM

# In a session of its own, so that Ctrl-C reaches the pipeline alone: it cancels its job, then the
# server is stopped in an orderly way.
setsid "$bin/recsae-standalone" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
  --port-file "$work/port" --data-dir "$store" --allow-downloads ${data:+--data "$data"} \
  >"$log" 2>&1 &
server=$!

until [[ -s $work/port ]]; do
  if ! kill -0 "$server" 2>/dev/null; then
    server=
    say "quickstart.sh: the server did not start:"
    tail --lines 5 -- "$log" >&2
    exit 1
  fi
  sleep 0.1
done
RECSAE_SERVER=127.0.0.1:$(<"$work/port")
export RECSAE_SERVER
"$bin/recsae" status --wait 60 >/dev/null
say "Server on $RECSAE_SERVER, its data in $store, its log in $log"

# Ctrl-C and SIGTERM are the pipeline's to answer: it cancels its job. bash would wait for a command
# in the foreground before it looks at a signal, so this one runs in the background.
"$bin/recsae" pipeline ${pipeline_flags[@]+"${pipeline_flags[@]}"} &
pipeline=$!
trap : INT
trap 'kill -TERM "$pipeline" 2>/dev/null || true' TERM
status=0
wait "$pipeline" || status=$?
# A signal ends the wait, not the pipeline.
while kill -0 "$pipeline" 2>/dev/null; do
  status=0
  wait "$pipeline" || status=$?
done

say ""
say "The server is being stopped. To keep one running, and to look further:"
say "  $bin/recsae-standalone --data-dir $store${data:+ --data $data} &"
say "  $bin/recsae concepts list --verified"
say "  $bin/recsae explain --help"
exit "$status"
