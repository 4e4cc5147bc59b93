// What torch2nnef tells about itself: --list-ops, --explain, --version.
#pragma once

#include <filesystem>
#include <string>

namespace torch2nnef::cli {

std::string list_operators();
// Of an operator ("aten::softplus", with or without overload) or a code ("T2N-L001"). Throws UsageError for any other.
std::string explanation(const std::string& subject);
// The engine is looked for as a check would do it.
std::string versions(const std::filesystem::path& tract);

}  // namespace torch2nnef::cli
