// Sliding windows: convolutions, their transposes, boxes and pools.
#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

// What one axis of a window operator does.
struct Window {
  Dim size = 1;
  Dim before = 0, after = 0;
  Dim stride = 1, dilation = 1;

  Dim extent() const { return (size - 1) * dilation + 1; }
  Dim down(const Dim& length) const { return floor_div(length + before + after - extent(), stride) + 1; }
  Dim up(const Dim& length) const { return (length - 1) * stride + extent() - before - after; }
};

std::vector<Dim> positive_or_ones(const Call& call, std::string_view name, std::size_t count) {
  std::vector<std::int64_t> given = call.integers(name);
  if (given.empty()) given.assign(count, 1);
  call.require(given.size() == count, "'" + std::string(name) + "' wants " + std::to_string(count) + " entries");
  for (std::int64_t item : given) call.require(item > 0, "'" + std::string(name) + "' must be positive");
  return std::vector<Dim>(given.begin(), given.end());
}

std::vector<Window> windows(const Call& call, const std::vector<Dim>& sizes) {
  std::vector<Window> result(sizes.size());
  const std::vector<Dim> stride = positive_or_ones(call, "stride", sizes.size());
  const std::vector<Dim> dilation = positive_or_ones(call, "dilation", sizes.size());
  const auto padding = call.pairs("padding");
  call.require(padding.size() == sizes.size(), "padding must be written out, one pair for each window axis");
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto& [before, after] = padding[i];
    call.require(!before.is_constant() || before.value() >= 0, "padding is negative");
    call.require(!after.is_constant() || after.value() >= 0, "padding is negative");
    result[i] = Window{sizes[i], before, after, stride[i], dilation[i]};
  }
  return result;
}

Dim checked_length(const Call& call, const Dim& length) {
  call.require(!length.is_constant() || length.value() > 0, "the window does not fit into the input");
  return length;
}

void require_bias(const Call& call, const Fact& bias, const Dim& channels) {
  if (bias.literal != Fact::Literal::kNone) return;
  call.require(bias.shape.empty() || volume(bias.shape) == channels || volume(bias.shape) == Dim(1),
               "the bias of shape " + to_string(bias.shape) + " does not fit " + channels.to_string() + " channels");
}

// The specification's.
void require_any_border(const Call& call, const std::string& border) {
  const bool known = border == "constant" || border == "replicate" || border == "reflect" || border == "reflect-even" ||
                     border == "ignore";
  call.require(known, "the border '" + border + "' is not known");
}

// An output_shape that is given: of the spatial axes in tract, of all in the specification.
void set_output_shape(const Call& call, Shape& result) {
  const std::vector<std::int64_t> wanted = call.integers("output_shape");
  if (wanted.empty()) return;
  const std::size_t first = call.declaration().tract ? 2 : 0;
  call.require(wanted.size() + first == result.size(),
               first == 2 ? "output_shape wants the spatial axes" : "output_shape wants every axis");
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    call.require(i + first >= 2 || result[i + first] == Dim(wanted[i]), "output_shape changes batch or channels");
    result[i + first] = wanted[i];
  }
}

// conv with up = false, deconv with up = true: filters [O, I/groups, k..] for tract, [I, O/groups, k..] for deconv in
// the specification, where the spatial part is the same.
Shape convolved_shape(const Call& call, const Fact& input, const Fact& filter, bool up) {
  const std::string border = call.text("border");
  if (!call.declaration().tract && border != "ignore") require_any_border(call, border);
  call.require(!call.declaration().tract || border == "constant", "the border must be 'constant'");
  call.require(input.rank() >= 3 && filter.rank() == input.rank(),
               "input " + to_string(input.shape) + " and filter " + to_string(filter.shape) + " do not fit");
  const Dim channels = input.shape[1];
  Dim groups = call.integer("groups");
  if (groups == Dim(0)) groups = channels;
  const std::vector<Window> spatial = windows(call, Shape(filter.shape.begin() + 2, filter.shape.end()));
  // The specification's own declaration of deconv says that its filter is laid out the other way.
  const bool input_first = up && !call.declaration().tract;
  const Dim taken = input_first ? filter.shape[0] : filter.shape[1] * groups;
  call.require(taken == channels, "filter " + to_string(filter.shape) + " in " + groups.to_string() +
                                      " groups does not fit input " + to_string(input.shape));
  const Dim outputs = input_first ? filter.shape[1] * groups : filter.shape[0];
  call.require(exact_div(outputs, groups).has_value(), "the groups do not divide the output channels");
  require_bias(call, call.tensor("bias"), outputs);
  Shape result{input.shape[0], outputs};
  for (std::size_t i = 0; i < spatial.size(); ++i) {
    const Dim& length = input.shape[i + 2];
    result.push_back(checked_length(call, up ? spatial[i].up(length) : spatial[i].down(length)));
  }
  return result;
}

Results infer_convolution(const Call& call, bool up) {
  const Fact input = call.tensor("input");
  const Fact filter = call.tensor("filter");
  call.require_type(input, types::kFloats | types::kInt8);
  call.require(filter.dtype == input.dtype, "the filter is " + std::string(to_string(filter.dtype)) + ", the input " +
                                                std::string(to_string(input.dtype)));
  if (is_float(input.dtype)) call.common_type({input, call.tensor("bias")});
  Shape result = convolved_shape(call, input, filter, up);
  if (up) set_output_shape(call, result);
  return one_result(input.dtype, result);
}

// Of integers: a filter of i8, a bias of i32, sums or items as `output_dt` says.
Results infer_integer_convolution(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact filter = call.tensor("filter");
  const Fact bias = call.tensor("bias");
  call.require_type(input, types::kInt8);
  call.require_type(filter, types::kInt8);
  call.require(bias.dtype == DType::kI32 && bias.literal == Fact::Literal::kNone,
               "the bias must be a tensor of i32 (a literal is read as an expression of sizes)");
  const DType result = call.dtype("output_dt");
  call.require(result == DType::kI8 || result == DType::kI32, "output_dt must be 'i8' or 'i32'");
  return one_result(result, convolved_shape(call, input, filter, false));
}

Results infer_conv(const Call& call) { return infer_convolution(call, false); }
Results infer_deconv(const Call& call) { return infer_convolution(call, true); }

Shape pooled_shape(const Call& call, const Fact& input, bool up) {
  const std::vector<Dim> sizes = positive_or_ones(call, "size", input.shape.size());
  call.require(input.rank() >= 3, "wants batch, channel and spatial axes, not " + to_string(input.shape));
  const std::vector<Window> all = windows(call, sizes);
  Shape result = input.shape;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Window& window = all[i];
    const bool trivial =
        window.size == Dim(1) && window.stride == Dim(1) && window.before == Dim(0) && window.after == Dim(0);
    call.require(i >= 2 || trivial, "the window must be 1 along batch and channels");
    if (i >= 2) result[i] = checked_length(call, up ? window.up(result[i]) : window.down(result[i]));
  }
  return result;
}

void require_border(const Call& call) {
  const std::string border = call.text("border");
  if (call.declaration().tract) {
    call.require(border == "constant" || border == "ignore", "the border must be 'constant' or 'ignore'");
  } else {
    require_any_border(call, border);
  }
}

Results infer_pool(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, call.operation().op == "max_pool" ? types::kNumbers : types::kFloats);
  require_border(call);
  return one_result(input.dtype, pooled_shape(call, input, false));
}

Results infer_debox(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kFloats);
  Shape result = pooled_shape(call, input, true);
  set_output_shape(call, result);
  return one_result(input.dtype, result);
}

Results infer_pool_with_index(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kNumbers);
  require_border(call);
  const Shape shape = pooled_shape(call, input, false);
  return {ValueInfo{"", input.dtype, shape}, ValueInfo{"", DType::kI64, shape}};
}

Results infer_argmax_pool(const Call& call) { return {infer_pool_with_index(call).at(1)}; }

// A convolution of each channel with its plane filter, then one of extent 1 that mixes channels.
Results infer_separable_conv(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact plane = call.tensor("plane_filter");
  const Fact point = call.tensor("point_filter");
  call.require_type(input, types::kFloats);
  call.common_type({input, plane, point});
  call.require(input.rank() >= 3 && plane.rank() == input.rank() && point.rank() == input.rank(),
               "input and filters differ in rank");
  call.require(plane.shape[1] == Dim(1), "the plane filter must have one input channel");
  Shape result = input.shape;
  result[1] = point.shape[0];
  const std::vector<Window> spatial = windows(call, Shape(plane.shape.begin() + 2, plane.shape.end()));
  for (std::size_t i = 0; i < spatial.size(); ++i) {
    result[i + 2] = checked_length(call, spatial[i].down(result[i + 2]));
  }
  require_bias(call, call.tensor("bias"), result[1]);
  return one_result(input.dtype, result);
}

Results infer_upsample(const Call& call) {
  const Fact input = call.tensor("input");
  const std::vector<Dim> factor = positive_or_ones(call, "factor", input.shape.size() - 2);
  const bool down = call.operation().op.ends_with("downsample");
  Shape result = input.shape;
  for (std::size_t i = 0; i < factor.size(); ++i) {
    const std::optional<Dim> length = down ? exact_div(result[i + 2], factor[i]) : result[i + 2] * factor[i];
    call.require(length.has_value(), "the factor does not divide the input");
    result[i + 2] = *length;
  }
  return one_result(input.dtype, result);
}

Results infer_sample(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(call.tensor("index"), types::kIntegers);
  const bool up = call.operation().op == "desample";
  Shape result = pooled_shape(call, input, up);
  if (up) set_output_shape(call, result);
  return one_result(input.dtype, result);
}

// Regions [N, 4] of an image, each to one size.
Results infer_regions(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact rois = call.tensor("rois");
  call.require_type(call.tensor("batch_index"), types::kIntegers);
  const std::vector<std::int64_t> size = call.integers("output_size");
  call.require(input.rank() == 4 && size.size() == 2, "wants an image of rank 4 and a size of two entries");
  call.require(rois.rank() == 2 && rois.shape[1] == Dim(4), "wants regions of shape [N,4]");
  return one_result(input.dtype, {rois.shape[0], input.shape[1], size[0], size[1]});
}

}  // namespace

void add_window_inference(InferTable& table) {
  table.emplace("conv", infer_conv);
  table.emplace("deconv", infer_deconv);
  table.emplace("tract_core_qconv", infer_integer_convolution);
  for (std::string_view op : {"box", "max_pool", "avg_pool", "rms_pool"}) table.emplace(op, infer_pool);
  table.emplace("debox", infer_debox);
  table.emplace("max_pool_with_index", infer_pool_with_index);
  table.emplace("argmax_pool", infer_argmax_pool);
  table.emplace("separable_conv", infer_separable_conv);
  table.emplace("sample", infer_sample);
  table.emplace("desample", infer_sample);
  for (std::string_view op : {"avg_roi_pool", "max_roi_pool", "roi_resample", "avg_roi_align", "max_roi_align"}) {
    table.emplace(op, infer_regions);
  }
  for (std::string_view op : {"nearest_upsample", "multilinear_upsample", "nearest_downsample", "area_downsample"}) {
    table.emplace(op, infer_upsample);
  }
}

}  // namespace nnef
