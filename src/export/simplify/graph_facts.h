// What several passes over a graph ask of it.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>
#include <variant>
#include <vector>

#include "nnef/arguments.h"
#include "nnef/graph.h"

namespace torch2nnef {

inline std::size_t index_of(nnef::Value value) { return static_cast<std::size_t>(value.id); }

// By Value::id: whether a value keeps the operation that makes it, as outputs do, and those that graph.quant names.
inline std::vector<bool> pinned_values(const nnef::Graph& graph) {
  std::vector<bool> pinned(graph.values.size(), false);
  for (nnef::Value output : graph.outputs) pinned[index_of(output)] = true;
  for (std::size_t i = 0; i < pinned.size() && !graph.quant.empty(); ++i) {
    if (graph.quant.count(graph.values[i].name) != 0) pinned[i] = true;
  }
  return pinned;
}

// By Value::id: whether one operation reads the value, in one place, and nothing else keeps it.
inline std::vector<bool> values_read_once(const nnef::Graph& graph) {
  const std::vector<bool> pinned = pinned_values(graph);
  std::vector<int> reads(graph.values.size(), 0);
  for (const nnef::Operation& operation : graph.operations) {
    for (const nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](nnef::Value value) { ++reads[index_of(value)]; });
    }
  }
  std::vector<bool> once(reads.size(), false);
  for (std::size_t i = 0; i < reads.size(); ++i) once[i] = reads[i] == 1 && !pinned[i];
  return once;
}

// Whether the value that an operation makes is a size of tract's, which is not i64 before a cast to it (T-SHAPE-TYPE).
// Null: no operation makes it.
inline bool gives_sizes(const nnef::Operation* maker) {
  return maker != nullptr && (maker->op == "tract_core_range" || maker->op == "tract_core_shape_of");
}

// A flag of an operation; false where it is left out.
inline bool flag(const nnef::Operation& operation, std::string_view name) {
  const nnef::Argument* argument = operation.find(name);
  return argument != nullptr && std::get<bool>(argument->is);
}

inline bool is_number_or_symbol(const nnef::Dim& dim) {
  return dim.is_constant() || dim == nnef::Dim::symbol(*dim.symbols().begin());
}

// All items of a tensor, which must be of that C++ type.
template <class Item>
std::vector<Item> whole_tensor(const nnef::TensorData& data) {
  std::vector<Item> items(static_cast<std::size_t>(data.numel()));
  std::size_t filled = 0;
  data.stream([&](const void* bytes, std::size_t count) {
    std::memcpy(reinterpret_cast<std::byte*>(items.data()) + filled, bytes, count);
    filled += count;
  });
  return items;
}

}  // namespace torch2nnef
