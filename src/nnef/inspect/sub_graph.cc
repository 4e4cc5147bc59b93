#include "nnef/inspect/sub_graph.h"

#include <algorithm>
#include <set>
#include <string>

#include "nnef/builder/builder.h"

namespace nnef {
namespace {

std::size_t index_of(Value value) { return static_cast<std::size_t>(value.id); }

void collect(const Argument& argument, std::vector<Value>& values) {
  if (const Value* value = argument.value()) values.push_back(*value);
  if (const Argument::Array* array = argument.array()) {
    for (const Argument& item : array->items) collect(item, values);
  }
}

// The operation that makes each value; the number of operations for those that none does.
std::vector<std::size_t> makers_of(const Graph& graph) {
  std::vector<std::size_t> makers(graph.values.size(), graph.operations.size());
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    for (Value result : graph.operations[i].results) makers[index_of(result)] = i;
  }
  return makers;
}

Operation external_of(const ValueInfo& info, Value value, const Dialect& dialect) {
  const bool khronos = dialect.target().kind == Target::Kind::kKhronos;
  Operation operation;
  operation.op = khronos ? "external" : "tract_core_external";
  operation.arguments.push_back({"shape", Argument(info.shape)});
  if (!khronos) operation.arguments.push_back({"datum_type", Argument(std::string(to_string(info.dtype)))});
  operation.results = {value};
  return operation;
}

// The fragments that an operation names (a scan's body), and those that they name.
void take_fragments(const Graph& from, const Operation& operation, Graph& to) {
  const Argument* body = operation.find("body");
  const std::string* name = body ? std::get_if<std::string>(&body->is) : nullptr;
  if (!name) return;
  for (const Fragment& fragment : from.fragments) {
    if (fragment.body.name != *name) continue;
    const bool is_there = std::any_of(to.fragments.begin(), to.fragments.end(),
                                      [&](const Fragment& one) { return one.body.name == *name; });
    if (is_there) return;
    to.fragments.push_back(fragment);
    for (const Operation& inner : fragment.body.operations) {
      if (const Argument* label = inner.op == "variable" ? inner.find("label") : nullptr) {
        const std::string& text = std::get<std::string>(label->is);
        if (const auto found = from.variables.find(text); found != from.variables.end()) to.variables.insert(*found);
      }
      take_fragments(from, inner, to);
    }
  }
}

}  // namespace

std::vector<Value> values_read_by(const Operation& operation) {
  std::vector<Value> values;
  for (const NamedArgument& named : operation.arguments) collect(named.argument, values);
  return values;
}

bool is_source(const Operation& operation) {
  return operation.op == "variable" || operation.op == "external" || operation.op == "tract_core_external";
}

std::vector<std::size_t> needed_operations(const Graph& graph, const std::vector<Value>& values) {
  const std::vector<std::size_t> makers = makers_of(graph);
  std::vector<bool> needed(graph.operations.size() + 1, false);
  for (Value value : values) needed[makers[index_of(value)]] = true;
  for (std::size_t i = graph.operations.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (Value read : values_read_by(graph.operations[i])) needed[makers[index_of(read)]] = true;
  }
  std::vector<std::size_t> operations;
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    if (needed[i] && !is_source(graph.operations[i])) operations.push_back(i);
  }
  return operations;
}

Graph sub_graph(const Graph& graph, const std::vector<std::size_t>& kept, const std::vector<Value>& outputs,
                const Dialect& dialect) {
  Graph part;
  part.name = graph.name;
  part.symbols = graph.symbols;
  part.values = graph.values;
  part.outputs = outputs;
  const std::vector<std::size_t> makers = makers_of(graph);
  std::set<Value> made;
  std::vector<Operation> sources, operations;
  const auto take_source = [&](Value value) {
    if (!made.insert(value).second) return;
    const std::size_t maker = makers[index_of(value)];
    if (maker < graph.operations.size() && graph.operations[maker].op == "variable") {
      const Operation& variable = graph.operations[maker];
      const std::string& label = std::get<std::string>(variable.find("label")->is);
      part.variables.emplace(label, graph.variables.at(label));
      sources.push_back(variable);
      return;
    }
    part.inputs.push_back(value);
    sources.push_back(external_of(graph.info(value), value, dialect));
  };
  for (std::size_t i : kept) {
    const Operation& operation = graph.operations[i];
    for (Value read : values_read_by(operation)) take_source(read);
    for (Value result : operation.results) {
      made.insert(result);
      if (const auto entry = graph.quant.find(graph.info(result).name); entry != graph.quant.end()) {
        part.quant.insert(*entry);
      }
    }
    take_fragments(graph, operation, part);
    operations.push_back(operation);
  }
  for (Value output : outputs) take_source(output);
  part.operations = std::move(sources);
  part.operations.insert(part.operations.end(), operations.begin(), operations.end());
  set_registries(part, dialect);
  return part;
}

}  // namespace nnef
