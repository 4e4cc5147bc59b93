#include "export/simplify/nan_losses.h"

#include <algorithm>
#include <string>

#include "nnef/dialect/quirks.h"
#include "nnef/inspect/sub_graph.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Graph;
using nnef::Operation;
using nnef::QuirkKind;
using nnef::Value;

const Argument* operand(const Operation& operation, std::size_t place) {
  return place < operation.arguments.size() ? &operation.arguments[place].argument : nullptr;
}

bool is_zero(const Graph& graph, const Argument& argument) {
  if (const double* number = std::get_if<double>(&argument.is)) return *number == 0;
  const Value* value = argument.value();
  if (value == nullptr) return false;
  for (const Operation& operation : graph.operations) {
    if (operation.results.empty() || operation.results.front() != *value) continue;
    if (operation.op != "unsqueeze" && operation.op != "tract_core_cast") return false;
    return is_zero(graph, operation.arguments.front().argument);
  }
  return false;
}

bool computes_in_floats(const Graph& graph, const Operation& operation) {
  const std::vector<Value> read = nnef::values_read_by(operation);
  return !read.empty() && nnef::is_float(graph.info(read.front()).dtype);
}

}  // namespace

bool loses_nan(const Graph& graph, const Operation& operation, const nnef::Version& release) {
  if (nnef::quirks_of(operation.op, QuirkKind::kNan, release).empty() &&
      nnef::quirks_of(operation.op, QuirkKind::kInfinity, release).empty()) {
    return false;
  }
  if (!computes_in_floats(graph, operation)) return false;
  if (operation.op != "mul") return true;
  return is_zero(graph, *operand(operation, 0)) || is_zero(graph, *operand(operation, 1));
}

namespace {

bool calls(const Operation& operation, const std::string& fragment) {
  return std::any_of(operation.arguments.begin(), operation.arguments.end(), [&](const nnef::NamedArgument& named) {
    const std::string* text = std::get_if<std::string>(&named.argument.is);
    return text != nullptr && *text == fragment;
  });
}

bool calls_what_loses_nan(const Graph& graph, const Operation& operation, const nnef::Version& release) {
  return std::any_of(graph.fragments.begin(), graph.fragments.end(), [&](const nnef::Fragment& fragment) {
    const auto& body = fragment.body;
    return calls(operation, body.name) &&
           std::any_of(body.operations.begin(), body.operations.end(),
                       [&](const Operation& one) { return loses_nan(body, one, release); });
  });
}

}  // namespace

std::set<Value> results_that_lose_nan(const Graph& graph, const nnef::Dialect& dialect) {
  std::set<Value> found;
  const nnef::Version release = dialect.target().version;
  for (const Operation& operation : graph.operations) {
    if (operation.results.empty()) continue;
    if (loses_nan(graph, operation, release) || calls_what_loses_nan(graph, operation, release)) {
      found.insert(operation.results.front());
    }
  }
  return found;
}

}  // namespace torch2nnef
