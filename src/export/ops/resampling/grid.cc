// Sampling at places that a grid gives, and the grids of affine maps.

#include <array>
#include <cstring>

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

const char* named(const Call& call, std::string_view argument, const std::array<const char*, 3>& names) {
  const std::int64_t number = call.integer(argument);
  if (number < 0 || number >= static_cast<std::int64_t>(names.size())) {
    throw Unsupported("a grid sampler with " + std::string(argument) + " " + std::to_string(number));
  }
  return names[static_cast<std::size_t>(number)];
}

void lower_grid_sampler(Call& call) {
  Builder& b = call.builder();
  const std::string mode = named(call, "interpolation_mode", {"bilinear", "nearest", "bicubic"});
  const std::string padding = named(call, "padding_mode", {"zeros", "border", "reflection"});
  if (mode == "bicubic" && padding == "border") {
    throw Unsupported("a bicubic grid sampler with padding_mode 'border'", "use padding_mode 'reflection' or 'zeros'");
  }
  if (is_empty(call.result_shape())) return call.result(zeros(call, call.result_dtype(), call.result_shape()));
  const DType dtype = call.result_dtype() == DType::kF16 ? DType::kF32 : call.result_dtype();
  Value y = b.add("tract_core_grid_sample", {call.tensor_as("input", dtype), call.tensor_as("grid", dtype)},
                  {{"mode", mode}, {"padding_mode", padding}, {"align_corners", call.flag("align_corners")}});
  call.result(b.cast(y, call.result_dtype()));
}

// Middles (or with align_corners, corners) of `count` cells between -1 and 1.
std::vector<double> cell_places(std::int64_t count, bool align_corners) {
  std::vector<double> places;
  for (std::int64_t i = 0; i < count; ++i) {
    const double steps = static_cast<double>(align_corners ? count - 1 : count);
    const double first = align_corners ? -1 : -1 + 1 / steps;
    places.push_back(count == 1 ? 0 : first + 2 * static_cast<double>(i) / steps);
  }
  return places;
}

// [cells, axes + 1]: the coordinates of each cell, the last axis of the image first, and 1.
std::vector<double> homogeneous_cells(const std::vector<std::int64_t>& sizes, bool align_corners) {
  std::vector<std::vector<double>> places;
  std::int64_t cells = 1;
  for (std::int64_t size : sizes) {
    places.push_back(cell_places(size, align_corners));
    cells *= size;
  }
  std::vector<double> items;
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    std::int64_t rest = cell;
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      items.push_back(places[axis][static_cast<std::size_t>(rest % sizes[axis])]);
      rest /= sizes[axis];
    }
    items.push_back(1);
  }
  return items;
}

// The middles or corners along one axis of a size that is not known: [size].
Value symbolic_places(Call& call, const Dim& size, bool align_corners) {
  Builder& b = call.builder();
  const DType wide = DType::kF64;
  Value place = affine_range(call, size, 2);  // 0, 2, 4, ...
  if (!align_corners) place = b.binary("add", place, b.constant(std::int64_t{1}, DType::kI64));
  const Value steps = call.dim_tensor(align_corners ? max(size - 1, 1) : size, wide);
  Value y = b.binary("sub", b.binary("div", b.cast(place, wide), steps), b.constant(1.0, wide));
  if (!align_corners) return y;
  const Value is_single = b.binary("lt", call.dim_tensor(size), b.constant(std::int64_t{2}, DType::kI64));
  return b.select(is_single, b.constant(0.0, wide), y);  // one cell is in the middle
}

// [1, cells, axes + 1]: as homogeneous_cells, for sizes that are not known.
Value symbolic_cells(Call& call, const Shape& sizes, bool align_corners, DType dtype) {
  Builder& b = call.builder();
  std::vector<Value> columns;
  for (std::size_t axis = sizes.size(); axis-- > 0;) {
    Shape line(sizes.size(), 1);
    line[axis] = sizes[axis];
    Value places = b.cast(symbolic_places(call, sizes[axis], align_corners), dtype);
    columns.push_back(b.broadcast_to(b.reshape(places, line), sizes));
  }
  columns.push_back(filled(call, constant_of(call, 1, dtype), sizes));
  for (Value& column : columns) column = b.reshape(column, {1, nnef::volume(sizes), 1});
  return b.concat(columns, 2);
}

// [1, cells, axes + 1]: a constant.
Value constant_cells(Call& call, const std::vector<std::int64_t>& sizes, bool align_corners) {
  const std::vector<double> items = homogeneous_cells(sizes, align_corners);
  const std::vector<float> floats(items.begin(), items.end());
  const std::int64_t columns = static_cast<std::int64_t>(sizes.size()) + 1;
  std::vector<std::byte> bytes(floats.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), floats.data(), bytes.size());
  auto data = std::make_shared<nnef::OwnedTensor>(
      DType::kF32, std::vector<std::int64_t>{1, static_cast<std::int64_t>(floats.size()) / columns, columns},
      std::move(bytes));
  return call.variable("cells", std::move(data));
}

// theta is [N, axes, axes + 1]; the grid is each cell's coordinates times theta.
void lower_affine_grid(Call& call) {
  Builder& b = call.builder();
  const bool align_corners = call.flag("align_corners");
  const std::vector<Dim> wanted = call.dims("size");
  const Shape spatial(wanted.begin() + 2, wanted.end());
  std::vector<std::int64_t> sizes;
  for (const Dim& dim : spatial) {
    if (dim.is_constant()) sizes.push_back(dim.value());
  }
  const bool is_static = sizes.size() == spatial.size();
  Value cells = is_static ? b.cast(constant_cells(call, sizes, align_corners), call.result_dtype())
                          : symbolic_cells(call, spatial, align_corners, call.result_dtype());
  Value y = b.add("matmul", {cells, call.tensor("theta")}, {{"transposeB", true}});
  call.result(b.reshape(y, call.result_shape()));
}

}  // namespace

void register_grid(Registry& registry) {
  registry.add("aten::grid_sampler aten::grid_sampler_2d aten::grid_sampler_3d aten::_grid_sampler_2d_cpu_fallback",
               lower_grid_sampler, "not bicubic with padding_mode 'border'");
  registry.add("aten::affine_grid_generator", lower_affine_grid);
}

}  // namespace torch2nnef
