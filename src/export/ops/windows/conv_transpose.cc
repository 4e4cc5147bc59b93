// Transposed convolutions. The engine wants filters [O, C/groups, k...] (T-DECONV-LAYOUT); torch's are
// [C, O/groups, k...]. Its output_shape takes no symbols (T-DECONV-SIZES): the padding says the size.

#include "export/ops/shape/shape_util.h"
#include "export/ops/windows/convolution.h"

namespace torch2nnef {
namespace {

// The weight as [groups, C/groups, O/groups, k...] with its second and third axes swapped, then [O, C/groups, k...].
struct FilterSteps {
  std::vector<std::int64_t> split, swapped_axes, merged;
};

FilterSteps filter_steps(const Shape& weight, std::int64_t groups) {
  const std::int64_t inputs = weight[0].value() / groups, outputs = weight[1].value();
  FilterSteps steps{{groups, inputs, outputs}, {0, 2, 1}, {groups * outputs, inputs}};
  for (std::size_t axis = 2; axis < weight.size(); ++axis) {
    steps.split.push_back(weight[axis].value());
    steps.swapped_axes.push_back(static_cast<std::int64_t>(axis) + 1);
    steps.merged.push_back(weight[axis].value());
  }
  return steps;
}

Value filter_of(Call& call, const Convolution& convolution) {
  Builder& b = call.builder();
  const FilterSteps steps = filter_steps(convolution.weight_shape, convolution.groups);
  const DType dtype = b.dtype(convolution.input);
  ConstantPtr constant = call.constant("weight");
  if (constant && constant->dtype() == dtype) {
    return call.variable("weight_transposed",
                         constant->reshaped(steps.split)->permuted(steps.swapped_axes)->reshaped(steps.merged));
  }
  Value split = b.reshape(call.tensor_as("weight", dtype), nnef::make_shape(steps.split));
  Value swapped = b.transpose(split, {steps.swapped_axes.begin(), steps.swapped_axes.end()});
  return b.reshape(swapped, nnef::make_shape(steps.merged));
}

}  // namespace

// Output padding leaves out less of the full result at the end. What it asks for beyond the full result are places that
// no input reaches: only the bias is there, so it is added after them.
void lower_transposed_convolution(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const Convolution convolution = read_convolution(call);
  const std::size_t spatial = convolution.spatial();
  const std::vector<std::int64_t> cropped = per_axis(call, "padding", spatial, 0);
  const std::vector<std::int64_t> more = per_axis(call, "output_padding", spatial, 0);
  Padding crop, beyond;
  bool reaches_beyond = false;
  for (std::size_t axis = 0; axis < spatial; ++axis) {
    crop.emplace_back(cropped[axis], std::max<std::int64_t>(cropped[axis] - more[axis], 0));
    beyond.emplace_back(0, std::max<std::int64_t>(more[axis] - cropped[axis], 0));
    reaches_beyond = reaches_beyond || more[axis] > cropped[axis];
  }
  std::vector<Argument> tensors{convolution.input, filter_of(call, convolution)};
  if (convolution.bias && !reaches_beyond) tensors.emplace_back(*convolution.bias);
  Value y = b.add("deconv", std::move(tensors),
                  {{"padding", crop},
                   {"stride", convolution.stride},
                   {"dilation", convolution.dilation},
                   {"groups", convolution.groups}});
  y = pad_with_zeros(call, y, beyond);
  if (convolution.bias && reaches_beyond) {
    std::vector<int> axes;
    for (std::size_t axis = 1; axis <= spatial; ++axis) axes.push_back(static_cast<int>(axis));
    y = b.binary("add", y, b.unsqueeze(*convolution.bias, axes));
  }
  set_convolution_result(call, convolution, y);
}

}  // namespace torch2nnef
