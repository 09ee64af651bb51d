#!/usr/bin/env bash
# Builds the images of docker/Dockerfile with docker, podman or buildah, whichever is there.
#
#   docker/build.sh                                     all, as localhost/recsae-<target>:<version>
#   docker/build.sh probe explainer                     some
#   docker/build.sh --base docker.io/library/debian:bookworm-slim     on another base [debian:trixie-slim]
#   docker/build.sh --debootstrap trixie                on a base made here by debootstrap (as root), for machines that
#                                                       reach Debian's packages and no registry
#   docker/build.sh --engine podman                     rather than the first of docker, podman, buildah
#                                                       [RECSAE_ENGINE]
#   docker/build.sh --programs build/release/bin        of programs compiled on this machine, whose Debian the base has to be
#   docker/build.sh --prefix registry.example/team/recsae --tag 1.2     <prefix>-<target>:<tag>
#
# Targets: probe trainer concept-store explainer standalone cli, and torch-host probe-torch standalone-torch with libtorch.
# The first one compiles everything: about 20 minutes on 2 cores; the compiler's cache is kept by the engine.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

all=(probe trainer concept-store explainer standalone cli torch-host probe-torch standalone-torch)
engine=${RECSAE_ENGINE:-}
base=docker.io/library/debian:trixie-slim
suite=
programs=
prefix=localhost/recsae
version=$(sed -n 's/^project(recsae VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
tag=$version
targets=()

fail() {
  echo "build.sh: $1" >&2
  exit "${2:-1}"
}

while (( $# > 0 )); do
  case $1 in
    --engine | --base | --debootstrap | --programs | --prefix | --tag)
      (( $# > 1 )) || fail "$1 needs a value" 2
      case $1 in
        --engine) engine=$2 ;;
        --base) base=$2 ;;
        --debootstrap) suite=$2 ;;
        --programs) programs=$2 ;;
        --prefix) prefix=$2 ;;
        --tag) tag=$2 ;;
      esac
      shift 2
      ;;
    --help | -h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) fail "no flag $1: see --help" 2 ;;
    *)
      [[ " ${all[*]} " == *" $1 "* ]] || fail "no target '$1': ${all[*]}" 2
      targets+=("$1")
      shift
      ;;
  esac
done
(( ${#targets[@]} > 0 )) || targets=("${all[@]}")

if [[ -z $engine ]]; then
  # A client of docker alone, without its daemon, builds nothing.
  if command -v docker >/dev/null && docker info >/dev/null 2>&1; then engine=docker
  elif command -v podman >/dev/null; then engine=podman
  elif command -v buildah >/dev/null; then engine=buildah
  else fail "no docker (with its daemon), podman or buildah here: install one"
  fi
fi

# A base from Debian's packages alone, once for each suite.
make_base() {
  local folder
  base=localhost/recsae-base:$suite
  case $engine in
    buildah) buildah inspect --type image "$base" >/dev/null 2>&1 && return ;;
    *) "$engine" image inspect "$base" >/dev/null 2>&1 && return ;;
  esac
  command -v debootstrap >/dev/null || fail "--debootstrap needs debootstrap: apt-get install debootstrap"
  (( EUID == 0 )) || fail "--debootstrap needs root"
  folder=$(mktemp --directory)
  # shellcheck disable=SC2064  # the folder of now
  trap "rm --recursive --force --one-file-system '$folder'" RETURN
  debootstrap --variant=minbase "$suite" "$folder" >&2
  rm --recursive --force "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/* "$folder"/var/log/*.log
  case $engine in
    buildah)
      local container
      container=$(buildah from scratch)
      buildah add --quiet "$container" "$folder" / >/dev/null
      buildah commit --quiet --rm "$container" "$base" >/dev/null
      ;;
    *) tar --create --directory="$folder" --numeric-owner . | "$engine" import - "$base" >/dev/null ;;
  esac
}
[[ -z $suite ]] || make_base

# Takes the place of the stages that compile: what they copy from is this folder.
staged=()
if [[ -n $programs ]]; then
  folder=$(mktemp --directory)
  # shellcheck disable=SC2064  # the folder of now
  trap "rm --recursive --force '$folder'" EXIT
  docker/stage.sh "$programs" "$folder/out" \
    recsae recsae-probe recsae-trainer recsae-concept-store recsae-explainer recsae-standalone recsae-torch-host
  staged=(--build-context build="$folder" --build-context build-torch="$folder")
fi

commit=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
if [[ -n $commit && -n $(git status --porcelain --untracked-files=no) ]]; then commit+=+; fi
case $engine in
  docker) command=(docker build) ; export DOCKER_BUILDKIT=1 ;;
  podman) command=(podman build --layers --pull=missing --format docker) ;;
  buildah) command=(buildah build --layers --pull-always=false --format docker) ;;
  *) fail "no engine '$engine': docker, podman or buildah" 2 ;;
esac
for target in "${targets[@]}"; do
  echo "== $prefix-$target:$tag" >&2
  began=$SECONDS
  "${command[@]}" "${staged[@]}" --file docker/Dockerfile --target "$target" --tag "$prefix-$target:$tag" \
    --build-arg BASE="$base" --build-arg VERSION="$version" --build-arg COMMIT="$commit" .
  echo "== $prefix-$target:$tag: $(( SECONDS - began )) s" >&2
done
