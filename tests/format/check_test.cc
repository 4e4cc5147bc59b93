#include "nnef/inspect/check.h"

#include <gtest/gtest.h>

#include <fstream>

#include "sample_graph.h"

namespace nnef {
namespace {

// The findings of a folder with these files, as lines.
std::string findings(const std::map<std::string, std::string>& files, const std::string& target = "tract") {
  const TemporaryFolder folder;
  for (const auto& [name, contents] : files) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << contents;
  }
  std::string lines;
  for (const Finding& finding : check_archive(folder / "", Dialect(*Target::parse(target))).findings) {
    lines += to_string(finding) + "\n";
  }
  return lines;
}

std::string khronos(const std::string& body, const std::string& before = "") {
  return findings({{"graph.nnef", "version 1.0;\n" + before +
                                      "graph net(x) -> (y)\n{\n  x = external(shape = [2, 3]);\n" + body + "\n}\n"}},
                  "khronos");
}

std::string tensor_bytes(const TensorData& tensor) {
  std::string bytes;
  write_tensor(tensor,
               [&](const void* piece, std::size_t count) { bytes.append(static_cast<const char*>(piece), count); });
  return bytes;
}

TEST(Check, AGoodArchiveHasNoFindings) {
  const TemporaryFolder folder;
  for (const char* place : {"m", "m.tar", "m.tgz"}) {
    write_archive(sample_graph(), tract_dialect(), folder / place);
    const CheckedArchive checked = check_archive(folder / place, tract_dialect());
    EXPECT_TRUE(checked.is_valid());
    EXPECT_TRUE(checked.findings.empty());
    EXPECT_EQ(checked.graph.operations.size(), 5u);
  }
  EXPECT_THROW(check_archive(folder / "absent", tract_dialect()), IoError);
}

TEST(Check, EverythingIsFoundWithItsPlace) {
  const std::string text =
      "version 1.0;\n"
      "extension tract_symbol S;\n"
      "graph net(x, z) -> (y, y, q)\n"
      "{\n"
      "  x = tract_core_external(shape = [S, 3], datum_type = 'f32');\n"
      "  a = exp(x;\n"
      "  b = no_such(x);\n"
      "  c = exp(b);\n"
      "  d = add(x, 2); e = softmax(x, axes = [7]);\n"
      "  w = variable(shape = [4], label = 'w');\n"
      "  v = variable(shape = [4], label = 'v');\n"
      "  u = variable(shape = [4], label = 'u');\n"
      "  $ = 3;\n"
      "  y = relu(x);\n"
      "  tru = tract_core_matmul(x, x, axes = [0]);\n"
      "}\n";
  const std::string small = tensor_bytes(*ramp(DType::kF32, {3}));
  EXPECT_EQ(findings({{"graph.nnef", text},
                      {"graph.quant", "'y': linear_quantize(bits = 8, max = 1.0);\n'nobody': f(a = 1);\n"},
                      {"w.dat", small},
                      {"v.dat", small.substr(0, 100)},
                      {"unused.dat", small},
                      {"notes.txt", "x"}}),
            "graph.nnef:6:12: error: expected ')' or ',' after an argument of 'exp', found ';'\n"
            "graph.nnef:7:7: error: unknown operator or fragment 'no_such'\n"
            "graph.nnef:9:7: error: add: an integer literal is combined with f32: it needs a cast\n"
            "graph.nnef:9:22: error: softmax: axis 7 is not in 0..1\n"
            "graph.nnef:10:7: error: the tensor file of 'w' has shape [3], not [4]\n"
            "graph.nnef:12:7: error: the tensor file is missing for the label 'u'\n"
            "graph.nnef:13:3: error: unexpected '$'\n"
            "graph.nnef:15:1: error: the graph's input 'z' has no external\n"
            "graph.nnef:15:1: error: the graph's output 'q' is never assigned\n"
            "graph.nnef:15:9: error: tract_core_matmul: the shape of its result is not known to this program\n"
            "graph.quant:1:6: error: 'y': linear_quantize needs 'min'\n"
            "graph.quant:2:11: warning: The quantisation entry 'nobody' names no value\n"
            "graph.quant:2:11: error: 'nobody': unknown quantisation function 'f'\n"
            "notes.txt: warning: the file is not part of a graph\n"
            "v.dat: error: the tensor file has 100 bytes, less than its header\n");
}

TEST(Check, RulesOfTheGraphHaveAPlaceToo) {
  EXPECT_EQ(
      findings({{"graph.nnef",
                 "version 1.0;\ngraph net(x) -> (y)\n{\n  x = tract_core_external(shape = [3], datum_type = 'f32');\n"
                 "  y = tract_core_cumsum(x, axis = 0, exclusive = false, reverse = false);\n}\n"}},
               "tract@0.23.8"),
      "graph.nnef: error: The operator tract_core_external needs the registry tract_core, which is not declared\n"
      "graph.nnef:5:7: error: the operator tract_core_cumsum needs tract >= 0.23.9\n");
}

TEST(Check, DocumentsThatCannotBeReadAtAll) {
  EXPECT_EQ(findings({{"x.dat", "x"}}),
            "error: graph.nnef is missing\nx.dat: error: the tensor file has 1 bytes, less than its header\n");
  EXPECT_EQ(findings({{"graph.nnef", "version 1.0;\n"}}), "graph.nnef:1:1: error: the graph is missing\n");
  EXPECT_EQ(findings({{"graph.nnef", "version 1.0;\ngraph g(x -> (y) {}\n"}}),
            "graph.nnef:2:11: error: expected ')' or ',' after the name of an input, found '->'\n");
  EXPECT_EQ(
      findings({{"graph.nnef", "graph g(x) -> (y) { x = external(shape = [1]); y = 'abc"}}).find("the string is not") ==
          std::string::npos,
      false);
}

TEST(Check, KhronosIsStrictAboutTheText) {
  EXPECT_EQ(khronos("  y = relu(x);"), "");
  EXPECT_EQ(khronos("  y = add(x, 1);"),
            "graph.nnef:5:7: error: add: an integer literal is combined with f32: it needs a cast\n"
            "graph.nnef:5:14: error: 'y' of 'add' is given the integer 1, tensor<scalar> is needed: write 1.0\n");
  EXPECT_EQ(khronos("  y = softmax(x, [1]);"),
            "graph.nnef:5:18: error: the attribute 'axes' of 'softmax' must be named\n");
  EXPECT_EQ(khronos("  y = relu(exp(x));"),
            "graph.nnef:5:7: error: expressions need 'extension KHR_enable_operator_expressions;'\n");
  EXPECT_EQ(khronos("  y = x + 1.0;", "extension KHR_enable_operator_expressions;\n"), "");
  EXPECT_EQ(khronos("  y = f(x);", "fragment f(a: tensor<scalar>) -> (b: tensor<scalar>) { b = exp(a); }\n"),
            "graph.nnef:2:1: error: fragments need 'extension KHR_enable_fragment_definitions;'\n");
  EXPECT_EQ(khronos("  y = relu(x);", "extension tract_registry tract_core;\n"),
            "graph.nnef:2:1: error: the extension 'tract_registry tract_core' is not one of NNEF 1.0.5\n");
  EXPECT_EQ(khronos("  y = pad(x, padding = [[0, 0], (1, 1)], border = 'banana');"),
            "graph.nnef:5:7: error: pad: the border 'banana' is not known\n"
            "graph.nnef:5:25: error: 'padding' of 'pad' is given an array, (integer,integer) is needed\n");
  EXPECT_EQ(khronos("  b = lt(x, x);\n  y = mul(x, b);"),
            "graph.nnef:6:7: error: mul: operands of f32 and bool do not go together\n");
  EXPECT_EQ(khronos("  y = tract_core_silu(x);"),
            "graph.nnef:5:7: error: the operator tract_core_silu is not in Khronos NNEF 1.0.5\n");
  EXPECT_EQ(khronos("  y = pad(x, padding = [(1, 1), (1, 1)], border = 'constant', value = -inf);"),
            "graph.nnef:5:71: error: infinity has no literal\n");
  EXPECT_EQ(khronos("  b = lt(x, x);\n  c = cast<scalar>(b);\n  y = select(b, c, 1.0);"), "");
}

TEST(Check, KhronosSlicesCountFromTheEnd) {
  const auto slice = [](const std::string& bounds) {
    return khronos("  a = slice(x, axes = [1], " + bounds + ");\n  y = reshape(a, shape = [4]);");
  };
  EXPECT_EQ(slice("begin = [-2], end = [0]"), "");
  EXPECT_EQ(slice("begin = [2], end = [-4], stride = [-2]"), "");
  EXPECT_EQ(slice("begin = [0], end = [100], stride = [2]"), "");
  EXPECT_NE(slice("begin = [0], end = [-1], stride = [2]"), "");
  EXPECT_NE(slice("begin = [2], end = [2]"), "");
}

TEST(Check, KhronosVariablesSayTheirClass) {
  const auto with = [](const std::string& call, const TensorData& tensor) {
    return findings({{"graph.nnef", "version 1.0;\ngraph g(x) -> (y) { x = external(shape = [2]); w = " + call +
                                        "; y = relu(x); }\n"},
                     {"W.dat", tensor_bytes(tensor)}},
                    "khronos");
  };
  EXPECT_EQ(with("variable(shape = [2], label = 'W')", *ramp(DType::kF64, {2})), "");
  EXPECT_EQ(with("variable<integer>(shape = [2], label = 'W')", *ramp(DType::kI16, {2})), "");
  EXPECT_EQ(with("variable(shape = [2], label = 'W')", *ramp(DType::kI16, {2})),
            "graph.nnef:2:52: error: variable<scalar> has a tensor file of 16-bit signed integers\n");
  EXPECT_EQ(with("variable(shape = [0], label = 'W')", *ramp(DType::kF32, {0})),
            "graph.nnef:2:52: error: variable of 'w': the extent 0 is not above zero\n");
}

TEST(Check, CountsFindingsAndBytes) {
  std::string text = "version 1.0;\ngraph net(x) -> (y) {\n";
  for (int i = 0; i < 5000; ++i) text += "!;\n";
  const TemporaryFolder folder;
  std::ofstream(folder / "graph.nnef") << text << "}\n";
  EXPECT_LT(check_archive(folder / "", tract_dialect()).findings.size(), 1100u);
  const CheckedArchive small = check_archive(folder / "", tract_dialect(), {1000});
  ASSERT_EQ(small.findings.size(), 1u);
  EXPECT_EQ(small.findings[0].text, "the archive holds more than 1000 bytes");
}

}  // namespace
}  // namespace nnef
