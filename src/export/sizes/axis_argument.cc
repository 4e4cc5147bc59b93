#include "export/sizes/axis_argument.h"

namespace torch2nnef {

const TapeArgument* find_argument(const NamedArguments& arguments, std::string_view name) {
  for (const auto& [key, argument] : arguments) {
    if (key == name) return &argument;
  }
  return nullptr;
}

std::optional<std::size_t> as_axis(const TapeArgument& argument, std::size_t rank) {
  const nnef::Dim* dim = std::get_if<nnef::Dim>(&argument.is);
  if (!dim || !dim->is_constant()) return std::nullopt;
  const auto count = static_cast<std::int64_t>(rank);
  const std::int64_t axis = dim->value() < 0 ? dim->value() + count : dim->value();
  if (axis < 0 || axis >= count) return std::nullopt;
  return static_cast<std::size_t>(axis);
}

std::optional<std::size_t> axis_of(const NamedArguments& arguments, std::string_view name, std::size_t rank) {
  const TapeArgument* argument = find_argument(arguments, name);
  return argument ? as_axis(*argument, rank) : std::nullopt;
}

}  // namespace torch2nnef
