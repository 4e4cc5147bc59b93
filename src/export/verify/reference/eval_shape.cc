// Operators that move items without computing, and the sources of a graph.

#include <algorithm>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

// 0 copies the extent at the same place, -1 takes what is left.
Tensors reshape(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  const std::int64_t start = call.integer("axis_start"), given = call.integer("axis_count");
  const std::int64_t end = given < 0 ? x.dim() : start + given;
  std::vector<std::int64_t> sizes(x.sizes().begin(), x.sizes().begin() + start);
  const std::vector<std::int64_t> wanted = call.integers("shape");
  // A 0 takes the size over from the input; one that a symbolic size came to is a size of a tensor without items.
  const bool is_zero_a_size = x.numel() == 0 && static_cast<std::int64_t>(wanted.size()) != end - start;
  std::int64_t whole = 1, known = 1, deduced = -1;
  for (std::int64_t axis = start; axis < end; ++axis) whole *= x.size(axis);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::int64_t size = wanted[i] == 0 && !is_zero_a_size ? x.size(start + static_cast<std::int64_t>(i)) : wanted[i];
    if (size == -1) deduced = static_cast<std::int64_t>(sizes.size());
    if (size != -1) known *= size;
    sizes.push_back(size);
  }
  if (deduced >= 0) sizes[static_cast<std::size_t>(deduced)] = known == 0 ? 0 : whole / known;
  sizes.insert(sizes.end(), x.sizes().begin() + end, x.sizes().end());
  return {x.reshape(sizes)};
}

// A permutation of the first axes; the others stay.
Tensors transpose(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  std::vector<std::int64_t> axes = call.integers("axes");
  while (static_cast<std::int64_t>(axes.size()) < x.dim()) axes.push_back(static_cast<std::int64_t>(axes.size()));
  return {x.permute(axes)};
}

// With a negative stride begin..end is taken, then walked backwards from its end.
at::Tensor sliced(const at::Tensor& x, std::int64_t axis, std::int64_t begin, std::int64_t end, std::int64_t stride) {
  at::Tensor part = x.slice(axis, begin, end);
  if (stride < 0) part = part.flip({axis});
  return std::abs(stride) == 1 ? part : part.slice(axis, 0, part.size(axis), std::abs(stride));
}

Tensors slice(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  const std::vector<std::int64_t> axes = call.integers("axes"), begin = call.integers("begin"),
                                  end = call.integers("end");
  std::vector<std::int64_t> stride = call.integers("stride");
  stride.resize(axes.size(), 1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (begin[i] < 0 || begin[i] > end[i] || end[i] > x.size(axes[i])) {
      call.fail("the bounds " + std::to_string(begin[i]) + ":" + std::to_string(end[i]) + " leave the axis of " +
                std::to_string(x.size(axes[i])));
    }
    x = sliced(x, axes[i], begin[i], end[i], stride[i]);
  }
  return {x};
}

Tensors squeeze(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  std::vector<std::int64_t> axes = call.integers("axes");
  std::sort(axes.rbegin(), axes.rend());
  for (std::int64_t axis : axes) {
    if (x.size(axis) != 1) call.fail("axis " + std::to_string(axis) + " is not 1");
    x = x.squeeze(axis);
  }
  return {x};
}

Tensors unsqueeze(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  std::vector<std::int64_t> axes = call.integers("axes");
  std::sort(axes.begin(), axes.end());
  for (std::int64_t axis : axes) x = x.unsqueeze(axis);
  return {x};
}

// The items to take along an axis so that it grows by `before` and `after`.
at::Tensor border_items(const std::string& border, std::int64_t size, std::int64_t before, std::int64_t after) {
  at::Tensor place = at::arange(-before, size + after, at::kLong);
  if (border != "reflect") return place.clamp(0, size - 1);
  place = place.abs();
  return at::where(place >= size, 2 * (size - 1) - place, place);
}

Tensors pad(const EvalCall& call) {
  at::Tensor x = call.tensor("input");
  const auto padding = call.pairs("padding");
  const std::string border = call.text("border");
  if (border == "constant") {
    std::vector<std::int64_t> flat;  // the last axis first
    for (auto pair = padding.rbegin(); pair != padding.rend(); ++pair) {
      flat.push_back(pair->first);
      flat.push_back(pair->second);
    }
    return {at::constant_pad_nd(x, flat, call.has("value") ? call.tensor("value", x).item() : c10::Scalar(0))};
  }
  for (std::size_t axis = 0; axis < padding.size(); ++axis) {
    const auto& [before, after] = padding[axis];
    const auto place = static_cast<std::int64_t>(axis);
    if (before == 0 && after == 0) continue;
    if (border == "reflect" && std::max(before, after) >= x.size(place)) call.fail("reflection is wider than the axis");
    x = x.index_select(place, border_items(border, x.size(place), before, after));
  }
  return {x};
}

// Aligned on the right.
Tensors broadcast(const EvalCall& call) { return {call.tensor("input").expand(call.integers("shape"))}; }

Tensors unstack(const EvalCall& call) { return at::unbind(call.tensor("value"), call.integer("axis")); }

}  // namespace

void add_shape_evaluation(EvalTable& table) {
  table.emplace("reshape", reshape);
  table.emplace("transpose", transpose);
  table.emplace("slice", slice);
  table.emplace("squeeze", squeeze);
  table.emplace("unsqueeze", unsqueeze);
  table.emplace("pad", pad);
  table.emplace("tract_core_broadcast", broadcast);
  table.emplace("unstack", unstack);
  table.emplace("concat", [](const EvalCall& call) -> Tensors {
    return {at::cat(call.tensors("values"), call.integer("axis"))};
  });
  table.emplace("stack", [](const EvalCall& call) -> Tensors {
    return {at::stack(call.tensors("values"), call.integer("axis"))};
  });
  table.emplace(
      "tile", [](const EvalCall& call) -> Tensors { return {call.tensor("input").repeat(call.integers("repeats"))}; });
  table.emplace("tract_core_shape_of",
                [](const EvalCall& call) -> Tensors { return {at::tensor(call.tensor("input").sizes(), at::kLong)}; });
  table.emplace("tract_core_downsample", [](const EvalCall& call) -> Tensors {
    at::Tensor x = call.tensor("input");
    const std::int64_t axis = call.integer("axis");
    return {x.slice(axis, call.integer("modulo"), x.size(axis), call.integer("stride"))};
  });
  table.emplace("tract_core_dyn_slice", [](const EvalCall& call) -> Tensors {
    return {call.tensor("input").slice(call.integer("axis"), call.integer("start"), call.integer("end"))};
  });
}

}  // namespace torch2nnef
