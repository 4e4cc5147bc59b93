// The step from the Tape to the graph: each call through the op table, everything that cannot be lowered collected.
#pragma once

#include <vector>

#include "export/diagnostics.h"
#include "export/lower/lowering.h"
#include "export/tape/lineage.h"
#include "export/tape/tape.h"
#include "nnef/builder/builder.h"
#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

struct LowerOptions {
  nnef::Naming naming = nnef::Naming::kNatural;
  bool comments = false;      // the Python line of each call
  bool call_numbers = false;  // instead, the number of the call on the Tape
  QuantisedForm quantised = QuantisedForm::kCodes;
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
