// The sizes that a program is for: symbols of its inputs, their ranges, and what torch assumed when it exported the
// program.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "export/exported_program/program.h"
#include "export/tape/tape.h"

namespace torch2nnef {

// An input of the user: its name in the graph and its sizes as the file has them, empty for a number.
struct ProgramUserInput {
  std::string name;
  ProgramShape shape;
  bool is_number = false;
};
std::vector<ProgramUserInput> user_inputs(const Program& program);

// A condition on the symbols of the inputs.
struct Guard {
  Expression condition;  // over the file's symbols
  std::string text;      // as torch wrote it
  // A size that is not something else: torch needed to know it while it followed the model, most often for strides.
  // The program is right there, too.
  bool is_inequality = false;
};

class ProgramSizes {
 public:
  explicit ProgramSizes(const Program& program);

  const std::vector<ProgramUserInput>& inputs() const { return inputs_; }
  const std::vector<Guard>& guards() const { return guards_; }
  // Guards that are not about sizes of inputs, or cannot be read: to be told to the user as they are.
  const std::vector<std::string>& unread() const { return unread_; }
  // Symbols of the inputs' shapes, in the order of their first use.
  const std::vector<std::string>& symbols() const { return symbols_; }
  // Takes inequalities between several symbols for equalities where the sample makes them so. Returns them as torch
  // wrote them.
  std::vector<std::string> tie_guards(const nnef::Bindings& sample);
  // Puts one symbol in the place of another one that the program leaves apart from it.
  void tie(const std::string& symbol, const std::string& to) { replace_symbol(symbol, parse_python(to)); }
  // Where a symbol is an axis by itself: input and axis.
  std::optional<std::pair<std::size_t, std::size_t>> axis_of(const std::string& symbol) const;

  // The symbols' values for inputs of these sizes. Throws std::invalid_argument, with a sentence, when the inputs do
  // not fit the program.
  nnef::Bindings bind(const std::vector<std::vector<std::int64_t>>& sizes) const;
  // What the program's ranges or guards have against these values; "" when they allow them. Inequalities do not count.
  std::string objection(const nnef::Bindings& values) const;

  // The sizes of one symbol around its value in `sample` that are allowed. The symbol is fixed where there are none but
  // that one, or just those that a quotient in an equality rounds to the same number.
  struct Bounds {
    std::int64_t minimum = 0;
    std::optional<std::int64_t> maximum;
    bool is_fixed = false;
  };
  Bounds bounds_of(const std::string& symbol, const nnef::Bindings& sample) const;

 private:
  void read_guard(const std::string& text);
  // Puts other symbols in the place of one that the guards determine by them: `s <= a + b` beside `a + b <= s`.
  void unify_symbols();
  void replace_symbol(const std::string& symbol, const Expression& by);
  void add_range(const std::string& key, const ProgramRange& range);

  // Replaces a symbol by the others of a difference that is 0. False: none stands for itself in it.
  bool replace_one_of(const nnef::Dim& difference);

  std::vector<ProgramUserInput> inputs_;
  std::vector<Guard> guards_;
  std::vector<std::string> unread_, symbols_;
};

}  // namespace torch2nnef
