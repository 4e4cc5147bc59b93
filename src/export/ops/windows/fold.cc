// Windows as columns and back: torch's Unfold and Fold.

#include <cstring>

#include "export/ops/shape/shape_util.h"
#include "export/ops/windows/window.h"

namespace torch2nnef {
namespace {

struct Columns {
  std::vector<std::int64_t> kernel, stride, dilation, padding;  // of both axes
};

Columns read_columns(const Call& call) {
  return {per_axis(call, "kernel_size", 2, 1), per_axis(call, "stride", 2, 1), per_axis(call, "dilation", 2, 1),
          per_axis(call, "padding", 2, 0)};
}

Dim windows_along(const Columns& columns, std::size_t axis, const Dim& size) {
  const std::int64_t reach = window_extent(columns.kernel[axis], columns.dilation[axis]);
  return floor_div(size + 2 * columns.padding[axis] - reach, columns.stride[axis]) + 1;
}

// int64 [kernel * windows]: where item k of each window lies on a padded axis.
Value window_places(Call& call, const Columns& columns, std::size_t axis, const Dim& windows) {
  Builder& b = call.builder();
  const std::int64_t kernel = columns.kernel[axis], dilation = columns.dilation[axis], stride = columns.stride[axis];
  if (windows.is_constant()) {
    std::vector<std::int64_t> places;
    for (std::int64_t k = 0; k < kernel; ++k) {
      for (std::int64_t i = 0; i < windows.value(); ++i) places.push_back(k * dilation + i * stride);
    }
    const std::int64_t count = static_cast<std::int64_t>(places.size());
    return index_variable(call, "places", places, {count});
  }
  Value inside = b.unsqueeze(affine_range(call, kernel, dilation), {1});
  Value starts = b.unsqueeze(affine_range(call, windows, stride), {0});
  return b.reshape(b.binary("add", inside, starts), {windows * kernel});
}

// [N, C, H, W] to [N, C * kh * kw, windows].
void lower_im2col(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const Columns columns = read_columns(call);
  Value x = call.tensor("self");
  const bool has_batch = b.rank(x) == 4;
  if (!has_batch) x = b.unsqueeze(x, {0});
  const Shape shape = b.shape(x);
  x = pad_with_zeros(call, x, {{columns.padding[0], columns.padding[0]}, {columns.padding[1], columns.padding[1]}});
  Shape split{shape[0], shape[1]};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const Dim windows = windows_along(columns, axis, shape[axis + 2]);
    x = b.add("tract_core_gather", {x, window_places(call, columns, axis, windows)},
              {{"axis", static_cast<int>(axis) + 2}});
    split.insert(split.end(), {Dim(columns.kernel[axis]), windows});
  }
  x = b.transpose(b.reshape(x, split), {0, 1, 2, 4, 3, 5});
  x = b.reshape(x, {split[0], split[1] * split[2] * split[4], split[3] * split[5]});
  call.result(has_batch ? x : b.squeeze(x, {0}));
}

// [C, kh * kw, kh, kw]: for each channel one filter an item of the window, that puts it in its place.
nnef::TensorDataPtr placing_filters(DType dtype, std::int64_t channels, const std::vector<std::int64_t>& kernel) {
  const std::size_t window = static_cast<std::size_t>(kernel[0] * kernel[1]);
  const std::size_t count = static_cast<std::size_t>(channels) * window * window;
  std::vector<std::byte> bytes(count * nnef::item_size(dtype));
  for (std::size_t row = 0; row < static_cast<std::size_t>(channels) * window; ++row) {
    const std::size_t place = row * window + row % window;
    if (dtype == DType::kF64) {
      const double one = 1;
      std::memcpy(bytes.data() + place * sizeof one, &one, sizeof one);
    } else {
      const float one = 1;
      std::memcpy(bytes.data() + place * sizeof one, &one, sizeof one);
    }
  }
  return std::make_shared<nnef::OwnedTensor>(
      dtype, std::vector<std::int64_t>{channels, static_cast<std::int64_t>(window), kernel[0], kernel[1]},
      std::move(bytes));
}

// [N, C * kh * kw, windows] to [N, C, H, W]: windows are added up where they overlap, as a transposed convolution does.
void lower_col2im(Call& call) {
  Builder& b = call.builder();
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const Columns columns = read_columns(call);
  if (!is_floating(call.result_type())) throw Unsupported("a fold of integers");
  const DType dtype = window_dtype(call.result_dtype());
  Value x = call.tensor_as("self", dtype);
  const bool has_batch = b.rank(x) == 3;
  if (!has_batch) x = b.unsqueeze(x, {0});
  const std::vector<Dim> sizes = call.dims("output_size");
  const std::int64_t channels = b.shape(x)[1].value() / (columns.kernel[0] * columns.kernel[1]);
  Shape image{b.shape(x)[0], b.shape(x)[1]};
  Padding crop, beyond;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const Dim windows = windows_along(columns, axis, sizes.at(axis));
    image.push_back(windows);
    // The end of the image that no window reaches stays zero.
    const std::int64_t reach = window_extent(columns.kernel[axis], columns.dilation[axis]),
                       amount = columns.padding[axis];
    const std::int64_t rest = remainder(sizes[axis] + 2 * amount - reach, Dim(columns.stride[axis])).value();
    crop.emplace_back(amount, std::max<std::int64_t>(amount - rest, 0));
    beyond.emplace_back(0, std::max<std::int64_t>(rest - amount, 0));
  }
  Value filters = call.variable("filters", placing_filters(dtype, channels, columns.kernel));
  Value y =
      b.add("deconv", {b.reshape(x, image), filters},
            {{"padding", crop}, {"stride", columns.stride}, {"dilation", columns.dilation}, {"groups", channels}});
  y = pad_with_zeros(call, y, beyond);
  call.result(b.cast(has_batch ? y : b.squeeze(y, {0}), call.result_dtype()));
}

}  // namespace

void register_fold(Registry& registry) {
  registry.add("aten::im2col", lower_im2col);
  registry.add("aten::col2im", lower_col2im, "a symbolic size needs a stride of 1");
}

}  // namespace torch2nnef
