// Other shapes and orders of the same items: reshapes, permutations, broadcasts, and calls that return their argument.

#include <algorithm>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

void lower_identity(Call& call) { call.result(call.tensor("self")); }

// The recorder knows the result's shape, -1 and symbols worked out; the builder checks that the items are as many.
void lower_reshape(Call& call) {
  if (call.has("dtype") && call.type("self") != call.result_type()) {
    throw Unsupported("a view that reads the bytes of the items as another dtype");
  }
  call.result(reshape_to(call, call.tensor("self"), call.result_shape()));
}

void lower_squeeze(Call& call) {
  const Shape& shape = call.shape("self");
  std::vector<int> axes;
  for (int axis : call.axes("dim", call.rank("self"), false)) {
    if (shape[static_cast<std::size_t>(axis)] == Dim(1)) axes.push_back(axis);
  }
  call.result(call.builder().squeeze(call.tensor("self"), axes));
}

void lower_unsqueeze(Call& call) {
  call.result(call.builder().unsqueeze(call.tensor("self"), {call.axis("dim", call.rank("self") + 1)}));
}

void lower_atleast(Call& call) {
  std::vector<Value> inputs = call.has("tensors") ? call.tensors("tensors") : std::vector<Value>{call.tensor("self")};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (call.wanted(i)) call.result(i, reshape_to(call, inputs[i], call.result_shape(i)));
  }
}

std::vector<int> identity_order(int rank) {
  std::vector<int> order;
  for (int axis = 0; axis < rank; ++axis) order.push_back(axis);
  return order;
}

void lower_swap(Call& call, int first, int second) {
  std::vector<int> order = identity_order(call.rank("self"));
  if (!order.empty()) std::swap(order[static_cast<std::size_t>(first)], order[static_cast<std::size_t>(second)]);
  call.result(call.builder().transpose(call.tensor("self"), order));
}

void lower_transpose(Call& call) {
  int rank = call.rank("self");
  if (call.has("axis0")) return lower_swap(call, call.axis("axis0", rank), call.axis("axis1", rank));
  lower_swap(call, call.axis("dim0", rank), call.axis("dim1", rank));
}

// Real tensors only: a complex one has no item type in the format and is refused where its value is read.
void lower_matrix_transpose(Call& call) {
  int rank = call.rank("self");
  if (rank < 2) return lower_identity(call);
  lower_swap(call, rank - 2, rank - 1);
}

void lower_reverse_axes(Call& call) {
  std::vector<int> order = identity_order(call.rank("self"));
  std::reverse(order.begin(), order.end());
  call.result(call.builder().transpose(call.tensor("self"), order));
}

void lower_permute(Call& call) {
  int rank = call.rank("self");
  std::vector<int> order;
  for (std::int64_t axis : call.integers("dims")) order.push_back(wrap_axis(axis, rank));
  call.result(call.builder().transpose(call.tensor("self"), order));
}

void lower_movedim(Call& call) {
  int rank = call.rank("self");
  std::vector<std::int64_t> source = call.integers("source"), destination = call.integers("destination");
  std::vector<int> order(static_cast<std::size_t>(rank), -1);
  std::vector<bool> is_moved(static_cast<std::size_t>(rank), false);
  for (std::size_t i = 0; rank > 0 && i < source.size(); ++i) {
    int from = wrap_axis(source[i], rank);
    order.at(static_cast<std::size_t>(wrap_axis(destination.at(i), rank))) = from;
    is_moved[static_cast<std::size_t>(from)] = true;
  }
  int next = 0;
  for (int& place : order) {
    if (place >= 0) continue;
    while (is_moved[static_cast<std::size_t>(next)]) ++next;
    place = next++;
  }
  call.result(call.builder().transpose(call.tensor("self"), order));
}

void lower_broadcast(Call& call) { call.result(call.builder().broadcast_to(call.tensor("self"), call.result_shape())); }

// [.., C*r*r, H, W] to [.., C, H*r, W*r].
void lower_pixel_shuffle(Call& call) {
  Builder& b = call.builder();
  const Shape& result = call.result_shape();
  const Shape& input = call.shape("self");
  std::size_t lead = input.size() - 3;
  Dim factor(call.integer("upscale_factor"));
  Shape split(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(lead));
  split.insert(split.end(), {result[lead], factor, factor, input[lead + 1], input[lead + 2]});
  std::vector<int> order = identity_order(static_cast<int>(lead));
  for (int place : {0, 3, 1, 4, 2}) order.push_back(static_cast<int>(lead) + place);
  call.result(reshape_to(call, b.transpose(reshape_to(call, call.tensor("self"), split), order), result));
}

// [.., C, H*r, W*r] to [.., C*r*r, H, W].
void lower_pixel_unshuffle(Call& call) {
  Builder& b = call.builder();
  const Shape& result = call.result_shape();
  const Shape& input = call.shape("self");
  std::size_t lead = input.size() - 3;
  Dim factor(call.integer("downscale_factor"));
  Shape split(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(lead));
  split.insert(split.end(), {input[lead], result[lead + 1], factor, result[lead + 2], factor});
  std::vector<int> order = identity_order(static_cast<int>(lead));
  for (int place : {0, 2, 4, 1, 3}) order.push_back(static_cast<int>(lead) + place);
  call.result(reshape_to(call, b.transpose(reshape_to(call, call.tensor("self"), split), order), result));
}

void lower_channel_shuffle(Call& call) {
  Builder& b = call.builder();
  const Shape& input = call.shape("self");
  std::int64_t groups = call.integer("groups");
  Shape split{input.at(0), groups, input.at(1).value() / groups};
  split.insert(split.end(), input.begin() + 2, input.end());
  std::vector<int> order = identity_order(static_cast<int>(split.size()));
  std::swap(order[1], order[2]);
  call.result(reshape_to(call, b.transpose(reshape_to(call, call.tensor("self"), split), order), input));
}

// The recorder has seen to it that the tensor fills the memory that is read, in its order.
void lower_as_strided(Call& call) {
  std::vector<std::int64_t> sizes = call.integers("size"), strides = call.integers("stride"), places{0};
  if (call.has("storage_offset")) places[0] = call.integer("storage_offset");
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    std::vector<std::int64_t> longer;
    for (std::int64_t place : places) {
      for (std::int64_t i = 0; i < sizes[axis]; ++i) longer.push_back(place + i * strides.at(axis));
    }
    places = std::move(longer);
  }
  if (places.empty()) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Dim items(nnef::volume(call.shape("self")).value());
  Value flat = reshape_to(call, call.tensor("self"), {items});
  Value index = index_variable(call, "strided", places, sizes);
  call.result(call.builder().add("tract_core_gather", {flat, index}, {{"axis", 0}}));
}

}  // namespace

void register_view(Registry& registry) {
  registry.add(
      "aten::alias aten::detach aten::clone aten::contiguous aten::lift aten::lift_fresh aten::resolve_conj "
      "aten::resolve_neg aten::positive aten::cpu aten::cuda aten::conj aten::_conj aten::conj_physical aten::real "
      "aten::alias_copy aten::detach_copy aten::lift_fresh_copy",
      lower_identity, "real tensors only");
  registry.add(
      "aten::view aten::reshape aten::_unsafe_view aten::_reshape_alias aten::view_as aten::reshape_as aten::flatten "
      "aten::unflatten aten::ravel aten::view_copy",
      lower_reshape);
  registry.add("aten::squeeze aten::squeeze_copy", lower_squeeze);
  registry.add("aten::unsqueeze aten::unsqueeze_copy", lower_unsqueeze);
  registry.add("aten::atleast_1d aten::atleast_2d aten::atleast_3d", lower_atleast);
  registry.add("aten::transpose aten::swapaxes aten::swapdims aten::transpose_copy", lower_transpose);
  registry.add("aten::t aten::mT aten::mH aten::matrix_H aten::adjoint aten::t_copy", lower_matrix_transpose);
  registry.add("aten::numpy_T", lower_reverse_axes);
  registry.add("aten::permute aten::permute_copy", lower_permute);
  registry.add("aten::movedim aten::moveaxis", lower_movedim);
  registry.add("aten::expand aten::expand_as aten::broadcast_to aten::expand_copy", lower_broadcast);
  registry.add("aten::pixel_shuffle", lower_pixel_shuffle);
  registry.add("aten::pixel_unshuffle", lower_pixel_unshuffle);
  registry.add("aten::channel_shuffle aten::native_channel_shuffle", lower_channel_shuffle);
  registry.add("aten::as_strided", lower_as_strided, "of contiguous tensors, static sizes");
}

}  // namespace torch2nnef
