// The values of a pickle while it is read: what they are and what they hold. Internal to the files of pickles.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace torch2nnef {

struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,
    kTuple,
    kList,
    kDict,     // keys and values in turn
    kGlobal,   // text is its name: "torch._utils _rebuild_tensor_v2"
    kStorage,  // its persistent id: type, key, device, count
    kTensor,
    kObject,
  };
  Kind kind = Kind::kNone;
  std::int64_t number = 0;  // of an int; whether a global is followed by its empty tuple (NEWOBJ)
  std::string_view text;
  std::vector<std::uint32_t> items;
};

// All values of one pickle, by number.
using PickleValues = std::vector<PickleValue>;

// Throws nnef::FormatError when the value is of another kind; `what` belongs where it is.
const PickleValue& value_of_kind(const PickleValues& values, std::uint32_t value, PickleValue::Kind kind,
                                 const char* what);

// Throws nnef::FormatError where a value contains itself, holds values more than 500 levels deep, or, with shared
// values counted wherever they occur, more than ten million.
void check_nesting(const PickleValues& values);

}  // namespace torch2nnef
