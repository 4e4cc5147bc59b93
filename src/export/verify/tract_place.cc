#include "export/verify/tract_place.h"

#include <cstdlib>

namespace torch2nnef {

namespace {

std::filesystem::path from_environment(const char* variable) {
  const char* text = std::getenv(variable);
  return text && *text ? std::filesystem::path(text) : std::filesystem::path();
}

}  // namespace

std::filesystem::path cache_place() {
  std::filesystem::path cache = from_environment("XDG_CACHE_HOME");
  if (cache.empty()) {
    const std::filesystem::path home = from_environment("HOME");
    if (home.empty()) return {};
    cache = home / ".cache";
  }
  return cache / "torch2nnef";
}

std::filesystem::path tract_place(const std::string& version) {
  const std::filesystem::path cache = cache_place();
  return cache.empty() ? cache : cache / ("tract-" + version);
}

std::string how_to_get_tract(const std::string& version) {
  const std::string option = version == kTractVersion ? "" : " --version " + version;
  return "run tools/get-tract" + option + " (with the Python package: pip install tract==" + version +
         "), or name it with --tract PATH";
}

std::filesystem::path program_folder() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path() : program.parent_path();
}

}  // namespace torch2nnef
