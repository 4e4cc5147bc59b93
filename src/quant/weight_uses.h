// What the operations of a graph do with each tensor of the archive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

struct WeightUse {
  enum class Kind : std::uint8_t {
    kRows,     // rows are taken by index along the first axis
    kProduct,  // the second factor of a matrix product that contracts the last axis: [O, I]
    kFlipped,  // the same, contracting the first axis: [I, O]
    kFilter,   // of a convolution
    kOther,
  };
  Kind kind = Kind::kOther;
  std::size_t operation = 0;  // its index
  std::string name;           // of the operator, or kOutput
  static constexpr std::string_view kOutput = "an output";
};

// A variable and its uses, seen through operations that only add leading axes or swap the two axes of a matrix.
struct UsedWeight {
  std::string label;
  nnef::Value value;
  std::size_t operation = 0;  // that declares it
  std::vector<WeightUse> uses;
  std::vector<std::size_t> between;  // operations that are seen through
  bool has(WeightUse::Kind kind) const;
};

// In the order of the operations; linear in the size of the graph.
std::vector<UsedWeight> weight_uses(const nnef::Graph& graph);

// The two tensors of a matrix product with a weight as an einsum that reads the weight itself, however many axes x has:
// {"abk", "nk", "abn"} joined. `rank` is that of x.
std::string product_expression(std::size_t rank, bool is_flipped);
// An operation of the same results: that einsum of x (the first factor of the product) and the weight.
nnef::Operation product_with(const nnef::Graph& graph, const nnef::Operation& product, nnef::Value weight,
                             bool is_flipped);

}  // namespace torch2nnef
