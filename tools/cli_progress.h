// Shows the steps of an export on stderr: with -v a line and a time for each, on a terminal the one that runs, with its
// time once that is above two seconds.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

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
  void count_seconds();

  Mode mode_;
  std::string step_;
  std::chrono::steady_clock::time_point started_;
  std::thread counter_;  // of the step, in kOneLine
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_ended_ = false;
};

}  // namespace torch2nnef::cli
