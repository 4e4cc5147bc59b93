// Records of exported programs: JSON, the program in it, expressions of sizes, guards. Refused, or read whole.
#include <string_view>

#include "export/exported_program/expression.h"
#include "export/exported_program/program.h"
#include "fuzz.h"
#include "nnef/io.h"

namespace {

template <typename Read>
void read(Read read) {
  try {
    read();
  } catch (const nnef::FormatError&) {
  }
}

void use(const torch2nnef::Expression& expression) {
  const auto value = torch2nnef::evaluate(expression, {{"s0", 3}, {"s77", 5}});
  const auto dim = torch2nnef::to_dim(expression, {{"s0", nnef::Dim::symbol("S")}});
  require(value.has_value() || !dim || !dim->is_constant() || !torch2nnef::to_text(expression, {}).empty(),
          "an expression has a text");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read([&] { use(torch2nnef::parse_srepr(bytes)); });
  read([&] { use(torch2nnef::parse_python(bytes)); });
  read([&] {
    const torch2nnef::Program program = torch2nnef::parse_program(bytes);
    require(program.outputs.size() == program.graph.outputs.size(), "each output has a spec");
  });
  return 0;
}
