// Reductions, which keep their axes with extent 1, and normalisations, which keep the shape.
#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

Shape reduced(const Call& call, const Fact& input) {
  Shape result = input.shape;
  for (int axis : call.axes("axes", input.rank())) result[static_cast<std::size_t>(axis)] = 1;
  return result;
}

Results infer_number_reduce(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kNumbers);
  return one_result(input.dtype, reduced(call, input));
}

Results infer_float_reduce(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kFloats);
  return one_result(input.dtype, reduced(call, input));
}

Results infer_logical_reduce(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kLogical);
  return one_result(DType::kBool, reduced(call, input));
}

Results infer_arg_reduce(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kNumbers);
  return one_result(DType::kI64, reduced(call, input));
}

Results infer_moments(const Call& call) {
  const Results mean = infer_float_reduce(call);
  return {mean[0], mean[0]};
}

// softmax and norms over a list of axes.
Results infer_over_axes(const Call& call) {
  const Fact x = call.tensor_at(0);
  call.require_type(x, types::kFloats);
  call.axes("axes", x.rank());
  return one_result(x.dtype, x.shape);
}

Results infer_over_axis(const Call& call) {
  const Fact x = call.tensor_at(0);
  call.require_type(x, types::kFloats);
  call.axis("axis", x.rank());
  return one_result(x.dtype, x.shape);
}

Results infer_cumsum(const Call& call) {
  const Fact x = call.tensor_at(0);
  call.require_type(x, types::kNumbers);
  call.axis("axis", x.rank());
  call.logical("exclusive");
  call.logical("reverse");
  return one_result(x.dtype, x.shape);
}

Results infer_scaled_rms_norm(const Call& call) {
  const Fact x = call.tensor("input");
  const Fact scale = call.tensor("scale");
  call.require_type(x, types::kFloats);
  const int axis = call.axis("axis", x.rank());
  call.require(scale.rank() == 1 && scale.shape[0] == x.shape[static_cast<std::size_t>(axis)],
               "the scale must have rank 1 and the extent of the axis");
  return one_result(call.text("out_dt").empty() ? x.dtype : call.dtype("out_dt"), x.shape);
}

Results infer_batch_normalization(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kFloats);
  Shape shape = input.shape;
  for (std::string_view name : {"mean", "variance", "offset", "scale"}) {
    const Fact parameter = call.tensor(name);
    call.common_type({input, parameter});
    if (parameter.shape.empty()) continue;
    call.require(parameter.rank() >= 2 && parameter.rank() <= input.rank(),
                 "'" + std::string(name) + "' must have the shape [1,C]");
    for (std::size_t i = 0; i < parameter.shape.size(); ++i) {
      call.require(
          parameter.shape[i] == Dim(1) || parameter.shape[i] == shape[i],
          "'" + std::string(name) + "' of shape " + to_string(parameter.shape) + " does not fit " + to_string(shape));
    }
  }
  return one_result(input.dtype, shape);
}

Results infer_same_shape(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kFloats);
  return one_result(input.dtype, input.shape);
}

}  // namespace

void add_reduce_inference(InferTable& table) {
  for (std::string_view op : {"sum_reduce", "max_reduce", "min_reduce", "tract_core_product_reduce"}) {
    table.emplace(op, infer_number_reduce);
  }
  table.emplace("mean_reduce", infer_float_reduce);
  for (std::string_view op : {"any_reduce", "all_reduce"}) table.emplace(op, infer_logical_reduce);
  for (std::string_view op :
       {"argmax_reduce", "argmin_reduce", "tract_core_argmax_reduce_last", "tract_core_argmin_reduce_last"}) {
    table.emplace(op, infer_arg_reduce);
  }
  table.emplace("moments", infer_moments);
  for (std::string_view op :
       {"softmax", "tract_core_softmax", "tract_core_log_softmax", "l1_normalization", "l2_normalization"}) {
    table.emplace(op, infer_over_axes);
  }
  for (std::string_view op : {"tract_core_rms_norm", "tract_transformers_rms_norm"}) {
    table.emplace(op, infer_over_axis);
  }
  table.emplace("tract_core_cumsum", infer_cumsum);
  table.emplace("tract_core_scaled_rms_norm", infer_scaled_rms_norm);
  table.emplace("batch_normalization", infer_batch_normalization);
  for (std::string_view op : {"local_response_normalization", "local_mean_normalization",
                              "local_variance_normalization", "local_contrast_normalization", "tract_onnx_lrn"}) {
    table.emplace(op, infer_same_shape);
  }
}

}  // namespace nnef
