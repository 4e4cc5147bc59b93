// The command line of torch2nnef: what was asked for, checked as far as that can be done without opening the model.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/export.h"

namespace torch2nnef::cli {

// The command line is not understood, or asks for what cannot be. `what()` names the flag, the value and what is
// accepted.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  enum class Action { kExport, kRerun, kHelp, kVersion, kListOps, kExplain };
  Action action = Action::kExport;
  std::string subject;  // --explain
  std::filesystem::path model, output;
  std::filesystem::path bundle;  // --rerun-bundle
  std::filesystem::path report;  // --report; empty: none
  bool json = false, verbose = false, quiet = false, sandbox = true, force = false;
  ExportOptions options;
};

// `arguments` without the program's name. Throws UsageError.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

// What --help prints.
std::string help_text();

}  // namespace torch2nnef::cli
