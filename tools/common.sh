# Shared by demo, test and .ci/run: sourced, not run. Sets `root`, and knows how to say, set up, configure and build.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)

# For ccache: the same in every checkout, and with precompiled headers, too.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

# A heading for each step, with the seconds since the start.
step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# set_up_and_build PRESET [TARGET...]: the packages, the build folder, the targets (default: all). With T2N_WERROR=ON
# warnings are errors.
set_up_and_build() {
  local preset=$1
  shift
  step "packages"
  "$root/tools/setup.sh"
  step "configuring build/$preset"
  (cd "$root" && cmake --preset "$preset" -DTORCH2NNEF_WERROR="${T2N_WERROR:-OFF}" >"$root/build/$preset.configure.log" 2>&1) ||
    { cat "$root/build/$preset.configure.log"; fail "cmake could not configure build/$preset"; }
  step "building build/$preset with $jobs jobs (the first time takes some minutes)"
  cmake --build "$root/build/$preset" -j "$jobs" ${1:+--target "$@"}
}

# fetch_engine: makes tract available and leaves how to start it in $TRACT. `tract-run` must be built in build/PRESET.
fetch_engine() {
  step "tract"
  local engine
  engine=$("$root/tools/get-tract") || fail "tract cannot be fetched, so that nothing could be checked"
  case $engine in
    *.so) export TRACT=$root/build/$1/tract-run TRACT_LIBRARY=$engine ;;
    *) export TRACT=$engine ;;
  esac
  "$TRACT" --version || fail "$TRACT does not run"
}

mkdir -p "$root/build"
