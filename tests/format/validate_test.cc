#include "nnef/dialect/validate.h"

#include <gtest/gtest.h>

#include "sample_graph.h"

namespace nnef {
namespace {

// The problems of the sample graph after a change, joined.
std::string problems(const std::function<void(Graph&)>& change) {
  Graph graph = sample_graph();
  change(graph);
  std::string all;
  for (const std::string& problem : validate(graph, tract_dialect())) all += problem + "\n";
  return all;
}

TEST(Validate, TheSampleIsValid) {
  EXPECT_EQ(problems([](Graph&) {}), "");
}

TEST(Validate, NamesWhatIsWrong) {
  const std::pair<std::function<void(Graph&)>, const char*> kCases[] = {
      {[](Graph& g) { g.operations[2].op = "no_such"; }, "unknown operator 'no_such'.\n"},
      {[](Graph& g) { g.operations[2].op = "tract_core_matmul"; },
       "the operator tract_core_matmul is not usable with tract.\n"},
      {[](Graph& g) { g.operations[2].arguments[1].name = "z"; },
       "add of 'a' has no parameter 'z'.\nadd of 'a' lacks the argument 'y'.\n"},
      {[](Graph& g) { g.operations[2].arguments[1].name = "x"; },
       "add of 'a' is given 'x' twice.\nadd of 'a' lacks the argument 'y'.\n"},
      {[](Graph& g) { g.operations[4].arguments.pop_back(); }, "argmax_reduce of 'i' lacks the argument 'axes'.\n"},
      {[](Graph& g) { g.values[2].name = "infer"; }, "'infer' cannot be the name of a value.\n"},
      {[](Graph& g) { g.values[2].name = "w"; }, "two values have the name 'w'.\n"},
      {[](Graph& g) { g.values[2].name = "S"; }, "'S' is a value and a symbol.\n"},
      {[](Graph& g) { std::swap(g.operations[2], g.operations[3]); }, "mul of 'y' uses 'a' before its definition.\n"},
      {[](Graph& g) { g.operations[3].results = {g.operations[2].results[0]}; },
       "'a' is defined a second time by mul.\nargmax_reduce of 'i' uses 'y' before its definition.\n"
       "the output 'y' is never defined.\n"},
      {[](Graph& g) { g.values[4].dtype = DType::kF32; },
       "'i' is stated as f32[S,1] but argmax_reduce of 'i' gives i64[S,1].\n"},
      {[](Graph& g) { g.values[3].shape = {4}; },
       "'y' is stated as f32[4] but mul of 'y' gives f32[S,4].\n"
       "argmax_reduce of 'i': axis 1 is not in 0..0.\n"},
      {[](Graph& g) { g.registries.clear(); },
       "The operator tract_core_external needs the registry tract_core, which is not declared.\n"},
      {[](Graph& g) { g.operations.erase(g.operations.begin()); },
       "add of 'a' uses 'x' before its definition.\nthe input 'x' has no external.\n"},
      {[](Graph& g) { g.inputs.clear(); }, "'x' is external but no input.\n"},
      {[](Graph& g) { g.variables.clear(); }, "variable of 'w': there is no tensor 'block.0/weight'.\n"},
      {[](Graph& g) { g.outputs.push_back(g.outputs[0]); }, "the output 'y' is listed twice.\n"},
      {[](Graph& g) { g.outputs.clear(); }, "the graph has no output.\n"},
      {[](Graph& g) { g.outputs.push_back(Value{99}); }, "an output is not a value of the graph.\n"},
      {[](Graph& g) { g.operations[3].arguments[0].argument = Value{99}; },
       "mul of 'y' uses a value that does not exist.\n"},
      {[](Graph& g) { g.operations[4].results.clear(); },
       "argmax_reduce has no result.\nthe output 'i' is never defined.\n"},
      {[](Graph& g) { g.symbols.push_back("S"); }, "The symbol 'S' is declared twice.\n"},
      {[](Graph& g) { g.symbols.push_back("1"); }, "'1' cannot be the name of a symbol.\n"},
      {[](Graph& g) {
         g.quant["nobody"] = {"linear_quantize", {{"bits", 8}, {"max", 1.0}, {"min", -1.0}}};
       },
       "The quantisation entry 'nobody' names no value.\n"},
      {[](Graph& g) {
         g.quant["y"] = {"linear_quantize", {{"bits", 4}, {"max", 1}, {"size", -1.0}}};
       },
       "'y': 'max' must be a scalar such as 1.0.\n'y': linear_quantize has no parameter 'size'.\n"
       "'y': linear_quantize needs 'min'.\n'y': 4 bits are not possible: tract has 8 and 32.\n"},
  };
  for (const auto& [change, expected] : kCases) EXPECT_EQ(problems(change), expected);
  EXPECT_NE(problems([](Graph& g) { g.symbols.clear(); }).find("the symbol 'S' of the shape of 'x' is not declared.\n"),
            std::string::npos);
}

TEST(Validate, LooksIntoFragments) {
  const std::string found = problems([](Graph& g) {
    Fragment fragment;
    fragment.body.name = "step";
    const Value x = add_value(fragment.body, "x", DType::kF32, {2});
    const Value y = add_value(fragment.body, "y", DType::kF32, {3});
    fragment.body.inputs = {x};
    fragment.body.outputs = {y};
    fragment.body.operations.push_back({"exp", {{"x", x}}, {y}, ""});
    g.fragments = {fragment, fragment};
  });
  const std::string problem = "Fragment 'step': 'y' is stated as f32[3] but exp of 'y' gives f32[2].\n";
  EXPECT_EQ(found, problem + "The fragment 'step' is defined twice.\n" + problem);
}

}  // namespace
}  // namespace nnef
