// The versions that an archive, a report and a bundle name.
#pragma once

#include <string>

#include "nnef/api.h"

namespace torch2nnef TORCH2NNEF_API {

// "torch2nnef 0.1.0", torch's version, the default dialect.
struct VersionInfo {
  std::string torch2nnef, torch, dialect;
};
VersionInfo version_info();

}  // namespace torch2nnef
