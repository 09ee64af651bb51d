#!/bin/sh
# In the last stages of docker/Dockerfile: installs the packages of PROGRAM (docker/stage.sh) and those named, sees that
# all of its libraries are there, and writes /usr/share/recsae/sbom.cdx.json, CycloneDX 1.5, of all that is in the image.
#
#   finish.sh PROGRAM [PACKAGE ...]
set -eu
program=$1
shift
share=/usr/share/recsae
export DEBIAN_FRONTEND=noninteractive
# Manuals and translations; licences stay.
cat >/etc/dpkg/dpkg.cfg.d/recsae <<'EXCLUDE'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
EXCLUDE
apt-get update -qq
# shellcheck disable=SC2046  # a word for each package
apt-get install --yes -qq --no-install-recommends $(cat "$share/$program.packages") "$@" >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/ldconfig/aux-cache \
  /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
if ldd "/usr/bin/$program" | grep 'not found' >&2; then exit 1; fi

version=$("/usr/bin/$program" --version | sed -n '1s/^[^ ]* *//p')
system=$(. /etc/os-release && echo "$ID $VERSION_ID")
{
  printf '{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,\n'
  printf ' "metadata": {"component": {"type": "application", "bom-ref": "%s", "name": "%s", "version": "%s",\n' \
    "$program" "$program" "$version"
  printf '   "licenses": [{"license": {"id": "Apache-2.0"}}]}},\n "components": [\n'
  printf '  {"type": "operating-system", "name": "%s", "version": "%s"}' "${system% *}" "${system#* }"
  # shellcheck disable=SC2016  # dpkg's fields
  dpkg-query --show --showformat='${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package}\n' |
    while read -r status package release architecture source; do
      [ "$status" = installed ] || continue
      printf ',\n  {"type": "library", "name": "%s", "version": "%s",\n' "$package" "$release"
      printf '   "purl": "pkg:deb/%s/%s@%s?arch=%s&upstream=%s&distro=%s"}' "${system% *}" \
        "$(echo "$package" | sed 's/+/%2B/g')" "$(echo "$release" | sed 's/+/%2B/g;s/:/%3A/g;s/~/%7E/g')" \
        "$architecture" "$(echo "$source" | sed 's/+/%2B/g')" "${system% *}-${system#* }"
    done
  printf '\n ]}\n'
} >"$share/sbom.cdx.json"
