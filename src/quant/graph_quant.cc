#include "quant/graph_quant.h"

#include <utility>

namespace torch2nnef {
namespace {

using nnef::Argument;

class QuantisedItems final : public nnef::StoredAs {
 public:
  explicit QuantisedItems(nnef::TensorDataPtr items) : items_(std::move(items)) {}
  nnef::DType dtype() const override { return items_->dtype(); }
  const std::vector<std::int64_t>& shape() const override { return items_->shape(); }
  void stream(const nnef::ByteSink& sink) const override { items_->stream(sink); }
  nnef::ItemType item_type() const override { return nnef::ItemType::quantised(dtype()); }

 private:
  nnef::TensorDataPtr items_;
};

// One for each place of the axis, in as many brackets as there are axes before it.
template <class Number>
Argument beside(const std::vector<Number>& numbers, int axis) {
  if (axis < 0) return Argument(numbers.front());
  Argument::Array array;
  for (const Number number : numbers) array.items.emplace_back(number);
  Argument argument(std::move(array));
  for (int i = 0; i < axis; ++i) {
    Argument::Array outer;
    outer.items.push_back(std::move(argument));
    argument = Argument(std::move(outer));
  }
  return argument;
}

}  // namespace

nnef::QuantEntry quant_entry(const AffineParameters& parameters, ItemRange items) {
  const int bits = items.high - items.low < 256 ? 8 : 32;
  return {"zero_point_linear_quantize",
          {{"zero_point", beside(parameters.zero_points, parameters.axis)},
           {"scale", beside(parameters.scales, parameters.axis)},
           {"bits", bits},
           {"signed", items.low < 0},
           {"symmetric", false}}};
}

nnef::TensorDataPtr quantised_items(nnef::TensorDataPtr items) {
  return std::make_shared<QuantisedItems>(std::move(items));
}

}  // namespace torch2nnef
