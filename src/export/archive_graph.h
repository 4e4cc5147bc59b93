// The graph of the archive: what the Tape is lowered to, simplified, in the form that the target wants.
#pragma once

#include <optional>

#include "export/lower/lowering.h"
#include "export/outcome.h"
#include "export/request.h"
#include "export/tape/lineage.h"
#include "export/tape/recording.h"
#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

struct ArchiveGraph {
  nnef::Dialect dialect;
  nnef::Graph graph;
  Lineage lineage;
  std::optional<nnef::Graph> plain;  // where `graph` is a loop over samples: the same without

  const nnef::Graph& operations() const { return plain ? *plain : graph; }
};

inline bool is_khronos(const ExportOptions& options) { return options.target.kind == nnef::Target::Kind::kKhronos; }

// One after the other. What cannot be exported is an error among the report's diagnostics.
ArchiveGraph lower_recording(const Recording& recording, const Tables& tables, const ExportOptions& options,
                             ExportReport& report);
void simplify_graph(ArchiveGraph& written, Recording& recording, const ExportOptions& options, ExportReport& report);
// The statements and registries of the target, and a loop over samples where that is asked for or faster.
void fit_target(ArchiveGraph& written, const Recording& recording, const ExportOptions& options, ExportReport& report);

// A note where convolutions see symbols once the form of the batch is chosen.
void note_slow_convolutions(const nnef::Graph& graph, Diagnostics& diagnostics);

}  // namespace torch2nnef
