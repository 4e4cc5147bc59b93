// Operators that take graphs: branches, loops and regions.
#pragma once

#include <string>
#include <vector>

#include "export/exported_program/operator_calls.h"
#include "export/exported_program/program.h"

namespace torch2nnef {

class ProgramExecutor;

// An operand: a graph, a list of values, or one value.
struct GraphOperand {
  const ProgramGraph* graph = nullptr;
  Slots values;
};

// Why an operator of that name is not executed, and what to do; "" for one that is.
struct GraphRefusal {
  std::string reason, hint;
};
GraphRefusal refusal_of_higher_order(const std::string& name);

// Throws Unsupported for operands that do not belong to it.
Slots run_higher_order(ProgramExecutor& executor, const std::string& name, const std::vector<GraphOperand>& operands);

// A scan: a graph of states and one item of each sequence, which gives the next states and one item of each result.
// Executed round by round, or recorded as one round where the sequences are long or as long as a dynamic axis.
Slots run_scan(ProgramExecutor& executor, const ProgramGraph& graph, const Slots& initial, const Slots& sequences,
               const Slots& additional);

}  // namespace torch2nnef
