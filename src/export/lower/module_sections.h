// A graph that is read module by module.
#pragma once

#include <vector>

#include "export/tape/lineage.h"
#include "export/tape/tape.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Puts a heading above the operations of each module: a blank line and its path, at the beginning of the first one's
// comment. Modules without modules of their own are part of the one that they are in. A comment that the operation
// before has, too, is left out. `calls`: by operation, the call that it is for; null where there is none.
void divide_by_module(nnef::Graph& graph, const Tape& tape, const std::vector<const TapeCall*>& calls);
void divide_by_module(nnef::Graph& graph, const Tape& tape, const Lineage& lineage);

// Puts the weights that the operations below a heading are the first to read right below it.
void put_weights_below_headings(nnef::Graph& graph);

}  // namespace torch2nnef
