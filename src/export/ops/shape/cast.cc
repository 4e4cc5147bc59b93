// Changes of dtype. The recorder's result dtype says which; device, layout and memory format mean nothing here.

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// Floats outside the range of a small integer type wrap in torch, through a wider integer; the engine
// would saturate (T-CAST-SATURATES).
Value cast_as_torch(Call& call, Value x, DType to) {
  Builder& b = call.builder();
  bool is_small = nnef::is_integer(to) && nnef::item_size(to) < 4;
  if (is_small && nnef::is_float(b.dtype(x))) x = b.cast(x, DType::kI64);
  return b.cast(x, to);
}

void lower_cast(Call& call) { call.result(cast_as_torch(call, call.tensor("self"), call.result_dtype())); }

// The functional form of copy_: the source in the shape and dtype of the destination.
void lower_copy(Call& call) {
  Value x = cast_as_torch(call, call.tensor("src"), call.result_dtype());
  call.result(call.builder().broadcast_to(x, call.result_shape()));
}

}  // namespace

void register_cast(Registry& registry) {
  registry.add(
      "aten::to aten::_to_copy aten::type_as aten::float aten::double aten::half aten::int aten::long aten::short "
      "aten::char aten::byte aten::bool aten::_cast_Float aten::_cast_Double aten::_cast_Half aten::_cast_Int "
      "aten::_cast_Long aten::_cast_Short aten::_cast_Char aten::_cast_Byte aten::to_dense",
      lower_cast);
  registry.add("aten::copy", lower_copy);
}

}  // namespace torch2nnef
