// One line of a .cases file: a call of an operator, the tensors that it is called with, and how its export is judged.
//
//   EXPRESSION | TENSORS | OPTIONS
//
//   aten::softplus(x, beta=2.0) | x:f32/f16/f64[2,3] | x:0=S
//   aten::conv2d(x, w, b)       | x:f32[1,3,8,8] w@f32[4,3,3,3] b@f32[4] | x:2=H x:3=W
//   y = x * 2; aten::relu_(y)   | x:f32[2,3]
//   aten::dropout(x, 0.5, True) | x:f32[2] | refused training
//
// EXPRESSION is TorchScript, `aten::name(...)` being any operator of that name (arguments choose the overload),
// `quantized::name(...)` one of the quantised library (12 13 14 stand for qint8 quint8 qint32); several
// statements are separated by `;`, the last one is the result. The words f16 f32 f64 bf16 u8 i8 i16 i32 i64 b8 stand
// for torch's numbers of these dtypes.
//
// TENSORS are `name:DTYPE[SIZES]=FILL` for an argument of forward, `name@DTYPE[SIZES]=FILL` for a parameter of the
// module. Several dtypes separated by `/` make as many cases; a tensor with one dtype keeps it in all of them. FILL is
//   (nothing)     floats in -2..2, integers in -4..5 (unsigned: 0..9), bools of both kinds
//   LOW..HIGH     floats between the two, integers from LOW to HIGH - 1
//   distinct      no two values equal, in a random order
//   [1,nan,-inf]  these values, row-major, over and over
//
// OPTIONS are words in any order:
//   x:0=S, x:1=2*S+1   a dynamic axis; each symbol is the only one of some axis
//   S=2..9             bounds of a symbol
//   at:S=7,T=3         one more set of sizes to check (there are two others without it)
//   only:S=7,T=3       the same, in place of those two
//   ~LEVEL             the tolerance, by tract's names (default: approximate)
//   error:1e-13        a note of accuracy: in f64, results are off by no more than this part of max(1, |expected|)
//   native-f16:2e-2    the tolerance in f16 where libtorch has a kernel of its own for it, as newer releases have for
//                      more operators, and which rounds what it adds up or where it reads to f16
//   needs:0.23.3       for releases of tract before this one the export is refused with "needs tract >= 0.23.3"
//   as-written TEXT    why the line is not run in other dtypes, see below: the last option
//                      (a line "#! as-written TEXT" says so for the rest of the file)
//   where-known        for a libtorch that has the operators of the expression; with others it is skipped, and
//                      reported so
//   torch<2.0 TEXT     for releases of libtorch before this one, and why; with others it is skipped, and reported so:
//                      the last option
//   refused TEXT       the export is refused with a message that has this text: the last option
//
// A line whose tensors have one dtype each, f32 among them, also runs at its own sizes with f16 and with f64 in the
// place of f32, where libtorch computes that; unless its expression names a floating dtype.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/export.h"

namespace op_tests {

struct CaseTensor {
  std::string name;
  bool is_parameter = false;
  std::vector<std::string> dtypes;  // "f32", ...: one, or one a variant
  std::vector<std::int64_t> sizes;
  std::string fill;
};

struct OpCase {
  int line = 0;
  std::string expression;
  std::vector<CaseTensor> tensors;
  std::vector<torch2nnef::DynamicAxis> dynamic_axes;
  std::vector<torch2nnef::Symbol> bounds;
  std::vector<nnef::Bindings> other_sizes;
  bool only_these_sizes = false;
  torch2nnef::Tolerance tolerance = torch2nnef::Tolerance::kApproximate;
  std::optional<torch2nnef::Tolerance> native_half;
  bool is_refused = false;
  std::string refusal;
  double largest_error = 0;  // of a note of accuracy; 0: none
  bool is_integer = false;   // by --quantised-arithmetic=integer
  nnef::Version needs;       // the first release of tract that can run it
  bool where_known = false;
  std::optional<nnef::Version> before_torch;
  std::string only_before;    // why the line is not for that release of libtorch and newer ones
  std::string as_written;     // why there are no other dtypes; "" when there are
  std::string derived_dtype;  // "f16" or "f64" in a copy that stands for the line in that dtype

  // What is expected for a target: a refusal where it is older than what the line needs.
  OpCase for_target(const nnef::Target& target) const;
  // The line in the dtypes that it does not name.
  std::vector<OpCase> in_other_dtypes() const;
  std::size_t variants() const;  // number of dtype combinations
  const std::string& dtype(const CaseTensor& tensor, std::size_t variant) const;
  // The sizes of the symbols in the sample inputs.
  nnef::Bindings sample_bindings() const;
  // The sizes of one tensor at others of the symbols.
  std::vector<std::int64_t> sizes_at(const CaseTensor& tensor, const nnef::Bindings& bindings) const;
  // All sets of sizes that are checked: the sample's first; one empty set for a static case.
  std::vector<nnef::Bindings> all_bindings() const;
};

// Throws std::runtime_error that says what cannot be read.
OpCase parse_case(std::string_view line, int number);
// Every case of a file; blank lines and lines that begin with # are none. Errors name the file and the line.
std::vector<OpCase> read_cases(const std::filesystem::path& file);

}  // namespace op_tests
