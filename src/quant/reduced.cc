#include "quant/reduced.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "nnef/archive/block_items.h"
#include "nnef/half.h"
#include "quant/block.h"

namespace torch2nnef {
namespace {

using nnef::DType;

constexpr std::size_t kItemsAtOnce = 1 << 16;

// Passes a stream of items on as items of another type, a bounded number at a time. Pieces hold whole items.
template <class From, class To, class Convert>
void stream_converted(const nnef::TensorData& source, const nnef::ByteSink& sink, Convert convert) {
  std::vector<To> converted;
  source.stream([&](const void* bytes, std::size_t count) {
    const char* at = static_cast<const char*>(bytes);
    for (std::size_t left = count / sizeof(From); left > 0;) {
      const std::size_t step = std::min(left, kItemsAtOnce);
      converted.resize(step);
      for (std::size_t i = 0; i < step; ++i, at += sizeof(From)) {
        From item;
        std::memcpy(&item, at, sizeof item);
        converted[i] = convert(item);
      }
      sink(converted.data(), step * sizeof(To));
      left -= step;
    }
  });
}

class HalfTensor final : public nnef::TensorData {
 public:
  explicit HalfTensor(nnef::TensorDataPtr source) : source_(std::move(source)) {}
  DType dtype() const override { return DType::kF16; }
  const std::vector<std::int64_t>& shape() const override { return source_->shape(); }
  void stream(const nnef::ByteSink& sink) const override {
    stream_converted<float, std::uint16_t>(*source_, sink, [](float item) { return nnef::half_bits(item); });
  }

 private:
  nnef::TensorDataPtr source_;
};

class RestoredTensor final : public nnef::TensorData {
 public:
  explicit RestoredTensor(nnef::TensorDataPtr source) : source_(std::move(source)) {}
  DType dtype() const override { return DType::kF32; }
  const std::vector<std::int64_t>& shape() const override { return source_->shape(); }
  void stream(const nnef::ByteSink& sink) const override {
    if (nnef::item_type_of(*source_).is_block()) return nnef::stream_unpacked(*source_, sink);
    stream_converted<std::uint16_t, float>(*source_, sink, nnef::half_value);
  }

 private:
  nnef::TensorDataPtr source_;
};

void require_fit_of_f16(const nnef::TensorData& tensor) {
  bool is_finite = true, fits = true;
  const nnef::ByteSink ignore = [](const void*, std::size_t) {};
  stream_converted<float, char>(tensor, ignore, [&](float item) {
    is_finite = is_finite && std::isfinite(item);
    fits = fits && std::fabs(item) < 65520;
    return '\0';
  });
  if (!is_finite) throw std::range_error("it has items that are not finite");
  if (!fits) throw std::range_error("it has items beyond 65504, the largest f16");
}

}  // namespace

std::string_view to_string(WeightForm form) {
  switch (form) {
    case WeightForm::kF16:
      return "f16";
    case WeightForm::kQ4_0:
      return "q4_0";
    case WeightForm::kInt8Dynamic:
      break;
  }
  return "int8_dynamic";
}

nnef::TensorDataPtr reduced(const nnef::TensorDataPtr& tensor, WeightForm form) {
  if (form == WeightForm::kQ4_0) return packed_q4_0(*tensor);
  if (form != WeightForm::kF16) throw std::invalid_argument("a tensor alone has no such form");
  require_fit_of_f16(*tensor);
  return half_of(tensor);
}

nnef::TensorDataPtr half_of(const nnef::TensorDataPtr& tensor) { return std::make_shared<HalfTensor>(tensor); }

nnef::TensorDataPtr restored(const nnef::TensorDataPtr& tensor) { return std::make_shared<RestoredTensor>(tensor); }

namespace {

// The items that a reduced tensor means, asked for in their order, beside the items that they were made of.
class StoredItems {
 public:
  explicit StoredItems(const nnef::TensorData& tensor) : type_(nnef::item_type_of(tensor)) {
    if (!type_.is_block()) return;
    tensor.stream([&](const void* bytes, std::size_t count) {
      const auto* begin = static_cast<const std::byte*>(bytes);
      packed_.insert(packed_.end(), begin, begin + count);
    });
  }

  float next(float original) {
    if (!type_.is_block()) return nnef::half_value(nnef::half_bits(original));
    const std::size_t place = at_++ % nnef::kBlockItems;
    if (place == 0) {
      const std::size_t block = (at_ - 1) / nnef::kBlockItems;
      nnef::unpack_blocks(type_, &packed_.at(block * nnef::block_bytes(type_)), 1, items_);
    }
    return items_[place];
  }

 private:
  nnef::ItemType type_;
  std::vector<std::byte> packed_;
  float items_[nnef::kBlockItems] = {};
  std::size_t at_ = 0;
};

}  // namespace

ReductionError reduction_error(const nnef::TensorData& original, const nnef::TensorData& reduced) {
  StoredItems stored(reduced);
  ReductionError error;
  double squares = 0, original_squares = 0;
  const nnef::ByteSink ignore = [](const void*, std::size_t) {};
  stream_converted<float, char>(original, ignore, [&](float item) {
    const double number = static_cast<double>(item), difference = number - static_cast<double>(stored.next(item));
    squares += difference * difference;
    original_squares += number * number;
    error.largest = std::max(error.largest, std::fabs(difference));
    return '\0';
  });
  const double items = std::max(1.0, static_cast<double>(original.numel()));
  error.mean_squared = squares / items;
  error.root_mean_square = std::sqrt(original_squares / items);
  return error;
}

}  // namespace torch2nnef
