#include "export/verify/float_cast.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "nnef/number_at.h"

namespace torch2nnef {

using nnef::DType;

namespace {

template <class T>
void write_as(std::byte* place, T item) {
  std::memcpy(place, &item, sizeof item);
}

void write_float(DType dtype, std::byte* place, double number) {
  switch (dtype) {
    case DType::kF16:
      return write_as(place, nnef::half_bits(number));
    case DType::kF32:
      return write_as(place, static_cast<float>(number));
    default:
      return write_as(place, number);
  }
}

}  // namespace

std::vector<std::byte> bytes_of(const nnef::TensorData& tensor) {
  std::vector<std::byte> bytes;
  bytes.reserve(tensor.byte_size());
  tensor.stream([&](const void* piece, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(piece);
    bytes.insert(bytes.end(), begin, begin + count);
  });
  return bytes;
}

nnef::TensorDataPtr cast_float(const nnef::TensorData& tensor, DType dtype) {
  for (DType used : {tensor.dtype(), dtype}) {
    if (!nnef::is_float(used)) {
      throw std::invalid_argument("a tensor of " + std::string(nnef::to_string(used)) + " cannot be cast as a float");
    }
  }
  const std::vector<std::byte> from = bytes_of(tensor);
  const std::size_t step = nnef::item_size(tensor.dtype());
  std::vector<std::byte> to(from.size() / step * nnef::item_size(dtype));
  std::byte* place = to.data();
  for (std::size_t at = 0; at < from.size(); at += step, place += nnef::item_size(dtype)) {
    write_float(dtype, place, nnef::number_at<double>(tensor.dtype(), from.data() + at));
  }
  return std::make_shared<nnef::OwnedTensor>(dtype, tensor.shape(), std::move(to));
}

}  // namespace torch2nnef
