// Outputs whose values show little: an archive that is wrong could have them as well.
#pragma once

#include <string>
#include <vector>

#include "export/verify/reference.h"

namespace torch2nnef {

struct WeakOutput {
  std::string name;
  std::string why;  // "does not depend on any input"
};

// Those that no input reaches, whose items are all zero or all (nearly) equal in every run, or that are the same,
// item by item, for both sets of values of the inputs.
std::vector<WeakOutput> weak_outputs(const CheckSubject& subject);

}  // namespace torch2nnef
