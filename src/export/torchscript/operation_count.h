// How many operators a recording has executed: no more than it may (ExportOptions::max_operations).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "export/record/context.h"

namespace torch2nnef {

class OperationCount {
 public:
  explicit OperationCount(std::int64_t most) : most_(most) {}

  // Counts operators that are executed. Reports T2N-R017 and throws RecordingStopped when that is more than may be.
  void add(RecordContext& context, std::int64_t more) {
    if (more > most_ - done_) stop(context);
    done_ += more;
  }
  // Of a loop: `rounds` times as many.
  void add_rounds(RecordContext& context, std::int64_t rounds, std::int64_t each) {
    if (rounds > most_ / each) stop(context);
    add(context, rounds * each);
  }
  std::int64_t done() const { return done_; }
  std::int64_t left() const { return most_ - done_; }
  // The innermost loop that is executed, which is named when it does not end.
  std::optional<Location>& loop() { return loop_; }
  [[noreturn]] void stop(RecordContext& context) const;

 private:
  std::int64_t most_, done_ = 0;
  std::optional<Location> loop_;
};

// Executes code operator by operator, as it is written. By itself libtorch compiles the functions and methods in it
// that it called before; where it has LLVM, their roundings to bf16 and f16 are then left out.
void run_as_written(const torch::jit::Code& code, torch::jit::Stack& stack);

// Code that libtorch executes by itself, with its loops counted: each round as many operators as the body has.
class CountedCode {
 public:
  explicit CountedCode(torch::jit::Graph& graph);
  // Throws TooManyOperations once more than `most` are executed; the number of those that were comes back.
  std::int64_t run(torch::jit::Stack& stack, std::int64_t most) const;

  struct TooManyOperations {};

 private:
  std::shared_ptr<torch::jit::Graph> graph_;
  std::int64_t fixed_ = 0;  // operators outside of loops
};

}  // namespace torch2nnef
