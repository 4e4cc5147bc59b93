// The verdict of a check.

#include <algorithm>

#include "export/export.h"

namespace torch2nnef {

// A check that did not run agrees with nothing.
bool CheckReport::agrees() const {
  return !outputs.empty() &&
         std::all_of(outputs.begin(), outputs.end(), [](const Output& output) { return output.agrees; });
}

}  // namespace torch2nnef
