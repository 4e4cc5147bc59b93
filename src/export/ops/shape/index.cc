// Reading by index: gathers, embedding, advanced indexing, one-hot, triangles.

#include "export/ops/shape/index_plan.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

Value gathered(Call& call, Value x, Value indices, int axis) {
  return call.builder().add("tract_core_gather", {x, indices}, {{"axis", axis}});
}

// Rank 0 counts as rank 1 in calls that take an axis.
void lower_index(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  IndexPlan plan = plan_index(call);
  Value x = reshape_to(call, b.transpose(call.tensor("self"), plan.order), plan.merged);
  call.result(gathered(call, x, plan.index, plan.axis));
}

void lower_index_select(Call& call) {
  Value x = at_least_1d(call, call.tensor("self"));
  int axis = call.axis("dim", call.rank("self"));
  Value indices = at_least_1d(call, call.tensor_as("index", DType::kI64));
  call.result(reshape_to(call, gathered(call, x, indices, axis), call.result_shape()));
}

void lower_embedding(Call& call) {
  call.result(gathered(call, call.tensor("weight"), call.tensor_as("indices", DType::kI64), 0));
}

void lower_take(Call& call) {
  Value flat = reshape_to(call, call.tensor("self"), {nnef::volume(call.shape("self"))});
  call.result(gathered(call, flat, call.tensor_as("index", DType::kI64), 0));
}

Value gathered_elements(Call& call, Value x, Value indices, int axis) {
  return call.builder().add("tract_core_gather_elements", {x, indices}, {{"axis", axis}});
}

void lower_gather(Call& call) {
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Value x = at_least_1d(call, call.tensor("self"));
  Value indices = at_least_1d(call, call.tensor_as("index", DType::kI64));
  int axis = call.axis("dim", call.builder().rank(x));
  call.result(reshape_to(call, gathered_elements(call, x, indices, axis), call.result_shape()));
}

// Both sides broadcast to each other except along the axis.
void lower_take_along_dim(Call& call) {
  Builder& b = call.builder();
  Value x = call.tensor("self"), indices = call.tensor_as("indices", DType::kI64);
  if (!call.has("dim")) {
    x = reshape_to(call, x, {nnef::volume(b.shape(x))});
    indices = reshape_to(call, indices, {nnef::volume(b.shape(indices))});
    return call.result(gathered(call, x, indices, 0));
  }
  int axis = call.axis("dim", b.rank(x));
  Shape x_shape = b.shape(x), index_shape = b.shape(indices);
  std::size_t place = static_cast<std::size_t>(axis);
  Dim x_size = x_shape.at(place), index_size = index_shape.at(place);
  x_shape[place] = index_shape[place] = 1;
  Shape shape = nnef::broadcast(x_shape, index_shape);
  shape[place] = x_size;
  x = b.broadcast_to(x, shape);
  shape[place] = index_size;
  call.result(gathered_elements(call, x, b.broadcast_to(indices, shape), axis));
}

void lower_one_hot(Call& call) {
  Builder& b = call.builder();
  std::int64_t classes = call.integer("num_classes");
  if (classes < 0) {
    throw Unsupported("one_hot whose number of classes depends on the values of its input", "give num_classes");
  }
  Value indices = b.unsqueeze(call.tensor_as("self", DType::kI64), {call.rank("self")});
  call.result(b.cast(b.binary("eq", indices, affine_range(call, classes)), call.result_dtype()));
}

void lower_triangle(Call& call, bool is_upper) {
  Builder& b = call.builder();
  const bool is_from_data = call.tape_call().find("diagonal")->value() != nullptr;
  const Argument diagonal =
      is_from_data ? Argument(call.tensor_as("diagonal", DType::kI64)) : Argument(call.dim("diagonal"));
  call.result(b.add("tract_core_trilu", {call.tensor("self"), diagonal}, {{"upper", is_upper}}));
}
void lower_tril(Call& call) { lower_triangle(call, false); }
void lower_triu(Call& call) { lower_triangle(call, true); }

void refuse_data_dependent(Call&) {
  throw Unsupported("the size of the result depends on the values of an input, which the format cannot say",
                    "use torch.where or a fixed-size formulation such as topk");
}

// torch.where of a condition alone lists the places where it holds.
void refuse_places(Call& call) {
  if (call.tape_call().find("self")) throw DoesNotApply("where with values");
  refuse_data_dependent(call);
}

}  // namespace

void register_index(Registry& registry) {
  registry.add("aten::index", lower_index, "boolean masks must be constants");
  registry.add("aten::index_select", lower_index_select);
  registry.add("aten::embedding", lower_embedding);
  registry.add("aten::take", lower_take);
  registry.add("aten::gather", lower_gather);
  registry.add("aten::take_along_dim", lower_take_along_dim);
  registry.add("aten::one_hot", lower_one_hot, "num_classes must be given");
  registry.add("aten::tril", lower_tril);
  registry.add("aten::triu", lower_triu);
  registry.add(
      "aten::nonzero aten::nonzero_numpy aten::argwhere aten::masked_select aten::unique_dim "
      "aten::_unique aten::_unique2 aten::unique_consecutive aten::unique_dim_consecutive aten::bincount",
      refuse_data_dependent, "always refused");
  registry.add("aten::where", refuse_places, "a condition alone is refused");
}

}  // namespace torch2nnef
