#include "export/exported_program/guards.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <set>
#include <stdexcept>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Op = Expression::Op;

constexpr std::int64_t kNear = 300;          // sizes on each side of the sample's that are all tried
constexpr std::int64_t kFarthest = 1 << 20;  // a condition that holds up to there is taken to have no end
constexpr std::int64_t kFewest = 3;          // sizes that a dynamic axis has at least
constexpr std::int64_t kRounded = 65;        // more than those that a quotient rounds to one: patches of an image

// The name and axis that a guard's text stands for: "L['p'][1][0].size()[0]" is axis 0 of p_1_0.
struct Place {
  std::string name;
  std::optional<std::size_t> axis;
};

Place place_of(std::string_view text) {
  Place place;
  const std::size_t size = text.find(".size()");
  if (size != std::string_view::npos) {
    std::size_t axis = 0;
    const std::string_view behind = text.substr(size + 7);
    if (behind.size() > 2) std::from_chars(behind.data() + 1, behind.data() + behind.size() - 1, axis);
    place.axis = axis;
    text = text.substr(0, size);
  }
  std::string word;
  for (const char letter : text.substr(1)) {  // behind the L
    const bool is_part = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
    if (is_part) {
      word += letter;
    } else if (!word.empty()) {
      place.name += (place.name.empty() ? "" : "_") + word;
      word.clear();
    }
  }
  if (!word.empty()) place.name += (place.name.empty() ? "" : "_") + word;
  return place;
}

// The guard over the file's symbols; nullopt where it speaks of something that is not the size of an input.
std::optional<Expression> over_symbols(const Expression& guard, const std::vector<ProgramUserInput>& inputs) {
  if (guard.is_symbol()) {
    const Place place = place_of(guard.symbol);
    for (const ProgramUserInput& input : inputs) {
      if (input.name == place.name && place.axis && *place.axis < input.shape.size()) return input.shape[*place.axis];
    }
    return std::nullopt;
  }
  Expression result = guard;
  for (Expression& argument : result.arguments) {
    const auto replaced = over_symbols(argument, inputs);
    if (!replaced) return std::nullopt;
    argument = *replaced;
  }
  return result;
}

std::set<std::string> symbols_of(const Expression& expression) {
  std::set<std::string> names;
  expression.collect_symbols(names);
  return names;
}

bool holds(const Expression& condition, const nnef::Bindings& values) {
  const auto value = evaluate(condition, values);
  return value && *value != 0;
}

// The value of the one symbol that gives an expression a size.
std::optional<std::int64_t> solve(const Expression& expression, const std::string& symbol, nnef::Bindings values,
                                  std::int64_t size) {
  constexpr std::int64_t kTried = 1 << 14;
  for (std::int64_t value = 0; value < kTried; ++value) {
    values[symbol] = value;
    if (evaluate(expression, values) == static_cast<double>(size)) return value;
  }
  return std::nullopt;
}

}  // namespace

std::vector<ProgramUserInput> user_inputs(const Program& program) {
  std::vector<ProgramUserInput> inputs;
  for (const ProgramInput& input : program.inputs) {
    if (input.kind != ProgramInput::Kind::kUser) continue;
    const auto shape = program.graph.shapes.find(input.name);
    inputs.push_back(
        {input.name, shape == program.graph.shapes.end() ? ProgramShape{} : shape->second, input.is_number});
  }
  return inputs;
}

ProgramSizes::ProgramSizes(const Program& program) : inputs_(user_inputs(program)) {
  for (const ProgramUserInput& input : inputs_) {
    for (const Expression& size : input.shape) {
      for (const std::string& symbol : symbols_of(size)) {
        if (std::find(symbols_.begin(), symbols_.end(), symbol) == symbols_.end()) symbols_.push_back(symbol);
      }
    }
  }
  for (const auto& [key, range] : program.ranges) add_range(key, range);
  for (const std::string& text : program.guards) read_guard(text);
  unify_symbols();
}

namespace {

// The one side of a comparison without the other; nullopt for what is no polynomial of symbols.
std::optional<nnef::Dim> difference_of(const Expression& condition, const std::vector<std::string>& symbols) {
  std::map<std::string, nnef::Dim> names;
  for (const std::string& symbol : symbols) names.emplace(symbol, nnef::Dim::symbol(symbol));
  const auto left = to_dim(condition.arguments.at(0), names), right = to_dim(condition.arguments.at(1), names);
  if (!left || !right) return std::nullopt;
  return *left - *right;
}

}  // namespace

bool ProgramSizes::replace_one_of(const nnef::Dim& difference) {
  for (auto symbol = symbols_.rbegin(); symbol != symbols_.rend(); ++symbol) {
    for (const int sign : {1, -1}) {
      const nnef::Dim without = nnef::Dim(sign) * difference + nnef::Dim::symbol(*symbol);
      const bool is_alone = difference.symbols().count(*symbol) > 0 && without.symbols().count(*symbol) == 0;
      if (difference.symbols().size() < 2 || !is_alone) continue;
      replace_symbol(*symbol, parse_python(without.to_string()));
      return true;
    }
  }
  return false;
}

void ProgramSizes::unify_symbols() {
  std::vector<nnef::Dim> at_most_zero;
  for (const Guard& guard : guards_) {
    const Op op = guard.condition.op;
    if (op != Op::kEqual && op != Op::kLessEqual && op != Op::kGreaterEqual) continue;
    const auto difference = difference_of(guard.condition, symbols_);
    if (!difference) continue;
    if (op != Op::kGreaterEqual) at_most_zero.push_back(*difference);
    if (op != Op::kLessEqual) at_most_zero.push_back(nnef::Dim(0) - *difference);
  }
  for (const nnef::Dim& size : at_most_zero) {
    if (std::find(at_most_zero.begin(), at_most_zero.end(), nnef::Dim(0) - size) == at_most_zero.end()) continue;
    if (replace_one_of(size)) return;
  }
}

std::vector<std::string> ProgramSizes::tie_guards(const nnef::Bindings& sample) {
  for (const Guard& guard : guards_) {
    const Op op = guard.condition.op;
    if (op != Op::kLessEqual && op != Op::kGreaterEqual) continue;
    const auto difference = difference_of(guard.condition, symbols_);
    if (!difference || difference->evaluate(sample) != 0) continue;
    const std::string text = guard.text;
    if (!replace_one_of(*difference)) continue;
    std::vector<std::string> texts = tie_guards(sample);  // of the guards as they are now
    texts.insert(texts.begin(), text);
    return texts;
  }
  return {};
}

void ProgramSizes::replace_symbol(const std::string& symbol, const Expression& by) {
  const std::function<void(Expression&)> replace = [&](Expression& expression) {
    if (expression.is_symbol() && expression.symbol == symbol) {
      expression = by;
      return;
    }
    for (Expression& argument : expression.arguments) replace(argument);
  };
  for (ProgramUserInput& input : inputs_) {
    for (Expression& size : input.shape) replace(size);
  }
  for (Guard& guard : guards_) replace(guard.condition);
  symbols_.erase(std::find(symbols_.begin(), symbols_.end(), symbol));
  unify_symbols();
}

void ProgramSizes::read_guard(const std::string& text) {
  try {
    const auto condition = over_symbols(parse_python(text), inputs_);
    if (condition) {
      guards_.push_back({*condition, text, condition->op == Op::kNotEqual});
      return;
    }
  } catch (const nnef::FormatError&) {
  }
  unread_.push_back(text);
}

// Symbols that the graph's inputs do not have are of no concern. torch runs programs at 0 and 1, too, when it says 2.
void ProgramSizes::add_range(const std::string& key, const ProgramRange& range) {
  constexpr std::int64_t kLeast = 2;
  Expression size;
  try {
    size = parse_python(key);
  } catch (const nnef::FormatError&) {
    return;
  }
  for (const std::string& symbol : symbols_of(size)) {
    if (std::find(symbols_.begin(), symbols_.end(), symbol) == symbols_.end()) return;
  }
  const auto add = [&](Op op, std::int64_t bound, const char* sign) {
    guards_.push_back(
        {Expression::of(op, {size, Expression::number(bound)}), key + sign + std::to_string(bound), false});
  };
  if (range.minimum && *range.minimum > kLeast) add(Op::kGreaterEqual, *range.minimum, " >= ");
  if (range.maximum) add(Op::kLessEqual, *range.maximum, " <= ");
}

std::optional<std::pair<std::size_t, std::size_t>> ProgramSizes::axis_of(const std::string& symbol) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    for (std::size_t axis = 0; axis < inputs_[i].shape.size(); ++axis) {
      const Expression& size = inputs_[i].shape[axis];
      if (size.is_symbol() && size.symbol == symbol) return std::pair(i, axis);
    }
  }
  return std::nullopt;
}

nnef::Bindings ProgramSizes::bind(const std::vector<std::vector<std::int64_t>>& sizes) const {
  nnef::Bindings values;
  const auto each = [&](auto visit) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      for (std::size_t axis = 0; axis < inputs_[i].shape.size(); ++axis) {
        visit(inputs_[i].name, axis, inputs_[i].shape[axis], sizes.at(i).at(axis));
      }
    }
  };
  each([&](const std::string&, std::size_t, const Expression& size, std::int64_t given) {
    if (size.is_symbol()) values.emplace(size.symbol, given);
  });
  each([&](const std::string&, std::size_t, const Expression& size, std::int64_t given) {
    std::set<std::string> open = symbols_of(size);
    for (const auto& [name, value] : values) open.erase(name);
    if (open.size() != 1) return;
    if (const auto value = solve(size, *open.begin(), values, given)) values[*open.begin()] = *value;
  });
  each([&](const std::string& input, std::size_t axis, const Expression& size, std::int64_t given) {
    const auto expected = evaluate(size, values);
    if (expected == static_cast<double>(given)) return;
    throw std::invalid_argument("axis " + std::to_string(axis) + " of input " + input + " has size " +
                                std::to_string(given) + ", which the program was not exported for: there it is " +
                                (expected ? std::to_string(static_cast<std::int64_t>(*expected)) : to_text(size, {})));
  });
  return values;
}

std::string ProgramSizes::objection(const nnef::Bindings& values) const {
  for (const Guard& guard : guards_) {
    if (!guard.is_inequality && !holds(guard.condition, values)) return guard.text;
  }
  return "";
}

namespace {

// Where a condition on one size ends, `step` by `step` from where it holds; nullopt where it does not, or holds again
// behind its end: then it is about multiples.
std::optional<std::int64_t> end_of(const std::function<bool(std::int64_t)>& holds_at, std::int64_t start,
                                   std::int64_t step) {
  const auto is_possible = [&](std::int64_t size) { return size >= 1 && size <= kFarthest; };
  std::int64_t last = start;
  for (std::int64_t i = 1; i <= kNear && is_possible(last + step) && holds_at(last + step); ++i) last += step;
  if (!is_possible(last + step)) return std::nullopt;
  std::int64_t jump = step;
  if (last == start + kNear * step) {  // it may end far away
    while (is_possible(last + jump) && holds_at(last + jump)) {
      last += jump;
      jump *= 2;
    }
    if (!is_possible(last + jump)) return std::nullopt;
    for (jump /= 2; jump != 0; jump /= 2) {
      if (holds_at(last + jump)) last += jump;
    }
  }
  for (std::int64_t i = 2; i <= kNear; ++i) {
    if (is_possible(last + i * step) && holds_at(last + i * step)) return std::nullopt;
  }
  return last;
}

}  // namespace

ProgramSizes::Bounds ProgramSizes::bounds_of(const std::string& symbol, const nnef::Bindings& sample) const {
  Bounds bounds;
  nnef::Bindings values = sample;
  const std::int64_t start = sample.at(symbol), first = std::max<std::int64_t>(start - kNear, 1);
  std::vector<bool> allowed(static_cast<std::size_t>(start + kNear - first + 1), true);
  bool is_rounded = false;
  for (const Guard& guard : guards_) {
    const std::set<std::string> of = symbols_of(guard.condition);
    if (of.count(symbol) == 0) continue;
    const auto holds_at = [&](std::int64_t size) {
      values[symbol] = size;
      return holds(guard.condition, values);
    };
    if (guard.is_inequality) {  // a size that is not 1 is at least 2
      const bool is_about_one = of.size() == 1 && start > 1 && !holds_at(1) && holds_at(2) && holds_at(3);
      if (is_about_one) bounds.minimum = std::max<std::int64_t>(bounds.minimum, 2);
      continue;
    }
    std::int64_t count = 0;
    for (std::size_t i = 0; i < allowed.size(); ++i) {
      const bool is_allowed = holds_at(first + static_cast<std::int64_t>(i));
      allowed[i] = allowed[i] && is_allowed;
      count += is_allowed ? 1 : 0;
    }
    is_rounded = is_rounded || (guard.condition.op == Op::kEqual && of.size() == 1 && count < kRounded);
    if (of.size() > 1 || !holds_at(start)) continue;  // the other sizes need not stay
    if (const auto last = end_of(holds_at, start, 1)) {
      bounds.maximum = std::min(bounds.maximum.value_or(*last), *last);
    }
    if (const auto least = end_of(holds_at, start, -1)) bounds.minimum = std::max(bounds.minimum, *least);
  }
  bounds.is_fixed = is_rounded || std::count(allowed.begin(), allowed.end(), true) < kFewest;
  return bounds;
}

}  // namespace torch2nnef
