// A batch of symbolic size as a loop over its samples.
#pragma once

#include <string>
#include <vector>

#include "export/outcome.h"
#include "export/request.h"
#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

// tract computes a convolution fast only where every axis of its input is a number. So the graph, up to what does not
// depend on the samples, becomes the body of a tract_core_scan over them, in which the symbol is 1: where samples_of()
// shows that samples never meet, and, unless `form` is kScan, every convolution is one of numbers then, and most of the
// work (at the sizes of `sample`) is theirs. Each round takes its sample by its place: what stands
// at the head of a body and works on scanned slices tract moves out of the loop, where it sees the symbol again.
//
// Inputs, outputs, their names, dtypes and shapes stay, as do Value::ids; values of samples are those of the body then.
BatchReport scan_over_batch(nnef::Graph& graph, const nnef::Dialect& dialect, BatchForm form,
                            const nnef::Bindings& sample);

// The symbols in the shapes of what convolutions read, sorted.
std::vector<std::string> symbols_of_convolutions(const nnef::Graph& graph);

}  // namespace torch2nnef
