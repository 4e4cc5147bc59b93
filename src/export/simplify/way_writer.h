// Operations of a graph whose results are made in another way: by moves of items, maybe with a product between them.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "export/simplify/item_order.h"
#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace torch2nnef {

// matmul(input, weight), maybe with a bias for each column.
struct RowProduct {
  nnef::Value input, result;
  nnef::Value weight;               // a variable of rank 2
  std::optional<nnef::Value> bias;  // a variable of rank 1
  bool transposes_weight;
  std::size_t operations;
};

// How an operation's result is made instead.
struct Way {
  nnef::Value source;
  std::vector<ItemOrder::Step> before;
  std::optional<RowProduct> product;
  std::vector<ItemOrder::Step> after;
};
using Ways = std::map<std::size_t, Way>;  // by the operation's place

// Writes those operations anew; the others stay. Values' ids stay good. Returns, for each value that was added to the
// graph, the result that it is for.
std::vector<nnef::Value> write_ways(nnef::Graph& graph, const nnef::Dialect& dialect, const Ways& ways);

}  // namespace torch2nnef
