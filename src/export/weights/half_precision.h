// Half precision throughout the net (--cast f16).
#pragma once

#include "export/outcome.h"
#include "export/request.h"
#include "export/tape/lineage.h"
#include "export/tape/recording.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Computes the graph in f16 (quant/half_graph.h) but for the calls that options.keep_single names, by their modules or
// their operators. Fills report.half and warns of what f16 is slow at; throws ExportError. The Tape stays as it is, so
// that the archive is compared with the float model.
void cast_to_half(nnef::Graph& graph, const ExportOptions& options, const Tape& tape, Lineage& lineage,
                  ExportReport& report);

}  // namespace torch2nnef
