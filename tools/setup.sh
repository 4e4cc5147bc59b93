#!/usr/bin/env bash
# Installs what is missing to build torch2nnef on Debian 12 or 13 (or a relative of them), and says what.
#
#   tools/setup.sh [--no-torch | PACKAGE...]      (default: everything that the build and the tests need)
#
# Only packages that are not there are installed, as root or with sudo. With nothing missing it takes a moment and
# touches nothing. Without torch, when the libtorch is another (--no-torch) or this system has no package of it.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

torch_packages=(libtorch-dev libopenblas0-pthread python3-torch)
packages=(g++ cmake ninja-build ccache libarchive-dev libdeflate-dev zlib1g-dev libfmt-dev libcxxopts-dev nlohmann-json3-dev libgtest-dev
          libbenchmark-dev pigz python3-jsonschema python3-numpy python3-pip unzip pkg-config binutils dpkg-dev file mandoc zsh fish)
case ${1:-} in
  -h|--help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  --no-torch) torch_packages=(); shift ;;
  -*) fail "unknown argument $1" ;;
esac
[ $# -eq 0 ] || { packages=("$@"); torch_packages=(); }

command -v dpkg-query >/dev/null ||
  fail "this is not Debian or a relative of it: install the equivalents of ${packages[*]} by hand"

can_be_installed() { grep -q 'Candidate: [^(]' <<<"$(apt-cache policy "$1" 2>/dev/null)"; }

# Sets `missing`. A system whose lists have a compiler and no libtorch has no package of it.
find_missing() {
  if [ ${#torch_packages[@]} -gt 0 ] && can_be_installed g++ && ! can_be_installed libtorch-dev; then
    say "this system has no package of libtorch"
    torch_packages=()
  fi
  missing=()
  local package
  for package in "${packages[@]}" "${torch_packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
}

find_missing
if [ ${#missing[@]} -eq 0 ]; then
  say "all $((${#packages[@]} + ${#torch_packages[@]})) packages are installed"
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "missing: ${missing[*]} (run as root: apt-get install ${missing[*]})"
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say "missing: ${missing[*]}"
say "1 of 2: reading the package lists"
apt update || say "apt-get update failed ($(tail -n 1 "$log")); going on with the lists that are there"
find_missing
[ ${#missing[@]} -gt 0 ] || exit 0
say "2 of 2: installing ${#missing[@]} packages (libtorch is large: some minutes the first time)"
apt install -y --no-install-recommends "${missing[@]}" || { cat "$log" >&2; fail "apt-get could not install them"; }
say "done"
