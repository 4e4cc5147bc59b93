// Whether what a debug bundle shows still happens.
#pragma once

#include <filesystem>
#include <string>

#include "export/outcome.h"

namespace torch2nnef {

struct RerunResult {
  CheckReport check;    // of the outputs that the bundle expects, by the engine of today
  std::string failure;  // why the engine does not run the archive, one sentence; "" when it does
  bool agrees() const { return failure.empty() && check.agrees(); }
};

// Runs a bundle's archive in tract on the bundle's inputs and compares with the results in it, at the bundle's
// tolerance. `bundle` is a folder or one file, as write_debug_bundle() makes them; it is not changed. `tract` as for
// find_engine(). Throws ExportError (usage): T2N-B001 for what is no bundle, T2N-C001 without an engine.
RerunResult rerun_bundle(const std::filesystem::path& bundle, const std::filesystem::path& tract,
                         double timeout_seconds);

}  // namespace torch2nnef
