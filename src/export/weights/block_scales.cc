#include "export/weights/block_scales.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>

#include "export/record/replay.h"
#include "export/record/replay_inputs.h"
#include "export/record/torch_types.h"
#include "nnef/archive/block_items.h"
#include "quant/block.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kItemsAtOnce = std::int64_t{1} << 20;
constexpr double kLeastImportance = 0.01;  // of an input that the sample has as zero, as a share of the mean

// A few rows of a weight, packed in one of the ways.
struct PackedRows {
  std::vector<std::byte> blocks;
  at::Tensor items;  // that they mean
};

enum class Way { kPeak, kSmallestError, kWeighted };
constexpr std::array<Way, 3> kWays = {Way::kPeak, Way::kSmallestError, Way::kWeighted};

// `rows` is contiguous f32 [n, K]; `importance` has K numbers.
PackedRows packed(const at::Tensor& rows, const at::Tensor& importance, Way way) {
  const nnef::ItemType type = nnef::q4_0_type();
  const std::size_t width = nnef::block_bytes(type),
                    blocks = static_cast<std::size_t>(rows.numel()) / nnef::kBlockItems;
  const std::size_t per_row = static_cast<std::size_t>(rows.size(1)) / nnef::kBlockItems;
  PackedRows result{std::vector<std::byte>(blocks * width), at::empty_like(rows)};
  const float* items = rows.data_ptr<float>();
  for (std::size_t i = 0; i < blocks; ++i, items += nnef::kBlockItems) {
    const float* weights = importance.data_ptr<float>() + i % per_row * nnef::kBlockItems;
    const float scale = way == Way::kPeak ? block_scale(items) : searched_scale(items, weights);
    pack_block(items, scale, &result.blocks[i * width]);
  }
  nnef::unpack_blocks(type, result.blocks.data(), blocks, result.items.data_ptr<float>());
  return result;
}

// By row, the sum over the sample of the squared errors of the output.
at::Tensor output_errors(const at::Tensor& rows, const at::Tensor& packed_rows, const at::Tensor& x) {
  return (rows - packed_rows).matmul(x.t()).square().sum(1);
}

// x is [samples, K]. More samples than K say no more than the triangle that has the same products.
at::Tensor condensed(const at::Tensor& x) {
  if (x.size(0) <= x.size(1)) return x;
  return std::get<1>(at::linalg_qr(x, "r"));
}

nnef::TensorDataPtr packed_by_output(const at::Tensor& weight, const at::Tensor& inputs) {
  const at::Tensor x = condensed(inputs), squares = inputs.square().mean(0);
  const at::Tensor importance = (squares + squares.mean() * kLeastImportance).contiguous();
  const at::Tensor all_alike = at::ones_like(importance);
  const std::size_t row_bytes =
      static_cast<std::size_t>(weight.size(1)) / nnef::kBlockItems * nnef::block_bytes(nnef::q4_0_type());
  std::vector<std::byte> all;
  all.reserve(static_cast<std::size_t>(weight.size(0)) * row_bytes);
  const std::int64_t at_once = std::max<std::int64_t>(1, kItemsAtOnce / weight.size(1));
  for (std::int64_t begin = 0; begin < weight.size(0); begin += at_once) {
    const at::Tensor rows = weight.narrow(0, begin, std::min(at_once, weight.size(0) - begin)).contiguous();
    std::vector<PackedRows> ways;
    std::vector<at::Tensor> errors;
    for (Way way : kWays) {
      ways.push_back(packed(rows, way == Way::kWeighted ? importance : all_alike, way));
      errors.push_back(output_errors(rows, ways.back().items, x));
    }
    const at::Tensor best = at::stack(errors).argmin(0);
    for (std::int64_t row = 0; row < rows.size(0); ++row) {
      const auto& blocks = ways[static_cast<std::size_t>(best.data_ptr<std::int64_t>()[row])].blocks;
      const auto from = blocks.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * row_bytes);
      all.insert(all.end(), from, from + static_cast<std::ptrdiff_t>(row_bytes));
    }
  }
  return std::make_shared<nnef::StoredTensor>(nnef::q4_0_type(), weight.sizes().vec(), std::move(all));
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

void choose_block_scales(const Recording& recording, std::vector<ReducedWeight>& weights) {
  c10::InferenceMode guard;
  ByPlace open;
  for (ReducedWeight& weight : weights) {
    if (weight.stored && weight.form == WeightForm::kQ4_0 && weight.original->shape().size() == 2) {
      open.emplace(shared_tensor(*weight.original).data_ptr(), &weight);
    }
  }
  if (open.empty() || recording.runs.empty()) return;
  const Tape& tape = recording.tape;
  const Recording::Run& sample = recording.runs.front();
  Replay replay(tape, inputs_of(tape, sample), sample.sizes);
  try {
    for (; !replay.done() && !open.empty(); replay.step()) {
      const TapeCall& call = tape.calls[replay.next()];
      ReducedWeight* const weight = matrix_of(tape, call, open);
      const TapeArgument* input = weight == nullptr ? nullptr : call.find("input");
      if (input == nullptr) continue;
      const at::Tensor x = replay.value(*input->value());
      if (!x.defined() || x.scalar_type() != at::kFloat) continue;
      const at::Tensor matrix = shared_tensor(*weight->original);
      weight->stored = packed_by_output(matrix, x.reshape({-1, matrix.size(1)}));
      open.erase(matrix.data_ptr());
    }
  } catch (const std::exception&) {
    // What cannot be executed again is told by the check; the layers after it keep their scales.
  }
}

}  // namespace torch2nnef
