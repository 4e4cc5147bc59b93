// The command line of tract-run: the part of the tract command's that checking an archive needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "export/export.h"

namespace tract_run {

// The command line is not understood. `what()` says which argument.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// One run of the model.
struct Run {
  std::filesystem::path inputs;        // --input-from-npz, --input-from-bundle
  std::filesystem::path save_outputs;  // --save-outputs-npz
  std::filesystem::path expected;      // --assert-output-bundle
};

struct Options {
  enum class Command { kHelp, kVersion, kRun, kDump };
  Command command = Command::kHelp;
  std::filesystem::path model;
  std::vector<std::pair<std::string, std::int64_t>> symbols;  // --set
  std::optional<std::pair<std::string, std::int64_t>> pulse;  // --pulse
  bool optimize = false;                                      // -O
  bool verbose = false;                                       // -v
  double timeout_seconds = 0;                                 // 0: none

  std::vector<Run> runs = {Run{}};  // one at least
  torch2nnef::Tolerance tolerance = torch2nnef::Tolerance::kClose;
  bool allow_missing_outputs = false;
  bool allow_float_casts = false;
};

// Throws UsageError.
Options parse_options(const std::vector<std::string>& arguments);

// What --help prints.
extern const char kUsage[];

}  // namespace tract_run
