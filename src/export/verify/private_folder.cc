#include "export/verify/private_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace torch2nnef {

PrivateFolder::PrivateFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "torch2nnef-XXXXXX").string();
  if (!mkdtemp(name.data())) {
    throw std::system_error(errno, std::generic_category(), "no temporary folder can be made: " + name);
  }
  path_ = name;
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace torch2nnef
