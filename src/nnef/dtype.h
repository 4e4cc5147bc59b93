// The item types that a tensor of an NNEF archive may have, under tract's names.
//
// tract calls them "datum types" (tract_core_external, tract_core_cast); NNEF's own "scalar", "integer" and
// "logical" are classes of them. bf16, complex and quantised types have no item code in the tensor file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "nnef/api.h"

namespace nnef TORCH2NNEF_API {

enum class DType : std::uint8_t {
  kBool,
  kU8,
  kU16,
  kU32,
  kU64,
  kI8,
  kI16,
  kI32,
  kI64,
  kF16,
  kF32,
  kF64,
};

// tract's spelling: "bool", "u8" .. "u64", "i8" .. "i64", "f16", "f32", "f64".
std::string_view to_string(DType dtype);
// The inverse of to_string; nullopt for anything else (case matters).
std::optional<DType> dtype_from_string(std::string_view text);

// Bytes of one item in memory and in a tensor file (bool is one byte).
std::size_t item_size(DType dtype);

bool is_float(DType dtype);    // f16, f32, f64: NNEF's "scalar"
bool is_integer(DType dtype);  // signed and unsigned, not bool: NNEF's "integer"
bool is_signed(DType dtype);   // floats and i8 .. i64

}  // namespace nnef
