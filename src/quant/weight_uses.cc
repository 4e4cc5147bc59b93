#include "quant/weight_uses.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;
using Kind = WeightUse::Kind;

bool is_true(const Operation& operation, std::string_view name) {
  const Argument* argument = operation.find(name);
  return argument != nullptr && std::get_if<bool>(&argument->is) != nullptr && std::get<bool>(argument->is);
}

bool is_value(const Operation& operation, std::string_view name, Value value) {
  const Argument* argument = operation.find(name);
  return argument != nullptr && argument->value() != nullptr && *argument->value() == value;
}

// What a value that comes from a variable holds: the matrix with `leading` axes of 1 before it, its two axes swapped.
struct Derived {
  std::int32_t weight = -1;  // index of the weight; -1: it comes from no variable
  std::size_t leading = 0;
  bool is_swapped = false;
};

class UseFinder {
 public:
  explicit UseFinder(const Graph& graph) : graph_(graph), derived_(graph.values.size()) {}

  std::vector<UsedWeight> find() {
    for (std::size_t i = 0; i < graph_.operations.size(); ++i) visit(graph_.operations[i], i);
    for (Value output : graph_.outputs) {
      const Derived& of = derived_of(output);
      if (of.weight >= 0)
        weight(of).uses.push_back({Kind::kOther, graph_.operations.size(), std::string(WeightUse::kOutput)});
    }
    return std::move(weights_);
  }

 private:
  const Derived& derived_of(Value value) const { return derived_.at(static_cast<std::size_t>(value.id)); }
  UsedWeight& weight(const Derived& of) { return weights_.at(static_cast<std::size_t>(of.weight)); }

  void visit(const Operation& operation, std::size_t index) {
    const std::string* label = operation.op == "variable" ? nnef::text_of(operation, "label") : nullptr;
    if (label != nullptr && operation.results.size() == 1) {
      const Value result = operation.results.front();
      derived_[static_cast<std::size_t>(result.id)].weight = static_cast<std::int32_t>(weights_.size());
      weights_.push_back({*label, result, index, {}, {}});
      return;
    }
    for (const nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](const Value& value) {
        const Derived& of = derived_of(value);
        if (of.weight < 0) return;
        if (const std::optional<Derived> next = seen_through(operation, value, of)) {
          derived_[static_cast<std::size_t>(operation.results.front().id)] = *next;
          weight(of).between.push_back(index);
        } else {
          weight(of).uses.push_back({kind_of(operation, value, of), index, operation.op});
        }
      });
    }
  }

  std::optional<Derived> seen_through(const Operation& operation, Value value, const Derived& of) const {
    Derived next = of;
    const std::size_t rank = graph_.info(value).shape.size();
    if (rank != of.leading + 2) return std::nullopt;
    if (operation.op == "unsqueeze") {
      const auto axes = nnef::numbers_of(operation, "axes");
      if (!axes) return std::nullopt;
      for (std::size_t i = 0; i < axes->size(); ++i) {
        if ((*axes)[i] != static_cast<std::int64_t>(i)) return std::nullopt;
      }
      next.leading += axes->size();
      return next;
    }
    if (operation.op != "transpose") return std::nullopt;
    std::vector<std::int64_t> swapped(rank);
    std::iota(swapped.begin(), swapped.end(), 0);
    std::swap(swapped[rank - 1], swapped[rank - 2]);
    if (nnef::numbers_of(operation, "axes") != swapped) return std::nullopt;
    next.is_swapped = !next.is_swapped;
    return next;
  }

  Kind kind_of(const Operation& operation, Value value, const Derived& of) const {
    const bool is_itself = of.leading == 0 && !of.is_swapped;
    if (operation.op == "tract_core_gather" && is_itself && is_value(operation, "input", value)) {
      const Argument* axis = operation.find("axis");
      const bool is_first = axis != nullptr && axis->dim() != nullptr && *axis->dim() == nnef::Dim(0);
      return is_first ? Kind::kRows : Kind::kOther;
    }
    if (operation.op == "conv" && is_itself && is_value(operation, "filter", value) &&
        !is_value(operation, "input", value) && !is_value(operation, "bias", value)) {
      return Kind::kFilter;
    }
    if (operation.op == "tract_core_einsum") return einsum_kind(operation, value, of);
    const bool is_product = operation.op == "matmul" && is_value(operation, "B", value) &&
                            !is_value(operation, "A", value) && !is_true(operation, "transposeA") &&
                            graph_.info(value).shape.size() == of.leading + 2;
    if (!is_product) return Kind::kOther;
    return is_true(operation, "transposeB") != of.is_swapped ? Kind::kProduct : Kind::kFlipped;
  }

  // The expressions that product_expression() makes, under any letters.
  Kind einsum_kind(const Operation& operation, Value value, const Derived& of) const {
    const std::string* expression = nnef::text_of(operation, "expr");
    const Argument* inputs = operation.find("inputs");
    if (expression == nullptr || inputs == nullptr || inputs->array() == nullptr || of.leading > 0) return Kind::kOther;
    const auto& items = inputs->array()->items;
    const bool is_second = items.size() == 2 && items[0].value() != nullptr && items[1].value() != nullptr &&
                           *items[1].value() == value && *items[0].value() != value;
    const std::size_t comma = expression->find(','), arrow = expression->find("->");
    if (!is_second || comma == std::string::npos || arrow != comma + 3 || comma == 0) return Kind::kOther;
    const std::string x = expression->substr(0, comma), w = expression->substr(comma + 1, 2);
    const std::string batch = x.substr(0, x.size() - 1);
    if (w.find(x.back()) == std::string::npos || w[0] == w[1]) return Kind::kOther;
    const bool contracts_last = w[1] == x.back();
    if (expression->substr(arrow + 2) != batch + w[contracts_last ? 0 : 1]) return Kind::kOther;
    return contracts_last != of.is_swapped ? Kind::kProduct : Kind::kFlipped;
  }

  const Graph& graph_;
  std::vector<Derived> derived_;  // by Value::id
  std::vector<UsedWeight> weights_;
};

}  // namespace

bool UsedWeight::has(WeightUse::Kind kind) const {
  return std::any_of(uses.begin(), uses.end(), [&](const WeightUse& use) { return use.kind == kind; });
}

std::vector<UsedWeight> weight_uses(const Graph& graph) { return UseFinder(graph).find(); }

std::string product_expression(std::size_t rank, bool is_flipped) {
  std::string batch;
  for (std::size_t axis = 0; axis + 1 < rank; ++axis) batch += static_cast<char>('a' + axis);
  return batch + (is_flipped ? "y,yz->" : "y,zy->") + batch + "z";
}

Operation product_with(const Graph& graph, const Operation& product, Value weight, bool is_flipped) {
  const Argument* inputs = product.find("inputs");
  const Value x = inputs != nullptr ? *inputs->array()->items.front().value() : *product.find("A")->value();
  Operation einsum = product;
  einsum.op = "tract_core_einsum";
  einsum.arguments = {{"inputs", std::vector<Value>{x, weight}},
                      {"expr", product_expression(graph.info(x).shape.size(), is_flipped)},
                      {"acc", std::string(nnef::to_string(graph.info(product.results.front()).dtype))}};
  return einsum;
}

}  // namespace torch2nnef
