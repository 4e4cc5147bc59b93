// What the values of a graph are called: as in the program.
#pragma once

#include <string>
#include <vector>

#include "export/tape/lineage.h"
#include "export/tape/tape.h"
#include "nnef/graph.h"

namespace torch2nnef {

// By call, a name for its result, "" where the program has none: that of the module, if it has no modules of its own
// and this is its last call; else of the variable that the line assigns, unless the class assigns it in several lines.
std::vector<std::string> names_in_program(const Tape& tape);

// Names what stands for the calls' results by these, except by the name of an input, with a number where a name is
// taken. Inputs, outputs and weights keep their names.
void name_values(nnef::Graph& graph, const Tape& tape, const Lineage& lineage);

}  // namespace torch2nnef
