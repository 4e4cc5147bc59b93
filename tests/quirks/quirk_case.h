// A smallest graph of the quirk register: tests/quirks/ID.quirk.
//
//   # a comment
//   symbol S                               a symbol of sizes
//   in x f32 [S=3,2] 0 1 2 3 nan -inf      an input: dtype, shape (a size or an expression, and its value), items
//   data w f32 [2] 1 2                     a tensor file; `variable` is written for it
//   out y f32 [3] 1 2 3                    a result, with the values that PyTorch gives
//   quant "y": zero_point_linear_quantize(...);    a line of graph.quant; `symbol`, `assert`, `registry`: of graph.nnef
//   graph
//   y = relu(x);                           statements; fragments stand before the line `graph`
//   fast                                   of a quirk of time: statements that give the same sooner
//
// Items may be `ramp` (0, 1, 2, ...), `all VALUE`, `parity` (0, 1, 0, 1, ...) or `codes` (-8, -7, ..., 7, -8, ...).
// Data of the dtype q4_0 is packed in blocks, which hold `codes` exactly.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nnef/io.h"

namespace torch2nnef_test {

struct QuirkCase {
  std::string text, quant;  // graph.nnef, graph.quant
  std::string fast_text;    // "" without `fast`
  std::vector<nnef::NamedTensor> data, inputs, expected;
};

// Throws std::runtime_error with the line that cannot be read.
QuirkCase read_quirk_case(const std::filesystem::path& file);

// The case as an archive in a folder; `text` is one of the two.
void write_archive(const QuirkCase& one, const std::string& text, const std::filesystem::path& folder);

// How the result differs from what is expected, "" where it does not: names by position, dtypes and shapes, floats to
// 1e-4, NaN only where NaN is expected.
std::string difference(const QuirkCase& one, const std::vector<nnef::NamedTensor>& outputs);

}  // namespace torch2nnef_test
