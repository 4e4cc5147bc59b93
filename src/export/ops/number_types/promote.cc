#include "export/ops/number_types/promote.h"

#include <optional>
#include <stdexcept>

#include "export/lower/lowering.h"

namespace torch2nnef {
namespace {

using MaybeType = std::optional<ScalarType>;
using Strength = Promotable::Strength;

// Width of a type among its like; bfloat16 and float16 have none above the other and meet in float32.
int width(ScalarType type) { return static_cast<int>(type); }

ScalarType promote_floats(ScalarType a, ScalarType b) {
  auto is_half = [](ScalarType type) { return type == ScalarType::kFloat16 || type == ScalarType::kBFloat16; };
  if (is_half(a)) return is_half(b) ? ScalarType::kFloat32 : b;
  if (is_half(b)) return a;
  return width(a) > width(b) ? a : b;
}

ScalarType promote_integers(ScalarType a, ScalarType b) {
  if (a == ScalarType::kUInt8 || b == ScalarType::kUInt8) {
    ScalarType other = a == ScalarType::kUInt8 ? b : a;
    return other == ScalarType::kInt8 ? ScalarType::kInt16 : other;
  }
  return width(a) > width(b) ? a : b;
}

// The stronger operand decides unless the weaker one is of a higher category.
MaybeType combine(MaybeType stronger, MaybeType weaker) {
  if (!stronger) return weaker;
  if (!weaker || is_floating(*stronger)) return stronger;
  if (*stronger == ScalarType::kBool || is_floating(*weaker)) return promote_types(*stronger, *weaker);
  return stronger;
}

}  // namespace

ScalarType promote_types(ScalarType a, ScalarType b) {
  if (a == b) return a;
  if (a == ScalarType::kBool) return b;
  if (b == ScalarType::kBool) return a;
  if (is_floating(a) && is_floating(b)) return promote_floats(a, b);
  if (is_integral(a) && is_integral(b)) return promote_integers(a, b);
  if (is_floating(a) && is_integral(b)) return a;
  if (is_integral(a) && is_floating(b)) return b;
  throw std::logic_error("no promotion of " + std::string(to_string(a)) + " and " + std::string(to_string(b)));
}

Promotable Promotable::of(const TapeValueInfo& info) {
  // Computed on the numbers that it means.
  if (is_quantised(info.type)) return {ScalarType::kFloat32, info.shape.empty() ? Strength::kRank0 : Strength::kTensor};
  if (!info.is_number) return {info.type, info.shape.empty() ? Strength::kRank0 : Strength::kTensor};
  return {is_floating(info.type) ? ScalarType::kFloat32 : info.type, Strength::kNumber};
}

ScalarType result_type(const std::vector<Promotable>& operands) {
  MaybeType tensors, rank0, numbers;
  for (const Promotable& operand : operands) {
    MaybeType& slot = operand.strength == Strength::kTensor  ? tensors
                      : operand.strength == Strength::kRank0 ? rank0
                                                             : numbers;
    slot = slot ? promote_types(*slot, operand.type) : operand.type;
  }
  MaybeType result = combine(tensors, combine(rank0, numbers));
  if (!result) throw std::logic_error("a promotion of nothing");
  return *result;
}

std::int64_t beside_integers(std::int64_t number, nnef::DType dtype) {
  return dtype == nnef::DType::kU8 ? static_cast<std::uint8_t>(number) : number;
}

}  // namespace torch2nnef
