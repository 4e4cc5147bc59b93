#include "export/simplify/batch_norms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "export/simplify/graph_facts.h"
#include "nnef/arguments.h"
#include "nnef/makers.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::DType;
using nnef::Graph;
using nnef::Operation;
using nnef::TensorData;
using nnef::TensorDataPtr;
using nnef::Value;

// Scales outside of these would lose digits of the weights, or make infinities of them.
constexpr double kSmallest = 1e-12, kLargest = 1e12;

TensorDataPtr channel_vector(const std::vector<double>& items) {
  const std::vector<float> floats(items.begin(), items.end());
  std::vector<std::byte> bytes(floats.size() * sizeof(float));
  if (!floats.empty()) std::memcpy(bytes.data(), floats.data(), bytes.size());
  return std::make_shared<nnef::OwnedTensor>(
      DType::kF32, std::vector<std::int64_t>{static_cast<std::int64_t>(floats.size())}, std::move(bytes));
}

// A filter whose output channels are scaled, while it is read.
class Scaled final : public TensorData {
 public:
  Scaled(TensorDataPtr data, std::vector<float> scale) : data_(std::move(data)), scale_(std::move(scale)) {}
  DType dtype() const override { return DType::kF32; }
  const std::vector<std::int64_t>& shape() const override { return data_->shape(); }

  // Piece by piece: who wants the beginning alone does not pay for the whole.
  void stream(const nnef::ByteSink& sink) const override {
    const std::size_t row = static_cast<std::size_t>(data_->numel()) / scale_.size();
    std::vector<float> piece(kPiece);
    std::size_t filled = 0, done = 0;  // bytes of the piece, and items before it
    const auto give = [&] {
      const std::size_t count = filled / sizeof(float);
      for (std::size_t i = 0; i < count;) {
        const std::size_t channel = (done + i) / row, end = std::min(count, (channel + 1) * row - done);
        for (; i < end; ++i) piece[i] *= scale_[channel];
      }
      sink(piece.data(), filled);
      done += count;
      filled = 0;
    };
    data_->stream([&](const void* bytes, std::size_t count) {
      for (const auto* from = static_cast<const std::byte*>(bytes); count > 0;) {
        const std::size_t step = std::min(count, kPiece * sizeof(float) - filled);
        std::memcpy(reinterpret_cast<std::byte*>(piece.data()) + filled, from, step);
        from += step;
        count -= step;
        filled += step;
        if (filled == kPiece * sizeof(float)) give();
      }
    });
    give();
  }

 private:
  static constexpr std::size_t kPiece = 1 << 14;  // items
  TensorDataPtr data_;
  std::vector<float> scale_;
};

class BatchNorms {
 public:
  explicit BatchNorms(Graph& graph)
      : graph_(graph), makers_(graph), read_once_(values_read_once(graph)), goes_(graph.operations.size()) {}

  void run() {
    for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
      if (graph_.operations[i].op == "add") fold(i);
    }
    std::size_t place = 0;
    std::erase_if(graph_.operations, [&](const Operation&) { return goes_[place++]; });
  }

 private:
  std::ptrdiff_t place_of(Value value) const { return static_cast<std::ptrdiff_t>(makers_.place(value)); }  // -1: none

  // The operation of that name whose result is read here alone; -1: it is none.
  std::ptrdiff_t only_read_here(Value value, const char* op) const {
    const std::ptrdiff_t at = place_of(value);
    const bool is_it = at >= 0 && graph_.operations[static_cast<std::size_t>(at)].op == op;
    return is_it && read_once_[index_of(value)] ? at : -1;
  }

  Operation& at(std::ptrdiff_t place) { return graph_.operations[static_cast<std::size_t>(place)]; }

  const std::string& label_of(std::ptrdiff_t variable) { return std::get<std::string>(at(variable).find("label")->is); }

  // The two operands of an operation, when both are values.
  static std::optional<std::pair<Value, Value>> operands(const Operation& operation) {
    if (operation.arguments.size() != 2) return std::nullopt;
    const Value *first = operation.arguments[0].argument.value(), *second = operation.arguments[1].argument.value();
    if (first == nullptr || second == nullptr) return std::nullopt;
    return std::pair(*first, *second);
  }

  // The items of a constant with one for each of `channels`, [1, C, 1, ..]; nullopt for anything else.
  std::optional<std::vector<float>> by_channel(Value value, std::size_t rank, std::int64_t channels) {
    const std::ptrdiff_t variable = place_of(value);
    if (variable < 0 || at(variable).op != "variable") return std::nullopt;
    const nnef::ValueInfo& info = graph_.info(value);
    nnef::Shape expected(rank, 1);
    expected[1] = channels;
    if (info.dtype != DType::kF32 || info.shape != expected) return std::nullopt;
    const TensorDataPtr& data = graph_.variables.at(label_of(variable));
    return data->dtype() == DType::kF32 ? std::optional(whole_tensor<float>(*data)) : std::nullopt;
  }

  // The bias of a convolution: a variable of its own, or none.
  std::optional<std::vector<float>> bias_of(const Operation& conv, std::size_t channels) {
    const Argument* bias = conv.find("bias");
    if (bias == nullptr) return std::vector<float>(channels, 0);
    const Value* value = bias->value();
    if (value == nullptr) return std::nullopt;
    const std::ptrdiff_t variable = place_of(*value);
    if (variable < 0 || at(variable).op != "variable") return std::nullopt;
    const TensorDataPtr& data = graph_.variables.at(label_of(variable));
    if (data->dtype() != DType::kF32 || data->numel() != static_cast<std::int64_t>(channels)) return std::nullopt;
    return whole_tensor<float>(*data);
  }

  void fold(std::size_t add) {
    const auto sum = operands(graph_.operations[add]);
    if (!sum) return;
    const std::ptrdiff_t mul = only_read_here(sum->first, "mul"), shift = only_read_here(sum->second, "variable");
    const auto product = mul < 0 ? std::nullopt : operands(at(mul));
    if (shift < 0 || !product) return;
    const std::ptrdiff_t conv = only_read_here(product->first, "conv");
    const Value* filter = conv < 0 ? nullptr : at(conv).find("filter")->value();
    const std::ptrdiff_t weights = filter == nullptr ? -1 : only_read_here(*filter, "variable");
    if (weights < 0 || graph_.info(*filter).dtype != DType::kF32) return;
    const TensorDataPtr data = graph_.variables.at(label_of(weights));
    const std::int64_t channels = data->shape().at(0);
    const std::size_t rank = graph_.info(product->first).shape.size();
    const auto scales = by_channel(product->second, rank, channels), shifts = by_channel(sum->second, rank, channels);
    const auto bias = bias_of(at(conv), static_cast<std::size_t>(channels));
    if (!scales || !shifts || !bias || data->dtype() != DType::kF32 || channels == 0) return;
    std::vector<double> moved;
    for (std::size_t i = 0; i < scales->size(); ++i) {
      const double scale = std::abs((*scales)[i]);
      if (!(scale == 0 || (scale >= kSmallest && scale <= kLargest))) return;
      moved.push_back(static_cast<double>((*bias)[i]) * (*scales)[i] + (*shifts)[i]);
    }
    store(weights, std::make_shared<Scaled>(data, *scales), "_scaled");
    store(shift, channel_vector(moved), "");
    put_together(add, mul, conv, sum->second);
  }

  void store(std::ptrdiff_t variable, TensorDataPtr data, const std::string& ending) {
    std::string label = label_of(variable);
    graph_.variables.erase(label);
    label += ending;
    while (graph_.variables.count(label) > 0) label += "_";
    nnef::Shape shape(data->shape().begin(), data->shape().end());
    for (nnef::NamedArgument& named : at(variable).arguments) {
      if (named.name == "label") named.argument = Argument(label);
      if (named.name == "shape") named.argument = Argument(shape);
    }
    graph_.info(at(variable).results.front()).shape = std::move(shape);
    graph_.variables.emplace(label, std::move(data));
  }

  void put_together(std::size_t add, std::ptrdiff_t mul, std::ptrdiff_t conv, Value shift) {
    Operation whole = at(conv);
    whole.results = graph_.operations[add].results;
    std::erase_if(whole.arguments, [](const nnef::NamedArgument& named) { return named.name == "bias"; });
    for (std::size_t i = 0; i < whole.arguments.size(); ++i) {
      if (whole.arguments[i].name != "filter") continue;
      whole.arguments.insert(whole.arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, {"bias", shift});
      break;
    }
    goes_[static_cast<std::size_t>(mul)] = goes_[static_cast<std::size_t>(conv)] = true;
    graph_.operations[add] = std::move(whole);
  }

  Graph& graph_;
  const nnef::Makers makers_;
  const std::vector<bool> read_once_;
  std::vector<bool> goes_;  // by operation
};

}  // namespace

void fold_batch_norms(Graph& graph) { BatchNorms(graph).run(); }

}  // namespace torch2nnef
