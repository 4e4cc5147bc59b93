// The dtype that torch computes in when tensors and numbers of several dtypes meet: at::result_type.
#pragma once

#include <cstdint>
#include <vector>

#include "export/tape/tape.h"
#include "nnef/dtype.h"

namespace torch2nnef {

// c10::promoteTypes: the dtype that holds values of both.
ScalarType promote_types(ScalarType a, ScalarType b);

// One operand of a promotion. A dimensioned tensor outweighs a tensor of rank 0, and that a Python number ("wrapped"):
// the weaker ones raise the result only to a higher category (bool, integer, floating).
struct Promotable {
  enum class Strength { kNumber, kRank0, kTensor };
  ScalarType type;
  Strength strength;

  static Promotable of(const TapeValueInfo& info);
  static Promotable integer_number() { return {ScalarType::kInt64, Strength::kNumber}; }
  static Promotable float_number() { return {ScalarType::kFloat32, Strength::kNumber}; }
  static Promotable bool_number() { return {ScalarType::kBool, Strength::kNumber}; }
};

// at::result_type with float32 as the default dtype. `operands` is not empty.
ScalarType result_type(const std::vector<Promotable>& operands);

// What a Python integer is beside a tensor of that dtype: beside bytes torch takes -32 for 224, in comparisons too.
std::int64_t beside_integers(std::int64_t number, nnef::DType dtype);

}  // namespace torch2nnef
