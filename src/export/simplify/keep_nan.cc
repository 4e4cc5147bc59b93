#include "export/simplify/keep_nan.h"

#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "export/simplify/nan_losses.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Builder;
using nnef::DType;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;

double largest_of(DType dtype) {
  if (dtype == DType::kF16) return 65504;
  return dtype == DType::kF32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

// The forms. Each takes the operation and its result as the engine computes it, and gives the right one.
class Forms {
 public:
  // `takes_constants`: tensors of the archive may be used, which the body of a loop cannot.
  Forms(Builder& builder, bool takes_constants) : b_(builder), takes_constants_(takes_constants) {}

  // nullopt when there is none.
  std::optional<Value> of(const Operation& operation, Value result) {
    using Form = std::optional<Value> (Forms::*)(const Operation&, Value);
    static const std::map<std::string_view, Form> kForms = {{"relu", &Forms::elementwise},
                                                            {"sigmoid", &Forms::elementwise},
                                                            {"tanh", &Forms::elementwise},
                                                            {"clamp", &Forms::elementwise},
                                                            {"max", &Forms::elementwise},
                                                            {"min", &Forms::elementwise},
                                                            {"tract_core_silu", &Forms::gate},
                                                            {"tract_transformers_silu", &Forms::gate},
                                                            {"tract_core_gelu_approx", &Forms::gate},
                                                            {"mul", &Forms::product_with_zero},
                                                            {"max_reduce", &Forms::extreme},
                                                            {"min_reduce", &Forms::extreme},
                                                            {"argmax_reduce", &Forms::place_of_extreme},
                                                            {"argmin_reduce", &Forms::place_of_extreme},
                                                            {"max_pool", &Forms::pool}};
    const auto form = kForms.find(operation.op);
    return form == kForms.end() ? std::nullopt : (this->*form->second)(operation, result);
  }

 private:
  static Value first(const Operation& operation) { return *operation.arguments.front().argument.value(); }

  Value is_nan(Value x) { return b_.binary("ne", x, x); }
  Argument limit(Value x, double sign) { return b_.literal(sign * largest_of(b_.dtype(x)), b_.dtype(x)); }
  // NaN where x is not finite; else 0.
  Value nan_of(Value x) { return b_.binary("add", x, b_.unary("neg", x)); }

  // The same operation on other items.
  Value again(const Operation& operation, std::string_view op, Value x) {
    std::vector<nnef::NamedArgument> attributes(operation.arguments.begin() + 1, operation.arguments.end());
    return b_.add(op, {x}, std::move(attributes));
  }

  // Whether any of the items that make one of the result is true.
  Value any(const Operation& operation, std::string_view op, Value flags, DType dtype) {
    const Value found = again(operation, op, b_.cast(flags, dtype));
    return b_.binary("gt", found, b_.literal(0.0, dtype));
  }

  // A NaN among the operands is the result.
  std::optional<Value> elementwise(const Operation& operation, Value result) {
    for (const nnef::NamedArgument& named : operation.arguments) {
      if (const Value* x = named.argument.value()) result = b_.select(is_nan(*x), *x, result);
    }
    return result;
  }

  // x times a factor that is 0 at -inf.
  std::optional<Value> gate(const Operation& operation, Value result) {
    const Value x = first(operation);
    return b_.select(b_.binary("ge", x, limit(x, -1)), result, nan_of(x));
  }

  std::optional<Value> product_with_zero(const Operation& operation, Value result) {
    for (const nnef::NamedArgument& named : operation.arguments) {
      const Value* x = named.argument.value();
      if (x) result = b_.select(b_.binary("le", b_.unary("abs", *x), limit(*x, 1)), result, nan_of(*x));
    }
    return result;
  }

  // The sum of items that are all infinite is that infinity; that of NaNs beside zeros tells whether there is one.
  std::optional<Value> extreme(const Operation& operation, Value result) {
    const Value x = first(operation);
    const bool is_max = operation.op == "max_reduce";
    const Value counts = b_.binary(is_max ? "ge" : "le", x, limit(x, is_max ? -1 : 1));
    const Value any_counts = any(operation, "max_reduce", counts, b_.dtype(x));
    const Value with_infinity = b_.select(any_counts, result, again(operation, "sum_reduce", x));
    const Value nans = again(operation, "sum_reduce", b_.select(is_nan(x), x, 0.0));
    return b_.binary("add", with_infinity, nans);
  }

  std::optional<Value> place_of_extreme(const Operation& operation, Value result) {
    const Value x = first(operation);
    const Value flags = b_.cast(is_nan(x), b_.dtype(x));
    return b_.select(any(operation, "max_reduce", is_nan(x), b_.dtype(x)), again(operation, "argmax_reduce", flags),
                     result);
  }

  std::optional<Value> pool(const Operation& operation, Value result) {
    if (!takes_constants_) return std::nullopt;
    const Value x = first(operation);
    const DType dtype = b_.dtype(x);
    const Value counts = b_.binary("ge", x, limit(x, -1));
    const Value lowest = b_.constant(-std::numeric_limits<double>::infinity(), dtype);
    const Value nan = b_.constant(std::numeric_limits<double>::quiet_NaN(), dtype);
    result = b_.select(any(operation, "max_pool", counts, dtype), result, lowest);
    return b_.select(any(operation, "max_pool", is_nan(x), dtype), nan, result);
  }

  Builder& b_;
  bool takes_constants_;
};

void replace(Argument& argument, Value from, Value to) {
  if (auto* value = std::get_if<Value>(&argument.is)) {
    if (*value == from) *value = to;
  } else if (auto* array = std::get_if<Argument::Array>(&argument.is)) {
    for (Argument& item : array->items) replace(item, from, to);
  }
}

// The form reads `result`, and ends with a value of its own: the two change places, so that whatever reads the result
// reads what the form makes of it.
void put_behind(Graph& graph, std::size_t operation, Value result, Value made) {
  for (std::size_t i = operation + 1; i < graph.operations.size(); ++i) {
    for (nnef::NamedArgument& named : graph.operations[i].arguments) replace(named.argument, result, made);
  }
  graph.operations[operation].results.front() = made;
  graph.operations.back().results.front() = result;
}

// Returns the first results of operations that have no form. `added`: whether something was added for a result.
std::set<Value> rewrite(Graph& graph, const nnef::Dialect& dialect, bool takes_constants,
                        std::vector<Value>& added_for) {
  std::set<Value> left;
  std::vector<Operation> operations = std::exchange(graph.operations, {});
  Builder builder(graph, dialect);
  Forms forms(builder, takes_constants);
  const std::size_t known = graph.values.size();
  for (Operation& operation : operations) {
    const std::size_t place = graph.operations.size();
    graph.operations.push_back(operation);
    if (operation.results.empty() || !loses_nan(graph, operation, dialect.target().version)) continue;
    const Value result = operation.results.front();
    builder.set_scope("", graph.info(result).name, operation.comment);
    if (const auto made = forms.of(operation, result)) {
      put_behind(graph, place, result, *made);
    } else {
      left.insert(result);
    }
    added_for.resize(graph.values.size() - known, result);
  }
  return left;
}

}  // namespace

KeptNan keep_nan(Graph& graph, const nnef::Dialect& dialect) {
  KeptNan kept;
  std::set<std::string> bodies_left;
  for (nnef::Fragment& fragment : graph.fragments) {
    std::vector<Value> inside;
    if (!rewrite(fragment.body, dialect, false, inside).empty()) bodies_left.insert(fragment.body.name);
  }
  kept.lost = rewrite(graph, dialect, true, kept.added_for);
  for (const Operation& operation : graph.operations) {
    const Argument* body = operation.find("body");
    const std::string* name = body ? std::get_if<std::string>(&body->is) : nullptr;
    if (name && bodies_left.count(*name) > 0) kept.lost.insert(operation.results.front());
  }
  return kept;
}

}  // namespace torch2nnef
