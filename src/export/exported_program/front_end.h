// The front end for exported programs: executes the plan of an export at given sizes.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "export/exported_program/executor.h"
#include "export/exported_program/plan.h"
#include "export/lower/lowering.h"
#include "export/record/record_at_sizes.h"

namespace torch2nnef {

class ProgramFrontEnd : public FrontEnd {
 public:
  ProgramFrontEnd(const Tables& tables, const ExportOptions& options, const ProgramPlan& plan)
      : tables_(tables), options_(options), plan_(plan) {}

  void execute(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds, Diagnostics& diagnostics,
               Recording& recording) override;

 private:
  void begin(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds, Recording& recording) const;
  void check_worlds(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds) const;
  void add_constraints(const SizePlan& sizes, Recording& recording) const;
  Slots add_inputs(const SizePlan& sizes, OperatorRecorder& recorder, Recording& recording) const;
  Slot attribute(std::size_t input, OperatorRecorder& recorder) const;

  const Tables& tables_;
  const ExportOptions& options_;
  const ProgramPlan& plan_;
};

// Executes the program on its samples to see which buffers it changes, and puts those into the plan: for --state=io.
// Throws ExportError for state that cannot be an input.
void find_program_state(const Tables& tables, const ExportOptions& options, ProgramPlan& plan);

}  // namespace torch2nnef
