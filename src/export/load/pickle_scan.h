// Reads a pickle as libtorch does, without making anything of it, and refuses what libtorch would take without a look:
// it reads the globals of a closed set only, and each value where one of its kind belongs. No torch here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace torch2nnef {

// A tensor and the storage that it is a view of.
struct PickledTensor {
  std::string_view item;   // "Float", "QInt8", ... of torch.FloatStorage
  std::string_view key;    // names the record of the storage
  std::int64_t count = 0;  // items of the storage
  std::int64_t offset = 0;
  std::vector<std::int64_t> sizes, strides;
};

struct PickleFacts {
  std::vector<PickledTensor> tensors;   // their texts are parts of the pickle
  std::vector<std::string_view> types;  // texts that libtorch parses as types
};

// Throws nnef::FormatError with what is wrong: an opcode or global that does not belong there, a value of the wrong
// kind, sizes beyond the bytes, nesting deeper than 500 levels, values that contain themselves, tensors with more in
// them than their storage, and shared values that would be millions when each is counted where it occurs.
PickleFacts scan_pickle(std::string_view bytes);

// Bytes of an item of torch.XStorage; 0 for an X that there is not.
std::int64_t item_size(std::string_view item);

}  // namespace torch2nnef
