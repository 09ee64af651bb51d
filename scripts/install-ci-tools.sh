#!/usr/bin/env bash
# Installs the Debian packages that only the checks need, as far as they are missing.
set -euo pipefail
packages=(clang clang-format clang-tidy libclang-rt-14-dev libomp-14-dev nodejs npm python3-venv)
missing=()
for package in "${packages[@]}"; do
  case $package in
    nodejs | npm) command -v "${package/nodejs/node}" >/dev/null && continue ;;
  esac
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
    missing+=("$package")
done
if (( ${#missing[@]} == 0 )); then exit 0; fi
as_root=()
if (( EUID != 0 )); then as_root=(sudo); fi
echo "Installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update --quiet --quiet
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
