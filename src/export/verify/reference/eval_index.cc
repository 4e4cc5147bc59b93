// Operators that pick items by index, and those that make indices.

#include <algorithm>
#include <cmath>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

// As i64, negative ones counted from the end.
at::Tensor wrapped(const at::Tensor& indices, std::int64_t size) {
  at::Tensor places = indices.to(at::kLong);
  return at::where(places < 0, places + size, places);
}

Tensors gather(const EvalCall& call) {
  at::Tensor x = call.tensor("input"), indices = call.tensor("indices");
  const std::int64_t axis = call.integer("axis");
  std::vector<std::int64_t> sizes(x.sizes().begin(), x.sizes().begin() + axis);
  sizes.insert(sizes.end(), indices.sizes().begin(), indices.sizes().end());
  sizes.insert(sizes.end(), x.sizes().begin() + axis + 1, x.sizes().end());
  at::Tensor y = x.index_select(axis, wrapped(indices, x.size(axis)).reshape({-1}));
  return {y.reshape(sizes).to(call.result_type())};
}

Tensors gather_elements(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  const std::int64_t axis = call.integer("axis");
  return {x.gather(axis, wrapped(call.tensor("indices"), x.size(axis)))};
}

// The indices' last axis holds a place along the axes from `first` on: as one number each, in a flat input.
at::Tensor flat_places(const at::Tensor& indices, const at::Tensor& x, std::int64_t first) {
  at::Tensor places = at::zeros({}, at::kLong);
  for (std::int64_t i = 0; i < indices.size(-1); ++i) {
    places = places * x.size(first + i) + wrapped(indices.select(-1, i), x.size(first + i));
  }
  return places;
}

std::int64_t volume(c10::IntArrayRef sizes, std::int64_t begin, std::int64_t end) {
  std::int64_t count = 1;
  for (std::int64_t axis = begin; axis < end; ++axis) count *= sizes[static_cast<std::size_t>(axis)];
  return count;
}

Tensors gather_nd(const EvalCall& call) {
  at::Tensor x = call.tensor("input"), indices = call.tensor("indices");
  const std::int64_t batch = call.integer("batch_dims"), named = indices.size(-1), count = volume(x.sizes(), 0, batch);
  const std::int64_t inner = volume(x.sizes(), batch, batch + named), rest = volume(x.sizes(), batch + named, x.dim());
  at::Tensor places = flat_places(indices, x, batch).reshape({count, -1});
  places = places + at::arange(count, at::kLong).unsqueeze(1) * inner;
  at::Tensor y = x.reshape({count * inner, rest}).index_select(0, places.reshape({-1}));
  std::vector<std::int64_t> sizes(indices.sizes().begin(), indices.sizes().end() - 1);
  sizes.insert(sizes.end(), x.sizes().begin() + batch + named, x.sizes().end());
  return {y.reshape(sizes)};
}

// The place of each item of `places`, along the axis, in a flat tensor of the given sizes.
at::Tensor flat_along(const at::Tensor& places, std::int64_t axis, c10::IntArrayRef sizes) {
  at::Tensor flat = at::zeros({}, at::kLong);
  for (std::int64_t i = 0; i < places.dim(); ++i) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(places.dim()), 1);
    shape[static_cast<std::size_t>(i)] = places.size(i);
    at::Tensor here = i == axis ? places : at::arange(places.size(i), at::kLong).reshape(shape);
    flat = flat * sizes[static_cast<std::size_t>(i)] + here;
  }
  return flat.expand(places.sizes()).contiguous();
}

template <class T>
void keep_extremes(at::Tensor& y, const at::Tensor& flat, const at::Tensor& updates, bool largest) {
  T* items = y.data_ptr<T>();
  const T* news = updates.data_ptr<T>();
  const std::int64_t* places = flat.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    T& item = items[places[i]];
    item = largest ? std::max(item, news[i]) : std::min(item, news[i]);
  }
}

at::Tensor scattered_extremes(const at::Tensor& x, std::int64_t axis, const at::Tensor& places,
                              const at::Tensor& updates, bool largest) {
  const bool integral = at::isIntegralType(x.scalar_type(), true);
  const at::ScalarType wide = integral ? at::kLong : at::kDouble;
  at::Tensor y = x.to(wide).clone(at::MemoryFormat::Contiguous), given = updates.to(wide).contiguous();
  const at::Tensor flat = flat_along(places, axis, x.sizes());
  if (integral) {
    keep_extremes<std::int64_t>(y, flat, given, largest);
  } else {
    keep_extremes<double>(y, flat, given, largest);
  }
  return y.to(x.scalar_type());
}

// Writes along an axis; "none" overwrites.
at::Tensor scattered(const EvalCall& call, const at::Tensor& x, std::int64_t axis, const at::Tensor& places,
                     const at::Tensor& updates) {
  const std::string reduction = call.text("reduction");
  if (reduction == "none") return x.scatter(axis, places, updates);
  if (reduction == "max" || reduction == "min") {
    return scattered_extremes(x, axis, places, updates, reduction == "max");
  }
  at::Tensor wide = widened(x), given = widened(updates);
  if (reduction == "add") return wide.scatter_add(axis, places, given).to(x.scalar_type());
  if (reduction == "mul") return at::scatter(wide, axis, places, given, "multiply").to(x.scalar_type());
  call.fail("the reduction '" + reduction + "' is not known");
}

Tensors scatter_elements(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  const std::int64_t axis = call.integer("axis");
  return {scattered(call, x, axis, wrapped(call.tensor("indices"), x.size(axis)), call.tensor("updates"))};
}

Tensors scatter_nd(const EvalCall& call) {
  at::Tensor x = call.tensor("input"), indices = call.tensor("indices"), updates = call.tensor("updates");
  const std::int64_t named = indices.size(-1), rest = volume(x.sizes(), named, x.dim());
  at::Tensor places = flat_places(indices, x, 0).reshape({-1, 1});
  places = places.expand({places.size(0), rest}).contiguous();
  at::Tensor y = scattered(call, x.reshape({-1, rest}), 0, places, updates.reshape({-1, rest}));
  return {y.reshape(x.sizes())};
}

Tensors one_hot(const EvalCall& call) {
  at::Tensor x = call.tensor("input").to(at::kLong);
  const std::int64_t dim = call.integer("dim"), axis = call.integer("axis");
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim() + 1), 1);
  shape[static_cast<std::size_t>(axis)] = dim;
  at::Tensor hit = wrapped(x, dim).unsqueeze(axis).eq(at::arange(dim, at::kLong).reshape(shape));
  const at::ScalarType type = call.result_type();
  return {at::where(hit, at::scalar_tensor(call.number("value_on"), type),
                    at::scalar_tensor(call.number("value_off"), type))};
}

// Sorted; of equal items the first comes first.
Tensors top_k(const EvalCall& call) {
  at::Tensor x = widened(call.tensor("input"));
  const std::int64_t axis = call.integer("axis"), k = call.integer("k");
  auto [values, places] = at::sort(x, /*stable=*/true, axis, call.logical("largest"));
  return {values.slice(axis, 0, k).to(call.result_type(0)), places.slice(axis, 0, k)};
}

// Rows and columns are those of the last two axes.
Tensors triangle(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  const std::int64_t k = call.integer("k");
  return {call.logical("upper") ? x.triu(k) : x.tril(k)};
}

Tensors range(const EvalCall& call) {
  const nnef::Argument* start = call.operation().find("start");
  if (start != nullptr && std::holds_alternative<double>(start->is)) {
    return {at::arange(call.number("start"), call.number("end"), call.number("step"), call.result_type())};
  }
  const std::int64_t first = call.integer("start"), end = call.integer("end"), step = call.integer("step");
  const bool is_empty = step > 0 ? end <= first : end >= first;
  return {is_empty ? at::empty({0}, at::kLong) : at::arange(first, end, step, at::kLong)};
}

}  // namespace

void add_index_evaluation(EvalTable& table) {
  table.emplace("tract_core_gather", gather);
  table.emplace("tract_core_gather_elements", gather_elements);
  table.emplace("tract_core_gather_nd", gather_nd);
  table.emplace("tract_core_scatter_elements", scatter_elements);
  table.emplace("tract_core_scatter_nd", scatter_nd);
  table.emplace("tract_core_one_hot", one_hot);
  table.emplace("tract_core_topk", top_k);
  table.emplace("tract_core_trilu", triangle);
  table.emplace("tract_core_range", range);
}

}  // namespace torch2nnef
