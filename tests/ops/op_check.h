// Exports a case and judges the result with tract.
#pragma once

#include <string>

#include "export/verify/tract_engine.h"
#include "op_case.h"
#include "op_module.h"

namespace op_tests {

// Exports one variant of the case for the target, checked by the reference evaluator, reads the archive back, validates
// it, and runs it in the engine: on values other than those of the sample inputs, and at every other set of sizes.
// Returns what is wrong, "" when nothing is.
std::string check_case(const OpCase& op_case, std::size_t variant, const torch2nnef::Engine& engine,
                       const nnef::Target& target = {});

// Names of inputs and outputs, dynamic axes, no check of its own.
torch2nnef::ExportOptions export_options(const OpCase& one, const OpModule& module);

}  // namespace op_tests
