// Pickles of TorchScript archives: refused, or all that their tensors describe lies in their storages.
#include <string_view>

#include "export/load/pickle_scan.h"
#include "export/load/source_depth.h"
#include "fuzz.h"
#include "nnef/io.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    for (const torch2nnef::PickledTensor& tensor : torch2nnef::scan_pickle(bytes).tensors) {
      require(torch2nnef::item_size(tensor.item) > 0, "items have a size");
      require(tensor.sizes.size() == tensor.strides.size(), "each axis has a stride");
      __int128 last = tensor.offset;
      bool is_empty = false;
      for (std::size_t i = 0; i < tensor.sizes.size(); ++i) {
        is_empty = is_empty || tensor.sizes[i] == 0;
        require(tensor.sizes[i] >= 0 && tensor.strides[i] >= 0, "sizes and strides are not negative");
        last += static_cast<__int128>(tensor.sizes[i] - 1) * tensor.strides[i];
      }
      require(is_empty || (tensor.offset >= 0 && last < tensor.count), "a tensor lies in its storage");
    }
  } catch (const nnef::FormatError&) {
  }
  try {
    torch2nnef::check_source_depth(bytes);
  } catch (const nnef::FormatError&) {
  }
  return 0;
}
