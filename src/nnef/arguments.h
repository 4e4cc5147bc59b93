// What passes over a graph ask of an operation's arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nnef/graph.h"

namespace nnef {

// Calls `visit` with every value of an argument, those in lists and tuples too.
template <class ArgumentType, class Visit>
void for_each_value(ArgumentType& argument, const Visit& visit) {
  if (auto* value = std::get_if<Value>(&argument.is)) {
    visit(*value);
  } else if (auto* array = std::get_if<Argument::Array>(&argument.is)) {
    for (auto& item : array->items) for_each_value(item, visit);
  }
}

// The text of an argument; null where that is none.
inline const std::string* text_of(const Operation& operation, std::string_view name) {
  const Argument* argument = operation.find(name);
  return argument == nullptr ? nullptr : std::get_if<std::string>(&argument->is);
}

// The numbers of a list; nothing where it is no list, or holds anything else.
inline std::optional<std::vector<std::int64_t>> numbers_of(const Operation& operation, std::string_view name) {
  const Argument* argument = operation.find(name);
  if (argument == nullptr || argument->array() == nullptr) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Argument& item : argument->array()->items) {
    if (item.dim() == nullptr || !item.dim()->is_constant()) return std::nullopt;
    numbers.push_back(item.dim()->value());
  }
  return numbers;
}

}  // namespace nnef
