#include "export/record/fingerprints.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kBlock = 4096;  // items that are summed in the type itself
constexpr int kLanes = 16;

struct Summary {
  double max_abs = 0, sum = 0;
  std::int64_t not_finite = 0;
};

// The slow way, for a block with NaNs or infinities.
template <class T>
void add_carefully(const T* items, std::int64_t count, Summary& summary) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto item = static_cast<double>(items[i]);
    if (!std::isfinite(item)) {
      ++summary.not_finite;
      continue;
    }
    summary.max_abs = std::max(summary.max_abs, std::fabs(item));
    summary.sum += item;
  }
}

// Lanes that do not depend on each other, so that the compiler computes them at once.
template <class T>
void add_block(const T* items, std::int64_t count, Summary& summary) {
  T most[kLanes] = {}, sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const T item = items[i + lane], size = item < 0 ? -item : item;
      most[lane] = size > most[lane] ? size : most[lane];
      sums[lane] += item;
    }
  }
  double sum = 0, largest = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    sum += static_cast<double>(sums[lane]);
    largest = std::max(largest, static_cast<double>(most[lane]));
  }
  if (!std::isfinite(sum) || !std::isfinite(largest)) return add_carefully(items, count, summary);
  summary.sum += sum;
  summary.max_abs = std::max(summary.max_abs, largest);
  add_carefully(items + i, count - i, summary);
}

template <class T>
Summary summarised(const T* items, std::int64_t count) {
  Summary summary;
  for (std::int64_t i = 0; i < count; i += kBlock) {
    const std::int64_t size = std::min(kBlock, count - i);
    if constexpr (std::is_floating_point_v<T>) {
      add_block(items + i, size, summary);
    } else {
      add_carefully(items + i, size, summary);
    }
  }
  return summary;
}

// The order of the items does not matter here, so they are taken as they lie.
Summary summarised(const at::Tensor& tensor) {
  at::Tensor dense = tensor.is_non_overlapping_and_dense() ? tensor : tensor.contiguous();
  const std::int64_t count = dense.numel();
  switch (dense.scalar_type()) {
    case at::kFloat:
      return summarised(dense.data_ptr<float>(), count);
    case at::kDouble:
      return summarised(dense.data_ptr<double>(), count);
    case at::kLong:
      return summarised(dense.data_ptr<std::int64_t>(), count);
    case at::kInt:
      return summarised(dense.data_ptr<std::int32_t>(), count);
    case at::kShort:
      return summarised(dense.data_ptr<std::int16_t>(), count);
    case at::kChar:
      return summarised(dense.data_ptr<std::int8_t>(), count);
    case at::kByte:
      return summarised(dense.data_ptr<std::uint8_t>(), count);
    case at::kBool:
      return summarised(static_cast<const std::uint8_t*>(dense.data_ptr()), count);
    default: {
      at::Tensor wide = dense.to(at::kFloat).contiguous();
      return summarised(wide.data_ptr<float>(), count);
    }
  }
}

std::vector<std::byte> samples_of(const at::Tensor& tensor, std::int64_t step) {
  const std::size_t size = tensor.element_size();
  const auto* base = static_cast<const std::byte*>(tensor.data_ptr());
  const auto sizes = tensor.sizes(), strides = tensor.strides();
  std::vector<std::byte> samples;
  for (std::int64_t item = 0; item < tensor.numel(); item += step) {
    std::int64_t rest = item, place = 0;
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      place += rest % sizes[axis] * strides[axis];
      rest /= sizes[axis];
    }
    const std::byte* from = base + static_cast<std::size_t>(place) * size;
    samples.insert(samples.end(), from, from + size);
  }
  return samples;
}

Fingerprint fingerprint_of(const at::Tensor& known) {
  Fingerprint result;
  result.dtype = to_nnef(from_torch(known.scalar_type())).value();
  result.shape = known.sizes().vec();
  if (known.numel() == 0) return result;
  const Summary summary = summarised(known);
  result.max_abs = summary.max_abs;
  result.sum = summary.sum;
  result.not_finite = summary.not_finite;
  result.samples = samples_of(known, Fingerprint::step(result.shape));
  return result;
}

}  // namespace

std::vector<Fingerprint> fingerprints_of(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.has_storage()) return {};
  std::vector<Fingerprint> result;
  for (const at::Tensor& part : tensors_in_graph(tensor)) result.push_back(fingerprint_of(part));
  return result;
}

}  // namespace torch2nnef
