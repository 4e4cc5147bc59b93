// The outputs of a program: which of its results, under which names.
#pragma once

#include <string>
#include <vector>

#include "export/diagnostics.h"
#include "export/exported_program/plan.h"
#include "export/record/operator_recorder.h"

namespace torch2nnef {

struct ProgramResults {
  std::vector<std::string> names;
  Slots values;
};

// Of what the graph gave, in the order of Program::outputs: the tensors, and the numbers that are not fixed. What is
// left out is noted. Throws ExportError when --output-names does not fit.
ProgramResults program_results(const ProgramPlan& plan, const SizePlan& sizes, const ExportOptions& options,
                               const Slots& outputs, Diagnostics& diagnostics);

}  // namespace torch2nnef
