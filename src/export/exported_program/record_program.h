// The step from a loaded program to the Tape.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "export/diagnostics.h"
#include "export/exported_program/loaded_program.h"
#include "export/load/given_run.h"
#include "export/lower/lowering.h"
#include "export/request.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// A program and where it is from.
struct ProgramModel {
  std::shared_ptr<const LoadedProgram> loaded;
  std::filesystem::path path;
};

// Throws ExportError: a file that is damaged or holds what is not read.
std::shared_ptr<const LoadedProgram> load_program_or_explain(const std::filesystem::path& path);

// As record() of torchscript/record.h.
Recording record_program(const ProgramModel& model, const Tables& tables, const ExportOptions& options,
                         Diagnostics& diagnostics, Recording* refused);
// As record_at() of torchscript/record_at.h.
void record_program_at(const ProgramModel& model, const Tables& tables, const ExportOptions& options,
                       const std::vector<nnef::Bindings>& sizes, Recording& recording);
// As run_on_other_values() of torchscript/second_values.h.
std::optional<Recording::Run> run_program_on_other_values(const ProgramModel& model, const Tables& tables,
                                                          const ExportOptions& options, const Recording& recording);
// As runs_on_given_inputs() of torchscript/second_values.h.
std::vector<GivenRun> program_runs_on_given_inputs(const ProgramModel& model, const Tables& tables,
                                                   const ExportOptions& options, const Recording& recording);

// Throws ExportError with all calls of operators that are not executed. Nothing has been executed then.
void refuse_forbidden_nodes(const Program& program, const Tables& tables);

}  // namespace torch2nnef
