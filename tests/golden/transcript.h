// A transcript: command lines of torch2nnef with what they print.
//
//   # comment
//   mask [0-9]+\.[0-9]+(\.[0-9]+)? N
//   $ torch2nnef model.pt --chek
//   > a line of stdout
//   ! a line of stderr
//   = 2
//
// `= STATUS` stands for an exit status other than 0. A `mask PATTERN WORD` line replaces what its pattern (ECMAScript,
// without blanks) matches in the output of the commands after it. Words are separated by blanks; "..." holds blanks
// together.
// `{models}` is tests/models, `{archives}` tests/golden/archives. Commands run in a temporary folder that holds a copy
// of tests/golden/files; a command other than ours (test, ls, cat, touch, mkdir) is looked up as the shell would do it.
#pragma once

#include <filesystem>
#include <string>

namespace golden {

struct Places {
  std::filesystem::path torch2nnef, files, models;
};

// The transcript with every command run anew and its output in place of what stands there.
std::string replay(const std::string& transcript, const Places& places);

// The first line that differs, both ways, or "" when the texts are equal.
std::string difference(const std::string& expected, const std::string& actual);

}  // namespace golden
