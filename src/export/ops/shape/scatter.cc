// Writing by index: masks, scatters, and copies, fills and sums along an axis.

#include <cmath>
#include <limits>

#include "export/ops/shape/index_plan.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

void lower_masked_fill(Call& call) {
  Builder& b = call.builder();
  Value mask = call.tensor_as("mask", DType::kBool);
  Value value = scalar_value(call, "value", call.result_dtype());
  call.result(b.broadcast_to(b.select(mask, value, call.tensor("self")), call.result_shape()));
}

// The masked items take the source's, in order: item k of the mask that is true takes item k of the source.
void lower_masked_scatter(Call& call) {
  Builder& b = call.builder();
  const Shape& shape = call.result_shape();
  if (is_empty(shape) || is_empty(call.shape("source"))) return call.result(call.tensor("self"));
  Dim items = nnef::volume(shape), count = nnef::volume(call.shape("source"));
  Value mask = b.broadcast_to(call.tensor_as("mask", DType::kBool), shape);
  Value taken = reshape_to(call, b.cast(mask, DType::kI64), {items});
  Value place = b.add("tract_core_cumsum", {taken}, {{"axis", 0}, {"exclusive", true}, {"reverse", false}});
  // Places behind the last item that is taken are not looked at, but must exist.
  place = b.binary("min", place, call.dim_tensor(count - 1));
  Value source = reshape_to(call, call.tensor_as("source", call.result_dtype()), {count});
  Value values = reshape_to(call, b.add("tract_core_gather", {source, place}, {{"axis", 0}}), shape);
  call.result(b.select(mask, values, b.broadcast_to(call.tensor("self"), shape)));
}

// A mask with values that do not run along what it selects: a choice between old and new, item by item.
bool write_by_mask(Call& call) {
  Builder& b = call.builder();
  std::optional<MaskIndex> index = single_mask(call);
  if (!index || index->rank == 0) return false;
  int rest = call.rank("self") - index->axis - index->rank;
  Value values = call.tensor_as("values", call.result_dtype());
  Shape shape = b.shape(values);
  int place = static_cast<int>(shape.size()) - rest - 1;  // of the selected items, aligned from the right
  if (place >= 0) {
    if (shape[static_cast<std::size_t>(place)] != Dim(1)) return false;
    shape.insert(shape.begin() + place, static_cast<std::size_t>(index->rank) - 1, Dim(1));
    values = reshape_to(call, values, shape);
  }
  Value x = call.tensor("self"), mask = index->mask;
  for (int i = 0; i < rest; ++i) mask = b.unsqueeze(mask, {b.rank(mask)});
  if (call.flag("accumulate")) values = b.binary("add", x, values);
  call.result(b.broadcast_to(b.select(mask, values, x), call.result_shape()));
  return true;
}

void lower_index_put(Call& call) {
  Builder& b = call.builder();
  if (write_by_mask(call)) return;
  DType dtype = call.result_dtype();
  bool adds = call.flag("accumulate");
  if (adds && dtype == DType::kBool) throw Unsupported("index_put of booleans with accumulate");
  IndexPlan plan = plan_index(call);
  Value x = reshape_to(call, b.transpose(call.tensor("self"), plan.order), plan.merged);
  const Dim& size = plan.merged[static_cast<std::size_t>(plan.axis)];
  Value index = plan.count == 1 ? non_negative_indices(call, plan.index, size) : plan.index;
  // The values in the shape that reading by this index has; then the index's axes as one.
  Shape read = plan.merged, flat = plan.merged;
  const Shape index_shape = b.shape(index);
  read.erase(read.begin() + plan.axis);
  read.insert(read.begin() + plan.axis, index_shape.begin(), index_shape.end());
  Dim items = nnef::volume(index_shape);
  flat[static_cast<std::size_t>(plan.axis)] = items;
  if (items == Dim(0)) return call.result(call.tensor("self"));
  Value values = reshape_to(call, b.broadcast_to(call.tensor_as("values", dtype), read), flat);
  x = scatter_rows(call, x, plan.axis, reshape_to(call, index, {items}), values, adds ? "add" : "none");
  call.result(b.transpose(reshape_to(call, x, plan.ordered), inverse_permutation(plan.order)));
}

// --- scatter along an axis: x[index[i][j]][j] = src[i][j] ---

struct Scatter {
  Value x, index, updates;
  int axis = 0;
};

// torch reads as much of `src` as the index is long.
Scatter read_scatter(Call& call) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  Scatter scatter{at_least_1d(call, call.tensor("self")), at_least_1d(call, call.tensor_as("index", DType::kI64)), {}};
  scatter.axis = call.axis("dim", b.rank(scatter.x));
  const Shape shape = b.shape(scatter.index);
  if (!call.has("src")) {
    scatter.updates = filled(call, scalar_value(call, "value", dtype), shape);
    return scatter;
  }
  scatter.updates = at_least_1d(call, call.tensor_as("src", dtype));
  for (int axis = 0; axis < b.rank(scatter.updates); ++axis) {
    scatter.updates = b.slice(scatter.updates, axis, 0, shape.at(static_cast<std::size_t>(axis)));
  }
  return scatter;
}

Value scattered(Call& call, const Scatter& scatter, Value x, Value updates, std::string_view reduction) {
  return call.builder().add("tract_core_scatter_elements", {x, scatter.index, updates},
                            {{"axis", scatter.axis}, {"reduction", std::string(reduction)}});
}

// The number that a reduction leaves as it is.
double neutral(std::string_view reduction, DType dtype) {
  bool is_max = reduction == "max";
  if (reduction == "add") return 0;
  if (reduction == "mul") return 1;
  if (nnef::is_float(dtype))
    return is_max ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  int bits = static_cast<int>(nnef::item_size(dtype)) * 8 - (nnef::is_signed(dtype) ? 1 : 0);
  if (bits > 52) throw Unsupported("scatter_reduce of 64-bit integers without the old values");
  if (is_max) return nnef::is_signed(dtype) ? -std::ldexp(1.0, bits) : 0;
  return std::ldexp(1.0, bits) - 1;
}

Value scatter_mean(Call& call, const Scatter& scatter, Value x, bool include_self) {
  Builder& b = call.builder();
  DType dtype = b.dtype(x);
  if (!nnef::is_float(dtype)) throw Unsupported("scatter_reduce with reduce='mean' of integers");
  Value one = constant_of(call, 1, dtype);
  Value start = constant_of(call, include_self ? 1 : 0, dtype);
  Value count = filled(call, start, b.shape(x));
  count = scattered(call, scatter, count, filled(call, one, b.shape(scatter.index)), "add");
  Value sum = scattered(call, scatter, x, scatter.updates, "add");
  return b.binary("div", sum, b.binary("max", count, one));
}

void scatter_reduced(Call& call, std::string_view reduce, bool include_self) {
  Builder& b = call.builder();
  Scatter scatter = read_scatter(call);
  DType dtype = call.result_dtype();
  static const std::map<std::string_view, std::string_view> kReductions = {
      {"sum", "add"},  {"add", "add"},  {"prod", "mul"}, {"multiply", "mul"},
      {"amax", "max"}, {"amin", "min"}, {"mean", "add"}};
  auto found = kReductions.find(reduce);
  if (found == kReductions.end()) throw Unsupported("scatter with reduce='" + std::string(reduce) + "'");
  if (dtype == DType::kBool) throw Unsupported("scatter with a reduction of booleans");
  Value x = scatter.x;
  if (!include_self) {
    Value start = constant_of(call, neutral(found->second, dtype), dtype);
    x = scattered(call, scatter, x, filled(call, start, b.shape(scatter.index)), "none");
  }
  Value y = reduce == "mean" ? scatter_mean(call, scatter, x, include_self)
                             : scattered(call, scatter, x, scatter.updates, found->second);
  call.result(reshape_to(call, y, call.result_shape()));
}

void lower_scatter(Call& call) {
  if (call.has("reduce")) return scatter_reduced(call, call.text("reduce"), true);
  if (is_empty(call.shape("index"))) return call.result(call.tensor("self"));
  Scatter scatter = read_scatter(call);
  call.result(reshape_to(call, scattered(call, scatter, scatter.x, scatter.updates, "none"), call.result_shape()));
}

void lower_scatter_add(Call& call) {
  if (is_empty(call.shape("index"))) return call.result(call.tensor("self"));
  scatter_reduced(call, "sum", true);
}

void lower_scatter_reduce(Call& call) {
  if (is_empty(call.shape("index"))) return call.result(call.tensor("self"));
  scatter_reduced(call, call.text("reduce"), call.flag("include_self"));
}

// --- rows along an axis: index_copy, index_fill, index_add ---

// Rows of self along an axis, and the shape of those that are written.
struct Rows {
  Value self;
  int axis;
  Value index;
  Shape written;
};

Rows rows_of(Call& call) {
  Builder& b = call.builder();
  const Value self = at_least_1d(call, call.tensor("self"));
  const int axis = call.axis("dim", b.rank(self));
  Shape shape = b.shape(self);
  Dim& size = shape[static_cast<std::size_t>(axis)];
  const Value index = non_negative_indices(call, at_least_1d(call, call.tensor("index")), size);
  size = b.shape(index).at(0);
  return {self, axis, index, std::move(shape)};
}

void write_rows(Call& call, bool adds) {
  DType dtype = call.result_dtype();
  if (is_empty(call.shape("index"))) return call.result(call.tensor("self"));
  if (adds && dtype == DType::kBool) throw Unsupported("index_add of booleans");
  auto [x, axis, index, shape] = rows_of(call);
  Value updates;
  if (call.tape_call().find("value")) {
    updates = filled(call, scalar_value(call, "value", dtype), shape);
  } else {
    updates = reshape_to(call, call.tensor_as("source", dtype), shape);
  }
  if (adds && call.has("alpha") && !call.is_default("alpha")) {
    updates = call.builder().binary("mul", updates, scalar_value(call, "alpha", dtype));
  }
  Value y = scatter_rows(call, x, axis, index, updates, adds ? "add" : "none");
  call.result(reshape_to(call, y, call.result_shape()));
}

void lower_index_write(Call& call) { write_rows(call, false); }
void lower_index_add(Call& call) { write_rows(call, true); }

// index_reduce: rows combined with those that are there, or with the neutral number in their place.
void lower_index_reduce(Call& call) {
  DType dtype = call.result_dtype();
  if (is_empty(call.shape("index"))) return call.result(call.tensor("self"));
  static const std::map<std::string_view, std::string_view> kReductions = {
      {"prod", "mul"}, {"amax", "max"}, {"amin", "min"}};
  auto found = kReductions.find(call.text("reduce"));
  if (found == kReductions.end()) throw Unsupported("index_reduce with reduce='" + call.text("reduce") + "'");
  auto [x, axis, index, shape] = rows_of(call);
  if (!call.flag("include_self")) {
    x = scatter_rows(call, x, axis, index,
                     filled(call, constant_of(call, neutral(found->second, dtype), dtype), shape));
  }
  Value updates = reshape_to(call, call.tensor_as("source", dtype), shape);
  call.result(reshape_to(call, scatter_rows(call, x, axis, index, updates, found->second), call.result_shape()));
}

// The flat form of index_put.
void lower_put(Call& call) {
  Builder& b = call.builder();
  Dim items = nnef::volume(call.shape("self")), count = nnef::volume(call.shape("index"));
  if (count == Dim(0)) return call.result(call.tensor("self"));
  bool adds = call.flag("accumulate");
  if (adds && call.result_dtype() == DType::kBool) throw Unsupported("put of booleans with accumulate");
  Value flat = reshape_to(call, call.tensor("self"), {items});
  Value index = non_negative_indices(call, reshape_to(call, call.tensor("index"), {count}), items);
  Value updates = reshape_to(call, call.tensor_as("source", call.result_dtype()), {count});
  flat = scatter_rows(call, flat, 0, index, updates, adds ? "add" : "none");
  call.result(b.reshape(flat, call.result_shape()));
}

}  // namespace

void register_scatter(Registry& registry) {
  registry.add("aten::masked_fill", lower_masked_fill);
  registry.add("aten::index_put aten::_index_put_impl aten::_unsafe_index_put", lower_index_put,
               "boolean masks must be constants, or the values must not run along what they select");
  registry.add("aten::masked_scatter", lower_masked_scatter);
  registry.add("aten::scatter", lower_scatter);
  registry.add("aten::scatter_add", lower_scatter_add);
  registry.add("aten::scatter_reduce", lower_scatter_reduce);
  registry.add("aten::index_copy aten::index_fill", lower_index_write);
  registry.add("aten::index_add", lower_index_add);
  registry.add("aten::index_reduce", lower_index_reduce, "reduce='mean' is refused");
  registry.add("aten::put", lower_put);
}

}  // namespace torch2nnef
