// The model's tree as HTML: modules within modules, calls in the order in which they were executed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "export/divergence.h"
#include "export/report/model_tree.h"

namespace torch2nnef {

// By index in Tape::calls; for each the call's worst result.
using CallErrors = std::map<std::int64_t, const CallError*>;

std::string html_tree(const ModelTree& tree, const CallErrors& errors, const Divergence* divergence);

}  // namespace torch2nnef
