// The last step to Khronos NNEF: a graph that was lowered for tract, said in standard operators.
#pragma once

#include <string>

#include "export/diagnostics.h"
#include "export/tape/tape.h"
#include "nnef/graph.h"

namespace torch2nnef {

// A place as a comment in a graph. The folders of a file are those of the machine that made the model: nothing for an
// archive.
std::string comment_about(const Location& where);

// `graph` was lowered with LowerOptions::call_numbers. What cannot be said in NNEF 1.0.5 becomes an error in
// `diagnostics`, with the operator, the call that needs it and its Python line; the graph is of no use then. With
// `comments` operations get the Python lines as comments.
void to_standard(const Tape& tape, bool comments, nnef::Graph& graph, Diagnostics& diagnostics);

}  // namespace torch2nnef
