// What may stand in graph.quant: the quantisation functions of NNEF 1.0.5 section 4.8, and what tract reads of them.
// Internal to validation.
#pragma once

#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef {

struct QuantProblem {
  std::string name;  // of the entry
  std::string text;
  bool is_ignored = false;  // readers pass over the entry in silence
};
std::vector<QuantProblem> quant_problems(const Graph& graph, const Dialect& dialect);

}  // namespace nnef
