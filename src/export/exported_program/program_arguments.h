// The readers of a program's parts. Internal to program_json.cc.
#pragma once

#include "export/exported_program/json.h"
#include "export/exported_program/program.h"

namespace torch2nnef {

// Throws nnef::FormatError for a member that is not known.
ProgramArgument parse_argument(const Json& json);
ProgramGraph parse_graph(const Json& json);
// {"as_int": 3} or {"as_expr": {"expr_str": ...}}.
Expression parse_size(const Json& json);

// Every value is defined before it is used, and once; those of `graph` and of the graphs in it. Throws
// nnef::FormatError with the value's name.
void check_names(const ProgramGraph& graph);

}  // namespace torch2nnef
