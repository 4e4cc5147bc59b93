// What the users' lowerings of whole modules claimed.
#pragma once

#include <set>
#include <string>

#include "export/diagnostics.h"
#include "export/lower/lowering.h"

namespace torch2nnef {

// T2N-P004 for each lowering of a module that claimed none: a mistake, most likely in its name. `claimed`: the names of
// those that did; `classes`: of the modules that are called.
void warn_of_unused_claims(const Tables& tables, const std::set<std::string>& claimed,
                           const std::set<std::string>& classes, Diagnostics& diagnostics);

}  // namespace torch2nnef
