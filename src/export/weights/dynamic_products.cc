#include "export/weights/dynamic_products.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include "export/operators/operators.h"
#include "export/record/torch_types.h"
#include "quant/weight_rules.h"

namespace torch2nnef {
namespace {

constexpr double kMostCode = 127;

// The matrix of a call that could be quantised, if it is one.
std::optional<TapeValue> matrix_of(const Tape& tape, const TapeCall& call) {
  const TapeArgument *weight = call.find("weight"), *input = call.find("input");
  const bool is_linear = row_of(call.op).is(kLinearLayer) && weight != nullptr && input != nullptr;
  if (!is_linear || weight->value() == nullptr || !*weight->value() || input->value() == nullptr) return std::nullopt;
  const TapeValueInfo& info = tape.info(*weight->value());
  const bool is_matrix = info.constant && info.type == ScalarType::kFloat32 && info.shape.size() == 2;
  const bool is_float = tape.info(*input->value()).type == ScalarType::kFloat32;
  return is_matrix && is_float && !info.label.empty() ? std::optional(*weight->value()) : std::nullopt;
}

// Memory of constants that anything but the matrix of a linear layer reads.
void find_other_uses(const Tape& tape, std::set<const void*>& used) {
  const auto memory = [&](TapeValue value) -> const void* {
    const TapeValueInfo& info = tape.info(value);
    const bool is_plain = info.constant && info.type == ScalarType::kFloat32;
    return is_plain ? shared_tensor(*info.constant).data_ptr() : nullptr;
  };
  for (const TapeCall& call : tape.calls) {
    const std::optional<TapeValue> matrix = matrix_of(tape, call);
    for (TapeValue value : call.tensors_read()) {
      if (value && value != matrix) used.insert(memory(value));
    }
    for (const auto& region : call.regions) find_other_uses(*region, used);
  }
  for (const auto& [name, value] : tape.outputs) used.insert(memory(value));
}

struct Codes {
  at::Tensor quantised;
  WeightReport report;
};

std::optional<Codes> coded(const TapeValueInfo& info) {
  const QuietTorch quiet;
  const at::Tensor weight = shared_tensor(*info.constant);
  const at::Tensor peaks = weight.abs().amax(1).to(at::kDouble);
  if (!peaks.isfinite().all().item<bool>()) return std::nullopt;
  const at::Tensor scales = (peaks / kMostCode).clamp_min(std::numeric_limits<float>::epsilon());
  Codes codes{at::quantize_per_channel(weight, scales, at::zeros({weight.size(0)}, at::kLong), 0, at::kQInt8), {}};
  WeightReport& report = codes.report;
  const at::Tensor error = (codes.quantised.dequantize() - weight).to(at::kDouble);
  report.path = info.label;
  report.form = to_string(WeightForm::kInt8Dynamic);
  report.items = weight.numel();
  report.float_bytes = static_cast<std::uint64_t>(weight.numel()) * sizeof(float);
  report.bytes = static_cast<std::uint64_t>(weight.numel() + weight.size(0) * static_cast<std::int64_t>(sizeof(float)));
  if (weight.numel() == 0) return codes;
  report.mean_squared_error = error.square().mean().item<double>();
  report.largest_error = error.abs().max().item<double>();
  report.root_mean_square = weight.to(at::kDouble).square().mean().sqrt().item<double>();
  return codes;
}

TapeValueInfo facts_of_codes(const TapeValueInfo& weight, const at::Tensor& quantised) {
  TapeValueInfo info = weight;
  info.type = ScalarType::kQInt8;
  info.constant = make_constant(quantised);
  const at::Tensor scales = quantised.q_per_channel_scales().to(at::kDouble).contiguous();
  const auto rows = static_cast<std::size_t>(scales.numel());
  info.affine = {{scales.data_ptr<double>(), scales.data_ptr<double>() + rows}, std::vector<std::int64_t>(rows, 0), 0};
  return info;
}

void make_dynamic(TapeCall& call, TapeValue codes) {
  const TapeArgument input = *call.find("input");
  const TapeArgument* bias = call.find("bias");
  call.op = "quantized::linear_dynamic";
  call.overload.clear();
  call.arguments = {{"X", input},
                    {"W_prepack", {TapeList{{codes}, bias == nullptr ? TapeArgument{} : *bias}}},
                    {"reduce_range", {true}}};
  // As torch's quantize_dynamic: 7 bits, since the sums of 8 saturate in its kernels on processors without VNNI.
  call.is_default = {{"X", false}, {"W_prepack", false}, {"reduce_range", false}};
}

}  // namespace

void quantise_linear_layers(Recording& recording, const ExportOptions& options, ExportReport& report) {
  const auto is_dynamic = [](const WeightRule& rule) { return rule.form == WeightForm::kInt8Dynamic; };
  if (std::none_of(options.quantize.begin(), options.quantize.end(), is_dynamic)) return;
  c10::InferenceMode guard;
  const WeightRules rules(options.quantize);
  Tape& tape = recording.tape;
  std::set<const void*> used_otherwise;
  find_other_uses(tape, used_otherwise);
  std::map<TapeValue, TapeValue> codes_of;
  for (TapeCall& call : tape.calls) {
    const std::optional<TapeValue> matrix = matrix_of(tape, call);
    if (!matrix || rules.form_of(tape.info(*matrix).label) != WeightForm::kInt8Dynamic) continue;
    if (used_otherwise.count(shared_tensor(*tape.info(*matrix).constant).data_ptr()) > 0) continue;
    if (codes_of.count(*matrix) == 0) {
      std::optional<Codes> codes = coded(tape.info(*matrix));
      if (!codes) continue;
      codes_of[*matrix] = TapeValue{static_cast<std::int32_t>(tape.values.size())};
      tape.values.push_back(facts_of_codes(tape.info(*matrix), codes->quantised));
      report.weights.push_back(std::move(codes->report));
    }
    make_dynamic(call, codes_of.at(*matrix));
  }
}

}  // namespace torch2nnef
