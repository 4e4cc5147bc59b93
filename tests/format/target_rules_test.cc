// What older releases of tract are refused, and what is said in another way for them.
#include "nnef/dialect/target_rules.h"

#include <gtest/gtest.h>

#include <functional>

#include "nnef/builder/builder.h"

namespace nnef {
namespace {

// What older releases compute as something else is refused for them, with the release that is right.
TEST(TargetRules, RefusesWhatOlderReleasesGetWrong) {
  const auto refusal = [](const char* target, const std::function<void(Builder&, Value)>& add) -> std::string {
    Graph graph;
    const Dialect dialect(*Target::parse(target));
    Builder b(graph, dialect);
    try {
      add(b, b.external("y", DType::kF32, {Dim(2), Dim(6)}));
    } catch (const TargetError& error) {
      return error.what();
    }
    return "";
  };
  const auto empty = [](Builder& b, Value y) { b.slice(y, 1, Dim(2), Dim(2)); };
  const auto added = [](Builder& b, Value y) {
    const Value places = b.external("i", DType::kI64, {Dim(2), Dim(6)});
    b.add("tract_core_scatter_elements", {y, places, y}, {{"axis", 1}, {"reduction", "add"}});
  };
  EXPECT_NE(refusal("tract@0.22.4", empty).find("needs tract >= 0.23.0 for an empty slice"), std::string::npos);
  EXPECT_NE(refusal("tract@0.22.4", added).find("needs tract >= 0.23.0 for its reduction"), std::string::npos);
  const auto merged = [](const Dim& size) {
    return [size](Builder& b, Value) {
      const Value x = b.external("x", DType::kF32, {Dim::symbol("N"), Dim(3), size});
      b.reshape(x, {Dim::symbol("N"), size * 3});
      b.reshape(x, {Dim::symbol("N"), Dim(1), Dim(3), size});
    };
  };
  const Dim s = Dim::symbol("S");
  EXPECT_EQ(refusal("tract@0.22.4", merged(s)), "");
  EXPECT_NE(refusal("tract@0.22.4", merged(s + 2)).find("needs tract >= 0.23.0 for merging"), std::string::npos);
  EXPECT_EQ(refusal("tract@0.23.0", merged(s + 2)), "");
  EXPECT_EQ(refusal("tract@0.23.9", empty), "");
  EXPECT_EQ(refusal("tract@0.23.9", added), "");
}

// The sizes of slices are told to releases that cannot see them.
TEST(TargetRules, TellsOlderReleasesOfSlices) {
  Graph graph;
  const Dialect dialect(*Target::parse("tract@0.22.4"));
  Builder b(graph, dialect);
  const Dim s = Dim::symbol("S");
  const Value x = b.external("x", DType::kF32, {s, Dim(6)});
  for (const auto& [begin, end] : {std::pair(Dim(0), Dim(2)), {Dim(3), s}, {Dim(0), floor_div(s, 2)}}) {
    b.slice(x, 0, begin, end);
  }
  b.slice(x, 1, Dim(2), Dim(4));
  EXPECT_EQ(assertions_about_slices(graph, dialect.target()), std::vector<std::string>{"S >= 3"});
  EXPECT_TRUE(assertions_about_slices(graph, Target{}).empty());
}

// Quotients, signs and magnitudes are said in other operations where a release gets them wrong.
TEST(TargetRules, SaysSomeOtherwiseForOlderReleases) {
  for (const auto& [target, as_it_is] : {std::pair("tract@0.22.4", false), std::pair("tract@0.23.9", true)}) {
    Graph graph;
    const Dialect dialect(*Target::parse(target));
    Builder b(graph, dialect);
    const Value x = b.external("x", DType::kI64, {Dim(8)});
    const auto last = [&] { return graph.operations.back().op; };
    b.binary("div", x, b.literal(std::int64_t{4}, DType::kI64));
    EXPECT_EQ(last(), as_it_is ? "div" : "select") << target;
    b.unary("sign", x);
    EXPECT_EQ(last(), as_it_is ? "sign" : "sub") << target;
    b.unary("abs", b.external("y", DType::kF64, {Dim(8)}));
    EXPECT_EQ(last(), as_it_is ? "abs" : "select") << target;
  }
}

}  // namespace
}  // namespace nnef
