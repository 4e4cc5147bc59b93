// Bounds that an export states, the sizes at which it is tried, and numbers that may be sizes: on graphs and Tapes made
// by hand.
#include <gtest/gtest.h>

#include "export/sizes/baked_sizes.h"
#include "export/sizes/boundary_sizes.h"
#include "export/sizes/pieces.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;
using nnef::Builder;
using nnef::Dim;
using nnef::SizeFacts;
using nnef::Value;

const Dim S = Dim::symbol("S");
const Dim T = Dim::symbol("T");

// The constraints of a graph with x [S,T,6] as its input, that runs at S = 40, T = 5.
struct Stated {
  nnef::Graph graph;
  LearntBounds bounds;

  explicit Stated(const std::function<void(Builder&, Value)>& add, nnef::SizeRanges ranges = {{"S", {}}, {"T", {}}}) {
    const nnef::Dialect dialect{nnef::Target{}};
    Builder b(graph, dialect);
    add(b, b.external("x", nnef::DType::kF32, {S, T, Dim(6)}));
    bounds = learn_bounds(nnef::conditions_of(graph), SizeFacts(std::move(ranges)), start());
  }
  static Bindings start() { return {{"S", 40}, {"T", 5}}; }
  std::vector<Bindings> boundaries() const { return boundary_sizes(graph, bounds, start(), {start()}); }
};

using Texts = std::vector<std::string>;

TEST(Constraints, SlicesStayWithinTheirAxis) {
  EXPECT_EQ(Stated([](Builder& b, Value x) { b.slice(x, 0, S - 10, S); }).bounds.texts, Texts{"S >= 10"});
  EXPECT_EQ(Stated([](Builder& b, Value x) { b.slice(x, 0, 2, 5); }).bounds.texts, Texts{"S >= 5"});
  EXPECT_EQ(Stated([](Builder& b, Value x) { b.slice(x, 2, 0, T); }).bounds.texts, Texts{"T <= 6"});
  EXPECT_EQ(Stated([](Builder& b, Value x) { b.slice(x, 0, 0, T); }).bounds.texts, Texts{"S >= T"});
  EXPECT_EQ(Stated([](Builder& b, Value x) { b.slice(x, 0, 0, min(S, 64)); }).bounds.texts, Texts{});
}

TEST(Constraints, ReductionsAndWindowsHaveAnItem) {
  const auto sum_of_rest = [](Builder& b, Value x) {
    b.add("sum_reduce", {b.slice(x, 0, 0, S - 3)}, {{"axes", std::vector<std::int64_t>{0}}});
  };
  EXPECT_EQ(Stated(sum_of_rest).bounds.texts, Texts{"S >= 4"});
}

TEST(Constraints, PlacesStayWithinTheirAxis) {
  const auto taken = [](Builder& b, Value x) {
    b.add_multi("tract_core_topk", {x, nnef::Argument(3)}, {{"axis", 0}, {"largest", true}});
  };
  EXPECT_EQ(Stated(taken).bounds.texts, Texts{"S >= 3"});
  const auto constants = [](Builder& b, Value x) {
    const Value places = b.variable("places", nnef::vector_tensor(nnef::DType::kI64, {4, 0, 2}));
    b.add("tract_core_gather", {x, places}, {{"axis", 1}});
  };
  EXPECT_EQ(Stated(constants).bounds.texts, Texts{"T >= 5"});
  const auto table = [](Builder& b, Value) {
    const Value rows = b.variable("rows", nnef::vector_tensor(nnef::DType::kF32, std::vector<std::int64_t>(50, 1)));
    const Value range = b.add("tract_core_range", {}, {{"start", 0}, {"end", S}, {"step", 1}});
    b.add("tract_core_gather", {rows, b.cast(range, nnef::DType::kI64)}, {{"axis", 0}});
  };
  EXPECT_EQ(Stated(table).bounds.texts, Texts{"S <= 50"});
  const auto mirrored = [](Builder& b, Value x) {
    b.add("pad", {x}, {{"padding", std::vector<std::pair<Dim, Dim>>{{0, 0}, {4, 2}, {0, 0}}}, {"border", "reflect"}});
  };
  EXPECT_EQ(Stated(mirrored).bounds.texts, Texts{"T >= 5"});
}

TEST(Constraints, WhatTheBoundsOfASymbolSayIsNotStatedAgain) {
  const auto last_ten = [](Builder& b, Value x) { b.slice(x, 0, S - 10, S); };
  EXPECT_EQ(Stated(last_ten, {{"S", {10, std::nullopt}}, {"T", {}}}).bounds.texts, Texts{});
  EXPECT_EQ(Stated(last_ten, {{"S", {9, std::nullopt}}, {"T", {}}}).bounds.texts, Texts{"S >= 10"});
}

TEST(Boundaries, TheEndsOfWhatIsStated) {
  const Stated last([](Builder& b, Value x) { b.slice(x, 0, S - 10, S); });
  EXPECT_EQ(last.boundaries(), (std::vector<Bindings>{{{"S", 10}, {"T", 1}}}));
  EXPECT_FALSE(last.bounds.allow({{"S", 9}, {"T", 5}}));
  EXPECT_TRUE(last.bounds.allow({{"S", 10}, {"T", 5}}));
}

TEST(Boundaries, EachSideOfAChange) {
  const Stated first([](Builder& b, Value x) { b.slice(x, 0, 0, min(S, 64)); });
  EXPECT_EQ(first.boundaries(),
            (std::vector<Bindings>{
                {{"S", 1}, {"T", 1}}, {{"S", 63}, {"T", 5}}, {{"S", 64}, {"T", 5}}, {{"S", 65}, {"T", 5}}}));
}

TEST(Pieces, FollowFromTheCall) {
  const auto piece = [](const std::string& op, const std::string& name, TapeArgument argument, std::size_t index,
                        std::size_t count) {
    const auto shape =
        shape_of_piece(op, {{name, std::move(argument)}, {"dim", {Dim(0)}}}, {S, Dim(2)}, {index, count});
    return shape ? to_string(*shape) : "unknown";
  };
  EXPECT_EQ(piece("aten::split", "split_size", {Dim(6)}, 0, 3), "[6,2]");
  EXPECT_EQ(piece("aten::split", "split_size", {Dim(6)}, 2, 3), "[S-12,2]");
  EXPECT_EQ(piece("aten::tensor_split", "sections", {Dim(3)}, 0, 3), "[(S+2)/3,2]");
  EXPECT_EQ(piece("aten::tensor_split", "sections", {Dim(3)}, 2, 3), "[S/3,2]");
  EXPECT_EQ(piece("aten::tensor_split", "indices", {TapeList{{Dim(5)}}}, 0, 2), "[min(5,S),2]");
  EXPECT_EQ(piece("aten::relu", "indices", {TapeList{{Dim(5)}}}, 0, 2), "unknown");
}

// A Tape with x [S,2] and calls on it; S is 6 in the sample.
struct SizedTape {
  Tape tape;
  SizedTape() {
    TapeValueInfo x;
    x.kind = TapeValueInfo::Kind::kInput;
    x.shape = {S, Dim(2)};
    x.label = "x";
    tape.values.push_back(x);
    tape.inputs = {{0}};
  }
  void call(const std::string& op, std::vector<std::pair<std::string, TapeArgument>> rest) {
    TapeCall call;
    call.op = op;
    call.arguments = {{"self", {TapeValue{0}}}};
    call.arguments.insert(call.arguments.end(), rest.begin(), rest.end());
    for (const auto& [name, argument] : call.arguments) call.is_default.emplace_back(name, false);
    call.where.module_path = "line" + std::to_string(tape.calls.size());
    tape.calls.push_back(std::move(call));
  }
};

TEST(BakedSizes, NumbersThatAreSizesOfTheSample) {
  SizedTape sized;
  sized.call("aten::div", {{"other", {6.0}}});
  sized.call("aten::div", {{"other", {5.0}}});
  sized.call("aten::sum", {{"dim", {Dim(6)}}});
  sized.call("aten::mul", {{"other", {12.0}}});
  const auto found = baked_numbers(sized.tape, {{"S", 6}, {"B", 2}});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].size, "S");
  EXPECT_EQ(found[1].size, "B*S");
  EXPECT_EQ(found[1].where.module_path, "line3");
}

TEST(BakedSizes, ALoopThatWasUnrolledTakesEachItem) {
  SizedTape sized;
  for (int item = 0; item < 5; ++item) sized.call("aten::select", {{"dim", {Dim(0)}}, {"index", {Dim(item)}}});
  EXPECT_FALSE(unrolled_axis(sized.tape, {{"S", 6}}));
  EXPECT_TRUE(unrolled_axis(sized.tape, {{"S", 5}}));
  sized.call("aten::select", {{"dim", {Dim(-2)}}, {"index", {Dim(5)}}});
  const auto unrolled = unrolled_axis(sized.tape, {{"S", 6}});
  ASSERT_TRUE(unrolled);
  EXPECT_EQ(unrolled->count, 6);
}

}  // namespace
}  // namespace torch2nnef
