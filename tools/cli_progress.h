// Shows the steps of an export on stderr: with -v a line and a time for each, on a terminal the one that runs.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace torch2nnef::cli {

class StepPrinter {
 public:
  enum class Mode { kSilent, kLines, kOneLine };
  explicit StepPrinter(Mode mode) : mode_(mode) {}
  ~StepPrinter() { finish(); }
  StepPrinter(const StepPrinter&) = delete;
  StepPrinter& operator=(const StepPrinter&) = delete;

  void begin(std::string_view step);
  void finish();  // of the step that runs; nothing when none does

 private:
  Mode mode_;
  std::string step_;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace torch2nnef::cli
