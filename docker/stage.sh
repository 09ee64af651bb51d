#!/bin/sh
# In the build stage of docker/Dockerfile: for each program a folder that is copied onto an image as it is.
#
#   docker/stage.sh BIN OUT PROGRAM...
#
# OUT/PROGRAM/usr/bin/PROGRAM is stripped; OUT/PROGRAM/usr/share/recsae/PROGRAM.packages names the Debian packages that
# hold the libraries it loads, a line each: what the dynamic linker says, not a list that somebody keeps.
set -eu
bin=$1 out=$2
shift 2
for program in "$@"; do
  root=$out/$program
  mkdir -p "$root/usr/bin" "$root/usr/share/recsae"
  strip -o "$root/usr/bin/$program" "$bin/$program"
  libraries=$(ldd "$bin/$program")
  if echo "$libraries" | grep 'not found' >&2; then exit 1; fi
  echo "$libraries" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | xargs readlink -f | sort -u >"$root/libraries"
  # Packages from before /lib became /usr/lib list the path in /lib; alternatives (BLAS) are links to what a package holds.
  # One look for all, as each reads the lists of every package.
  # shellcheck disable=SC2046  # a word for each path
  dpkg-query --search $(cat "$root/libraries") $(sed 's/^\/usr//' "$root/libraries") >"$root/owners" 2>/dev/null || true
  while read -r library; do
    owner=$(grep -e ": $library\$" -e ": ${library#/usr}\$" "$root/owners" | sed -n '1s/[:,].*//p')
    if [ -z "$owner" ]; then
      echo "stage.sh: $program loads $library, which is in no package" >&2
      exit 1
    fi
    echo "$owner"
  done <"$root/libraries" >"$root/packages.all"
  sort -u "$root/packages.all" >"$root/usr/share/recsae/$program.packages"
  rm "$root/packages.all" "$root/libraries" "$root/owners"
  test -s "$root/usr/share/recsae/$program.packages"
done
