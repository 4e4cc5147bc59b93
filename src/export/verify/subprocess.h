// Runs a program and waits for it: no shell, its output collected, its time limited.
#pragma once

#include <string>
#include <vector>

namespace torch2nnef {

struct ProcessResult {
  bool started = false;
  bool timed_out = false;
  int exit_status = 0;         // 128 + signal when one ended it
  std::string output, errors;  // stdout and stderr, at most 1 MiB of each (the rest is dropped)
  std::string why_not;         // why it did not start
};

// command[0] is the path of the program, or a name that is looked up on PATH. `environment` has NAME=VALUE entries that
// are set for it beside our own. A program that runs out of time is killed.
ProcessResult run_process(const std::vector<std::string>& command, double timeout_seconds,
                          const std::vector<std::string>& environment = {});

}  // namespace torch2nnef
