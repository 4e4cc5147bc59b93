// Tensor files: refused, or read, and the same when written and read again.
#include <stdexcept>
#include <vector>

#include "fuzz.h"
#include "nnef/archive/item_type.h"
#include "nnef/inspect/tensor_statistics.h"
#include "nnef/io.h"

namespace {

std::vector<std::byte> written(const nnef::TensorData& tensor) {
  std::vector<std::byte> bytes;
  nnef::write_tensor(tensor, [&](const void* piece, std::size_t count) {
    const auto* begin = static_cast<const std::byte*>(piece);
    bytes.insert(bytes.end(), begin, begin + count);
  });
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nnef::TensorDataPtr tensor;
  try {
    tensor = nnef::read_tensor(data, size, "w.dat");
  } catch (const nnef::FormatError&) {
    return 0;
  }
  const std::vector<std::byte> bytes = written(*tensor);
  require(bytes.size() == size, "a tensor file is written with the size that it had");
  const nnef::TensorDataPtr again = nnef::read_tensor(bytes.data(), bytes.size(), "w.dat");
  require(again->dtype() == tensor->dtype() && again->shape() == tensor->shape(), "type and shape are kept");
  require(written(*again) == bytes, "a tensor file that was written reads back as it was");
  if (!nnef::item_type_of(*tensor).is_block()) {
    const nnef::TensorStatistics statistics = nnef::tensor_statistics(*tensor);
    require(statistics.items == static_cast<std::uint64_t>(tensor->numel()), "every item is counted");
    require(nnef::tensor_difference(*tensor, *again).items == 0, "every item is kept");
  }
  return 0;
}
