// Max unpooling: each item goes to the place in its plane that an index names, among zeros.

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// Everything before the last `spatial` axes, then those as one.
Shape flattened_planes(const Shape& shape, std::size_t spatial) {
  const auto planes = shape.end() - static_cast<std::ptrdiff_t>(spatial);
  Shape flat(shape.begin(), planes);
  flat.push_back(nnef::volume(Shape(planes, shape.end())));
  return flat;
}

void lower_max_unpool(Call& call, std::size_t spatial) {
  Builder& b = call.builder();
  const Shape& result = call.result_shape();
  if (is_empty(result)) return call.result(zeros(call, call.result_dtype(), result));
  Value items = reshape_to(call, call.tensor("self"), flattened_planes(call.shape("self"), spatial));
  Value places = reshape_to(call, call.tensor("indices"), flattened_planes(call.shape("indices"), spatial));
  const Shape flat = flattened_planes(result, spatial);
  Value y = b.add("tract_core_scatter_elements", {zeros(call, call.result_dtype(), flat), places, items},
                  {{"axis", b.rank(items) - 1}});
  call.result(reshape_to(call, y, result));
}

}  // namespace

void register_unpool(Registry& registry) {
  registry.add("aten::max_unpool2d", [](Call& call) { lower_max_unpool(call, 2); });
  registry.add("aten::max_unpool3d", [](Call& call) { lower_max_unpool(call, 3); });
}

}  // namespace torch2nnef
