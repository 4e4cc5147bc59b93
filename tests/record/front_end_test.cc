// A second front end: a model of one function on slots. The sizes that it is executed at are chosen for it.
#include <gtest/gtest.h>

#include <functional>

#include "export/record/model_ends.h"
#include "export/record/operator_recorder.h"
#include "export/record/record_at_sizes.h"

namespace torch2nnef {
namespace {

using HandModel = std::function<Slot(OperatorRecorder& recorder, const Slot& x)>;

class HandFrontEnd : public FrontEnd {
 public:
  HandFrontEnd(at::Tensor sample, HandModel model) : sample_(std::move(sample)), model_(std::move(model)) {}

  void execute(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds, Diagnostics& diagnostics,
               Recording& recording) override {
    recording.tape.symbols = sizes.axes.symbols;
    recording.tape.worlds = worlds;
    for (const nnef::Bindings& world : worlds) recording.runs.push_back({world, {}, {}});
    const Location here;
    const bool first_is_sample = worlds.size() == 1 || worlds.front() == sizes.axes.sample;
    OperatorRecorder recorder(
        recording.tape, diagnostics, [&]() -> const Location& { return here; }, first_is_sample, false);
    const auto versions = add_input(recorder, recording, sizes.inputs[0].name, sample_, sizes.inputs[0].shape);
    add_outputs(recorder, recording, {"output"}, {model_(recorder, {{versions.begin(), versions.end()}, {}})});
    recorder.finish();
  }

 private:
  at::Tensor sample_;
  HandModel model_;
};

Slot same(OperatorRecorder& recorder, const c10::IValue& value) {
  return {std::vector<c10::IValue>(recorder.context().world_count(), value), {}};
}

SizePlan plan(std::int64_t size, bool is_dynamic) {
  SizePlan plan;
  plan.inputs = {{"x", {size}, {is_dynamic ? nnef::Dim::symbol("S") : nnef::Dim(size)}}};
  if (is_dynamic) plan.axes = {{Symbol{"S", std::nullopt, std::nullopt}}, {{"S", size}}};
  return plan;
}

Recording record(std::int64_t size, bool is_dynamic, HandModel model) {
  HandFrontEnd front_end(at::arange(size, at::kFloat), std::move(model));
  Diagnostics diagnostics;
  return record_at_sizes(front_end, plan(size, is_dynamic), diagnostics, nullptr);
}

Slot relu(OperatorRecorder& recorder, const Slot& x) { return recorder.call(find_callee("aten::relu", ""), {x})[0]; }

Slot in_two_rows(OperatorRecorder& recorder, const Slot& x) {
  return recorder.call(find_callee("aten::view", ""), {x, same(recorder, c10::List<std::int64_t>({2, -1}))})[0];
}

TEST(FrontEnd, IsExecutedOnceWithoutDynamicAxes) {
  const Recording recording = record(4, false, relu);
  ASSERT_EQ(recording.runs.size(), 1U);
  ASSERT_EQ(recording.tape.calls.size(), 1U);
  EXPECT_EQ(recording.tape.outputs[0].second, recording.tape.calls[0].results[0]);
  EXPECT_EQ(recording.runs[0].outputs[0].name, "output");
}

TEST(FrontEnd, IsExecutedAtSeveralSizesOfADynamicAxis) {
  const Recording recording = record(4, true, relu);
  ASSERT_GE(recording.runs.size(), 3U);
  EXPECT_EQ(recording.runs[0].sizes.at("S"), 4) << "the sample comes first";
  EXPECT_EQ(recording.tape.info(recording.tape.outputs[0].second).shape, nnef::Shape{nnef::Dim::symbol("S")});
}

TEST(FrontEnd, ThatNeedsMultiplesGetsThem) {
  const Recording recording = record(8, true, in_two_rows);
  ASSERT_FALSE(recording.tape.constraints.empty());
  EXPECT_EQ(recording.tape.constraints[0].rfind("S % 2 == 0", 0), 0U) << recording.tape.constraints[0];
}

TEST(FrontEnd, ThatTakesTheSampleOnlyIsRefused) {
  const HandModel model = [](OperatorRecorder& recorder, const Slot& x) {
    return recorder.call(find_callee("aten::add", "Tensor"), {x, same(recorder, at::ones({8})), same(recorder, 1)})[0];
  };
  EXPECT_NO_THROW(record(8, false, model));
  try {
    record(8, true, model);
    FAIL() << "it was recorded";
  } catch (const ExportError& error) {
    EXPECT_EQ(error.diagnostics().at(0).code, "T2N-R002");
  }
}

}  // namespace
}  // namespace torch2nnef
