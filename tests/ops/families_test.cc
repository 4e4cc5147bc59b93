// Families of calls that differ in rank, axis and dtype only: places and masks that are inputs, and calls that write.
// Each is made here, exported, read back, and run in tract on values other than those of the sample.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "export/load/compat_ops.h"
#include "op_check.h"

namespace op_tests {
namespace {

const std::vector<std::string> kSizes = {"3", "4", "2", "5"};
const std::string kAll = "f32/f64/f16/i64/i32/i16/i8/u8/b8", kSome = "f32/i64/b8", kNumbers = "f32/f64/i64/i32",
                  kFloats = "f32/f64";

// "[3,4,2]", without the axis `left_out`.
std::string sizes(int rank, int left_out = -1) {
  std::string text;
  for (int i = 0; i < rank; ++i) {
    if (i == left_out) continue;
    text += (text.empty() ? "" : ",") + kSizes[static_cast<std::size_t>(i)];
  }
  return "[" + text + "]";
}

std::string from_axis(int first, int rank) {
  std::string text;
  for (int i = first; i < rank; ++i) text += (text.empty() ? "" : ",") + kSizes[static_cast<std::size_t>(i)];
  return "[" + text + "]";
}

using Lines = std::vector<std::string>;

// One item or some along an axis, at a place that is an input: read and written.
void add_places(Lines& lines) {
  for (int rank = 1; rank <= 4; ++rank) {
    const std::string& dtypes = rank == 2 ? kAll : kSome;
    for (int axis = 0; axis < rank; ++axis) {
      const std::string x = fmt::format("x:{}{}", dtypes, sizes(rank)), place = "i:i64[]=0..2", last = "i:i64[]=-2..0";
      lines.push_back(fmt::format("aten::select(x, {}, int(i)) | {} {}", axis, x, place));
      lines.push_back(fmt::format("aten::select(x, {}, int(i)) | {} {}", axis - rank, x, last));
      lines.push_back(fmt::format("y = x.clone(); aten::select(y, {}, int(i)).copy_(z); y | {} z:{}{} {}", axis, x,
                                  dtypes, sizes(rank, axis), axis % 2 == 0 ? place : last));
      lines.push_back(fmt::format("aten::narrow(x, {}, i, 1) | {} {}", axis, x, last));
    }
  }
}

// Items that a mask selects: copied, computed with, summed up.
void add_masks(Lines& lines) {
  for (int rank = 1; rank <= 3; ++rank) {
    for (int width = 1; width <= rank; ++width) {
      for (int first = 0; first + width <= rank; ++first) {
        const std::string colons = first == 0 ? "" : first == 1 ? ":, " : ":, :, ";
        const std::string x = fmt::format("x:{}{}", rank == 2 ? kAll : kSome, sizes(rank)),
                          z = fmt::format("z:{}{}", rank == 2 ? kAll : kSome, sizes(rank)),
                          m = "m:b8" + from_axis(first, first + width),
                          numbers = fmt::format("x:{}{}", kNumbers, sizes(rank));
        lines.push_back(fmt::format("y = x.clone(); y[{0}m] = z[{0}m]; y | {1} {2} {3}", colons, x, z, m));
        lines.push_back(fmt::format("y = x.clone(); y[{0}m] = y[{0}m] * 2 + 1; y | {1} {2}", colons, numbers, m));
        lines.push_back(fmt::format("x[{}m].sum() | {} {}", colons, numbers, m));
        lines.push_back(fmt::format("x[{}m].sum({}) | {} {}", colons, first, numbers, m));
        for (const char* name : {"mean", "max", "min"}) {
          const bool is_mean = std::string(name) == "mean";
          lines.push_back(fmt::format("x[{}m].{}() | x:{}{} {}=[1,0,1]", colons, name, is_mean ? kFloats : kNumbers,
                                      sizes(rank), m));
        }
        lines.push_back(fmt::format("x[{}m].amax([{}], True) | {} {}=[1,0,1]", colons, first, numbers, m));
      }
    }
    lines.push_back(fmt::format("aten::masked_select(x, m).sum() | x:{0}{1} m:b8{1}", kNumbers, sizes(rank)));
  }
}

// Operators that write into their first argument, and those that write where out= says.
void add_writes(Lines& lines) {
  for (int rank = 0; rank <= 3; ++rank) {
    const std::string dtypes = rank == 2 ? kNumbers : "f32";
    const std::string both = fmt::format("x:{0}{1}=1..4 z:{0}{1}=1..3", dtypes, sizes(rank));
    for (const char* name :
         {"add", "sub", "mul", "div", "pow", "remainder", "fmod", "floor_divide", "atan2", "eq", "lt"}) {
      lines.push_back(fmt::format("y = x.clone(); y.{}_(z); y | {}", name, both));
      lines.push_back(fmt::format("y = torch.empty_like(x); aten::{}(x, z, out=y); y + x | {}", name, both));
    }
    const std::string one = fmt::format("x:{}{}=1..4", dtypes, sizes(rank));
    for (const char* name : {"floor", "round", "exp", "neg", "sqrt", "abs", "sign", "reciprocal"}) {
      lines.push_back(fmt::format("y = x.clone(); y.{}_(); y | {}", name, one));
      lines.push_back(fmt::format("y = torch.empty_like(x); aten::{}(x, out=y); y + x | {}", name, one));
    }
    for (const char* name : {"pow", "floor_divide", "clamp_min", "ge"}) {
      lines.push_back(fmt::format("y = x.clone(); y.{}_(2); y | {}", name, one));
    }
  }
}

// Numbers that follow from a size, as numbers and, where they are whole, as sizes.
void add_sizes(Lines& lines) {
  const std::vector<std::string> whole = {"n * 3 - 2",
                                          "n // 2 + 1",
                                          "n % 4 + 1",
                                          "n >> 1",
                                          "(n << 2) - n",
                                          "(n & 6) + 1",

                                          "n ^ 3",
                                          "6 ^ n",
                                          "(n & -4) + 1",
                                          "abs(n - 7) + 1",
                                          "max(n - 4, 1)",
                                          "min(n, 8)",
                                          "(n + 7) // 8 * 8",
                                          "int(n / 2) + 1",
                                          "int(round(n / 2)) + 1",
                                          "int(round(n / 4)) + 1",
                                          "int(round(n / 3)) + 1",
                                          "int(n ** 2)",
                                          "aten::gcd(n, 6)",
                                          "aten::gcd(8, n)"};
  const std::vector<std::string> fractions = {
      "n ** -0.5", "n ** 0.5",      "n ** 2",       "n ** -1",          "2 ** n",       "n / 3",        "round(n / 2)",
      "1.5 ** n",  "aten::sqrt(n)", "aten::log(n)", "round(n / 7) / 2", "abs(3.5 - n)", "(n - 1) ** 3", "n ** n"};
  const std::string sizes = " | x:f32/f64[2,6] | x:1=S at:S=5 at:S=8 at:S=9 at:S=13";
  for (const std::string& number : whole) {
    lines.push_back("n = x.size(1); x * (" + number + ")" + sizes);
    lines.push_back("n = x.size(1); aten::zeros([2, " + number + "]) + x.sum()" + sizes);
  }
  for (const std::string& number : fractions) lines.push_back("n = x.size(1); x * (" + number + ")" + sizes);
}

bool torch_computes(const OpCase& one, std::size_t variant) {
  try {
    OpModule module(one, variant);
    module.draw(1, one.sample_bindings());
    module.run();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

class Family : public testing::TestWithParam<void (*)(Lines&)> {};

TEST_P(Family, IsRightInTract) {
  const auto engine = torch2nnef::find_engine({}, nnef::Target{}.version);
  ASSERT_TRUE(engine) << "tools/get-tract fetches one";
  torch2nnef::register_missing_operators();
  Lines lines;
  GetParam()(lines);
  int computed = 0;
  for (const std::string& line : lines) {
    const OpCase one = parse_case(line, 0);
    for (std::size_t variant = 0; variant < one.variants(); ++variant) {
      if (!torch_computes(one, variant)) continue;
      ++computed;
      try {
        EXPECT_EQ(check_case(one, variant, *engine), "") << line << " as variant " << variant;
      } catch (const std::exception& error) {
        ADD_FAILURE() << line << " as variant " << variant << "\n" << error.what();
      }
    }
  }
  EXPECT_GT(computed, static_cast<int>(lines.size()));  // most lines have several dtypes
}

INSTANTIATE_TEST_SUITE_P(All, Family, testing::Values(add_places, add_masks, add_writes, add_sizes),
                         [](const auto& one) { return fmt::format("family_{}", one.index); });

}  // namespace
}  // namespace op_tests
