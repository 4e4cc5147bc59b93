#include "export/verify/frames.h"

#include "export/verify/float_cast.h"

namespace torch2nnef {

using nnef::TensorDataPtr;

namespace {

// A tensor as bytes: `outer` times `length` frames of `inner` bytes.
struct FrameRows {
  std::size_t outer = 1, length = 1, inner = 1;
};

FrameRows rows_of(const nnef::TensorData& tensor, std::int64_t axis) {
  FrameRows rows;
  rows.inner = nnef::item_size(tensor.dtype());
  for (std::size_t i = 0; i < tensor.shape().size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    (place < axis    ? rows.outer
     : place == axis ? rows.length
                     : rows.inner) *= static_cast<std::size_t>(tensor.shape()[i]);
  }
  return rows;
}

}  // namespace

TensorDataPtr frames_of(const nnef::TensorData& tensor, std::int64_t axis, std::int64_t begin, std::int64_t end) {
  const FrameRows rows = rows_of(tensor, axis);
  const std::vector<std::byte> bytes = bytes_of(tensor);
  std::vector<std::int64_t> shape = tensor.shape();
  shape.at(static_cast<std::size_t>(axis)) = end - begin;
  std::vector<std::byte> part;
  for (std::size_t i = 0; i < rows.outer; ++i) {
    const std::byte* const row = bytes.data() + i * rows.length * rows.inner;
    part.insert(part.end(), row + static_cast<std::size_t>(begin) * rows.inner,
                row + static_cast<std::size_t>(end) * rows.inner);
  }
  return std::make_shared<nnef::OwnedTensor>(tensor.dtype(), std::move(shape), std::move(part));
}

TensorDataPtr joined_frames(const std::vector<TensorDataPtr>& parts, std::int64_t axis) {
  const FrameRows rows = rows_of(*parts.front(), axis);
  std::vector<std::int64_t> shape = parts.front()->shape();
  shape.at(static_cast<std::size_t>(axis)) *= static_cast<std::int64_t>(parts.size());
  std::vector<std::vector<std::byte>> contents;
  contents.reserve(parts.size());
  for (const TensorDataPtr& part : parts) contents.push_back(bytes_of(*part));
  std::vector<std::byte> whole;
  const auto size = static_cast<std::ptrdiff_t>(rows.length * rows.inner);
  for (std::size_t i = 0; i < rows.outer; ++i) {
    for (const std::vector<std::byte>& content : contents) {
      const auto begin = content.begin() + static_cast<std::ptrdiff_t>(i) * size;
      whole.insert(whole.end(), begin, begin + size);
    }
  }
  return std::make_shared<nnef::OwnedTensor>(parts.front()->dtype(), std::move(shape), std::move(whole));
}

}  // namespace torch2nnef
