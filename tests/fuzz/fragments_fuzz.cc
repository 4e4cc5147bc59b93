// Files of fragments, as users write them: refused with the place, or registered.
#include <string>

#include "export/lower/rows/row.h"
#include "fuzz.h"
#include "nnef/text/syntax.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  torch2nnef::Registry registry;
  try {
    torch2nnef::register_rows(registry, std::string(reinterpret_cast<const char*>(data), size), "mine.nnef");
  } catch (const torch2nnef::RowError& error) {
    require(std::string(error.what()).find("mine.nnef") == 0, "a message begins with the place");
  } catch (const nnef::SyntaxError& error) {
    require(std::string(error.what()).find("mine.nnef") == 0, "a message begins with the place");
  }
  return 0;
}
