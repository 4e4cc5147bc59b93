// One tensor into several: each wanted result is a slice of its own. Where the cuts are follows from the results'
// sizes.

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

void split_along(Call& call, int axis) {
  Builder& b = call.builder();
  Value x = call.tensor("self");
  Dim begin = 0;
  for (std::size_t i = 0; i < call.result_count(); ++i) {
    const Shape& shape = call.result_shape(i);
    const bool is_last = i + 1 == call.result_count();
    Dim end = is_last ? call.shape("self").at(static_cast<std::size_t>(axis))
                      : begin + shape.at(static_cast<std::size_t>(axis));
    if (call.wanted(i)) {
      bool is_nothing = is_empty(shape);
      call.result(i, is_nothing ? zeros(call, call.result_dtype(i), shape) : b.slice(x, axis, begin, end));
    }
    begin = end;
  }
}

void lower_split(Call& call) { split_along(call, call.axis("dim", call.rank("self"))); }

// A number of sections cuts the axis from end to end. Cuts at positions that are not in order give parts that overlap
// or leave gaps.
void split_at_positions(Call& call, int axis) {
  if (call.tape_call().find("sections")) return split_along(call, axis);
  Dim total = 0;
  for (std::size_t i = 0; i < call.result_count(); ++i)
    total += call.result_shape(i).at(static_cast<std::size_t>(axis));
  if (total != call.shape("self").at(static_cast<std::size_t>(axis))) {
    throw Unsupported("a split at positions that are not in ascending order within the axis");
  }
  split_along(call, axis);
}

void lower_tensor_split(Call& call) { split_at_positions(call, call.axis("dim", call.rank("self"))); }
void lower_hsplit(Call& call) { split_at_positions(call, call.rank("self") == 1 ? 0 : 1); }
void lower_vsplit(Call& call) { split_at_positions(call, 0); }
void lower_dsplit(Call& call) { split_at_positions(call, 2); }

void lower_unbind(Call& call) {
  Builder& b = call.builder();
  int axis = call.axis("dim", call.rank("self"));
  Value x = call.tensor("self");
  for (std::size_t i = 0; i < call.result_count(); ++i) {
    Dim begin(static_cast<std::int64_t>(i));
    if (call.wanted(i)) call.result(i, b.squeeze(b.slice(x, axis, begin, begin + 1), {axis}));
  }
}

}  // namespace

void register_split(Registry& registry) {
  registry.add(
      "aten::split aten::split_with_sizes aten::unsafe_split aten::unsafe_split_with_sizes aten::chunk "
      "aten::unsafe_chunk aten::split_copy aten::split_with_sizes_copy",
      lower_split);
  registry.add("aten::tensor_split", lower_tensor_split);
  registry.add("aten::hsplit", lower_hsplit);
  registry.add("aten::vsplit", lower_vsplit);
  registry.add("aten::dsplit", lower_dsplit);
  registry.add("aten::unbind aten::unbind_copy", lower_unbind);
}

}  // namespace torch2nnef
