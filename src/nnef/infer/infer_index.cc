// Operators that pick items by index, and those that make indices.
#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

Fact indices_of(const Call& call, const Fact& data) {
  const Fact indices = call.tensor("indices");
  call.require_type(indices, types::kIntegers);
  call.require(data.rank() > 0, "the input has no axis to index");
  return indices;
}

Results infer_gather(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact indices = indices_of(call, input);
  const int axis = call.axis("axis", input.rank());
  Shape result(input.shape.begin(), input.shape.begin() + axis);
  result.insert(result.end(), indices.shape.begin(), indices.shape.end());
  result.insert(result.end(), input.shape.begin() + axis + 1, input.shape.end());
  return one_result(call.has("datum_type") ? call.dtype("datum_type") : input.dtype, result);
}

Results infer_gather_elements(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact indices = indices_of(call, input);
  call.require(indices.rank() == input.rank(), "input and indices differ in rank");
  call.axis("axis", input.rank());
  return one_result(input.dtype, indices.shape);
}

// The extent of the last axis of gather_nd's and scatter_nd's indices: how many axes they name.
int indexed_axes(const Call& call, const Fact& indices, int available) {
  call.require(indices.rank() > 0, "the indices have no axis");
  const Dim& count = indices.shape.back();
  call.require(count.is_constant() && count.value() <= available, "the last axis of the indices names too many axes");
  return static_cast<int>(count.value());
}

Results infer_gather_nd(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact indices = indices_of(call, input);
  const std::int64_t batch = call.integer("batch_dims");
  call.require(batch >= 0 && batch < input.rank() && batch < indices.rank(), "batch_dims leaves the shapes");
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i) {
    call.require(indices.shape[i] == input.shape[i], "the batch axes differ");
  }
  const int count = indexed_axes(call, indices, input.rank() - static_cast<int>(batch));
  Shape result(indices.shape.begin(), indices.shape.end() - 1);
  result.insert(result.end(), input.shape.begin() + batch + count, input.shape.end());
  return one_result(input.dtype, result);
}

void require_reduction(const Call& call) {
  const std::string reduction = call.text("reduction");
  call.require(
      reduction == "none" || reduction == "add" || reduction == "mul" || reduction == "min" || reduction == "max",
      "the reduction '" + reduction + "' is not known");
}

Results infer_scatter_elements(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact indices = indices_of(call, input);
  const Fact updates = call.tensor("updates");
  call.require(updates.dtype == input.dtype, "input and updates differ in type");
  call.require(indices.rank() == input.rank() && updates.shape == indices.shape,
               "indices " + to_string(indices.shape) + " and updates " + to_string(updates.shape) + " do not fit");
  call.axis("axis", input.rank());
  require_reduction(call);
  return one_result(input.dtype, input.shape);
}

Results infer_scatter_nd(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact indices = indices_of(call, input);
  const Fact updates = call.tensor("updates");
  call.require(updates.dtype == input.dtype, "input and updates differ in type");
  Shape wanted(indices.shape.begin(), indices.shape.end() - (indices.shape.empty() ? 0 : 1));
  wanted.insert(wanted.end(), input.shape.begin() + indexed_axes(call, indices, input.rank()), input.shape.end());
  call.require(updates.shape == wanted, "updates must have the shape " + to_string(wanted));
  require_reduction(call);
  return one_result(input.dtype, input.shape);
}

Results infer_one_hot(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kIntegers);
  const int axis = call.axis("axis", input.rank() + 1);
  Shape result = input.shape;
  result.insert(result.begin() + axis, call.dim("dim"));
  const Argument* on = call.operation().find("value_on");
  const bool integers = on != nullptr && on->dim() != nullptr;
  return one_result(integers ? DType::kI32 : DType::kF32, result);
}

Results infer_dyn_slice(const Call& call) {
  const Fact input = call.tensor("input");
  Shape result = input.shape;
  result[static_cast<std::size_t>(call.axis("axis", input.rank()))] = call.dim("len");
  return one_result(input.dtype, result);
}

Results infer_downsample(const Call& call) {
  const Fact input = call.tensor("input");
  const auto axis = static_cast<std::size_t>(call.axis("axis", input.rank()));
  const std::int64_t stride = call.integer("stride");
  const std::int64_t modulo = call.integer("modulo");
  call.require(stride > 0 && modulo >= 0 && modulo < stride, "wants a positive stride and 0 <= modulo < stride");
  Shape result = input.shape;
  result[axis] = ceil_div(result[axis] - modulo, stride);
  return one_result(input.dtype, result);
}

Results infer_topk(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kNumbers);
  const auto axis = static_cast<std::size_t>(call.axis("axis", input.rank()));
  // A number that is only known when it runs is the length of the axis: what cannot be said is not guessed.
  const Argument* given = call.operation().find("k");
  const bool is_whole = given != nullptr && given->value() != nullptr;
  const Dim k = is_whole ? input.shape[axis] : call.dim("k");
  const Dim rest = input.shape[axis] - k;
  call.require(!rest.is_constant() || rest.value() >= 0, "k is larger than the axis");
  call.logical("largest");
  Shape result = input.shape;
  result[axis] = k;
  return {ValueInfo{"", input.dtype, result}, ValueInfo{"", DType::kI64, result}};
}

Results infer_trilu(const Call& call) {
  const Fact input = call.tensor("input");
  call.require(input.rank() >= 2, "wants rank 2 or more");
  call.tensor("k");
  call.logical("upper");
  return one_result(input.dtype, input.shape);
}

// The number of items of start, start + step, .. below end, where the three are integers; floats are counted too.
Results infer_range(const Call& call) {
  const Argument* start = call.operation().find("start");
  const double* first = start == nullptr ? nullptr : std::get_if<double>(&start->is);
  if (first != nullptr) {
    const Argument* end = call.operation().find("end");
    const Argument* step = call.operation().find("step");
    const double* last = end == nullptr ? nullptr : std::get_if<double>(&end->is);
    const double* by = step == nullptr ? nullptr : std::get_if<double>(&step->is);
    call.require(last != nullptr && by != nullptr && *by != 0, "start, end and step must be numbers of one type");
    std::int64_t count = 0;
    for (double x = (*last - *first) / *by; static_cast<double>(count) < x;) ++count;
    return one_result(DType::kF32, {Dim(count)});
  }
  const std::int64_t step = call.integer("step");
  call.require(step != 0, "the step is 0");
  const Dim length = step > 0 ? ceil_div(call.dim("end") - call.dim("start"), step)
                              : ceil_div(call.dim("start") - call.dim("end"), -step);
  // A symbolic length is one that whoever wrote the range knows not to be negative; the engine takes it so too.
  return one_result(DType::kI64, {length.is_constant() ? max(length, 0) : length});
}

Results infer_non_zero(const Call& call) {
  const Fact input = call.tensor("input");
  const std::string symbol = call.has("count_symbol") ? call.text("count_symbol") : "";
  call.require(!symbol.empty(), "wants a count_symbol for the number of items that it finds");
  return one_result(DType::kI64, {Dim(input.rank()), Dim::symbol(symbol)});
}

}  // namespace

void add_index_inference(InferTable& table) {
  table.emplace("gather", infer_gather);
  table.emplace("tract_core_gather", infer_gather);
  table.emplace("tract_core_gather_elements", infer_gather_elements);
  table.emplace("tract_core_gather_nd", infer_gather_nd);
  table.emplace("tract_core_scatter_elements", infer_scatter_elements);
  table.emplace("tract_core_scatter_nd", infer_scatter_nd);
  table.emplace("tract_core_one_hot", infer_one_hot);
  table.emplace("tract_core_dyn_slice", infer_dyn_slice);
  table.emplace("tract_core_downsample", infer_downsample);
  table.emplace("tract_core_topk", infer_topk);
  table.emplace("tract_core_trilu", infer_trilu);
  table.emplace("tract_core_range", infer_range);
  table.emplace("tract_onnx_non_zero", infer_non_zero);
}

}  // namespace nnef
