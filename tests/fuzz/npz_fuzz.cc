// Files of numpy arrays: refused, or read with as many bytes as their shapes need.
#include <string_view>

#include "fuzz.h"
#include "nnef/archive/npz_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const nnef::NamedTensor& one : nnef::read_npz(bytes, "a.npz")) {
      std::uint64_t streamed = 0;
      one.data->stream([&](const void*, std::size_t count) { streamed += count; });
      require(streamed == one.data->byte_size(), "an array has the bytes that its shape needs");
    }
  } catch (const nnef::FormatError&) {
  }
  return 0;
}
