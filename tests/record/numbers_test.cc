// Numbers: their origin is carried from sizes and from data through arithmetic and small tensors.
#include <gtest/gtest.h>

#include <functional>

#include "hand_recording.h"

namespace torch2nnef {
namespace {

const nnef::Dim kS = nnef::Dim::symbol("S");

// The expression of a number of sizes; 0 for any other number.
nnef::Dim size_of(const Slot& slot) {
  const bool is_size = slot.note.kind == Note::Kind::kSizes && slot.note.ratio.denominator == 1;
  return is_size ? slot.note.ratio.numerator : nnef::Dim(0);
}

Slot scalar_tensor(HandRecording& hand, const Slot& number) {
  return hand.call1("aten::scalar_tensor", "",
                    {number, hand.same(static_cast<std::int64_t>(at::kLong)), hand.same(c10::IValue()),
                     hand.same(c10::IValue()), hand.same(c10::IValue())});
}

TEST(Numbers, SizesAreExpressions) {
  HandRecording hand(sizes_of_s());
  Slot x = hand.input_of_size_s("x");
  Slot size = hand.call1("aten::size", "int", {x, hand.same(-1)});
  EXPECT_EQ(size.worlds[1].toInt(), 6);
  EXPECT_EQ(size_of(size), kS);
  EXPECT_EQ(size_of(hand.call1("aten::numel", "", {x})), kS);
  EXPECT_EQ(size_of(hand.call1("aten::mul", "int", {size, hand.same(2)})), kS * nnef::Dim(2));
  EXPECT_EQ(size_of(hand.call1("aten::sub", "int", {size, hand.same(1)})), kS - nnef::Dim(1));
  EXPECT_FALSE(hand.call1("aten::sub", "int", {size, size}).note) << "it is 0 at all sizes";
  EXPECT_TRUE(hand.tape.calls.empty());
}

TEST(Numbers, SizesThatAreFixedHaveNoNote) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  EXPECT_FALSE(hand.call1("aten::size", "int", {x, hand.same(0)}).note);
}

TEST(Numbers, ComparisonsOfSizesAreConditions) {
  HandRecording hand(sizes_of_s());
  Slot size = hand.call1("aten::size", "int", {hand.input_of_size_s("x"), hand.same(0)});
  Slot condition = hand.call1("aten::lt", "int", {size, hand.same(10)});
  EXPECT_EQ(condition.note.kind, Note::Kind::kSizes);
  EXPECT_EQ(condition.note.text, "S < 10");
  EXPECT_FALSE(condition.note.test({{"S", 10}}));
}

TEST(Numbers, WhatNoExpressionSaysIsComputedByTheTape) {
  HandRecording hand(sizes_of_s());
  Slot size = hand.call1("aten::size", "int", {hand.input_of_size_s("x"), hand.same(0)});
  Slot root = hand.call1("aten::sqrt", "int", {size});
  EXPECT_EQ(root.note.kind, Note::Kind::kData);
  EXPECT_TRUE(root.note.scalar);
  EXPECT_EQ(hand.calls().back(), "aten::sqrt");
}

TEST(Numbers, ThatDifferBetweenSizesAreNeverConstants) {
  HandRecording hand(sizes_of_s());
  Slot x = hand.input_of_size_s("x");
  Slot table = hand.call1("aten::expand", "", {x, hand.same(c10::List<std::int64_t>({2, -1})), hand.same(false)});
  Slot copy = hand.call1("aten::contiguous", "", {table, hand.same(0)});
  Slot stride = hand.call1("aten::stride", "int", {copy, hand.same(0)});
  EXPECT_EQ(stride.worlds[0].toInt(), 4);
  EXPECT_EQ(stride.note.kind, Note::Kind::kUnexplained);
  Slot given{{1, 2, 3}, {}};
  mark_unexplained(given);
  EXPECT_EQ(given.note.kind, Note::Kind::kUnexplained);
}

TEST(Numbers, ReadFromDataArePassedOnAsTensors) {
  HandRecording hand;
  Slot x = hand.recorder.input("x", {at::ones({3})}, nnef::make_shape({3}));
  Slot sum = hand.call1("aten::sum", "", {x, hand.same(c10::IValue())});
  Slot number = hand.call1("aten::item", "", {sum});
  EXPECT_EQ(number.note.kind, Note::Kind::kData);
  ASSERT_TRUE(number.note.scalar);
  hand.call("aten::mul", "Scalar", {x, number});
  EXPECT_EQ(hand.calls().back(), "aten::mul.Scalar");
  EXPECT_EQ(*hand.tape.calls.back().find("other")->value(), number.note.scalar);
  EXPECT_FALSE(hand.diagnostics.has_errors());
}

TEST(Numbers, FromDataAreNotSizes) {
  using Arguments = std::function<Slots(HandRecording&, const Slot& tensor, const Slot& number)>;
  const std::vector<std::pair<std::string, Arguments>> calls = {
      {"aten::narrow",
       [](auto& hand, auto& tensor, auto& number) {
         return Slots{tensor, hand.same(0), hand.same(0), number};
       }},
      {"aten::slice.Tensor",
       [](auto& hand, auto& tensor, auto& number) {
         return Slots{tensor, hand.same(0), hand.same(0), number, hand.same(1)};
       }},
      {"aten::roll", [](auto& hand, auto& tensor, auto& number) {
         Slot shifts = hand.same(c10::List<std::int64_t>({1}));
         hand.recorder.context().notes.set(shifts.sample(), {number.note});
         return Slots{tensor, shifts, hand.same(c10::List<std::int64_t>({0}))};
       }}};
  for (const auto& [op, arguments] : calls) {
    HandRecording hand;
    const Slot x = hand.recorder.input("x", {at::ones({})}, {});
    const Slot number = hand.call1("aten::Int", "Tensor", {x});
    const Slot y = hand.recorder.input("y", {at::ones({3})}, nnef::make_shape({3}));
    const auto dot = op.find('.');
    hand.call(op.substr(0, dot), dot == std::string::npos ? "" : op.substr(dot + 1), arguments(hand, y, number));
    ASSERT_TRUE(hand.diagnostics.has_errors()) << op;
    EXPECT_EQ(hand.diagnostics.list()[0].code, "T2N-R007") << op;
  }
}

TEST(Contents, SizesPassThroughSmallTensors) {
  HandRecording hand(sizes_of_s());
  Slot size = hand.call1("aten::size", "int", {hand.input_of_size_s("x"), hand.same(0)});
  Slot tensor = scalar_tensor(hand, size);
  Slot more = hand.call1("aten::add", "Scalar", {tensor, hand.same(3), hand.same(2)});
  EXPECT_EQ(size_of(hand.call1("aten::Int", "Tensor", {more})), kS + nnef::Dim(6));
  Slot half = hand.call1("aten::floor_divide", "Scalar", {tensor, hand.same(2)});
  EXPECT_EQ(size_of(hand.call1("aten::item", "", {half})).evaluate({{"S", 9}}), 4);
  EXPECT_TRUE(hand.tape.calls.empty());
}

TEST(Contents, ChangeInPlace) {
  HandRecording hand(sizes_of_s());
  Slot size = hand.call1("aten::size", "int", {hand.input_of_size_s("x"), hand.same(0)});
  Slot tensor = scalar_tensor(hand, size);
  hand.call("aten::mul_", "Scalar", {tensor, hand.same(2)});
  EXPECT_EQ(size_of(hand.call1("aten::Int", "Tensor", {tensor})), kS * nnef::Dim(2));
  EXPECT_TRUE(hand.tape.calls.empty());
}

TEST(Contents, AreWrittenToTheTapeWhenATensorNeedsThem) {
  HandRecording hand(sizes_of_s());
  Slot x = hand.input_of_size_s("x");
  Slot size = hand.call1("aten::size", "int", {x, hand.same(0)});
  hand.call("aten::div", "Tensor", {x, scalar_tensor(hand, size)});
  EXPECT_EQ(hand.calls().back(), "aten::div.Tensor");
  EXPECT_EQ(hand.tape.calls.front().op, "t2n::dims");
}

TEST(Ranges, TheEndOfARangeIsASize) {
  HandRecording hand(sizes_of_s());
  Slot size = hand.call1("aten::size", "int", {hand.input_of_size_s("x"), hand.same(0)});
  const Slot none = hand.same(c10::IValue());
  Slot range = hand.call1("aten::arange", "", {size, none, none, none, none});
  Slot largest = hand.call1("aten::max", "", {range});
  EXPECT_EQ(size_of(hand.call1("aten::Int", "Tensor", {largest})), kS - nnef::Dim(1));
  Slot shifted = hand.call1("aten::add", "Scalar", {range, hand.same(5), hand.same(1)});
  Slot first = hand.call1("aten::select", "int", {shifted, hand.same(0), hand.same(0)});
  EXPECT_EQ(hand.call1("aten::Int", "Tensor", {first}).sample().toInt(), 5);
}

TEST(Shapes, OfResultsFollowFromThoseOfArguments) {
  HandRecording hand(sizes_of_s());
  Slot x = hand.input_of_size_s("x");
  Slot both;
  for (const c10::IValue& world : x.worlds) {
    both.worlds.emplace_back(c10::List<at::Tensor>({world.toTensor(), world.toTensor()}));
  }
  Slot twice = hand.call1("aten::cat", "", {both, hand.same(0)});
  EXPECT_EQ(hand.tape.info(hand.value(twice)).shape, nnef::Shape{kS * nnef::Dim(2)});
}

TEST(Outputs, MayBeNumbers) {
  HandRecording hand(sizes_of_s());
  Slot size = hand.call1("aten::size", "int", {hand.input_of_size_s("x"), hand.same(0)});
  hand.recorder.output("size", size);
  EXPECT_EQ(hand.calls().back(), "t2n::dims");
  Slot condition = hand.call1("aten::lt", "int", {size, hand.same(10)});
  EXPECT_THROW(hand.recorder.output("condition", condition), Unsupported);
}

}  // namespace
}  // namespace torch2nnef
