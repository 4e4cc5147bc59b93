// Why tract fails, on graphs made by hand around its known traps: a value that differs in silence, a panic on loading
// or running, an operator that it does not have, no answer at all.
#include "export/verify/tract_diagnosis.h"

#include <gtest/gtest.h>

#include <fstream>

#include "export/verify/bundle.h"
#include "export/verify/compare.h"
#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"
#include "nnef/builder/builder.h"
#include "nnef/inspect/sub_graph.h"
#include "tensors.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;
using nnef::Builder;
using nnef::DType;
using nnef::Graph;
using nnef::NamedTensor;
using nnef::Value;
using torch2nnef_test::f32;
using torch2nnef_test::i64;

constexpr double kSeconds = 60;

// A layer whose values have spread: tanh(1.5 * x + weight).
Value layer(Builder& builder, Value x, int number) {
  const Value weight = builder.variable("w" + std::to_string(number), f32({1, 4}, {0.1f, -0.2f, 0.3f, 0.05f}));
  const Value scaled = builder.add("mul", {x, builder.literal(1.5, DType::kF32)});
  return builder.add("tanh", {builder.add("add", {scaled, weight})});
}

class DiagnosisTest : public testing::Test {
 protected:
  DiagnosisTest() : dialect_(nnef::Target{}), builder_(graph_, dialect_), engine_(*find_engine(TRACT_RUN)) {
    inputs_ = {{"x", f32({2, 4}, {0.5f, -1.5f, 2.5f, 0.25f, 1, -2, 3, 0.75f})}};
  }

  // x, through `before` layers, `trap` of it, and `after` layers.
  template <class Trap>
  void build(int before, int after, Trap trap) {
    Value value = builder_.external("x", DType::kF32, nnef::make_shape({2, 4}));
    for (int i = 0; i < before; ++i) value = layer(builder_, value, i);
    value = trap(value);
    for (int i = 0; i < after; ++i) value = layer(builder_, value, before + i);
    builder_.name_output(value, "y");
    builder_.finish();
  }

  nnef::Operation& operation(const std::string& op) {
    for (nnef::Operation& one : graph_.operations) {
      if (one.op == op) return one;
    }
    throw std::runtime_error("no " + op);
  }

  static void set(nnef::Operation& operation, const std::string& name, nnef::Argument argument) {
    for (nnef::NamedArgument& one : operation.arguments) {
      if (one.name == name) one.argument = std::move(argument);
    }
  }

  EngineRun run(const Graph& graph, const std::vector<NamedTensor>& inputs, double seconds = 30) {
    const PrivateFolder folder;
    nnef::write_archive(graph, dialect_, folder.path() / "graph.nnef.tar");
    return run_engine(engine_, folder.path() / "graph.nnef.tar", inputs, seconds);
  }

  // An engine that does something else when the archive holds an operator.
  void lack(const std::string& op, const std::string& action, const fs::path& folder) {
    const fs::path program = folder / "engine";
    std::ofstream(program) << "#!/bin/sh\ngrep -qa ' " << op << "(' \"$1\" && { " << action << "; }\nexec '"
                           << TRACT_RUN << "' \"$@\"\n";
    fs::permissions(program, fs::perms::owner_all);
    engine_.program = program;
  }

  // All values, as tract has them while the graph is still right: what PyTorch would have.
  void learn() {
    std::vector<Value> results;
    for (const nnef::Operation& one : graph_.operations) {
      if (!nnef::is_source(one)) results.insert(results.end(), one.results.begin(), one.results.end());
    }
    const Graph all = nnef::sub_graph(graph_, nnef::needed_operations(graph_, results), results, dialect_);
    const EngineRun learned = run(all, inputs_);
    ASSERT_TRUE(learned.ran) << learned.message;
    known_ = learned.outputs;
  }

  TractDiagnosis diagnose_run(EngineRun failed, double seconds = kSeconds) {
    const TractFailure failure{graph_, dialect_, inputs_, {}, Tolerance::kApproximate, std::move(failed)};
    return diagnose(
        engine_, failure,
        [&](const VisitKnown& visit) {
          for (const auto& [name, data] : known_) visit(name, data);
        },
        seconds);
  }

  // How many operations that compute are in the smallest part.
  static std::size_t size_of(const TractDiagnosis& diagnosis) {
    std::size_t count = 0;
    for (const nnef::Operation& one : diagnosis.smallest->operations) count += nnef::is_source(one) ? 0 : 1;
    return count;
  }

  Graph graph_;
  nnef::Dialect dialect_;
  Builder builder_;
  Engine engine_;
  std::vector<NamedTensor> inputs_, known_;
};

TEST_F(DiagnosisTest, ASoftmaxOverANegativeAxisIsFound) {
  build(4, 4, [&](Value x) { return builder_.add("softmax", {x}, {{"axes", std::vector<std::int64_t>{1}}}); });
  learn();
  set(operation("softmax"), "axes", std::vector<std::int64_t>{-1});
  const EngineRun failed = run(graph_, inputs_);
  ASSERT_TRUE(failed.ran) << failed.message;
  const TractDiagnosis diagnosis = diagnose_run(failed);
  EXPECT_EQ(diagnosis.operation, "softmax");
  EXPECT_NE(diagnosis.text.find("first value to differ in tract is " + diagnosis.name + " = softmax("),
            std::string::npos)
      << diagnosis.text;
  EXPECT_NE(diagnosis.text.find("alone does so"), std::string::npos) << diagnosis.text;
  ASSERT_TRUE(diagnosis.smallest);
  EXPECT_EQ(size_of(diagnosis), 1u);
  // The part is an archive of its own that still differs.
  const EngineRun again = run(*diagnosis.smallest, diagnosis.inputs);
  ASSERT_TRUE(again.ran) << again.message;
  ASSERT_FALSE(diagnosis.expected.empty());
  EXPECT_FALSE(compare_outputs(diagnosis.expected, again.outputs, Tolerance::kApproximate).at(0).agrees);
}

TEST_F(DiagnosisTest, RoundingHalvesAwayFromZeroIsFound) {
  build(0, 3, [&](Value x) { return builder_.add("tract_core_round_even", {x}); });
  learn();
  operation("tract_core_round_even").op = "round";
  const EngineRun failed = run(graph_, inputs_);
  ASSERT_TRUE(failed.ran) << failed.message;
  const TractDiagnosis diagnosis = diagnose_run(failed);
  EXPECT_EQ(diagnosis.operation, "round");
  ASSERT_TRUE(diagnosis.smallest);
  EXPECT_EQ(size_of(diagnosis), 1u);
}

TEST_F(DiagnosisTest, NothingIsBlamedWhereTheValuesInTheMiddleAgree) {
  build(3, 0, [](Value x) { return x; });
  learn();
  const EngineRun good = run(graph_, inputs_);
  ASSERT_TRUE(good.ran);
  const TractDiagnosis diagnosis = diagnose_run(good);
  EXPECT_EQ(diagnosis.name, "");
  EXPECT_FALSE(diagnosis.smallest);
  EXPECT_NE(diagnosis.text.find("no value in the middle"), std::string::npos) << diagnosis.text;
}

TEST_F(DiagnosisTest, APanicOnLoadingIsBisectedToItsOperation) {
  build(30, 30, [&](Value x) {
    const Value sum = builder_.add("sum_reduce", {x}, {{"axes", std::vector<std::int64_t>{1}}});
    return builder_.add("add", {x, sum});
  });
  set(operation("sum_reduce"), "axes", std::vector<std::int64_t>{-1});
  const EngineRun failed = run(graph_, inputs_);
  ASSERT_EQ(failed.exit_status, 101) << failed.message;
  const TractDiagnosis diagnosis = diagnose_run(failed);
  EXPECT_EQ(diagnosis.operation, "sum_reduce");
  ASSERT_TRUE(diagnosis.smallest);
  EXPECT_EQ(size_of(diagnosis), 1u);
  EXPECT_LT(diagnosis.runs, 20) << "bisection, not one run an operation";
  EXPECT_EQ(run(*diagnosis.smallest, diagnosis.inputs).exit_status, 101);
}

TEST_F(DiagnosisTest, APanicOnRunningNeedsItsIndexOutOfRange) {
  build(6, 2, [&](Value x) {
    const Value index = builder_.variable("index", i64({4}, {0, 1, 2, 99}));
    return builder_.add("tract_core_gather", {x, index}, {{"axis", 1}});
  });
  const EngineRun failed = run(graph_, inputs_);
  ASSERT_FALSE(failed.ran);
  const TractDiagnosis diagnosis = diagnose_run(failed);
  EXPECT_EQ(diagnosis.operation, "tract_core_gather");
  ASSERT_TRUE(diagnosis.smallest);
  EXPECT_EQ(size_of(diagnosis), 1u);
  EXPECT_EQ(diagnosis.smallest->variables.size(), 1u) << "its indices are taken along, the other weights are not";
}

// Every operator of the dialect is one of tract's: an engine that lacks one.
TEST_F(DiagnosisTest, AnOperatorThatTractDoesNotHaveIsNamed) {
  const PrivateFolder folder;
  lack("abs", "echo \"No definition for operator Identifier('abs')\" >&2; exit 1", folder.path());
  build(10, 10, [&](Value x) { return builder_.add("abs", {x}); });
  const EngineRun failed = run(graph_, inputs_);
  ASSERT_FALSE(failed.ran);
  const TractDiagnosis diagnosis = diagnose_run(failed);
  EXPECT_EQ(diagnosis.operation, "abs");
  ASSERT_TRUE(diagnosis.smallest);
  EXPECT_EQ(size_of(diagnosis), 1u);
}

TEST_F(DiagnosisTest, WhatGivesNoAnswerIsBisectedWithinTheTime) {
  const PrivateFolder folder;
  lack("tan", "exec sleep 600", folder.path());
  build(3, 2, [&](Value x) { return builder_.add("tan", {x}); });
  const EngineRun failed = run(graph_, inputs_, 1);
  ASSERT_EQ(failed.exit_status, -1);
  const TractDiagnosis diagnosis = diagnose_run(failed, 40);
  EXPECT_EQ(diagnosis.operation, "tan") << diagnosis.text;
  EXPECT_NE(diagnosis.text.find("gives no answer"), std::string::npos) << diagnosis.text;
  ASSERT_TRUE(diagnosis.smallest);
  EXPECT_EQ(size_of(diagnosis), 1u);
}

TEST_F(DiagnosisTest, EndsWhenTheTimeIsOver) {
  build(4, 4, [&](Value x) { return builder_.add("abs", {x}); });
  EngineRun failed;
  failed.message = "it does not";
  const TractDiagnosis diagnosis = diagnose_run(failed, 0.1);
  EXPECT_TRUE(diagnosis.out_of_time);
  EXPECT_FALSE(diagnosis.smallest);
  EXPECT_EQ(diagnosis.runs, 0);
}

TEST_F(DiagnosisTest, TheSmallestPartRunsFromABundle) {
  build(4, 4, [&](Value x) { return builder_.add("softmax", {x}, {{"axes", std::vector<std::int64_t>{1}}}); });
  learn();
  set(operation("softmax"), "axes", std::vector<std::int64_t>{-1});
  const EngineRun failed = run(graph_, inputs_);
  TractDiagnosis diagnosis = diagnose_run(failed);
  ASSERT_TRUE(diagnosis.smallest);
  const PrivateFolder folder;
  nnef::write_archive(graph_, dialect_, folder.path() / "model.nnef.tgz");
  DebugBundle bundle;
  bundle.archive = folder.path() / "model.nnef.tgz";
  bundle.inputs = inputs_;
  bundle.expected = {known_.back()};
  bundle.smallest = SmallestPart{std::move(*diagnosis.smallest), dialect_, diagnosis.inputs, diagnosis.expected};
  write_debug_bundle(folder.path() / "bundle", bundle);
  const ProcessResult result =
      run_process({(folder.path() / "bundle/smallest/run.sh").string()}, 30, {std::string("TRACT=") + TRACT_RUN});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_NE(result.errors.find("instead of"), std::string::npos) << result.errors;
}

}  // namespace
}  // namespace torch2nnef
