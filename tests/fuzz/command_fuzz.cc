// Command lines, an argument per line: refused with a message, or understood.
#include <string>
#include <vector>

#include "cli_options.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> arguments(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n') {
      arguments.emplace_back();
    } else if (data[i] != 0) {  // no system passes those
      arguments.back() += static_cast<char>(data[i]);
    }
  }
  try {
    torch2nnef::cli::parse_command_line(arguments);
  } catch (const torch2nnef::cli::UsageError& error) {
    require(*error.what() != 0, "a message says something");
  }
  return 0;
}
