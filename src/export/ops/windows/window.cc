#include "export/ops/windows/window.h"

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {

std::vector<std::int64_t> per_axis(const Call& call, std::string_view name, std::size_t count, std::int64_t fallback) {
  std::vector<std::int64_t> given;
  if (call.has(name)) given = call.integers(name);
  if (given.empty()) given.assign(1, fallback);
  if (given.size() == 1) given.assign(count, given[0]);
  if (given.size() != count) {
    throw Unsupported("argument '" + std::string(name) + "' has " + std::to_string(given.size()) + " numbers for " +
                      std::to_string(count) + " axes");
  }
  return given;
}

Value pad_with_zeros(Call& call, Value x, const Padding& last_axes) {
  Builder& b = call.builder();
  Padding padding(static_cast<std::size_t>(b.rank(x)) - last_axes.size());
  padding.insert(padding.end(), last_axes.begin(), last_axes.end());
  bool is_nothing = true;
  for (const auto& [before, after] : padding) is_nothing = is_nothing && before == Dim(0) && after == Dim(0);
  return is_nothing ? x : b.add("pad", {x}, {{"padding", padding}, {"border", "constant"}});
}

void drop_unreached(std::pair<Dim, Dim>& padding, const Dim& size, std::int64_t extent, std::int64_t stride) {
  if (size.is_constant()) return;
  const Dim rest = remainder(size + padding.first + padding.second - extent, Dim(stride));
  if (rest.is_constant()) padding.second -= min(rest, padding.second);
}

DType window_dtype(DType dtype) {
  if (dtype == DType::kF16) return DType::kF32;
  return nnef::is_float(dtype) ? dtype : DType::kF64;
}

Planes::Planes(Call& call, Value x, std::size_t spatial) : call_(call), value_(x) {
  Builder& b = call.builder();
  const Shape shape = b.shape(x);
  if (shape.size() != spatial + 1 && shape.size() != spatial + 2) {
    throw Unsupported("an input of rank " + std::to_string(shape.size()) + " for a window over " +
                      std::to_string(spatial) + " axes");
  }
  lead_.assign(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(spatial));
  if (lead_.size() == 1) {
    value_ = b.unsqueeze(x, {lead_[0].is_constant() ? 0 : 1});
  } else if (!lead_[1].is_constant()) {
    Shape merged{lead_[0] * lead_[1], 1};
    merged.insert(merged.end(), shape.begin() + 2, shape.end());
    value_ = b.reshape(x, merged);
  }
}

Value Planes::restored(Value y) const {
  Builder& b = call_.builder();
  if (lead_.size() == 1) return b.squeeze(y, {lead_[0].is_constant() ? 0 : 1});
  Shape shape = lead_;
  shape.insert(shape.end(), b.shape(y).begin() + 2, b.shape(y).end());
  return b.reshape(y, shape);
}

}  // namespace torch2nnef
