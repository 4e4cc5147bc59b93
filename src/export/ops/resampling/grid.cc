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

// theta is [N, axes, axes + 1]; the grid is each cell's coordinates times theta.
void lower_affine_grid(Call& call) {
  Builder& b = call.builder();
  std::vector<std::int64_t> sizes;
  const std::vector<Dim> wanted = call.dims("size");
  for (std::size_t axis = 2; axis < wanted.size(); ++axis) sizes.push_back(wanted[axis].value());
  const std::vector<double> items = homogeneous_cells(sizes, call.flag("align_corners"));
  const std::vector<float> floats(items.begin(), items.end());
  const std::int64_t columns = static_cast<std::int64_t>(sizes.size()) + 1;
  std::vector<std::byte> bytes(floats.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), floats.data(), bytes.size());
  auto data = std::make_shared<nnef::OwnedTensor>(
      DType::kF32, std::vector<std::int64_t>{1, static_cast<std::int64_t>(floats.size()) / columns, columns},
      std::move(bytes));
  Value cells = b.cast(call.variable("cells", std::move(data)), call.result_dtype());
  Value y = b.add("matmul", {cells, call.tensor("theta")}, {{"transposeB", true}});
  call.result(b.reshape(y, call.result_shape()));
}

}  // namespace

void register_grid(Registry& registry);

void register_grid(Registry& registry) {
  registry.add("aten::grid_sampler aten::grid_sampler_2d aten::grid_sampler_3d aten::_grid_sampler_2d_cpu_fallback",
               lower_grid_sampler, "not bicubic with padding_mode 'border'");
  registry.add("aten::affine_grid_generator", lower_affine_grid, "static sizes");
}

}  // namespace torch2nnef
