// Text files that are compiled into the library: t2n_embed in tools/cmake writes the function of each list.
#pragma once

#include <string_view>
#include <vector>

namespace torch2nnef_embedded {

struct File {
  std::string_view name, text;
};

const std::vector<File>& dialect_files();
const std::vector<File>& row_files();
const std::vector<File>& page_files();

}  // namespace torch2nnef_embedded
