#include "nnef/khronos/to_khronos.h"

#include <gtest/gtest.h>

#include <limits>

#include "nnef/builder/builder.h"
#include "nnef/inspect/check.h"
#include "sample_graph.h"

namespace nnef {
namespace {

const Dialect kKhronos{*Target::parse("khronos")};

// A graph built for tract, and what becomes of it.
struct Translation {
  Graph graph;
  Dialect dialect = tract_dialect();
  Builder b{graph, dialect};
  std::vector<Untranslated> problems;

  Value input(const std::string& name, Shape shape, DType dtype = DType::kF32) {
    return b.external(name, dtype, std::move(shape));
  }

  // The statements without inputs and variables. What is written is valid and reads back as it was.
  std::string statements(Value output) {
    b.name_output(output, "y");
    b.finish();
    graph.properties = {{"tool", "x"}};
    const Graph standard = to_khronos(graph, problems);
    if (!problems.empty()) return problems[0].text;
    const TemporaryFolder folder;
    write_archive(standard, kKhronos, folder / "m");
    for (const Finding& finding : check_archive(folder / "m", kKhronos).findings) ADD_FAILURE() << to_string(finding);
    EXPECT_EQ(compare_archive(folder / "m", standard, kKhronos), "");
    const std::string text = write_text(standard, kKhronos);
    std::string result;
    for (std::size_t at = text.find("{\n") + 2; at < text.size();) {
      const std::string line = text.substr(at, text.find('\n', at) - at);
      at += line.size() + 1;
      if (line != "}" && line.find("= external") == std::string::npos && line.find("= variable") == std::string::npos) {
        result += line.substr(2) + "\n";
      }
    }
    return result;
  }
};

TEST(ToKhronos, InputsSayTheirClassAndPropertiesGo) {
  Translation t;
  const Value x = t.input("x", {2, 3}, DType::kF16);
  const Value i = t.input("i", {2, 3}, DType::kI32);
  const Value c = t.input("c", {2, 3}, DType::kBool);
  EXPECT_EQ(t.statements(t.b.select(c, x, t.b.cast(i, DType::kF16))),
            "tract_core_cast = cast<scalar>(i);\ny = select(c, x, tract_core_cast);\n");
}

TEST(ToKhronos, OtherNames) {
  Translation t;
  const Value x = t.input("x", {2, 3});
  EXPECT_EQ(t.statements(t.b.unary("recip", t.b.unary("square", t.b.unary("tract_core_silu", x)))),
            "tract_core_silu = silu(x);\nsquare = sqr(tract_core_silu);\ny = rcp(square);\n");
}

TEST(ToKhronos, CastsOfOneClassVanish) {
  Translation t;
  const Value x = t.input("x", {2, 3}, DType::kF16);
  EXPECT_EQ(t.statements(t.b.cast(t.b.unary("exp", t.b.cast(x, DType::kF64)), DType::kF32)),
            "exp = exp(x);\ny = copy(exp);\n");
  Translation narrow;
  const Value i = narrow.input("i", {2}, DType::kI64);
  EXPECT_EQ(narrow.statements(narrow.b.cast(i, DType::kU8)),
            "The operator tract_core_cast cannot be expressed: Khronos NNEF has no integers of u8 whose values wrap.");
}

TEST(ToKhronos, TransposedConvolutionsTurnTheirFilter) {
  Translation t;
  const Value x = t.input("x", {1, 4, 5});
  const Value w = t.b.variable("w", ramp(DType::kF32, {6, 2, 3}));
  const Value bias = t.b.variable("bias", ramp(DType::kF32, {6}));
  const std::vector<std::pair<Dim, Dim>> padding = {{1, 0}};
  EXPECT_EQ(t.statements(t.b.add("deconv", {x, w, bias},
                                 {{"padding", padding}, {"stride", std::vector<std::int64_t>{2}}, {"groups", 2}})),
            "y_reshape = reshape(w, shape = [2, 3, 2, 3]);\n"
            "y_transpose = transpose(y_reshape, axes = [0, 2, 1]);\n"
            "y_reshape_1 = reshape(y_transpose, shape = [4, 3, 3]);\n"
            "y_reshape_2 = reshape(bias, shape = [1, 6]);\n"
            "y = deconv(x, y_reshape_1, y_reshape_2, padding = [(1, 0)], stride = [2], groups = 2);\n");
}

TEST(ToKhronos, PaddingNeverWinsInAPool) {
  Translation t;
  const Value x = t.input("x", {1, 1, 4, 4});
  const std::vector<std::pair<Dim, Dim>> padding = {{0, 0}, {0, 0}, {1, 1}, {1, 1}};
  const auto pools = t.b.add_multi("max_pool_with_index", {x},
                                   {{"size", std::vector<std::int64_t>{1, 1, 2, 2}}, {"padding", padding}});
  EXPECT_EQ(t.statements(pools[0]),
            "y = max_pool(x, size = [1, 1, 2, 2], padding = [(0, 0), (0, 0), (1, 1), (1, 1)], border = \"ignore\");\n");
}

TEST(ToKhronos, BackwardSlicesEndBeforeTheFirstItem) {
  Translation t;
  const Value x = t.input("x", {2, 5});
  EXPECT_EQ(t.statements(t.b.slice(x, 1, 0, 5, -1)),
            "y = slice(x, axes = [1], begin = [4], end = [-6], stride = [-1]);\n");
}

TEST(ToKhronos, ComposesWhatTheStandardLacks) {
  Translation t;
  const Value x = t.input("x", {2, 3});
  EXPECT_EQ(t.statements(t.b.add("tract_core_log_softmax", {x}, {{"axes", std::vector<std::int64_t>{1}}})),
            "y_max_reduce = max_reduce(x, axes = [1]);\ny_sub = sub(x, y_max_reduce);\ny_exp = exp(y_sub);\n"
            "y_sum_reduce = sum_reduce(y_exp, axes = [1]);\ny_log = log(y_sum_reduce);\ny = sub(y_sub, y_log);\n");
  Translation u;
  const Value v = u.input("v", {2, 1});
  EXPECT_EQ(u.statements(u.b.broadcast_to(v, {4, 2, 3})),
            "y_unsqueeze = unsqueeze(v, axes = [0]);\ny = tile(y_unsqueeze, repeats = [4, 1, 3]);\n");
}

TEST(ToKhronos, NamesEverythingThatItCannotSay) {
  Translation t;
  const Value x = t.input("x", {2, Dim::symbol("S")});
  t.graph.symbols = {"S"};
  EXPECT_EQ(t.statements(x),
            "The operator tract_core_external cannot be expressed: Khronos NNEF has no symbolic size such as S.");
  Translation u;
  const Value i = u.input("i", {2}, DType::kI64);
  const Value f = u.input("f", {2});
  u.b.name_output(u.b.add("tract_core_round_even", {f}), "r");
  const Value sum = u.b.binary("add", i, i);
  EXPECT_EQ(u.statements(sum),
            "The operator tract_core_round_even cannot be expressed: it is not in Khronos NNEF 1.0.5.");
  Translation w;
  const Value n = w.input("n", {2}, DType::kI64);
  EXPECT_EQ(w.statements(w.b.binary("add", n, n)),
            "The operator add of 'y': 'x' is given a tensor of integer items, scalar ones are needed.");
}

TEST(ToKhronos, InfinityIsANumberThatOverflows) {
  Translation t;
  const Value x = t.input("x", {1, 1, 2});
  const std::vector<std::pair<Dim, Dim>> padding = {{0, 0}, {0, 0}, {1, 1}};
  EXPECT_EQ(
      t.statements(t.b.add("pad", {x}, {{"padding", padding}, {"value", -std::numeric_limits<double>::infinity()}})),
      "y = pad(x, padding = [(0, 0), (0, 0), (1, 1)], value = -1e39);\n");
}

}  // namespace
}  // namespace nnef
