// What several passes over a graph ask of it.
#pragma once

#include <cstddef>
#include <cstring>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

// By Value::id: whether a value keeps the operation that makes it, as outputs do, and those that graph.quant names.
inline std::vector<bool> pinned_values(const nnef::Graph& graph) {
  std::vector<bool> pinned(graph.values.size(), false);
  for (nnef::Value output : graph.outputs) pinned[static_cast<std::size_t>(output.id)] = true;
  for (std::size_t i = 0; i < pinned.size() && !graph.quant.empty(); ++i) {
    if (graph.quant.count(graph.values[i].name) != 0) pinned[i] = true;
  }
  return pinned;
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
