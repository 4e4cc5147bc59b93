// The operator recorder on hand-made slots: calls, constants, failures, random numbers, code that the data decides
// about.
#include "export/record/operator_recorder.h"

#include <gtest/gtest.h>

#include "export/record/failures.h"
#include "export/record/regions/merge.h"
#include "export/record/regions/regions.h"
#include "hand_recording.h"

namespace torch2nnef {
namespace {

using Names = std::vector<std::string>;

TEST(OperatorRecorder, WritesACallOnAnInputWithItsArguments) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({2, 3})}, nnef::make_shape({2, 3}));
  Slot other = hand.same(at::full({3}, 2.0F));
  Slot sum = hand.call1("aten::add", "Tensor", {x, other, hand.same(3)});
  hand.recorder.output("sum", sum);
  hand.recorder.finish();
  ASSERT_EQ(hand.calls(), Names{"aten::add.Tensor"});
  const TapeCall& call = hand.tape.calls[0];
  EXPECT_EQ(*call.find("self")->value(), hand.tape.inputs[0]);
  EXPECT_EQ(hand.tape.info(*call.find("other")->value()).kind, TapeValueInfo::Kind::kConstant);
  EXPECT_EQ(std::get<nnef::Dim>(call.find("alpha")->is), nnef::Dim(3));
  EXPECT_EQ(call.where.module_path, "here");
  EXPECT_EQ(hand.tape.outputs[0].second, call.results[0]);
  EXPECT_EQ(hand.tape.info(call.results[0]).shape, nnef::make_shape({2, 3}));
  EXPECT_TRUE(at::equal(sum.sample().toTensor(), at::full({2, 3}, 7.0F)));
}

TEST(OperatorRecorder, FoldsACallOnConstants) {
  HandRecording hand;
  std::vector<FoldedCall> folded;
  hand.recorder.context().folded = &folded;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  Slot doubled = hand.call1("aten::mul", "Tensor", {hand.same(at::full({3}, 2.0F)), hand.same(at::full({3}, 2.0F))});
  EXPECT_TRUE(hand.tape.calls.empty());
  ASSERT_EQ(folded.size(), 1U);
  EXPECT_EQ(folded[0].op, "aten::mul");
  EXPECT_EQ(folded[0].result, "float32[3]");
  hand.call1("aten::mul", "Tensor", {x, doubled});
  ASSERT_EQ(hand.calls(), Names{"aten::mul.Tensor"});
  const TapeValueInfo& info = hand.tape.info(*hand.tape.calls[0].find("other")->value());
  ASSERT_EQ(info.kind, TapeValueInfo::Kind::kConstant);
  EXPECT_EQ(info.constant->to_doubles(), std::vector<double>(3, 4.0));
}

TEST(OperatorRecorder, RecordsALargeResultOfSmallConstants) {
  for (std::int64_t size : {64, 1024}) {
    HandRecording hand;
    hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
    hand.call1("aten::mul", "Tensor", {hand.same(at::ones({size, 1})), hand.same(at::ones({1, size}))});
    EXPECT_EQ(hand.tape.calls.size(), size == 1024 ? 1U : 0U) << "4 MiB are a call, 16 KiB are a constant";
  }
}

// A table of embeddings whose transpose is the head.
TEST(OperatorRecorder, ALargeConstantInTwoOrdersIsOne) {
  for (const std::int64_t rows : {1024, 8}) {
    HandRecording hand;
    const Slot x = hand.recorder.input("x", {at::ones({2, 512})}, {2, 512});
    const at::Tensor table = at::ones({rows, 512});
    const Slot scores = hand.call1("aten::mm", "", {x, hand.call1("aten::t", "", {hand.same(table)})});
    hand.recorder.output("y", hand.call1("aten::mm", "", {scores, hand.same(table)}));
    hand.recorder.finish();
    std::size_t constants = 0;
    for (const TapeValueInfo& info : hand.tape.values) constants += info.constant ? 1 : 0;
    EXPECT_EQ(constants, rows == 8 ? 2 : 1);
    std::vector<std::string> calls = {"aten::permute", "aten::mm", "aten::mm"};
    if (rows == 8) calls.erase(calls.begin());
    EXPECT_EQ(hand.calls(), calls);
  }
}

TEST(OperatorRecorder, TakesSeveralResults) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::rand({4, 3})}, nnef::make_shape({4, 3}));
  Slots results = hand.call("aten::topk", "", {x, hand.same(2), hand.same(-1), hand.same(true), hand.same(true)});
  ASSERT_EQ(results.size(), 2U);
  ASSERT_EQ(hand.calls(), Names{"aten::topk"});
  EXPECT_EQ(hand.tape.calls[0].results.size(), 2U);
  EXPECT_EQ(hand.tape.info(hand.value(results[1])).type, ScalarType::kInt64);
}

TEST(OperatorRecorder, ReportsAFailureOnTheSample) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({2, 3})}, nnef::make_shape({2, 3}));
  EXPECT_THROW(hand.call("aten::mm", "", {x, x}), RecordingStopped);
  ASSERT_TRUE(hand.diagnostics.has_errors());
  EXPECT_EQ(hand.diagnostics.list()[0].code, "T2N-R001");
  EXPECT_TRUE(hand.tape.calls.empty());
}

TEST(OperatorRecorder, OtherSizesMayFailWithoutAReport) {
  HandRecording hand(sizes_of_s());
  Slot x = hand.input_of_size_s("x");
  EXPECT_THROW(hand.call("aten::add", "Tensor", {x, hand.same(at::ones({4})), hand.same(1)}), WorldFailed);
  EXPECT_FALSE(hand.diagnostics.has_errors());
}

TEST(OperatorRecorder, AnOperatorThatDoesNotExistIsUnsupported) {
  EXPECT_THROW(find_callee("aten::no_such_operator", ""), Unsupported);
  EXPECT_THROW(find_callee("aten::add", "no_such_overload"), Unsupported);
}

TEST(OperatorRecorder, RefusesRandomNumbers) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  hand.call("aten::bernoulli", "", {x, hand.same(c10::IValue())});
  ASSERT_TRUE(hand.diagnostics.has_errors());
  EXPECT_EQ(hand.diagnostics.list()[0].code, "T2N-R003");
  EXPECT_TRUE(hand.tape.calls.at(0).refused);
}

TEST(Regions, WhatIsOlderIsNotWrittenThere) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  Slot outside = hand.call1("aten::relu", "", {x});
  {
    DataRegionScope region(hand.recorder.context(), "the branch at model.py:3", true);
    EXPECT_THROW(hand.call("aten::relu_", "", {outside}), Unsupported);
    Slot inside = hand.call1("aten::neg", "", {x});
    EXPECT_NO_THROW(hand.call("aten::relu_", "", {inside}));
  }
  EXPECT_NO_THROW(hand.call("aten::relu_", "", {outside}));
}

TEST(Regions, AnIndexThatDependsOnAnInputIsFragile) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  Slot index = hand.recorder.input("index", {at::zeros({2}, at::kLong)}, nnef::make_shape({2}));
  DataRegionScope region(hand.recorder.context(), "the branch at model.py:3", true);
  EXPECT_THROW(hand.call("aten::index_select", "", {x, hand.same(0), index}), Unsupported);
  EXPECT_NO_THROW(hand.call("aten::index_select", "", {x, hand.same(0), hand.same(at::zeros({2}, at::kLong))}));
}

TEST(Regions, ASideInsideOneThatIsNotTakenIsNotTaken) {
  HandRecording hand;
  RecordContext& context = hand.recorder.context();
  DataRegionScope outer(context, "outer", false);
  {
    DataRegionScope inner(context, "inner", true);
    EXPECT_FALSE(context.region->is_taken);
  }
  EXPECT_EQ(context.region->what, "outer");
}

TEST(Merge, ChoosesTensorsAndNumbersByWhere) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  Slot flag = hand.recorder.input("flag", {at::ones({}, at::kBool)}, {});
  Slot condition = hand.call1("aten::Bool", "Tensor", {flag});
  ASSERT_TRUE(condition.note.scalar);
  Merge merge(hand.recorder.context(), hand.recorder.numbers());
  Slot chosen = merge.choose(condition, hand.call1("aten::neg", "", {x}), hand.call1("aten::relu", "", {x}));
  EXPECT_EQ(hand.calls().back(), "aten::where.self");
  EXPECT_TRUE(at::equal(chosen.sample().toTensor(), at::full({3}, -1.0F)));
  Slot number = merge.choose(condition, hand.same(2), hand.same(3));
  EXPECT_EQ(number.sample().toInt(), 2);
  EXPECT_EQ(number.note.kind, Note::Kind::kData);
  EXPECT_FALSE(merge.choose(condition, hand.same(2), hand.same(2)).note);
  EXPECT_THROW(merge.choose(condition, x, hand.same(at::ones({4}))), Unsupported);
  EXPECT_THROW(merge.choose(condition, x, hand.same(2)), Unsupported);
}

TEST(SizedLists, AreJoinedFromTheirStackedItems) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({5, 2})}, nnef::make_shape({5, 2}));
  c10::List<at::Tensor> items;
  for (int i = 0; i < 5; ++i) items.push_back(at::ones({2}));
  const c10::IValue list(items);
  hand.recorder.sized_lists().fill(hand.same(list), {0}, hand.value(x));
  Slot rows = hand.call1("aten::stack", "", {hand.same(list), hand.same(0)});
  EXPECT_EQ(hand.value(rows), hand.value(x));
  Slot columns = hand.call1("aten::stack", "", {hand.same(list), hand.same(1)});
  EXPECT_EQ(hand.tape.info(hand.value(columns)).shape, nnef::make_shape({2, 5}));
  Slot joined = hand.call1("aten::cat", "", {hand.same(list), hand.same(0)});
  EXPECT_EQ(hand.tape.info(hand.value(joined)).shape, nnef::make_shape({10}));
  EXPECT_EQ(hand.calls(), (Names{"aten::movedim.int", "aten::flatten.using_ints"}));
}

}  // namespace
}  // namespace torch2nnef
