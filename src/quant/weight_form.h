// In which form the weights of a float model are stored: plain data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nnef/api.h"

namespace torch2nnef TORCH2NNEF_API {

enum class WeightForm : std::uint8_t {
  kF16,          // half precision, 2 bytes an item
  kQ4_0,         // blocks of 32 codes of 4 bits and a scale in half precision, 18 bytes a block
  kInt8Dynamic,  // codes of 8 bits with a scale for each row of a linear layer's matrix; its inputs are quantised too
};
std::string_view to_string(WeightForm form);  // "f16", "q4_0", "int8_dynamic"

// --quantize FORM[:REGEX]: the form of the weights whose path matches; the first rule that matches counts.
struct WeightRule {
  WeightForm form = WeightForm::kF16;
  std::string pattern;  // of PathPattern, found anywhere in the path; "" matches every path
};

}  // namespace torch2nnef
