#include "quant/block.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "nnef/archive/block_items.h"
#include "nnef/half.h"

namespace torch2nnef {
using nnef::kBlockItems;

int block_code(float item, float scale) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  return std::clamp(static_cast<int>(std::floor(item * inverse + 8.5F)), 0, 15);
}

bool fits_blocks(const std::vector<std::int64_t>& shape) {
  if (shape.size() < 2) return false;
  std::int64_t row = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) row *= shape[axis];
  return row > 0 && row % static_cast<std::int64_t>(kBlockItems) == 0;
}

float block_scale(const float* items) {
  float peak = 0;
  for (std::size_t i = 0; i < kBlockItems; ++i) {
    if (!std::isfinite(items[i])) throw std::range_error("it has items that are not finite");
    if (std::fabs(items[i]) > std::fabs(peak)) peak = items[i];
  }
  const float scale = nnef::half_value(nnef::half_bits(peak / -8));
  if (!std::isfinite(scale)) throw std::range_error("it has items beyond 524 032, the most that a block holds");
  return scale;
}

namespace {

using Block = float[kBlockItems];

// Loops over whole blocks without a sum in them, which a compiler turns into a few wide operations.
double sum_of(Block& numbers) {
  for (std::size_t i = 0; i < 16; ++i) numbers[i] += numbers[i + 16];
  for (std::size_t i = 0; i < 8; ++i) numbers[i] += numbers[i + 8];
  for (std::size_t i = 0; i < 4; ++i) numbers[i] += numbers[i + 4];
  return static_cast<double>(numbers[0] + numbers[1]) + static_cast<double>(numbers[2] + numbers[3]);
}

void find_codes(const float* items, float scale, Block& codes) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  for (std::size_t i = 0; i < kBlockItems; ++i) {
    const float place = std::min(std::max(items[i] * inverse + 8.5F, 0.0F), 15.5F);
    codes[i] = static_cast<float>(static_cast<int>(place) - 8);
  }
}

// What codes under a scale make of a block, each item times its importance: the quotient of the sums of items times
// codes and of squared codes is the best scale for these codes.
struct Fit {
  double products = 0, squares = 0;
};

Fit fit_of(const float* items, const float* importance, float scale) {
  Block codes, products, squares;
  find_codes(items, scale, codes);
  for (std::size_t i = 0; i < kBlockItems; ++i) {
    const float weighted = importance[i] * codes[i];
    products[i] = weighted * items[i];
    squares[i] = weighted * codes[i];
  }
  return {sum_of(products), sum_of(squares)};
}

double error_of(const float* items, const float* importance, float scale) {
  Block codes, errors;
  find_codes(items, scale, codes);
  for (std::size_t i = 0; i < kBlockItems; ++i) {
    const float difference = items[i] - codes[i] * scale;
    errors[i] = importance[i] * difference * difference;
  }
  return sum_of(errors);
}

float in_half(double scale) { return nnef::half_value(nnef::half_bits(static_cast<float>(scale))); }

}  // namespace

float searched_scale(const float* items, const float* importance) {
  constexpr int kCandidates = 20;
  const float first = block_scale(items);
  const double peak = static_cast<double>(first) * -8;
  double best = static_cast<double>(first), most = 0;
  for (int k = 0; k < kCandidates; ++k) {
    const Fit fit = fit_of(items, importance, static_cast<float>(peak / (-8 + 0.1 * k)));
    if (fit.squares == 0) continue;
    const double explained = fit.products * fit.products / fit.squares;  // the refitted scale leaves the rest as error
    if (explained > most) std::tie(most, best) = std::pair(explained, fit.products / fit.squares);
  }
  const float found = in_half(best);
  const bool is_better =
      std::isfinite(found) && error_of(items, importance, found) < error_of(items, importance, first);
  return is_better ? found : first;
}

void pack_block(const float* items, float scale, std::byte* block) {
  const std::uint16_t bits = nnef::half_bits(scale);
  std::memcpy(block, &bits, sizeof bits);
  for (std::size_t i = 0; i < kBlockItems / 2; ++i) {
    const int low = block_code(items[i], scale), high = block_code(items[i + kBlockItems / 2], scale);
    block[2 + i] = static_cast<std::byte>(low | high << 4);
  }
}

nnef::TensorDataPtr packed_q4_0(const nnef::TensorData& tensor) {
  if (tensor.dtype() != nnef::DType::kF32 || !fits_blocks(tensor.shape())) {
    throw std::invalid_argument("the tensor cannot be kept in blocks");
  }
  const nnef::ItemType type = nnef::q4_0_type();
  const std::size_t width = nnef::block_bytes(type);
  std::vector<std::byte> packed(static_cast<std::size_t>(tensor.numel()) / kBlockItems * width);
  std::byte* block = packed.data();
  float items[kBlockItems];
  std::size_t filled = 0;  // bytes of `items`
  tensor.stream([&](const void* bytes, std::size_t count) {
    for (const char* at = static_cast<const char*>(bytes); count > 0;) {
      const std::size_t step = std::min(sizeof items - filled, count);
      std::memcpy(reinterpret_cast<char*>(items) + filled, at, step);
      at += step;
      count -= step;
      filled += step;
      if (filled < sizeof items) continue;
      pack_block(items, block_scale(items), block);
      block += width;
      filled = 0;
    }
  });
  return std::make_shared<nnef::StoredTensor>(type, tensor.shape(), std::move(packed));
}

}  // namespace torch2nnef
