#include "export/record/schema_defaults.h"

#include <stdexcept>

#include "export/record/tape_writer.h"

namespace torch2nnef {

std::vector<std::pair<std::string, std::optional<TapeArgument>>> schema_defaults(const std::string& op,
                                                                                 const std::string& overload) {
  const c10::FunctionSchema* schema = find_schema(op, overload);
  if (!schema) throw std::invalid_argument("libtorch has no operator " + op + (overload.empty() ? "" : "." + overload));
  std::vector<std::pair<std::string, std::optional<TapeArgument>>> arguments;
  for (const c10::Argument& formal : schema->arguments()) {
    std::optional<TapeArgument> standard;
    if (formal.default_value()) standard = plain_argument(*formal.default_value(), formal_type(formal));
    arguments.emplace_back(formal.name(), std::move(standard));
  }
  return arguments;
}

}  // namespace torch2nnef
