// The command lines of nnef-check and nnef-dump: a few flags and the archives.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"

namespace archive_tool {

// Exit statuses.
constexpr int kOk = 0, kFailed = 1, kUsage = 2;

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A command line cut into flags and archives.
class Options {
 public:
  // `flags` are the names of those without a value, besides help; --target takes one. Throws UsageError for anything
  // else.
  Options(int argc, char** argv, const std::vector<std::string>& flags);

  bool has(const std::string& flag) const;
  const nnef::Target& target() const { return target_; }
  bool target_is_given() const { return target_is_given_; }
  const std::vector<std::string>& archives() const { return archives_; }

 private:
  std::vector<std::string> given_, archives_;
  nnef::Target target_;
  bool target_is_given_ = false;
};

// "1 tensor", "2 tensors".
std::string counted(std::size_t count, const std::string& what);

// Calls `run` and turns what it throws into a message on the standard error stream and an exit status.
int run_tool(const char* name, int argc, char** argv, int (*run)(int argc, char** argv));

}  // namespace archive_tool
