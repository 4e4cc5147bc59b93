// Sizes that a graph computes in tensors: a shape, its parts, arithmetic of them. Engines follow them when they load a
// graph, so they may stand where numbers are needed.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "nnef/text/text_fold.h"

namespace nnef {
namespace {

using Items = std::vector<Argument>;

bool is_zero(const Argument& argument) { return argument.dim() && *argument.dim() == Dim(0); }

bool is_size(const Argument& argument) { return argument.dim() != nullptr; }

// The items of a vector of sizes; null for anything else.
const Items* vector_of(const Argument& argument) {
  const Argument::Array* array = argument.array();
  return array && std::all_of(array->items.begin(), array->items.end(), is_size) ? &array->items : nullptr;
}

Argument to_array(Items items) {
  Argument::Array array;
  array.items = std::move(items);
  return array;
}

// The only axis of a vector, or the place where a number gets one.
bool names_first_axis(const Operation& operation) {
  const Argument* axes = operation.find("axes");
  if (!axes) axes = operation.find("axis");
  if (!axes) return false;
  const Argument::Array* array = axes->array();
  return array ? array->items.size() == 1 && is_zero(array->items[0]) : is_zero(*axes);
}

std::optional<Dim> arithmetic(std::string_view op, const Dim& a, const Dim& b) {
  if (op == "add") return a + b;
  if (op == "sub") return a - b;
  if (op == "mul") return a * b;
  if (op == "min") return min(a, b);
  if (op == "max") return max(a, b);
  if (op == "div" && b.constant().value_or(0) > 0 && a.constant().value_or(0) >= 0) return floor_div(a, b);
  return std::nullopt;
}

std::optional<Argument> elementwise(const std::string& op, const Argument& a, const Argument& b) {
  if (a.dim() && b.dim()) {
    const std::optional<Dim> result = arithmetic(op, *a.dim(), *b.dim());
    return result ? std::optional<Argument>(*result) : std::nullopt;
  }
  const Items *x = vector_of(a), *y = vector_of(b);
  if ((!x && !a.dim()) || (!y && !b.dim()) || (x && y && x->size() != y->size())) return std::nullopt;
  Items result;
  for (std::size_t i = 0; i < (x ? x : y)->size(); ++i) {
    const std::optional<Dim> item = arithmetic(op, x ? *(*x)[i].dim() : *a.dim(), y ? *(*y)[i].dim() : *b.dim());
    if (!item) return std::nullopt;
    result.emplace_back(*item);
  }
  return to_array(std::move(result));
}

// A bound of a slice: negative ones count from the end, and an end of 0 is the end.
std::optional<std::int64_t> bound(const Operation& operation, const char* name, std::int64_t size) {
  const Argument* list = operation.find(name);
  const Argument::Array* array = list ? list->array() : nullptr;
  if (!array || array->items.size() != 1 || !array->items[0].dim()) return std::nullopt;
  const std::optional<std::int64_t> value = array->items[0].dim()->constant();
  if (!value) return std::nullopt;
  const bool from_end = *value < 0 || (*value == 0 && name == std::string_view("end"));
  return from_end ? *value + size : *value;
}

std::optional<Argument> slice(const Operation& operation, const Items& items) {
  const auto size = static_cast<std::int64_t>(items.size());
  const auto begin = bound(operation, "begin", size), end = bound(operation, "end", size);
  const Argument* stride = operation.find("stride");
  const bool steps = stride && stride->array() && !equal_attributes(*stride, std::vector<std::int64_t>{1}) &&
                     !stride->array()->items.empty();
  if (!names_first_axis(operation) || !begin || !end || steps) return std::nullopt;
  if (*begin < 0 || *begin > *end || *end > size) return std::nullopt;
  return to_array({items.begin() + *begin, items.begin() + *end});
}

std::optional<Argument> join(const Operation& operation, const Argument& values) {
  const Argument::Array* list = values.array();
  if (!list || !names_first_axis(operation)) return std::nullopt;
  Items result;
  for (const Argument& value : list->items) {
    const Items* items = vector_of(value);
    if (operation.op == "stack" ? !value.dim() : !items) return std::nullopt;
    if (operation.op == "stack") {
      result.push_back(value);
    } else {
      result.insert(result.end(), items->begin(), items->end());
    }
  }
  return to_array(std::move(result));
}

std::optional<Argument> gather(const Operation& operation, const Items& items, const Argument& index) {
  if (!names_first_axis(operation) || !index.dim() || !index.dim()->is_constant()) return std::nullopt;
  const auto size = static_cast<std::int64_t>(items.size());
  const std::int64_t place = index.dim()->value() + (index.dim()->value() < 0 ? size : 0);
  if (place < 0 || place >= size) return std::nullopt;
  return items[static_cast<std::size_t>(place)];
}

// The type that a cast names; "" for other operations.
std::string cast_type(const Operation& operation) {
  const Argument* to = operation.op == "tract_core_cast" ? operation.find("to") : nullptr;
  const std::string* type = to ? std::get_if<std::string>(&to->is) : nullptr;
  return type ? *type : "";
}

// A number that takes a way through floats, as in integer(floor(size / 2.0)). Exact, or nothing.
std::optional<Argument> float_arithmetic(const Operation& operation, double x, const Argument* other) {
  const std::string& op = operation.op;
  if (cast_type(operation) == "i64" && x == std::trunc(x) && std::fabs(x) < 0x1p53)
    return Argument(static_cast<std::int64_t>(x));
  if (cast_type(operation) == "f32") return Argument(x);
  if (op == "floor") return Argument(std::floor(x));
  if (op == "ceil") return Argument(std::ceil(x));
  if (op == "abs") return Argument(std::fabs(x));
  if (op == "neg") return Argument(-x);
  if (op == "sign") return Argument(x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0);
  const double* y = other ? std::get_if<double>(&other->is) : nullptr;
  if (!y) return std::nullopt;
  if (op == "add") return Argument(x + *y);
  if (op == "sub") return Argument(x - *y);
  if (op == "mul") return Argument(x * *y);
  if (op == "div" && *y != 0) return Argument(x / *y);
  if (op == "lt") return Argument(x < *y);
  if (op == "gt") return Argument(x > *y);
  if (op == "le") return Argument(x <= *y);
  if (op == "ge") return Argument(x >= *y);
  return std::nullopt;
}

}  // namespace

std::optional<Argument> fold_sizes(const Graph& graph, const Operation& operation,
                                   const std::function<Argument(const Argument&)>& sizes) {
  if (operation.arguments.empty()) return std::nullopt;
  const std::string& op = operation.op;
  if (op == "tract_core_shape_of") {
    const Value* value = operation.arguments[0].argument.value();
    return value ? std::optional<Argument>(graph.info(*value).shape) : std::nullopt;
  }
  const Argument first = sizes(operation.arguments[0].argument);
  if (const bool* condition = std::get_if<bool>(&first.is); condition && op == "select") {
    const Argument chosen = sizes(operation.arguments.at(*condition ? 1 : 2).argument);
    return std::holds_alternative<double>(chosen.is) || chosen.dim() ? std::optional<Argument>(chosen) : std::nullopt;
  }
  if (const double* number = std::get_if<double>(&first.is)) {
    const bool binary = operation.arguments.size() > 1;
    const Argument second = binary ? sizes(operation.arguments[1].argument) : Argument(0);
    return float_arithmetic(operation, *number, binary ? &second : nullptr);
  }
  const Items* items = vector_of(first);
  if (!items && !first.dim()) return op == "concat" || op == "stack" ? join(operation, first) : std::nullopt;
  const std::string to = cast_type(operation);
  if (op == "copy" || to == "i64") return first;
  if (to == "f32" && first.dim() && first.dim()->is_constant()) {
    return Argument(static_cast<double>(first.dim()->value()));
  }
  if (op == "concat" || op == "stack") return join(operation, first);
  if (op == "slice" && items) return slice(operation, *items);
  if (op == "squeeze" && items && items->size() == 1 && names_first_axis(operation)) return items->front();
  if (op == "unsqueeze" && first.dim() && names_first_axis(operation)) return to_array({first});
  if (operation.arguments.size() < 2) return std::nullopt;
  const Argument second = sizes(operation.arguments[1].argument);
  if (op == "tract_core_gather" && items) return gather(operation, *items, second);
  return elementwise(op, first, second);
}

}  // namespace nnef
