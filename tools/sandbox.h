// Takes away from the process what an export does not need, so that a model that gets hold of it can do no harm.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace torch2nnef::cli {

struct SandboxRules {
  std::vector<std::filesystem::path> writable;  // folders, and devices such as /dev/null
  std::vector<std::filesystem::path> programs;  // that may be started
};

// From now on this thread, the threads and the processes that it starts write below those folders only, start those
// programs only and open no sockets, as far as the kernel can enforce that (landlock, seccomp). For ever. Returns what
// was taken away, as a sentence.
std::string enter_sandbox(const SandboxRules& rules);

}  // namespace torch2nnef::cli
