# Shared by demo, test and .ci/run: sourced, not run. Sets `root`, and knows how to say, set up, configure and build.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)

# For ccache: the same in every checkout, and with precompiled headers, too.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

# A heading for each step, with the seconds since the start.
step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Which libtorch: "" is the system's package, or PyPI's where there is none.
torch=

# torch_at WHERE: the folder of the torch of a Python; or that folder itself.
torch_at() {
  if [ -d "$1" ]; then
    (cd "$1" && pwd)
  else
    command -v "$1" >/dev/null || fail "--torch: $1 is neither pip, pip==VERSION, system, a folder nor a Python"
    "$1" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null ||
      fail "--torch: $1 has no torch"
  fi
}

# version_of_torch FOLDER: as 2.15.0; nothing where there is no torch.
version_of_torch() { sed -n "s/^__version__ = '\([0-9.]*\).*/\1/p" "$1/version.py" 2>/dev/null || true; }

# choose_build PRESET: sets `build`, the build folder, and `torch_folder`, a libtorch that is not the system's.
choose_build() {
  build=build/$1 torch_folder=
  if [ -z "$torch" ] && ! dpkg-query -W -f '${db:Status-Status}' libtorch-dev 2>/dev/null | grep -qx installed; then
    printf 'There is no libtorch-dev on this system: PyPI'"'"'s torch is taken (--torch pip).\n'
    torch=pip
  fi
  case $torch in
    "" | system) return ;;
    pip) torch_folder=$("$root/tools/get-torch") || fail "there is no torch to build with" ;;
    pip==*) torch_folder=$("$root/tools/get-torch" "${torch#pip==}") || fail "there is no torch to build with" ;;
    *) torch_folder=$(torch_at "$torch") ;;
  esac
  local version
  version=$(version_of_torch "$torch_folder")
  [ -n "$version" ] || fail "--torch: there is no torch in $torch_folder"
  build=build/torch-$version
  [ "$1" = release ] || build+=-$1
}

# set_up_and_build PRESET [TARGET...]: the packages, the build folder, the targets (default: all). With T2N_WERROR=ON
# warnings are errors.
set_up_and_build() {
  local preset=$1
  shift
  step "packages"
  case $torch in
    "" | system) "$root/tools/setup.sh" ;;
    *) "$root/tools/setup.sh" --no-torch ;;
  esac
  choose_build "$preset"
  step "configuring $build${torch_folder:+ with $torch_folder}"
  (cd "$root" && cmake --preset "$preset" -B "$build" -DTORCH2NNEF_TORCH_WHEEL="$torch_folder" \
    -DTORCH2NNEF_WERROR="${T2N_WERROR:-OFF}" >"$build.configure.log" 2>&1) ||
    { cat "$root/$build.configure.log"; fail "cmake could not configure $build"; }
  step "building $build with $jobs jobs (the first time takes some minutes)"
  cmake --build "$root/$build" -j "$jobs" ${1:+--target "$@"}
}

# fetch_engine: makes tract available and leaves how to start it in $TRACT. `tract-run` must be built.
fetch_engine() {
  step "tract"
  local engine
  engine=$("$root/tools/get-tract") || fail "tract cannot be fetched, so that nothing could be checked"
  case $engine in
    *.so) export TRACT=$root/$build/tract-run TRACT_LIBRARY=$engine ;;
    *) export TRACT=$engine ;;
  esac
  "$TRACT" --version || fail "$TRACT does not run"
}

mkdir -p "$root/build"
