// The step from the Tape to the graph: each call through the op table, everything that cannot be lowered collected.
#pragma once

#include <vector>

#include "export/diagnostics.h"
#include "export/ops/lowering.h"
#include "export/tape.h"
#include "nnef/builder.h"
#include "nnef/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

struct LowerOptions {
  nnef::Naming naming = nnef::Naming::kNatural;
  bool comments = false;      // the Python line of each call
  bool call_numbers = false;  // instead, the number of the call on the Tape
};

// Where the values of a graph come from. Value::ids stay good through simplify(), which takes operations out.
struct Lineage {
  // What stands for a result of a call in the graph: a value, or the two parts of a complex one. No values where there
  // is nothing.
  struct Standing {
    nnef::Value value, re, im;
  };
  std::vector<Standing> standing;     // by TapeValue::id
  std::vector<std::int32_t> call_of;  // by Value::id: the index in Tape::calls; -1 for inputs
  std::vector<nnef::Value> outputs;   // of Tape::outputs
};

// Fills `graph`, which must be empty: symbols, inputs, one or more operations a call, outputs. Calls none of whose
// results are wanted are skipped.
//
// Never stops at the first problem. Whatever cannot be lowered becomes an error in `diagnostics`, counted by operator
// and reason; calls that depend on such a result are only looked up in the table. Each result is compared with what the
// recorder saw, at all recorded and at other sizes of the symbols; a difference is an error with code T2N-I001, which
// is ours and not the user's; P001 where the lowering is the user's. With errors in `diagnostics` the graph is
// unfinished and good for nothing.
Lineage lower_tape(const Tape& tape, nnef::Graph& graph, const nnef::Dialect& dialect, const Tables& tables,
                   const LowerOptions& options, Diagnostics& diagnostics);

}  // namespace torch2nnef
