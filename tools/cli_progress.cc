// Steps on stderr.

#include "cli_progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace torch2nnef::cli {
namespace {

constexpr std::chrono::seconds kUntimed{2};  // how long a step may take before its time is shown

}  // namespace

void StepPrinter::begin(std::string_view step) {
  finish();
  step_ = step;
  started_ = std::chrono::steady_clock::now();
  if (mode_ == Mode::kOneLine) {
    fmt::print(stderr, "\r\x1b[K{} ...", step_);
    std::fflush(stderr);
    is_ended_ = false;
    counter_ = std::thread([this] { count_seconds(); });
  }
}

void StepPrinter::count_seconds() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (std::chrono::seconds time = kUntimed; !ended_.wait_until(lock, started_ + time, [this] { return is_ended_; });
       ++time) {
    fmt::print(stderr, "\r\x1b[K{} ... {} s", step_, time.count());
    std::fflush(stderr);
  }
}

void StepPrinter::finish() {
  if (step_.empty()) return;
  if (counter_.joinable()) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_ended_ = true;
    }
    ended_.notify_all();
    counter_.join();
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started_;
  if (mode_ == Mode::kLines) fmt::print(stderr, "{:8.3f} s  {}\n", time.count(), step_);
  if (mode_ == Mode::kOneLine) fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  step_.clear();
}

}  // namespace torch2nnef::cli
