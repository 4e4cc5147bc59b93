// Steps on stderr.

#include "cli_progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace torch2nnef::cli {
namespace {

constexpr std::chrono::seconds kUntimed{2};  // how long a step may take before its time is shown

// The steps are this program's own words; a stream that cannot be written changes nothing.
void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

void StepPrinter::begin(std::string_view step) {
  finish();
  step_ = step;
  started_ = std::chrono::steady_clock::now();
  if (mode_ == Mode::kOneLine) {
    print(fmt::format("\r\x1b[K{} ...", step_));
    is_ended_ = false;
    counter_ = std::thread([this] { count_seconds(); });
  }
}

void StepPrinter::count_seconds() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (std::chrono::seconds time = kUntimed; !ended_.wait_until(lock, started_ + time, [this] { return is_ended_; });
       ++time) {
    print(fmt::format("\r\x1b[K{} ... {} s", step_, time.count()));
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
  if (mode_ == Mode::kLines) print(fmt::format("{:8.3f} s  {}\n", time.count(), step_));
  if (mode_ == Mode::kOneLine) print("\r\x1b[K");
  step_.clear();
}

}  // namespace torch2nnef::cli
