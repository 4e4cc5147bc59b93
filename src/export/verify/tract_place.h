// Where the scripts of tools put what they fetch: tools/get-tract the engine.
#pragma once

#include <filesystem>
#include <string>

namespace torch2nnef {

// The engine's release that exports are checked with.
inline constexpr const char* kTractVersion = "0.23.9";

// ${XDG_CACHE_HOME:-$HOME/.cache}/torch2nnef, whether it exists or not; empty without either variable.
std::filesystem::path cache_place();

// tract-VERSION in it: holds libtract.so, or bin/tract, or both.
std::filesystem::path tract_place(const std::string& version = kTractVersion);

// What to do where there is no tract of that release.
std::string how_to_get_tract(const std::string& version = kTractVersion);

// The folder that holds the running program; empty when the system does not say.
std::filesystem::path program_folder();

}  // namespace torch2nnef
