// Convolutions. torch's filter layout is the format's, so that constant weights are written as they are.

#include <algorithm>

#include "export/ops/reduction/integer_sum.h"
#include "export/ops/shape/shape_util.h"
#include "export/ops/windows/convolution.h"
#include "export/ops/windows/pool.h"

namespace torch2nnef {

Convolution read_convolution(Call& call) {
  Builder& b = call.builder();
  Convolution convolution;
  const char* input = call.has("input") ? "input" : "self";
  convolution.weight_shape = call.shape("weight");
  const std::size_t rank = convolution.weight_shape.size();
  if (rank < 3) throw Unsupported("a convolution with a weight of rank " + std::to_string(rank));
  const DType dtype = window_dtype(call.result_dtype());
  convolution.input = call.tensor_as(input, dtype);
  convolution.has_batch = call.shape(input).size() == rank;
  if (!convolution.has_batch) convolution.input = b.unsqueeze(convolution.input, {0});
  if (call.has("bias")) convolution.bias = call.tensor_as("bias", dtype);
  convolution.stride = per_axis(call, "stride", rank - 2, 1);
  convolution.dilation = per_axis(call, "dilation", rank - 2, 1);
  if (call.has("groups")) {
    convolution.groups = call.integer("groups");
  } else if (call.tape_call().op.find("depthwise") != std::string::npos) {
    convolution.groups = b.shape(convolution.input)[1].value();
  }
  return convolution;
}

void set_convolution_result(Call& call, const Convolution& convolution, Value y) {
  Builder& b = call.builder();
  if (!convolution.has_batch) y = b.squeeze(y, {0});
  call.result(b.cast(y, call.result_dtype()));
}

namespace {

bool is_text(const Call& call, std::string_view name) {
  const TapeArgument* argument = call.tape_call().find(name);
  return argument && std::holds_alternative<std::string>(argument->is);
}

// "same" puts the odd item of an even extent at the end.
Padding padding_of(const Call& call, const Convolution& convolution) {
  Padding padding;
  if (is_text(call, "padding")) {
    const std::string mode = call.text("padding");
    if (mode != "same" && mode != "valid") throw Unsupported("padding of mode '" + mode + "'");
    for (std::size_t axis = 0; axis < convolution.spatial(); ++axis) {
      const std::int64_t all = mode == "same" ? convolution.extent(axis) - 1 : 0;
      padding.emplace_back(all / 2, all - all / 2);
    }
    return padding;
  }
  for (std::int64_t amount : per_axis(call, "padding", convolution.spatial(), 0)) padding.emplace_back(amount, amount);
  return padding;
}

Value convolved(Call& call, const Convolution& convolution, Value weight, const Padding& padding) {
  std::vector<Argument> tensors{convolution.input, weight};
  if (convolution.bias) tensors.emplace_back(*convolution.bias);
  return call.builder().add("conv", std::move(tensors),
                            {{"padding", padding},
                             {"stride", convolution.stride},
                             {"dilation", convolution.dilation},
                             {"groups", convolution.groups}});
}

// tract makes a filter of one item with a stride into one without, of every second item, and moves the taking of these
// up to the convolution before; where the batch is symbolic it trips over a reshape there. A pool of one item takes the
// same ones and stays where it is.
void take_points(Call& call, Convolution& convolution, const Padding& padding) {
  Builder& b = call.builder();
  const Shape& shape = b.shape(convolution.input);
  if (std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.is_constant(); })) return;
  const std::vector<std::int64_t> ones(convolution.spatial(), 1);
  Pool points{ones, ones, ones, std::vector<std::int64_t>(convolution.spatial(), 0)};
  for (std::size_t axis = 0; axis < convolution.spatial(); ++axis) {
    const bool is_point =
        convolution.extent(axis) == 1 && padding[axis].first == Dim(0) && padding[axis].second == Dim(0);
    if (is_point) std::swap(points.stride[axis], convolution.stride[axis]);
  }
  if (points.stride == ones) return;
  const Padding none(convolution.spatial());
  convolution.input = b.add("avg_pool", {convolution.input}, pool_attributes(points, none));
}

// tract convolves no integers: pieces of them in f64, in which their sums are exact.
Value convolved_integers(Call& call, const Convolution& convolution, const Padding& padding) {
  Builder& b = call.builder();
  Value x = call.tensor_as(call.has("input") ? "input" : "self", DType::kI64);
  if (!convolution.has_batch) x = b.unsqueeze(x, {0});
  const Shape& weight = convolution.weight_shape;
  const Dim count = nnef::volume(Shape(weight.begin() + 1, weight.end()));
  Value y = integer_product(b, x, call.tensor_as("weight", DType::kI64), count, [&](Value left, Value right) {
    Convolution part = convolution;
    part.input = left;
    part.bias.reset();
    take_points(call, part, padding);
    return convolved(call, part, right, padding);
  });
  if (!call.has("bias")) return y;
  Shape along(weight.size() - 1, 1);
  along.front() = weight.front();
  return b.binary("add", y, b.reshape(call.tensor_as("bias", DType::kI64), along));
}

void lower_convolution(Call& call) {
  if (call.has("transposed") && call.flag("transposed")) return lower_transposed_convolution(call);
  // T-CONV-LARGE-KERNEL
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Convolution convolution = read_convolution(call);
  Value weight = call.tensor_as("weight", call.builder().dtype(convolution.input));
  Padding padding = padding_of(call, convolution);
  const Shape& shape = call.builder().shape(convolution.input);
  for (std::size_t axis = 0; axis < padding.size(); ++axis) {
    drop_unreached(padding[axis], shape.at(axis + 2), convolution.extent(axis), convolution.stride[axis]);
  }
  if (nnef::is_integer(call.result_dtype())) {
    return set_convolution_result(call, convolution, convolved_integers(call, convolution, padding));
  }
  take_points(call, convolution, padding);
  set_convolution_result(call, convolution, convolved(call, convolution, weight, padding));
}

// Time, batch, channels; the weight is [k, C, O].
void lower_convolution_tbc(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  Value x = b.transpose(call.tensor("self"), {1, 2, 0});
  ConstantPtr constant = call.constant("weight");
  Value weight = constant ? call.variable("weight_transposed", constant->permuted({2, 1, 0}))
                          : b.transpose(call.tensor("weight"), {2, 1, 0});
  const Dim pad = call.integer("pad");
  Value y = b.add("conv", {x, weight, call.tensor("bias")},
                  {{"padding", Padding{{pad, pad}}},
                   {"stride", std::vector<std::int64_t>{1}},
                   {"dilation", std::vector<std::int64_t>{1}},
                   {"groups", 1}});
  call.result(b.transpose(y, {2, 0, 1}));
}

}  // namespace

void register_conv(Registry& registry) {
  registry.add(
      "aten::_convolution aten::convolution aten::convolution_overrideable aten::_convolution_mode aten::conv1d "
      "aten::conv2d aten::conv3d aten::thnn_conv2d aten::_slow_conv2d_forward aten::slow_conv3d "
      "aten::slow_conv3d_forward aten::slow_conv_dilated2d aten::slow_conv_dilated3d aten::mkldnn_convolution "
      "aten::cudnn_convolution aten::_conv_depthwise2d aten::conv_depthwise3d",
      lower_convolution);
  registry.add(
      "aten::conv_transpose1d aten::conv_transpose2d aten::conv_transpose3d aten::slow_conv_transpose2d "
      "aten::slow_conv_transpose3d",
      lower_transposed_convolution);
  registry.add("aten::conv_tbc", lower_convolution_tbc);
}

}  // namespace torch2nnef
