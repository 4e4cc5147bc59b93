// Reductions over pieces of an axis, and over pairs of rows.

#include <cmath>
#include <limits>

#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();

// Whether item n stands in segment s, [S, N], and how many items each segment has, [S].
struct Segments {
  Value is_inside, lengths;
};

Segments segments_of(Call& call, const Dim& items) {
  Builder& b = call.builder();
  Segments segments;
  Value starts, ends;
  if (call.has("lengths")) {
    if (call.rank("lengths") != 1) throw Unsupported("segments of other lengths in each row");
    segments.lengths = call.tensor_as("lengths", DType::kI64);
    Value counted =
        b.add("tract_core_cumsum", {segments.lengths}, {{"axis", 0}, {"exclusive", false}, {"reverse", false}});
    ends = counted;
    starts = b.binary("sub", ends, segments.lengths);
  } else if (call.has("offsets")) {
    Value offsets = call.tensor_as("offsets", DType::kI64);
    if (b.rank(offsets) != 1) throw Unsupported("segments of other lengths in each row");
    Dim count = b.shape(offsets).at(0) - 1;
    starts = b.slice(offsets, 0, 0, count);
    ends = b.slice(offsets, 0, 1, count + 1);
    segments.lengths = b.binary("sub", ends, starts);
  } else {
    throw Unsupported("segments that are not given by their lengths");
  }
  Value places = b.unsqueeze(affine_range(call, items), {0});
  segments.is_inside =
      b.binary("and", b.binary("ge", places, b.unsqueeze(starts, {1})), b.binary("lt", places, b.unsqueeze(ends, {1})));
  return segments;
}

struct Kind {
  const char* reduction;
  double neutral;
};

Kind kind_of(const std::string& name) {
  if (name == "max") return {"max_reduce", -kUnbounded};
  if (name == "min") return {"min_reduce", kUnbounded};
  if (name == "sum" || name == "mean") return {"sum_reduce", 0};
  if (name == "prod") return {"tract_core_product_reduce", 1};
  throw Unsupported("a segment reduction by " + name);
}

void lower_segment_reduce(Call& call) {
  Builder& b = call.builder();
  std::string name = call.text("reduce");
  Kind kind = kind_of(name);
  DType dtype = call.result_dtype();
  int axis = call.axis("axis", call.rank("data")), rank = call.rank("data");
  if (axis != 0) throw Unsupported("segments along an axis that is not the first");
  Value x = call.tensor("data");
  Segments segments = segments_of(call, b.shape(x).at(0));
  auto beside = [&](Value value) {
    for (int i = 1; i < rank; ++i) value = b.unsqueeze(value, {b.rank(value)});
    return value;
  };
  bool has_start = call.has("initial");
  double start = has_start ? call.number("initial") : kind.neutral;
  Value picked = b.select(beside(segments.is_inside), b.unsqueeze(x, {0}), b.literal(kind.neutral, dtype));
  Value y = b.reduce(kind.reduction, picked, {1}, false);
  Value lengths = beside(segments.lengths);
  Value is_vacant = b.binary("eq", lengths, b.constant(std::int64_t{0}, DType::kI64));
  // The engine's largest item of nothing is finite (T-INF-MAX-REDUCE, T-INF-MIN-REDUCE).
  if (name == "max" || name == "min") y = b.select(is_vacant, b.literal(kind.neutral, dtype), y);
  if (has_start) {
    const char* op = name == "max" ? "max" : name == "min" ? "min" : name == "prod" ? "mul" : "add";
    y = b.binary(op, y, b.literal(start, dtype));
  }
  if (name == "mean") {
    double nothing = has_start ? start : std::numeric_limits<double>::quiet_NaN();
    y = b.select(is_vacant, b.literal(nothing, dtype), b.binary("div", y, b.cast(lengths, dtype)));
  }
  call.result(y);
}

// The distances of all pairs of rows, in the order of the upper triangle.
void lower_pdist(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Value x = call.tensor_as("self", arithmetic_type(call.result_dtype()));
  std::int64_t rows = b.shape(x).at(0).value();
  std::vector<std::int64_t> first, second;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = i + 1; j < rows; ++j) {
      first.push_back(i);
      second.push_back(j);
    }
  }
  auto pairs = static_cast<std::int64_t>(first.size());
  auto taken = [&](const char* hint, const std::vector<std::int64_t>& places) {
    return b.add("tract_core_gather", {x, index_variable(call, hint, places, {pairs})}, {{"axis", 0}});
  };
  Value difference = b.binary("sub", taken("first", first), taken("second", second));
  call.result(b.cast(vector_norm(b, difference, call.number("p"), {{1}, false}), call.result_dtype()));
}

}  // namespace

void register_segment(Registry& registry) {
  registry.add("aten::segment_reduce", lower_segment_reduce, "along the first axis");
  registry.add("aten::pdist aten::_pdist_forward", lower_pdist, "the number of rows must be static");
}

}  // namespace torch2nnef
