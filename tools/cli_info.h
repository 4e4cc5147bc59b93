// What torch2nnef tells about itself: --list-ops, --explain, --version.
#pragma once

#include <filesystem>
#include <string>

#include "export/lower/lowering.h"

namespace torch2nnef::cli {

// The user's tables are asked first, and those of their lowerings that apply stand first.
std::string list_operators(const Tables& tables);
// Of an operator ("aten::softplus", with or without overload), a module that a lowering claims ("module::Attention") or
// a code ("T2N-L001"). Throws UsageError for any other.
std::string explanation(const std::string& subject, const Tables& tables);
// The engine is looked for as a check would do it.
std::string versions(const std::filesystem::path& tract);

}  // namespace torch2nnef::cli
