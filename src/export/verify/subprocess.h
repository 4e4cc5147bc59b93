// Runs a program and waits for it: no shell, its output collected, its time limited.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace torch2nnef {

struct ProcessResult {
  bool started = false;
  bool timed_out = false;
  int exit_status = -1;        // 128 + signal when one ended it; -1 when it did not start
  std::string output, errors;  // stdout and stderr, at most 1 MiB of each (the rest is dropped)
  std::string why_not;         // why it did not start
};

// command[0] is the path of the program, or a name that is looked up on PATH. `environment` has NAME=VALUE entries that
// are set for it beside our own. A program that runs out of time is killed with all that it has started. It does not
// outlive the thread that calls this, however that ends.
ProcessResult run_process(const std::vector<std::string>& command, double timeout_seconds,
                          const std::vector<std::string>& environment = {});

// The file of a program that is named as command[0] is; empty when there is none.
std::filesystem::path find_program(const std::string& name);

// Kills what run_process() of any thread has started and is waiting for, for a program that a signal ends:
// run_process() does not return any more, so that nothing is made of a half result. From any thread; not from a signal
// handler.
void end_processes();

}  // namespace torch2nnef
