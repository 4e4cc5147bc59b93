// embedding_bag: rows of a table, summed, averaged or maximised bag by bag. The bags must be known at export.

#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

enum Mode { kSum = 0, kMean = 1, kMax = 2 };

// Where each bag begins, and at the end the number of indices.
std::vector<std::int64_t> bag_bounds(const Call& call) {
  ConstantPtr offsets = call.constant("offsets");
  if (!offsets) {
    throw Unsupported(
        "embedding_bag whose offsets depend on an input: the sizes of the bags are known only when it runs",
        "give it indices of rank 2, or constant offsets");
  }
  std::vector<std::int64_t> bounds = offsets->to_integers();
  if (call.flag("include_last_offset") && !bounds.empty()) bounds.pop_back();
  bounds.push_back(call.shape("indices").at(0).value());
  return bounds;
}

// The bags' common size, or 0 when they differ.
std::int64_t common_size(const std::vector<std::int64_t>& bounds) {
  if (bounds.size() < 2 || bounds[0] != 0) return 0;
  std::int64_t size = bounds[1] - bounds[0];
  for (std::size_t i = 1; i + 1 < bounds.size(); ++i) {
    if (bounds[i + 1] - bounds[i] != size) return 0;
  }
  return size;
}

Value reduced_bag(Call& call, Value rows, std::int64_t mode, int axis, bool keepdim) {
  Builder& b = call.builder();
  if (mode == kMax) return b.reduce("max_reduce", rows, {axis}, keepdim);
  return mode == kMean ? mean_of(call, rows, {{axis}, keepdim}) : sum_over(b, rows, {{axis}, keepdim});
}

Value bag_rows(Call& call, DType dtype) {
  Builder& b = call.builder();
  Value rows = b.add("tract_core_gather", {call.tensor_as("weight", dtype), call.tensor_as("indices", DType::kI64)},
                     {{"axis", 0}});
  if (!call.has("per_sample_weights")) return rows;
  return b.binary("mul", rows, b.unsqueeze(call.tensor_as("per_sample_weights", dtype), {1}));
}

void refuse_unusual(const Call& call) {
  for (std::size_t i = 1; i < call.result_count(); ++i) {
    if (call.wanted(i)) throw Unsupported("a result of embedding_bag that is only of use in training");
  }
  if (call.has("padding_idx") && call.integer("padding_idx") >= 0) throw Unsupported("embedding_bag with padding_idx");
}

void lower_embedding_bag(Call& call) {
  refuse_unusual(call);
  Builder& b = call.builder();
  DType dtype = arithmetic_type(call.result_dtype());
  std::int64_t mode = call.integer("mode");
  std::vector<std::int64_t> bounds = bag_bounds(call);
  if (bounds.size() < 2) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Value rows = bag_rows(call, dtype);
  Dim width = b.shape(rows).at(1);
  if (std::int64_t size = common_size(bounds); size > 0) {
    Value bags = b.reshape(rows, {static_cast<std::int64_t>(bounds.size()) - 1, size, width});
    return call.result(b.cast(reduced_bag(call, bags, mode, 1, false), call.result_dtype()));
  }
  std::vector<Value> bags;
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
    bool is_nothing = bounds[i] == bounds[i + 1];
    bags.push_back(is_nothing ? zeros(call, dtype, {1, width})
                              : reduced_bag(call, b.slice(rows, 0, bounds[i], bounds[i + 1]), mode, 0, true));
  }
  call.result(b.cast(b.concat(bags, 0), call.result_dtype()));
}

}  // namespace

void register_embedding_bag(Registry& registry) {
  registry.add("aten::embedding_bag aten::_embedding_bag aten::_embedding_bag_forward_only", lower_embedding_bag,
               "offsets must be constants");
}

}  // namespace torch2nnef
