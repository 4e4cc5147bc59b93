// Regular expressions over the paths of weights, matched in time linear in the path.
//
// The expression is the user's and the paths are the model file's: neither may cost more than its length. So there are
// no references back and no look-around, as in RE2.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "nnef/api.h"

namespace torch2nnef TORCH2NNEF_API {

class PathPattern {
 public:
  // Literals, `.`, `\d \w \s \D \W \S` and escaped signs, classes `[a-z]` `[^.]`, groups, `|`, `* + ? {m} {m,} {m,n}`,
  // `^` and `$`. Throws std::invalid_argument with what is wrong.
  explicit PathPattern(std::string_view text);
  // Whether it matches anywhere in the path.
  bool found_in(std::string_view path) const;

 private:
  friend class PatternParser;
  struct Step {
    enum class Kind : std::uint8_t { kCharacter, kSplit, kJump, kBegin, kEnd };
    Kind kind = Kind::kCharacter;
    std::int32_t first = 0, second = 0;  // kSplit, kJump: where it goes on, from this step
    std::bitset<256> characters = {};
  };
  using Steps = std::vector<Step>;

  // Adds a step and those that it leads to without a character; true when the end of the expression is among them.
  bool enter(std::size_t step, bool at_begin, bool at_end, std::vector<bool>& seen, std::vector<std::size_t>& at) const;

  Steps steps_;
};

}  // namespace torch2nnef
