// An export until just before it is written.
#pragma once

#include "export/lower/lower.h"
#include "export/simplify/simplify.h"
#include "export/torchscript/record.h"
#include "nnef/builder/builder.h"

namespace mutation_tests {

struct Exported {
  torch2nnef::Recording recording;
  nnef::Dialect dialect{nnef::Target{}};
  nnef::Graph graph;
  torch2nnef::Lineage lineage;
  bool is_exportable = false;

  Exported(const torch2nnef::Model& model, const torch2nnef::ExportOptions& options,
           const torch2nnef::Tables& tables = torch2nnef::builtin_tables(), const torch2nnef::LowerOptions& how = {}) {
    torch2nnef::Diagnostics diagnostics;
    recording = torch2nnef::record(model, tables, options, diagnostics);
    lineage = torch2nnef::lower_tape(recording.tape, graph, dialect, tables, how, diagnostics);
    is_exportable = !diagnostics.has_errors();
    torch2nnef::simplify(graph);
    nnef::set_registries(graph, dialect);
  }
};

}  // namespace mutation_tests
