// torch.fft: transforms over one or several axes, of real and complex tensors, and the order of their results.

#include <algorithm>

#include "export/lower/sub_call.h"
#include "export/ops/shape/shape_util.h"
#include "export/ops/signal/fourier.h"

namespace torch2nnef {
namespace {

// The axes of a transform, in torch's order, and the number of items that each one is given first, or that it has in a
// real result.
struct Plan {
  std::vector<int> axes;
  std::vector<std::optional<Dim>> sizes;
};

std::string norm_of(const Call& call) { return call.has("norm") ? call.text("norm") : "backward"; }

Plan plan_of(const Call& call) {
  int rank = call.rank("self");
  if (rank == 0) throw Unsupported("a transform of a tensor of rank 0");
  Plan plan;
  if (call.tape_call().find("n")) {
    plan.axes = {call.axis("dim", rank)};
    plan.sizes = {call.has("n") ? std::optional(call.dim("n")) : std::nullopt};
    return plan;
  }
  std::vector<Dim> sizes = call.has("s") ? call.dims("s") : std::vector<Dim>{};
  if (call.has("dim")) {
    for (std::int64_t axis : call.integers("dim")) plan.axes.push_back(wrap_axis(axis, rank));
  } else {
    int count = call.has("s") ? static_cast<int>(sizes.size()) : rank;
    for (int axis = rank - count; axis < rank; ++axis) plan.axes.push_back(axis);
  }
  if (plan.axes.empty()) throw Unsupported("a transform over no axis");
  for (std::size_t i = 0; i < plan.axes.size(); ++i) {
    bool is_given = i < sizes.size() && sizes[i] != Dim(-1);
    plan.sizes.push_back(is_given ? std::optional(sizes[i]) : std::nullopt);
  }
  return plan;
}

Dim size_along(Call& call, Value x, int axis) { return call.builder().shape(x).at(static_cast<std::size_t>(axis)); }

// Complex to complex over the first `count` axes of the plan; `items` is multiplied by their sizes.
Value over_axes(Call& call, Value x, const Plan& plan, std::size_t count, Direction direction, Dim& items) {
  for (std::size_t i = 0; i < count; ++i) {
    if (plan.sizes[i]) x = resized(call, x, plan.axes[i], *plan.sizes[i]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    items *= size_along(call, x, plan.axes[i]);
    x = transformed(call, x, plan.axes[i], direction);
  }
  return x;
}

void lower_complex_to_complex(Call& call, Direction direction) {
  Plan plan = plan_of(call);
  Dim items = 1;
  Value x = packed_argument(call, "self", call.part_dtype());
  x = over_axes(call, x, plan, plan.axes.size(), direction, items);
  call.result_packed(normalized(call, x, norm_of(call), direction, items));
}

// rfft: the forward transform of real numbers, its first half. ihfft: the inverse one, which is the conjugate of it.
void lower_real_to_half(Call& call, Direction direction) {
  Plan plan = plan_of(call);
  Builder& b = call.builder();
  int last = plan.axes.back();
  Dim items = 1;
  Value x = call.tensor_as("self", call.part_dtype());
  if (plan.sizes.back()) x = resized(call, x, last, *plan.sizes.back());
  for (std::size_t i = 0; i + 1 < plan.axes.size(); ++i) {
    if (plan.sizes[i]) x = resized(call, x, plan.axes[i], *plan.sizes[i]);
  }
  Dim size = size_along(call, x, last);
  x = transformed(call, packed_real(call, x), last, direction);
  x = b.slice(x, last, 0, floor_div(size, 2) + 1);
  x = over_axes(call, x, plan, plan.axes.size() - 1, direction, items);
  call.result_packed(normalized(call, x, norm_of(call), direction, items * size));
}

// irfft, and hfft, which is a forward transform: the inverse one of the conjugate.
void lower_half_to_real(Call& call, Direction direction) {
  Plan plan = plan_of(call);
  int last = plan.axes.back();
  Dim items = 1, size = call.result_shape().at(static_cast<std::size_t>(last));
  Value x = packed_argument(call, "self", call.result_dtype());
  x = over_axes(call, x, plan, plan.axes.size() - 1, direction, items);
  if (direction == Direction::kForward) x = conjugated(call, x);
  x = real_from_half(call, x, last, size);
  call.result(normalized(call, x, norm_of(call), direction, items * size));
}

// The item of frequency 0 moved to the middle, or back to the front.
void lower_shift(Call& call, bool is_inverse) {
  const Shape& shape = call.shape("self");
  TapeList shifts, axes;
  for (int axis : call.axes("dim", call.rank("self"), false)) {
    const Dim& size = shape[static_cast<std::size_t>(axis)];
    shifts.push_back({is_inverse ? ceil_div(size, 2) : floor_div(size, 2)});
    axes.push_back({Dim(axis)});
  }
  bool is_complex = call.is_complex("self");
  SubCall roll(call, "aten::roll");
  Value x = is_complex ? call.packed("self") : call.tensor("self");
  if (axes.empty()) return is_complex ? call.result_packed(x) : call.result(x);
  roll.argument("self", {roll.tensor(x)});
  roll.argument("shifts", {shifts});
  roll.argument("dims", {axes});
  roll.expect(from_nnef(call.builder().dtype(x)), call.builder().shape(x));
  Value y = roll.run().at(0);
  is_complex ? call.result_packed(y) : call.result(y);
}

// The frequencies of a transform's items: 0, 1, .. up to the middle, then, of a full transform, the negative ones.
void lower_frequencies(Call& call, bool is_half) {
  Builder& b = call.builder();
  DType dtype = call.result_dtype();
  Dim size = call.dim("n");
  Value places = affine_range(call, is_half ? floor_div(size, 2) + 1 : ceil_div(size, 2));
  if (!is_half && size != Dim(1)) {
    Value negative = b.binary("sub", affine_range(call, floor_div(size, 2)), call.dim_tensor(floor_div(size, 2)));
    places = b.concat({places, negative}, 0);
  }
  Value width = b.binary("mul", call.dim_tensor(size, DType::kF64), b.constant(call.number("d"), DType::kF64));
  call.result(b.cast(b.binary("div", b.cast(places, DType::kF64), width), dtype));
}

}  // namespace

void register_fft(Registry& registry) {
  auto add = [&](std::string_view names, auto lower, auto argument) {
    registry.add(
        names, [=](Call& call) { lower(call, argument); }, "", Domain::kBoth);
  };
  add("aten::fft_fft aten::fft_fft2 aten::fft_fftn", lower_complex_to_complex, Direction::kForward);
  add("aten::fft_ifft aten::fft_ifft2 aten::fft_ifftn", lower_complex_to_complex, Direction::kInverse);
  add("aten::fft_rfft aten::fft_rfft2 aten::fft_rfftn", lower_real_to_half, Direction::kForward);
  add("aten::fft_ihfft aten::fft_ihfft2 aten::fft_ihfftn", lower_real_to_half, Direction::kInverse);
  add("aten::fft_irfft aten::fft_irfft2 aten::fft_irfftn", lower_half_to_real, Direction::kInverse);
  add("aten::fft_hfft aten::fft_hfft2 aten::fft_hfftn", lower_half_to_real, Direction::kForward);
  add("aten::fft_fftshift", lower_shift, false);
  add("aten::fft_ifftshift", lower_shift, true);
  add("aten::fft_fftfreq", lower_frequencies, false);
  add("aten::fft_rfftfreq", lower_frequencies, true);
}

}  // namespace torch2nnef
