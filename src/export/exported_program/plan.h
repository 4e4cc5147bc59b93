// What an export of a program is to execute: sample inputs, their names, the dynamic axes and the state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/exported_program/guards.h"
#include "export/exported_program/loaded_program.h"
#include "export/record/record_at_sizes.h"
#include "export/request.h"

namespace torch2nnef {

// A buffer that the program changes, as an input and an output.
struct ProgramState {
  std::size_t input = 0;  // its place in Program::inputs
  StateReport report;
  at::Tensor sample;  // what it is after a first call
};

struct ProgramPlan {
  explicit ProgramPlan(const LoadedProgram& of) : loaded(of), file_sizes(of.program) {}

  const LoadedProgram& loaded;
  ProgramSizes file_sizes;
  std::vector<at::Tensor> leaves;     // one per input of the user
  std::string from;                   // where those are from, a sentence
  bool are_drawn = false;             // some of them, at random
  std::vector<DrawnInput> drawn;      // those of integers
  SizePlan sizes;                     // one input per leaf
  std::vector<std::string> narrowed;  // where this is for fewer sizes than the program names, as messages
  std::vector<ProgramState> states;
};

// Throws ExportError (usage): the options do not fit the program.
[[noreturn]] void refuse_options(const char* code, const std::string& text, const std::string& hint = "");

// Throws ExportError (usage) where the options do not fit the program. Without state.
ProgramPlan make_program_plan(const LoadedProgram& loaded, const std::filesystem::path& path,
                              const ExportOptions& options);

// The plan for fewer sizes: with one symbol for the same axis of several inputs, where the program has several and the
// samples one size (batches that torch did not need to compare), and with inequalities between sizes taken as the
// equalities that they are in the samples (a mask as long as all tokens). Nothing where there are none, or where the
// user named the axes.
std::optional<ProgramPlan> with_tied_sizes(const ProgramPlan& plan, const ExportOptions& options);

}  // namespace torch2nnef
