// Operators that move items without computing, and the sources of a graph.
#include <algorithm>

#include "nnef/archive/item_type.h"
#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

bool is_negative(const Dim& dim) { return dim.is_constant() && dim.value() < 0; }

std::string shapes(const Shape& from, const Shape& to) { return to_string(from) + " to " + to_string(to); }

// Replaces 0 by the extent at the same place and -1 by what is left.
Shape resolve_reshape(const Call& call, const Shape& part, std::vector<Dim> wanted) {
  int deduced = -1;
  Dim known = 1;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == Dim(-1)) {
      call.require(deduced < 0, "more than one -1 in the shape");
      deduced = static_cast<int>(i);
      continue;
    }
    call.require(!is_negative(wanted[i]), "a negative extent in the shape");
    if (wanted[i] == Dim(0)) {
      call.require(i < part.size(), "a 0 in the shape is beyond the rank of the input");
      wanted[i] = part[i];
    }
    known *= wanted[i];
  }
  const Dim whole = volume(part);
  if (deduced >= 0) {
    const std::optional<Dim> rest = exact_div(whole, known);
    call.require(rest.has_value(), "the -1 of " + to_string(wanted) + " does not come out even for " + to_string(part));
    wanted[static_cast<std::size_t>(deduced)] = *rest;
  } else {
    call.require(may_be_equal(whole, known), "the volume changes from " + shapes(part, wanted));
  }
  return wanted;
}

Results infer_reshape(const Call& call) {
  const Fact x = call.tensor("input");
  const std::int64_t start = call.integer("axis_start");
  const std::int64_t given = call.integer("axis_count");
  const std::int64_t count = given < 0 ? x.rank() - start : given;
  call.require(start >= 0 && count >= 0 && start + count <= x.rank(), "axis_start and axis_count leave the shape");
  const Shape part(x.shape.begin() + start, x.shape.begin() + start + count);
  const std::vector<Dim> wanted = call.dims("shape");
  call.require(!wanted.empty() || count == 0, "cannot make rank 0: use squeeze");
  const Shape middle = resolve_reshape(call, part, wanted);
  Shape result(x.shape.begin(), x.shape.begin() + start);
  result.insert(result.end(), middle.begin(), middle.end());
  result.insert(result.end(), x.shape.begin() + start + count, x.shape.end());
  return one_result(x.dtype, result);
}

Results infer_transpose(const Call& call) {
  const Fact x = call.tensor("input");
  const std::vector<std::int64_t> axes = call.integers("axes");
  call.require(axes.size() <= x.shape.size(), "more axes than the rank");
  Shape result = x.shape;
  std::vector<bool> seen(axes.size(), false);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const bool fits = axes[i] >= 0 && axes[i] < static_cast<std::int64_t>(axes.size());
    call.require(fits && !seen[static_cast<std::size_t>(axes[i])], "axes are not a permutation");
    seen[static_cast<std::size_t>(axes[i])] = true;
    result[i] = x.shape[static_cast<std::size_t>(axes[i])];
  }
  return one_result(x.dtype, result);
}

Results infer_concat(const Call& call) {
  const std::vector<Fact> values = call.tensors("values");
  const Fact& first = values.front();
  const auto axis = static_cast<std::size_t>(call.axis("axis", first.rank()));
  Shape result = first.shape;
  for (std::size_t k = 1; k < values.size(); ++k) {
    const Fact& value = values[k];
    call.require(value.literal == Fact::Literal::kNone, "a literal has no axis");
    call.require(value.dtype == first.dtype, "the values have different types");
    call.require(value.rank() == first.rank(), "the values differ in rank");
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (i == axis) continue;
      call.require(value.shape[i] == first.shape[i],
                   "shapes " + to_string(first.shape) + " and " + to_string(value.shape) + " do not fit");
    }
    result[axis] += value.shape[axis];
  }
  return one_result(first.dtype, result);
}

// NNEF 1.0.5 section 4.6.7, where a step backwards goes from begin down to behind end.
std::int64_t standard_slice(const Call& call, std::int64_t extent, std::int64_t begin, std::int64_t end,
                            std::int64_t stride) {
  call.require(stride != 0, "a stride is 0");
  const auto place = [&](std::int64_t bound) {
    return std::clamp(bound < 0 ? bound + extent : bound, std::int64_t{-1}, extent);
  };
  const std::int64_t from = place(begin);
  const std::int64_t to = end == 0 && stride == 1 ? extent : place(end);
  const std::int64_t way = stride > 0 ? to - from : from - to, step = stride > 0 ? stride : -stride;
  call.require(from >= 0 && (stride > 0 || from < extent) && way > 0,
               "the bounds " + std::to_string(begin) + ":" + std::to_string(end) + " take nothing from the axis of " +
                   std::to_string(extent));
  return (way - 1) / step + 1;
}

Results infer_slice(const Call& call) {
  const Fact x = call.tensor("input");
  const std::vector<std::int64_t> axes = call.integers("axes");
  const std::vector<Dim> begin = call.dims("begin");
  const std::vector<Dim> end = call.dims("end");
  std::vector<std::int64_t> stride = call.integers("stride");
  if (stride.empty()) stride.assign(axes.size(), 1);
  call.require(begin.size() == axes.size() && end.size() == axes.size() && stride.size() == axes.size(),
               "axes, begin, end and stride differ in length");
  Shape result = x.shape;
  std::vector<bool> seen(x.shape.size(), false);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    call.require(axes[i] >= 0 && axes[i] < x.rank(), "axis " + std::to_string(axes[i]) + " is not in the shape");
    const auto axis = static_cast<std::size_t>(axes[i]);
    call.require(!seen[axis], "an axis is named twice");
    seen[axis] = true;
    if (!call.declaration().tract) {
      for (const Dim& bound : {x.shape[axis], begin[i], end[i]})
        call.require(bound.is_constant(), "a bound is not a number");
      result[axis] = standard_slice(call, x.shape[axis].value(), begin[i].value(), end[i].value(), stride[i]);
      continue;
    }
    const Dim length = end[i] - begin[i];
    call.require(!is_negative(begin[i]) && !is_negative(length) && !is_negative(x.shape[axis] - end[i]),
                 "the bounds " + begin[i].to_string() + ":" + end[i].to_string() + " leave the axis of " +
                     x.shape[axis].to_string());
    call.require(stride[i] != 0, "a stride is 0");
    result[axis] = ceil_div(length, stride[i] > 0 ? stride[i] : -stride[i]);
  }
  return one_result(x.dtype, result);
}

Results infer_squeeze(const Call& call) {
  const Fact x = call.tensor("input");
  const std::vector<int> axes = call.axes("axes", x.rank());
  Shape result;
  for (int i = 0; i < x.rank(); ++i) {
    const Dim& dim = x.shape[static_cast<std::size_t>(i)];
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      result.push_back(dim);
    } else {
      call.require(dim == Dim(1), "axis " + std::to_string(i) + " of " + to_string(x.shape) + " is not 1");
    }
  }
  return one_result(x.dtype, result);
}

Results infer_unsqueeze(const Call& call) {
  const Fact x = call.tensor("input");
  const int count = static_cast<int>(call.dims("axes").size());
  Shape result = x.shape;
  for (int axis : call.axes("axes", x.rank() + count)) result.insert(result.begin() + axis, Dim(1));
  return one_result(x.dtype, result);
}

Results infer_stack(const Call& call) {
  const std::vector<Fact> values = call.tensors("values");
  const Fact& first = values.front();
  for (const Fact& value : values) {
    call.require(value.dtype == first.dtype && value.shape == first.shape, "the values differ in type or shape");
  }
  Shape result = first.shape;
  result.insert(result.begin() + call.axis("axis", first.rank() + 1), Dim(static_cast<std::int64_t>(values.size())));
  return one_result(first.dtype, result);
}

Results infer_unstack(const Call& call) {
  const Fact x = call.tensor("value");
  const int axis = call.axis("axis", x.rank());
  const Dim count = x.shape[static_cast<std::size_t>(axis)];
  call.require(count.is_constant(), "the axis has the symbolic extent " + count.to_string());
  Shape part = x.shape;
  part.erase(part.begin() + axis);
  return Results(static_cast<std::size_t>(count.value()), ValueInfo{"", x.dtype, part});
}

Results infer_split(const Call& call) {
  const Fact x = call.tensor("value");
  const auto axis = static_cast<std::size_t>(call.axis("axis", x.rank()));
  const std::vector<std::int64_t> ratios = call.integers("ratios");
  std::int64_t sum = 0;
  for (std::int64_t ratio : ratios) sum += ratio;
  const std::optional<Dim> unit = sum > 0 ? exact_div(x.shape[axis], sum) : std::nullopt;
  call.require(unit.has_value(), "the ratios do not divide the axis");
  Results results;
  for (std::int64_t ratio : ratios) {
    Shape part = x.shape;
    part[axis] = *unit * ratio;
    results.push_back(ValueInfo{"", x.dtype, part});
  }
  return results;
}

Results infer_copy_n(const Call& call) {
  const Fact x = call.tensor("x");
  const std::int64_t times = call.integer("times");
  call.require(times > 0, "times must be positive");
  return Results(static_cast<std::size_t>(times), ValueInfo{"", x.dtype, x.shape});
}

Results infer_tile(const Call& call) {
  const Fact x = call.tensor("input");
  const std::vector<Dim> repeats = call.dims("repeats");
  call.require(repeats.size() == x.shape.size(), "wants one repeat for each axis");
  Shape result = x.shape;
  for (std::size_t i = 0; i < result.size(); ++i) {
    call.require(!is_negative(repeats[i]), "a repeat is negative");
    result[i] *= repeats[i];
  }
  return one_result(x.dtype, result);
}

Results infer_pad(const Call& call) {
  const Fact x = call.tensor("input");
  call.require_type(x, types::kNumbers);
  const auto padding = call.pairs("padding");
  call.require(padding.size() == x.shape.size(), "wants one pair for each axis");
  const std::string border = call.text("border");
  const bool known =
      border == "constant" || border == "reflect" ||
      (call.declaration().tract ? border == "replicated" : border == "replicate" || border == "reflect-even");
  call.require(known, "the border '" + border + "' is not known");
  Shape result = x.shape;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto& [before, after] = padding[i];
    call.require(!is_negative(before) && !is_negative(after), "padding is negative");
    const Dim most = max(before, after);
    call.require(border != "reflect" || !is_negative(result[i] - most - 1), "reflection is wider than the axis");
    result[i] += before + after;
  }
  return one_result(x.dtype, result);
}

Results infer_broadcast(const Call& call) {
  const Fact x = call.tensor("input");
  const Shape wanted = call.dims("shape");
  for (const Dim& dim : wanted) call.require(!is_negative(dim), "a negative extent in the shape");
  call.require(wanted.size() >= x.shape.size(), "the shape has fewer axes than the input");
  const std::size_t offset = wanted.size() - x.shape.size();
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    call.require(x.shape[i] == wanted[offset + i] || x.shape[i] == Dim(1), "cannot widen " + shapes(x.shape, wanted));
  }
  return one_result(x.dtype, wanted);
}

Results infer_shape_of(const Call& call) {
  return one_result(DType::kI64, {Dim(static_cast<std::int64_t>(call.tensor("input").rank()))});
}

// The type of an external of the standard set stands in angle brackets and so in its result.
Results infer_external(const Call& call) {
  const std::vector<Value>& results = call.operation().results;
  if (call.has("datum_type")) return one_result(call.dtype("datum_type"), call.dims("shape"));
  return one_result(results.empty() ? DType::kF32 : call.graph().info(results[0]).dtype, call.dims("shape"));
}

// One value for each item, or one for all. Its type stands in angle brackets, as that of an external.
Results infer_constant(const Call& call) {
  const Argument* argument = call.operation().find("value");
  const Argument::Array* values = argument == nullptr ? nullptr : argument->array();
  call.require(values != nullptr, "'value' must be a list");
  const Shape shape = call.dims("shape");
  const Dim count = static_cast<std::int64_t>(values->items.size());
  call.require(count == Dim(1) || count == volume(shape), "the number of values does not fit " + to_string(shape));
  return infer_external(call);
}

Results infer_variable(const Call& call) {
  const std::string label = call.text("label");
  auto place = call.graph().variables.find(label);
  call.require(place != call.graph().variables.end(), "there is no tensor '" + label + "'");
  const Shape shape = call.dims("shape");
  const TensorData& data = *place->second;
  call.require(shape == make_shape(data.shape()) || item_type_of(data).is_block(),
               "the tensor '" + label + "' has the shape " + to_string(make_shape(data.shape())));
  return one_result(data.dtype(), shape);
}

}  // namespace

void add_shape_inference(InferTable& table) {
  table.emplace("reshape", infer_reshape);
  table.emplace("transpose", infer_transpose);
  table.emplace("concat", infer_concat);
  table.emplace("slice", infer_slice);
  table.emplace("squeeze", infer_squeeze);
  table.emplace("unsqueeze", infer_unsqueeze);
  table.emplace("stack", infer_stack);
  table.emplace("unstack", infer_unstack);
  table.emplace("split", infer_split);
  table.emplace("copy_n", infer_copy_n);
  table.emplace("tile", infer_tile);
  table.emplace("pad", infer_pad);
  table.emplace("tract_core_broadcast", infer_broadcast);
  table.emplace("tract_core_shape_of", infer_shape_of);
  table.emplace("external", infer_external);
  table.emplace("tract_core_external", infer_external);
  table.emplace("constant", infer_constant);
  table.emplace("variable", infer_variable);
}

}  // namespace nnef
