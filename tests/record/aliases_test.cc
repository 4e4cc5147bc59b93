// Tensors that share memory: cells, views, and writes through them.
#include <gtest/gtest.h>

#include "export/record/aliases/cells.h"
#include "hand_recording.h"

namespace torch2nnef {
namespace {

using Names = std::vector<std::string>;

TEST(Cells, ATensorOfUnknownOriginIsAConstant) {
  HandRecording hand;
  Cells& cells = hand.recorder.context().cells;
  const at::Tensor weight = at::ones({3});
  EXPECT_EQ(cells.find(weight), nullptr);
  CellPtr cell = cells.of(weight);
  EXPECT_FALSE(Cells::live(*cell));
  EXPECT_EQ(cells.of(weight), cell);
  const TapeValue value = cells.read(cell, weight, {});
  EXPECT_EQ(hand.tape.info(value).kind, TapeValueInfo::Kind::kConstant);
  EXPECT_EQ(cells.read(cell, weight, {}), value);
}

TEST(Cells, ForgetTensorsThatAreGone) {
  HandRecording hand;
  Cells& cells = hand.recorder.context().cells;
  const void* address = nullptr;
  {
    const at::Tensor gone = at::ones({3});
    address = gone.unsafeGetTensorImpl();
    cells.of(gone);
    cells.release(address);
    EXPECT_NE(cells.find(gone), nullptr) << "it is still held";
  }
  cells.release(address);
  const at::Tensor other = at::ones({2});
  EXPECT_EQ(cells.find(other), nullptr);
}

TEST(Writes, InPlaceOperatorsBecomeTheirFunctionalForm) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  Slot same = hand.call1("aten::add_", "Tensor", {x, x, hand.same(1)});
  EXPECT_TRUE(same.sample().toTensor().is_same(x.sample().toTensor()));
  EXPECT_EQ(hand.calls(), Names{"aten::add.Tensor"});
  EXPECT_EQ(hand.value(x), hand.tape.calls[0].results[0]);
  EXPECT_EQ(*hand.tape.calls[0].find("self")->value(), hand.tape.inputs[0]);
}

TEST(Writes, AWriteThroughAViewReachesBaseAndOtherViews) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::zeros({2, 3})}, nnef::make_shape({2, 3}));
  Slot row = hand.call1("aten::select", "int", {x, hand.same(0), hand.same(0)});
  Slot column = hand.call1("aten::select", "int", {x, hand.same(1), hand.same(2)});
  hand.call("aten::fill_", "Scalar", {row, hand.same(7.0)});
  EXPECT_EQ(hand.calls(), (Names{"aten::select.int", "aten::select.int", "aten::full", "aten::select_scatter"}));
  EXPECT_EQ(hand.value(x), hand.tape.calls[3].results[0]);
  EXPECT_EQ(hand.value(row), hand.tape.calls[2].results[0]);
  // The column is derived again from the new base.
  const TapeValue derived = hand.value(column);
  ASSERT_EQ(hand.calls().size(), 5U);
  EXPECT_EQ(hand.calls().back(), "aten::select.int");
  EXPECT_EQ(*hand.tape.calls[4].find("self")->value(), hand.value(x));
  EXPECT_EQ(derived, hand.tape.calls[4].results[0]);
  EXPECT_EQ(column.sample().toTensor()[0].item<float>(), 7.0F);
}

TEST(Writes, ThroughAPartOfASplit) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::zeros({6})}, nnef::make_shape({6}));
  Slot parts = hand.call1("aten::chunk", "", {x, hand.same(3), hand.same(0)});
  const at::Tensor second = parts.sample().toTensorVector()[1];
  hand.call("aten::zero_", "", {hand.same(second)});
  const TapeCall& back = hand.tape.calls.back();
  EXPECT_EQ(back.full_name(), "aten::slice_scatter");
  EXPECT_EQ(std::get<nnef::Dim>(back.find("start")->is), nnef::Dim(2));
  EXPECT_EQ(std::get<nnef::Dim>(back.find("end")->is), nnef::Dim(4));
  EXPECT_EQ(hand.value(x), back.results[0]);
}

TEST(Writes, ConstantsIntoConstantsAreExecutedOnly) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  const at::Tensor buffer = at::zeros({3});
  const TapeValue before = hand.value(hand.same(buffer));
  hand.call("aten::fill_", "Scalar", {hand.same(buffer), hand.same(5.0)});
  EXPECT_TRUE(hand.tape.calls.empty());
  const TapeValue after = hand.value(hand.same(buffer));
  EXPECT_EQ(hand.tape.info(before).constant->to_doubles(), std::vector<double>(3, 0.0));
  EXPECT_EQ(hand.tape.info(after).constant->to_doubles(), std::vector<double>(3, 5.0));
}

TEST(Writes, AnInputIntoAConstantMakesItDependOnTheInput) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({})}, {});
  const at::Tensor buffer = at::zeros({3});
  Slot item = hand.call1("aten::select", "int", {hand.same(buffer), hand.same(0), hand.same(1)});
  hand.call("aten::copy_", "", {item, x, hand.same(false)});
  EXPECT_TRUE(hand.recorder.context().is_live(buffer));
  EXPECT_EQ(hand.calls().back(), "aten::select_scatter");
}

TEST(Writes, MetadataChangesInPlaceKeepTheMemory) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({2, 3})}, nnef::make_shape({2, 3}));
  Slot y = hand.call1("aten::relu", "", {x});
  hand.call("aten::t_", "", {y});
  EXPECT_EQ(hand.calls(), (Names{"aten::relu", "aten::t"}));
  EXPECT_EQ(hand.tape.info(hand.value(y)).shape, nnef::make_shape({3, 2}));
}

TEST(Writes, IntoAttributesAreRefusedOrFollowed) {
  for (bool follows_state : {false, true}) {
    HandRecording hand({nnef::Bindings{}}, follows_state);
    Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
    const at::Tensor cache = at::zeros({3});
    CellPtr cell = hand.recorder.context().cells.of(cache);
    cell->label = "cache";
    cell->owner = "attribute cache";
    Slots inputs{hand.same(cache), x, hand.same(1)};
    if (follows_state) {
      EXPECT_THROW(hand.call("aten::add_", "Tensor", inputs), AttributeWritten);
    } else {
      EXPECT_THROW(hand.call("aten::add_", "Tensor", inputs), Unsupported);
    }
    EXPECT_TRUE(at::equal(cache, at::zeros({3})));
  }
}

TEST(Writes, RefusedWhereTheyCannotBeCarriedBack) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({4})}, nnef::make_shape({4}));
  Slot windows = hand.call1("aten::unfold", "", {x, hand.same(0), hand.same(2), hand.same(1)});
  EXPECT_THROW(hand.call("aten::relu_", "", {windows}), Unsupported);
  EXPECT_THROW(hand.call("aten::resize_", "", {x, hand.same(c10::List<std::int64_t>({2})), hand.same(c10::IValue())}),
               Unsupported);
}

}  // namespace
}  // namespace torch2nnef
