// Steps on stderr.

#include "cli_progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace torch2nnef::cli {

void StepPrinter::begin(std::string_view step) {
  finish();
  step_ = step;
  started_ = std::chrono::steady_clock::now();
  if (mode_ == Mode::kOneLine) {
    fmt::print(stderr, "\r\x1b[K{} ...", step_);
    std::fflush(stderr);
  }
}

void StepPrinter::finish() {
  if (step_.empty()) return;
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started_;
  if (mode_ == Mode::kLines) fmt::print(stderr, "{:8.3f} s  {}\n", time.count(), step_);
  if (mode_ == Mode::kOneLine) fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  step_.clear();
}

}  // namespace torch2nnef::cli
