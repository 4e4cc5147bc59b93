#include "export/weights/block_scales.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>

#include "export/record/replay.h"
#include "export/record/replay_inputs.h"
#include "export/record/torch_types.h"
#include "export/weights/error_feedback.h"
#include "nnef/archive/block_items.h"
#include "nnef/archive/mapped_file.h"
#include "quant/block.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kItemsAtOnce = std::int64_t{1} << 18;
constexpr double kLeastImportance = 0.01;  // of an input that the sample has as zero, as a share of the mean

// A few rows of a weight, packed in one of the ways.
struct PackedRows {
  std::vector<std::byte> blocks;
  at::Tensor items;  // that they mean
};

PackedRows unpacked(std::vector<std::byte> blocks, const at::Tensor& rows) {
  PackedRows result{std::move(blocks), at::empty_like(rows)};
  const std::size_t count = result.blocks.size() / nnef::block_bytes(nnef::q4_0_type());
  nnef::unpack_blocks(nnef::q4_0_type(), result.blocks.data(), count, result.items.data_ptr<float>());
  return result;
}

using ScaleOf = float (*)(const float* items, const float* importance);

// `rows` is contiguous f32 [n, K]; `importance` has K numbers.
PackedRows packed(const at::Tensor& rows, const at::Tensor& importance, ScaleOf scale_of) {
  const std::size_t width = nnef::block_bytes(nnef::q4_0_type()),
                    blocks = static_cast<std::size_t>(rows.numel()) / nnef::kBlockItems;
  const std::size_t per_row = static_cast<std::size_t>(rows.size(1)) / nnef::kBlockItems;
  std::vector<std::byte> bytes(blocks * width);
  const float* items = rows.data_ptr<float>();
  for (std::size_t i = 0; i < blocks; ++i, items += nnef::kBlockItems) {
    const float* weights = importance.data_ptr<float>() + i % per_row * nnef::kBlockItems;
    pack_block(items, scale_of(items, weights), &bytes[i * width]);
  }
  return unpacked(std::move(bytes), rows);
}

// Of the layer's inputs on the sample, [samples, K].
struct LayerInputs {
  explicit LayerInputs(const at::Tensor& x, bool calibrates) : samples(x.size(0)), condensed(x) {
    // More samples than K say no more than the triangle that has the same products.
    if (x.size(0) > x.size(1)) condensed = std::get<1>(at::linalg_qr(x, "r"));
    const at::Tensor squares = x.square().mean(0);
    importance = (squares + squares.mean() * kLeastImportance).contiguous();
    if (calibrates) feedback = ErrorFeedback::of_inputs(condensed);
  }
  // By row of weights, the sum over the sample of the squares of the output.
  at::Tensor squares_of(const at::Tensor& rows) const { return rows.matmul(condensed.t()).square().sum(1); }

  std::int64_t samples;
  at::Tensor condensed, importance;
  std::optional<ErrorFeedback> feedback;
};

// The plain way first.
std::vector<PackedRows> packed_in_all_ways(const at::Tensor& rows, const LayerInputs& inputs) {
  std::vector<PackedRows> ways;
  ways.push_back(packed(rows, inputs.importance, [](const float* items, const float*) { return block_scale(items); }));
  ways.push_back(packed(rows, at::ones_like(inputs.importance), searched_scale));
  ways.push_back(packed(rows, inputs.importance, searched_scale));
  if (inputs.feedback) ways.push_back(unpacked(inputs.feedback->pack(rows, inputs.importance), rows));
  return ways;
}

struct ByOutput {
  nnef::TensorDataPtr stored;
  WeightReport::Output output;
};

ByOutput packed_by_output(const at::Tensor& weight, const LayerInputs& inputs) {
  const std::size_t row_bytes =
      static_cast<std::size_t>(weight.size(1)) / nnef::kBlockItems * nnef::block_bytes(nnef::q4_0_type());
  std::vector<std::byte> all;
  all.reserve(static_cast<std::size_t>(weight.size(0)) * row_bytes);
  ByOutput result;
  const std::int64_t at_once = std::max<std::int64_t>(1, kItemsAtOnce / weight.size(1));
  for (std::int64_t begin = 0; begin < weight.size(0); begin += at_once) {
    const at::Tensor rows = weight.narrow(0, begin, std::min(at_once, weight.size(0) - begin)).contiguous();
    const std::vector<PackedRows> ways = packed_in_all_ways(rows, inputs);
    std::vector<at::Tensor> errors;
    for (const PackedRows& way : ways) errors.push_back(inputs.squares_of(rows - way.items));
    const at::Tensor by_way = at::stack(errors), best = by_way.argmin(0);
    result.output.plain_error += errors.front().sum().item<double>();
    result.output.error += by_way.amin(0).sum().item<double>();
    result.output.root_mean_square += inputs.squares_of(rows).sum().item<double>();
    for (std::int64_t row = 0; row < rows.size(0); ++row) {
      const auto& blocks = ways[static_cast<std::size_t>(best.data_ptr<std::int64_t>()[row])].blocks;
      const auto from = blocks.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * row_bytes);
      all.insert(all.end(), from, from + static_cast<std::ptrdiff_t>(row_bytes));
    }
  }
  const double items = std::max(1.0, static_cast<double>(inputs.samples) * static_cast<double>(weight.size(0)));
  for (double* sum : {&result.output.plain_error, &result.output.error, &result.output.root_mean_square}) {
    *sum = std::sqrt(*sum / items);
  }
  result.stored = std::make_shared<nnef::StoredTensor>(nnef::q4_0_type(), weight.sizes().vec(), std::move(all));
  return result;
}

// The layer's matrix, where the call is a linear layer of one that is stored in blocks.
using ByPlace = std::map<const void*, ReducedWeight*>;

ReducedWeight* matrix_of(const Tape& tape, const TapeCall& call, const ByPlace& weights) {
  const TapeArgument* weight = call.find("weight");
  const bool is_linear = call.arguments.size() == 3 && call.find("input") != nullptr && call.find("bias") != nullptr;
  if (!is_linear) return nullptr;
  if (weight == nullptr || weight->value() == nullptr || !*weight->value()) return nullptr;
  const ConstantPtr& constant = tape.info(*weight->value()).constant;
  if (!constant || constant->scalar_type() != ScalarType::kFloat32) return nullptr;
  const at::Tensor given = shared_tensor(*constant);
  const auto found = weights.find(given.data_ptr());
  if (found == weights.end()) return nullptr;
  const at::Tensor known =
      shared_tensor(*found->second->original);  // another view of the same memory is another weight
  return given.sizes() == known.sizes() && given.strides() == known.strides() ? found->second : nullptr;
}

}  // namespace

LayerErrors choose_block_codes(const Recording& recording, bool calibrates, std::vector<ReducedWeight>& weights) {
  c10::InferenceMode guard;
  LayerErrors errors;
  ByPlace open;
  for (ReducedWeight& weight : weights) {
    if (weight.stored && weight.form == WeightForm::kQ4_0 && weight.original->shape().size() == 2) {
      open.emplace(shared_tensor(*weight.original).data_ptr(), &weight);
      nnef::release(*weight.original);
    }
  }
  if (open.empty() || recording.runs.empty()) return errors;
  const Tape& tape = recording.tape;
  const Recording::Run& sample = recording.runs.front();
  Replay replay(tape, inputs_of(tape, sample), sample.sizes);
  try {
    nnef::TensorDataPtr executed;  // a matrix that is not read again here
    for (; !replay.done() && !open.empty(); replay.step()) {
      if (executed) nnef::release(*std::exchange(executed, nullptr));
      const TapeCall& call = tape.calls[replay.next()];
      ReducedWeight* const weight = matrix_of(tape, call, open);
      const TapeArgument* input = weight == nullptr ? nullptr : call.find("input");
      if (input == nullptr) continue;
      const at::Tensor x = replay.value(*input->value());
      if (!x.defined() || x.scalar_type() != at::kFloat) continue;
      const at::Tensor matrix = shared_tensor(*weight->original);
      ByOutput packed = packed_by_output(matrix, LayerInputs(x.reshape({-1, matrix.size(1)}), calibrates));
      weight->stored = std::move(packed.stored);
      errors.emplace(weight->label, packed.output);
      open.erase(matrix.data_ptr());
      executed = weight->original;
    }
  } catch (const std::exception&) {
    // What cannot be executed again is told by the check; the layers after it keep their scales.
  }
  return errors;
}

}  // namespace torch2nnef
