#include "export/weights/error_feedback.h"

#include <array>
#include <cmath>

#include "nnef/archive/block_items.h"
#include "quant/block.h"

namespace torch2nnef {
namespace {

constexpr double kDamping = 0.01;  // of the mean of the squares, added to each: a sample does not show every direction
constexpr auto kItems = static_cast<std::int64_t>(nnef::kBlockItems);

// One block of a row: each error is passed on to the items after it, divided by what the item's own factor is.
void pack_fed_back(float* items, const float* importance, const at::TensorAccessor<float, 2>& factor,
                   std::int64_t first, float* errors, std::byte* block) {
  std::array<float, nnef::kBlockItems> chosen{};
  const float scale = searched_scale(items, importance);
  for (std::int64_t i = 0; i < kItems; ++i) {
    chosen[static_cast<std::size_t>(i)] = items[i];
    const float meant = static_cast<float>(block_code(items[i], scale) - 8) * scale;
    errors[i] = (items[i] - meant) / factor[first + i][first + i];
    for (std::int64_t later = i + 1; later < kItems; ++later)
      items[later] -= errors[i] * factor[first + i][first + later];
  }
  pack_block(chosen.data(), scale, block);
}

}  // namespace

std::optional<ErrorFeedback> ErrorFeedback::of_inputs(const at::Tensor& x) {
  at::Tensor products = x.t().matmul(x);
  const double mean = products.diagonal().mean().item<double>();
  if (!(mean > 0) || !std::isfinite(mean)) return std::nullopt;
  products.diagonal().add_(kDamping * mean);
  const auto [lower, failed] = at::linalg_cholesky_ex(products);
  if (failed.item<int>() != 0) return std::nullopt;
  auto [factor, also_failed] = at::linalg_cholesky_ex(at::cholesky_inverse(lower), /*upper=*/true);
  if (also_failed.item<int>() != 0) return std::nullopt;
  return ErrorFeedback(factor.contiguous());
}

std::vector<std::byte> ErrorFeedback::pack(const at::Tensor& rows, const at::Tensor& importance) const {
  const std::int64_t count = rows.size(0), length = rows.size(1), blocks = length / kItems;
  const std::size_t width = nnef::block_bytes(nnef::q4_0_type());
  std::vector<std::byte> packed(static_cast<std::size_t>(count * blocks) * width);
  at::Tensor left = rows.clone(), errors = at::empty({count, kItems}, rows.options());
  const auto factor = factor_.accessor<float, 2>();
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::int64_t first = block * kItems, next = first + kItems;
    for (std::int64_t row = 0; row < count; ++row) {
      pack_fed_back(left.data_ptr<float>() + row * length + first, importance.data_ptr<float>() + first, factor, first,
                    errors.data_ptr<float>() + row * kItems,
                    packed.data() + static_cast<std::size_t>(row * blocks + block) * width);
    }
    if (next == length) break;
    left.narrow(1, next, length - next)
        .sub_(errors.matmul(factor_.narrow(0, first, kItems).narrow(1, next, length - next)));
  }
  return packed;
}

}  // namespace torch2nnef
