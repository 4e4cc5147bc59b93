#include "export/sizes/dynamic_axes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;
using nnef::Dim;

[[noreturn]] void fail(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M006", "", {}, text, hint});
}

struct Equation {
  std::string input;
  std::size_t axis;
  Dim expression;
  std::int64_t size;
};

// The size of the one symbol that is not known in an expression, which must be linear in it.
std::optional<std::int64_t> solve(const Dim& expression, const std::string& symbol, std::int64_t size) {
  auto at = [&](std::int64_t value) { return expression.evaluate(Bindings{{symbol, value}}); };
  std::int64_t slope = at(1001) - at(1000);
  std::int64_t guess = slope == 0 ? size : 1000 + (size - at(1000)) / slope;
  for (std::int64_t value = std::max<std::int64_t>(guess - 8, 0); value <= guess + 8; ++value) {
    if (at(value) == size) return value;
  }
  for (std::int64_t value = 0; value < 4096; ++value) {
    if (at(value) == size) return value;
  }
  return std::nullopt;
}

std::map<std::string, Dim, std::less<>> as_dims(const Bindings& bindings) {
  std::map<std::string, Dim, std::less<>> result;
  for (const auto& [name, value] : bindings) result.emplace(name, Dim(value));
  return result;
}

Bindings solve_all(std::vector<Equation> equations) {
  Bindings known;
  for (bool progress = true; progress;) {
    progress = false;
    for (const Equation& equation : equations) {
      Dim left = equation.expression.substitute(as_dims(known));
      std::set<std::string> open = left.symbols();
      if (open.size() != 1) continue;
      auto value = solve(left, *open.begin(), equation.size);
      if (!value) {
        fail("axis " + std::to_string(equation.axis) + " of input " + equation.input + " has size " +
             std::to_string(equation.size) + " in the sample, which " + equation.expression.to_string() + " cannot be");
      }
      known[*open.begin()] = *value;
      progress = true;
    }
  }
  for (const Equation& equation : equations) {
    Dim left = equation.expression.substitute(as_dims(known));
    if (!left.is_constant()) {
      fail("the symbols of " + equation.expression.to_string() + " cannot be told from the sample's sizes",
           "name an axis with each symbol alone");
    }
    if (left.value() != equation.size) {
      fail("axis " + std::to_string(equation.axis) + " of input " + equation.input + " has size " +
           std::to_string(equation.size) + " in the sample, but " + equation.expression.to_string() + " is " +
           std::to_string(left.value()) + " by the other axes");
    }
  }
  return known;
}

DynamicInput& find_input(std::vector<DynamicInput>& inputs, const DynamicAxis& axis) {
  for (DynamicInput& input : inputs) {
    if (input.name == axis.input) return input;
  }
  std::string names;
  for (const DynamicInput& input : inputs) names += (names.empty() ? "" : ", ") + input.name;
  fail("--dynamic-axes " + axis.input + ":" + std::to_string(axis.axis) + ": there is no input '" + axis.input + "'",
       "the inputs are " + names);
}

// A symbol is declared beside the values of the graph, and tract reads some beginnings of names as numbers.
void check_name(const std::string& symbol, const std::vector<DynamicInput>& inputs) {
  if (!nnef::is_identifier(symbol)) {
    fail("--dynamic-axes: '" + symbol + "' cannot be the name of a symbol: tract reads it as something else",
         "choose another name, such as S");
  }
  for (const DynamicInput& input : inputs) {
    if (input.name == symbol) {
      fail("--dynamic-axes: the symbol " + symbol + " has the name of an input", "choose another name, such as S");
    }
  }
}

void check_bounds(const Symbol& symbol) {
  if (symbol.minimum && symbol.minimum == symbol.maximum) {
    fail("--symbol " + symbol.name + ": the bounds leave the size " + std::to_string(*symbol.minimum) + " alone",
         "leave the axis out of --dynamic-axes, or widen the bounds");
  }
}

// No axis is shorter than 1: of input:0=B-5, B is at least 6.
void raise_minima(DynamicAxes& axes, const std::vector<DynamicInput>& inputs) {
  for (Symbol& symbol : axes.symbols) {
    std::int64_t size = axes.sample.at(symbol.name);
    const auto is_possible = [&](std::int64_t value) {
      for (const DynamicInput& input : inputs) {
        for (const Dim& dim : input.shape) {
          const bool is_of_it = dim.symbols() == std::set<std::string>{symbol.name};
          if (is_of_it && dim.evaluate(Bindings{{symbol.name, value}}) < 1) return false;
        }
      }
      return true;
    };
    if (!is_possible(size)) continue;  // the sample itself is empty
    const std::int64_t lowest = std::max<std::int64_t>(symbol.minimum.value_or(1), 1);
    while (size > lowest && is_possible(size - 1)) --size;
    if (size > lowest) symbol.minimum = size;
  }
}

// Each size of a symbol gives another size of some axis: whoever runs the archive has the axes alone.
void check_determined(const DynamicAxes& axes, const std::vector<DynamicInput>& inputs) {
  constexpr std::int64_t kTried = 8;
  for (const Symbol& symbol : axes.symbols) {
    const auto determines = [&](const Dim& dim) {
      if (dim.symbols().count(symbol.name) == 0) return false;
      Bindings sizes = axes.sample;
      std::set<std::int64_t> seen;
      for (std::int64_t i = 0; i < kTried; ++i, ++sizes[symbol.name]) seen.insert(dim.evaluate(sizes));
      return seen.size() == static_cast<std::size_t>(kTried);
    };
    const bool is_determined = std::any_of(inputs.begin(), inputs.end(), [&](const DynamicInput& input) {
      return std::any_of(input.shape.begin(), input.shape.end(), determines);
    });
    if (!is_determined) {
      fail("--dynamic-axes: several sizes of " + symbol.name +
               " give the same axes, so that it cannot be computed from them",
           "name the axis by a symbol of its own, without a division");
    }
  }
}
DynamicAxes axes_of(const ExportOptions& options, std::vector<DynamicInput>& inputs) {
  DynamicAxes axes;
  std::vector<Equation> equations;
  auto add_symbol = [&](const std::string& name) {
    for (const Symbol& symbol : axes.symbols) {
      if (symbol.name == name) return;
    }
    Symbol symbol{name, std::nullopt, std::nullopt};
    for (const Symbol& bounds : options.symbols) {
      if (bounds.name == name) symbol = bounds;
    }
    axes.symbols.push_back(symbol);
  };
  for (const DynamicAxis& axis : options.dynamic_axes) {
    DynamicInput& input = find_input(inputs, axis);
    auto rank = static_cast<int>(input.sizes.size());
    int place = axis.axis < 0 ? axis.axis + rank : axis.axis;
    if (place < 0 || place >= rank) {
      fail("--dynamic-axes " + axis.input + ":" + std::to_string(axis.axis) + ": that input has " +
           std::to_string(rank) + " axes");
    }
    auto index = static_cast<std::size_t>(place);
    input.shape[index] = axis.expression;
    equations.push_back({input.name, index, axis.expression, input.sizes[index]});
    for (const std::string& symbol : axis.expression.symbols()) add_symbol(symbol);
  }
  axes.sample = solve_all(std::move(equations));
  for (const Symbol& bounds : options.symbols) {
    if (!axes.sample.count(bounds.name)) fail("--symbol " + bounds.name + ": no dynamic axis uses it");
  }
  for (const Symbol& symbol : axes.symbols) {
    check_name(symbol.name, inputs);
    check_bounds(symbol);
    std::int64_t size = axes.sample.at(symbol.name);
    if ((symbol.minimum && size < *symbol.minimum) || (symbol.maximum && size > *symbol.maximum)) {
      fail("the sample has " + symbol.name + " = " + std::to_string(size) + ", out of the bounds of --symbol");
    }
  }
  check_determined(axes, inputs);
  raise_minima(axes, inputs);
  return axes;
}

}  // namespace

DynamicAxes resolve_dynamic_axes(const ExportOptions& options, std::vector<DynamicInput>& inputs) {
  try {
    return axes_of(options, inputs);
  } catch (const std::overflow_error&) {
    fail("--dynamic-axes: the sizes that are asked for do not fit in 64 bits", "name the axis by a symbol alone");
  }
}

namespace {

bool within(const Symbol& symbol, std::int64_t value) {
  return value >= std::max<std::int64_t>(symbol.minimum.value_or(2), 2) && value <= symbol.maximum.value_or(INT64_MAX);
}

constexpr std::int64_t kSmall = 4;  // batch sizes and the like stay small

// How far the sizes of world w are from the sample's, in steps: unlike for each symbol, so that no symbol follows
// another, and odd and even, so that a rounded half shows. Wide: far enough apart that what a network divides by 16 or
// 32 is seen to change.
std::int64_t steps_away(std::size_t symbol, std::size_t world, std::int64_t sample, std::int64_t step, bool wide) {
  static constexpr std::int64_t kSteps[4][5] = {{0, 1, 2, 5, 9}, {0, 2, 5, 3, 8}, {0, 3, 1, 7, 6}, {0, 5, 4, 2, 11}};
  static constexpr double kParts[4][5] = {
      {0, 0, -0.37, 0.61, 0.23}, {0, 0, 0.43, -0.29, 0.71}, {0, 0, -0.21, 0.53, -0.41}, {0, 0, 0.31, 0.67, -0.33}};
  std::int64_t near = kSteps[symbol % 4][world % 5] + static_cast<std::int64_t>(symbol / 4);
  if (!wide || world < 2) return near;
  auto far = static_cast<std::int64_t>(
      std::llround(kParts[symbol % 4][world % 5] * static_cast<double>(sample) / static_cast<double>(step)));
  return far < 0 ? std::min(far, -near) : std::max(far, near);
}

// The size that many steps above or below the sample, within the bounds and unlike those that are taken.
std::optional<std::int64_t> pick(const Symbol& symbol, std::int64_t start, std::int64_t away, std::int64_t grid,
                                 const std::set<std::int64_t>& taken) {
  for (int round = 0; round < 16; ++round) {
    for (std::int64_t value : {start + (away < 0 ? away - round : away + round) * grid,
                               start - (away < 0 ? away - round : away + round) * grid}) {
      if (within(symbol, value) && !taken.count(value)) return value;
    }
  }
  return std::nullopt;
}

bool hides_broadcasting(const DynamicAxes& axes, const std::vector<DynamicInput>& inputs) {
  for (const DynamicInput& input : inputs) {
    for (const Dim& dim : input.shape) {
      if (!dim.is_constant() && dim.evaluate(axes.sample) < 2) return true;
    }
  }
  return std::any_of(axes.sample.begin(), axes.sample.end(), [](const auto& entry) { return entry.second < 2; });
}

}  // namespace

namespace {

bool is_small(const DynamicAxes& axes, std::size_t i) { return axes.sample.at(axes.symbols[i].name) <= kSmall; }

// Batch sizes and the like stay small, since what a network computes grows with them. Not all values differ.
std::optional<std::int64_t> pick_small(const Symbol& symbol, std::int64_t sample, std::size_t index,
                                       std::size_t world) {
  static constexpr std::int64_t kSteps[3][5] = {{0, 1, 2, 1, 0}, {0, 2, 1, 0, 1}, {0, 1, 0, 2, 2}};
  std::int64_t start = std::max<std::int64_t>(sample, 2), step = kSteps[index % 3][world % 5];
  for (std::int64_t value : {start + step, start - step, start + 1, start, start + 2, start + 3}) {
    if (within(symbol, value)) return value;
  }
  return std::nullopt;
}

std::size_t world_count(const DynamicAxes& axes) {
  bool all_small = true;
  for (std::size_t i = 0; i < axes.symbols.size(); ++i) all_small = all_small && is_small(axes, i);
  return all_small ? 3 : std::clamp<std::size_t>(axes.symbols.size() + 2, 4, 5);
}

}  // namespace

std::vector<Bindings> worlds_with_sample(const DynamicAxes& axes) {
  if (axes.symbols.size() != 1 || axes.sample.at(axes.symbols[0].name) != 1) return {};
  std::vector<Bindings> worlds;
  for (std::int64_t size : {2, 3, 1}) {
    if (size > 1 && !within(axes.symbols[0], size)) return {};
    worlds.push_back({{axes.symbols[0].name, size}});
  }
  return worlds;
}

std::vector<Bindings> worlds_on(const DynamicAxes& axes, const std::vector<DynamicInput>& inputs, const Grids& grids,
                                bool wide) {
  bool with_sample = !hides_broadcasting(axes, inputs);
  std::vector<Bindings> worlds;
  if (with_sample) worlds.push_back(axes.sample);
  for (std::size_t world = worlds.size(); world < world_count(axes); ++world) {
    Bindings bindings;
    for (std::size_t i = 0; i < axes.symbols.size(); ++i) {
      const Symbol& symbol = axes.symbols[i];
      std::int64_t sample = axes.sample.at(symbol.name);
      std::optional<std::int64_t> value;
      if (is_small(axes, i) && grids[i] == 1) {
        value = pick_small(symbol, sample, i, world);
      } else {
        std::set<std::int64_t> taken;
        for (const Bindings& other : worlds) taken.insert(other.at(symbol.name));
        for (const auto& [name, size] : bindings) taken.insert(size);
        std::int64_t start = with_sample ? sample : std::max<std::int64_t>(sample, 1) + grids[i];
        value = pick(symbol, start, steps_away(i, world, sample, grids[i], wide && sample > kSmall), grids[i], taken);
      }
      if (!value) return {};
      bindings[symbol.name] = *value;
    }
    worlds.push_back(std::move(bindings));
  }
  return worlds;
}

std::vector<std::string> fix_multiples(DynamicAxes& axes, std::vector<DynamicInput>& inputs, const Grids& grids) {
  std::map<std::string, Dim, std::less<>> replacements;
  std::vector<std::string> conditions;
  for (std::size_t i = 0; i < axes.symbols.size(); ++i) {
    std::int64_t grid = grids[i];
    if (grid == 1) continue;
    Symbol& symbol = axes.symbols[i];
    std::string old = symbol.name;
    std::int64_t sample = axes.sample.at(old), rest = sample % grid;
    symbol.name = old + "_" + std::to_string(grid);
    if (symbol.minimum) symbol.minimum = (*symbol.minimum - rest + grid - 1) / grid;
    if (symbol.maximum) symbol.maximum = (*symbol.maximum - rest) / grid;
    axes.sample.erase(old);
    axes.sample[symbol.name] = sample / grid;
    replacements.emplace(old, Dim(grid) * Dim::symbol(symbol.name) + Dim(rest));
    conditions.push_back(old + " % " + std::to_string(grid) + " == " + std::to_string(rest) + " (" + old + " is " +
                         replacements.at(old).to_string() + ")");
  }
  for (DynamicInput& input : inputs) {
    for (Dim& dim : input.shape) dim = dim.substitute(replacements);
  }
  return conditions;
}

std::string bounds_of(const std::set<std::string>& symbols, const std::function<bool(const Bindings&)>& holds,
                      const Bindings& where_it_holds) {
  if (symbols.size() != 1) return "";
  const std::string& symbol = *symbols.begin();
  constexpr std::int64_t kFarthest = 1 << 16;  // a condition that holds up to there is taken to have no end
  const std::int64_t start = where_it_holds.at(symbol);
  std::int64_t low = start, high = start;
  while (low > 1 && holds({{symbol, low - 1}})) --low;
  while (high < kFarthest && holds({{symbol, high + 1}})) ++high;
  if (low == high) return "";
  return symbol + "=" + std::to_string(low) + ".." + (high == kFarthest ? "" : std::to_string(high));
}

}  // namespace torch2nnef
