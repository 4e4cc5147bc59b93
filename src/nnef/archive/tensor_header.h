// The header of a tensor file, and writing with the file's name in messages. Internal to the containers.
#pragma once

#include "nnef/archive/item_type.h"
#include "nnef/io.h"

namespace nnef {

constexpr std::size_t kTensorHeaderSize = 128;
constexpr std::size_t kMaxTensorRank = 8;

struct TensorHeader {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t items = 0;
  std::uint64_t data_size = 0;
  ItemType item_type;
};

// `bytes` holds the first `size` bytes of `file`. Throws FormatError for what is not a tensor file that can be read.
TensorHeader parse_tensor_header(const std::byte* bytes, std::size_t size, std::string_view file);

// What the header of a tensor file tells, as a tensor: enough to read the text. It has no data to stream.
TensorDataPtr tensor_of(TensorHeader header);

// tensor_header and write_tensor of io.h, with the name of the file for messages.
std::vector<std::byte> tensor_header(const ItemType& type, const std::vector<std::int64_t>& shape,
                                     std::string_view file);
void write_tensor(const TensorData& tensor, std::string_view file, const ByteSink& sink);

}  // namespace nnef
