// The statements of a graph, as the tests of its rewriting compare them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "nnef/dialect/validate.h"
#include "nnef/io.h"

namespace torch2nnef {

// One a line, without those that hold one of the words. The graph must be valid.
inline std::string statements(const nnef::Graph& graph, const nnef::Dialect& dialect,
                              std::initializer_list<std::string_view> left_out) {
  for (const std::string& problem : nnef::validate(graph, dialect)) ADD_FAILURE() << problem;
  const std::string text = nnef::write_text(graph, dialect);
  std::string result;
  for (std::size_t at = text.find("{\n") + 2; text[at] != '}';) {
    const std::size_t end = text.find('\n', at) + 1;
    const std::string line = text.substr(at + 2, end - at - 2);
    const bool is_left_out = std::any_of(left_out.begin(), left_out.end(),
                                         [&](std::string_view word) { return line.find(word) != std::string::npos; });
    if (!is_left_out) result += line;
    at = end;
  }
  return result;
}

}  // namespace torch2nnef
