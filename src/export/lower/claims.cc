#include "export/lower/claims.h"

namespace torch2nnef {

void warn_of_unused_claims(const Tables& tables, const std::set<std::string>& claimed,
                           const std::set<std::string>& classes, Diagnostics& diagnostics) {
  std::string names;
  for (const std::string& name : classes) names += (names.empty() ? "" : ", ") + name;
  std::set<std::string> said;
  for (const Lowering* claim : tables.claims()) {
    if (claimed.count(claim->name) > 0 || !said.insert(claim->name).second) continue;
    diagnostics.warning(
        "T2N-P004", claim->name + " of " + claim->origin + " claims no module of the model", {},
        names.empty() ? "the model calls no modules" : "the classes of the modules that are called: " + names);
  }
}

}  // namespace torch2nnef
