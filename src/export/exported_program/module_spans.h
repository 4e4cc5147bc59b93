// The modules of an exported program that a lowering claims: each is a run of nodes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "export/exported_program/program.h"
#include "export/exported_program/source_frames.h"
#include "export/lower/lowering.h"

namespace torch2nnef {

// One call of a claimed module.
struct ModuleSpan {
  std::string op;  // the lowering's name
  ModuleFrame module;
  std::size_t first = 0, last = 0;  // its nodes
};

// The outermost calls of claimed modules, in order. A module may be claimed only where its nodes stand together: what
// is neither of it nor of no module must not be between them. Throws Unsupported, which names both.
std::vector<ModuleSpan> claimed_spans(const ProgramGraph& graph, const Tables& tables);

// Names that the nodes of a span use and do not make, in the order of their first use.
std::vector<std::string> names_from_outside(const ProgramGraph& graph, const ModuleSpan& span);
// Names that they make, in order.
std::vector<std::string> names_made(const ProgramGraph& graph, const ModuleSpan& span);

// The names of values in an argument, those of lists included.
void collect_names(const ProgramArgument& argument, std::vector<std::string>& names);

}  // namespace torch2nnef
