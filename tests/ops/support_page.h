// The page that lists every operator: how it is said, its limits, the tract release that its cases need, how exact it
// is.
#pragma once

#include <filesystem>
#include <string>

namespace op_tests {

// Made from the op table and from the exports of all lines of the folder's .cases files.
std::string support_page(const std::filesystem::path& folder);

}  // namespace op_tests
