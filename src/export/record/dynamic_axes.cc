#include "export/record/dynamic_axes.h"

#include <algorithm>
#include <map>
#include <set>

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

}  // namespace

DynamicAxes resolve_dynamic_axes(const ExportOptions& options, std::vector<DynamicInput>& inputs) {
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
      fail("--dynamic-axes " + axis.input + ":" + std::to_string(axis.axis) + ": that input has " + std::to_string(rank) + " axes");
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
    std::int64_t size = axes.sample.at(symbol.name);
    if ((symbol.minimum && size < *symbol.minimum) || (symbol.maximum && size > *symbol.maximum)) {
      fail("the sample has " + symbol.name + " = " + std::to_string(size) + ", out of the bounds of --symbol");
    }
  }
  return axes;
}

namespace {

bool within(const Symbol& symbol, std::int64_t value) {
  return value >= std::max<std::int64_t>(symbol.minimum.value_or(2), 2) && value <= symbol.maximum.value_or(INT64_MAX);
}

// A size near `start + step`, within the bounds and unlike those of other symbols.
std::optional<std::int64_t> pick(const Symbol& symbol, std::int64_t start, std::int64_t step, std::int64_t grid,
                                 const std::set<std::int64_t>& taken) {
  for (int round = 0; round < 16; ++round) {
    for (std::int64_t value : {start + step + round * grid, start - step - round * grid}) {
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

std::vector<std::vector<Bindings>> world_choices(const DynamicAxes& axes, const std::vector<DynamicInput>& inputs) {
  bool with_sample = !hides_broadcasting(axes, inputs);
  std::vector<std::vector<Bindings>> choices;
  for (std::int64_t grid : {std::int64_t{1}, std::int64_t{2}, std::int64_t{4}, std::int64_t{8}, std::int64_t{16},
                            std::int64_t{32}, std::int64_t{64}, std::int64_t{0}}) {
    std::vector<Bindings> worlds;
    if (with_sample) worlds.push_back(axes.sample);
    bool possible = true;
    for (std::size_t world = worlds.size(); world < 3 && possible; ++world) {
      Bindings bindings;
      std::set<std::int64_t> taken;
      for (const Symbol& symbol : axes.symbols) {
        std::int64_t sample = axes.sample.at(symbol.name);
        for (const Bindings& other : worlds) taken.insert(other.at(symbol.name));
        // Batch sizes and the like stay small; 0 stands for multiples of the sample.
        std::int64_t step = grid == 0 ? std::max<std::int64_t>(sample, 1) : sample <= 4 && grid < 64 ? 1 : grid;
        std::int64_t start = sample < 2 && step == 1 ? 1 : sample;
        auto value = pick(symbol, start, step * static_cast<std::int64_t>(world + (with_sample ? 0 : 1)), step, taken);
        for (const Bindings& other : worlds) taken.erase(other.at(symbol.name));
        if (!value) {
          possible = false;
          break;
        }
        bindings[symbol.name] = *value;
        taken.insert(*value);
      }
      worlds.push_back(std::move(bindings));
    }
    if (possible && std::find(choices.begin(), choices.end(), worlds) == choices.end()) choices.push_back(std::move(worlds));
  }
  return choices;
}

}  // namespace torch2nnef
