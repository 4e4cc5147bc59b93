// Zip files: refused, or each entry is read with the size that the directory says.
#include <string_view>

#include "fuzz.h"
#include "nnef/archive/zip_reader.h"
#include "nnef/io.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMost = 1 << 20;
  try {
    const nnef::ZipReader file(std::string_view(reinterpret_cast<const char*>(data), size));
    for (const nnef::ZipEntry& entry : file.entries()) {
      require(file.find(entry.name) == &entry, "an entry is found by its name");
      require(entry.data + entry.stored_size <= size, "an entry lies in the file");
      require(file.read(entry, kMost).size() == entry.size, "an entry has the size that it says");
    }
  } catch (const nnef::FormatError&) {
  }
  return 0;
}
