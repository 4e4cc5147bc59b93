// Operators that move items.

#include "dialect_bench.h"

namespace dialect_tests {
namespace {

const std::vector<DType> kTypes = {DType::kF32, DType::kF16, DType::kI64, DType::kBool};

void add_shapes(Cases& cases) {
  for (DType dtype : kTypes) {
    const std::string name(nnef::to_string(dtype));
    cases.unary("transpose", {2, 3, kS}, dtype, Fill::kPlain, {{"axes", Axes{2, 0, 1}}});
    cases.unary("transpose", {2, 3, kS}, dtype, Fill::kPlain, {{"axes", Axes{1, 0}}});
    cases.unary("unsqueeze", {2, kS}, dtype, Fill::kPlain, {{"axes", Axes{0, 2}}});
    cases.unary("squeeze", {1, kS, 1, 2}, dtype, Fill::kPlain, {{"axes", Axes{0, 2}}});
    cases.unary("tile", {2, kS}, dtype, Fill::kPlain, {{"repeats", Axes{3, 2}}});
    cases.unary("tract_core_broadcast", {1, kS}, dtype, Fill::kPlain, {{"shape", Shape{2, 3, kS}}});
    cases.unary("tract_core_broadcast", {2, 1}, dtype, Fill::kPlain, {{"shape", Shape{2, kS}}});
    cases.unary("tract_core_downsample", {2, 7}, dtype, Fill::kPlain, {{"axis", 1}, {"stride", 3}, {"modulo", 1}});
    cases.add("concat", name, [=](Bench& bench) -> std::vector<Value> {
      const Value a = bench.input({2, kS}, dtype), b = bench.input({2, 3}, dtype, Fill::kPositive);
      return {bench.add("concat", {Argument(std::vector<Value>{a, b, a})}, {{"axis", 1}})};
    });
    cases.add("stack", name, [=](Bench& bench) -> std::vector<Value> {
      const Value a = bench.input({2, kS}, dtype), b = bench.input({2, kS}, dtype, Fill::kPositive);
      return {bench.add("stack", {Argument(std::vector<Value>{a, b})}, {{"axis", 0}}),
              bench.add("stack", {Argument(std::vector<Value>{a, b})}, {{"axis", 2}})};
    });
    cases.add("unstack", name, [=](Bench& bench) -> std::vector<Value> {
      return bench.add_multi("unstack", {bench.input({kS, 3}, dtype)}, {{"axis", 1}});
    });
  }
  cases.unary("tract_core_shape_of", {2, 3}, DType::kF32);
}

void add_reshapes(Cases& cases) {
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{2, 3, kS}, {2, 3 * kS}}, {{kS, 4}, {kS, 2, 2}}, {{2, kS, 3}, {0, -1}}, {{2, 6}, {3, 4}}, {{kS, 4}, {-1}}};
  for (const auto& [from, to] : shapes) cases.unary("reshape", from, DType::kF32, Fill::kPlain, {{"shape", to}});
  cases.unary("reshape", {2, kS, 6}, DType::kF32, Fill::kPlain,
              {{"shape", Shape{2, 3}}, {"axis_start", 2}, {"axis_count", 1}});
  cases.unary("reshape", {2, 2, kS}, DType::kF32, Fill::kPlain,
              {{"shape", Shape{-1}}, {"axis_start", 0}, {"axis_count", 2}});
}

void add_slices(Cases& cases) {
  const auto slice = [&](const Shape& shape, const Axes& axes, const Shape& begin, const Shape& end,
                         const Axes& stride) {
    for (DType dtype : {DType::kF32, DType::kI64}) {
      cases.unary("slice", shape, dtype, Fill::kPlain,
                  {{"axes", axes}, {"begin", begin}, {"end", end}, {"stride", stride}});
    }
  };
  slice({7, 4}, {0}, {1}, {6}, {1});
  slice({7, 4}, {0}, {1}, {6}, {2});
  slice({7, 4}, {0}, {0}, {7}, {-1});
  slice({7, 4}, {0}, {1}, {5}, {-1});
  slice({7, 4}, {0}, {0}, {6}, {-2});
  slice({7, 4}, {1, 0}, {1, 2}, {3, 7}, {1, 3});
  slice({kS, 4}, {0}, {1}, {kS}, {1});
  slice({kS, 4}, {0}, {kS - 2}, {kS}, {1});
  slice({kS, 4}, {0}, {0}, {kS - 1}, {2});
  slice({kS, 4}, {0}, {0}, {kS}, {-1});
}

void add_pads(Cases& cases) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kF64, DType::kI64, DType::kU8}) {
    for (const char* border : {"constant", "reflect", "replicated"}) {
      cases.unary("pad", {2, 4, 3}, dtype, Fill::kPlain,
                  {{"padding", Pairs{{0, 1}, {2, 3}, {0, 2}}}, {"border", border}});
      cases.unary("pad", {2, kS}, dtype, Fill::kPlain, {{"padding", Pairs{{1, 0}, {2, 1}}}, {"border", border}});
    }
  }
  cases.unary("pad", {2, kS}, DType::kF32, Fill::kPlain,
              {{"padding", Pairs{{1, 0}, {2, 1}}}, {"border", "constant"}, {"value", 1.5}});
  cases.unary("pad", {2, kS}, DType::kF16, Fill::kPlain,
              {{"padding", Pairs{{1, 0}, {2, 1}}}, {"border", "constant"}, {"value", -0.5}});
}

}  // namespace

void add_shape_cases(Cases& cases) {
  add_shapes(cases);
  add_reshapes(cases);
  add_slices(cases);
  add_pads(cases);
}

}  // namespace dialect_tests
