// Products of the rows of one matrix with several others, each of them with a group of neighbouring rows: how mixtures
// of experts are computed.

#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// Bool [groups, rows, 1]: which rows are of which group, the groups' ends being given in ascending order.
Value rows_of_groups(Call& call, const Dim& rows) {
  Builder& b = call.builder();
  Value ends = call.tensor_as("offs", DType::kI64);
  const Dim groups = b.shape(ends).at(0);
  Value first = b.unsqueeze(b.constant(std::int64_t{0}, DType::kI64), {0});
  Value begins = b.concat({first, b.slice(ends, 0, 0, groups - 1)}, 0);
  Value row = b.unsqueeze(affine_range(call, rows), {0, 2});
  Value is_behind_begin = b.binary("ge", row, b.unsqueeze(begins, {1, 2}));
  Value is_before_end = b.binary("lt", row, b.unsqueeze(ends, {1, 2}));
  return b.binary("and", is_behind_begin, is_before_end);
}

// Every group's matrix is multiplied with all rows, and what is not of the group is left out: how many rows a group has
// depends on data, which no shape of the format can.
void lower_grouped_mm(Call& call) {
  Builder& b = call.builder();
  if (call.has("bias")) throw Unsupported("a grouped product with a bias");
  const DType wide = DType::kF32;
  Value rows = call.tensor_as("self", wide), matrices = call.tensor_as("mat2", wide);
  if (!call.has("offs")) return call.result(b.cast(matmul(b, rows, matrices), call.result_dtype()));
  if (b.rank(rows) != 2 || b.rank(matrices) != 3) {
    throw Unsupported("a grouped product of rank " + std::to_string(b.rank(rows)) + " and rank " +
                      std::to_string(b.rank(matrices)));
  }
  Value products = matmul(b, b.unsqueeze(rows, {0}), matrices);
  Value chosen = b.select(rows_of_groups(call, b.shape(rows)[0]), products, b.literal(0.0, wide));
  call.result(b.cast(b.reduce("sum_reduce", chosen, {0}, false), call.result_dtype()));
}

}  // namespace

void register_grouped_matmul(Registry& registry) {
  registry.add("aten::_grouped_mm", lower_grouped_mm, "every matrix is multiplied with all rows");
}

}  // namespace torch2nnef
