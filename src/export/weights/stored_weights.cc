#include "export/weights/stored_weights.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "export/record/fingerprints.h"
#include "export/record/replay.h"
#include "export/record/replay_inputs.h"
#include "export/record/torch_types.h"
#include "export/weights/block_scales.h"
#include "nnef/archive/item_type.h"
#include "nnef/archive/mapped_file.h"
#include "nnef/builder/builder.h"
#include "quant/path_pattern.h"
#include "quant/reduce_weights.h"
#include "quant/reduced.h"

namespace torch2nnef {
namespace {

// The f32 that a stored weight means. As a tensor of libtorch it exists only while a call reads it.
class StoredConstant final : public ConstantTensor {
 public:
  explicit StoredConstant(const nnef::TensorDataPtr& stored) : items_(restored(stored)) {}
  nnef::DType dtype() const override { return items_->dtype(); }
  const std::vector<std::int64_t>& shape() const override { return items_->shape(); }
  void stream(const nnef::ByteSink& sink) const override { items_->stream(sink); }
  ScalarType scalar_type() const override { return ScalarType::kFloat32; }
  std::vector<double> to_doubles() const override { return whole()->to_doubles(); }
  std::vector<std::int64_t> to_integers() const override { return whole()->to_integers(); }
  ConstantPtr permuted(const std::vector<std::int64_t>& axes) const override { return whole()->permuted(axes); }
  ConstantPtr reshaped(const std::vector<std::int64_t>& shape) const override { return whole()->reshaped(shape); }
  ConstantPtr converted(nnef::DType dtype) const override { return whole()->converted(dtype); }
  ConstantPtr evaluated(std::string_view op, const std::vector<std::vector<std::int64_t>>& integers) const override {
    return whole()->evaluated(op, integers);
  }

 private:
  ConstantPtr whole() const { return make_constant(to_tensor(*items_)); }

  nnef::TensorDataPtr items_;
};

ExportError refusal(const char* code, const std::string& text, const char* hint) {
  return {ExportError::Kind::kNotExportable, {Severity::kError, code, "", {}, text, hint}};
}

bool is_equal(const nnef::TensorData& a, const nnef::TensorData& b) {
  c10::InferenceMode guard;
  return shared_tensor(a).equal(shared_tensor(b));
}

// The constant itself, and others of the same items that the graph has as one.
void store_in_tape(const std::vector<ReducedWeight>& weights, const nnef::Graph& graph, Tape& tape) {
  std::map<const nnef::TensorData*, ConstantPtr> stored_of;
  std::multimap<std::vector<std::int64_t>, const ReducedWeight*> by_shape;
  for (const ReducedWeight& weight : weights) {
    if (!weight.stored) continue;
    stored_of[weight.original.get()] = std::make_shared<StoredConstant>(weight.stored);
    by_shape.emplace(weight.original->shape(), &weight);
  }
  std::set<const nnef::TensorData*> in_graph;
  for (const auto& [label, data] : graph.variables) in_graph.insert(data.get());
  for (TapeValueInfo& info : tape.values) {
    if (!info.constant || in_graph.count(info.constant.get()) > 0) continue;
    const nnef::TensorData* const original = info.constant.get();
    if (const auto found = stored_of.find(original); found != stored_of.end()) {
      info.constant = found->second;
      continue;
    }
    if (info.type != ScalarType::kFloat32) continue;
    const auto [begin, end] = by_shape.equal_range(original->shape());
    const auto same =
        std::find_if(begin, end, [&](const auto& one) { return is_equal(*one.second->original, *original); });
    if (same != end) info.constant = stored_of.at(same->second->original.get());
  }
}

WeightReport report_of(const ReducedWeight& weight) {
  WeightReport report;
  report.path = weight.label;
  report.why_not = weight.why_not;
  report.items = weight.original->numel();
  report.float_bytes = report.bytes = weight.original->byte_size();
  if (!weight.stored) return report;
  report.form = to_string(weight.form);
  report.bytes = nnef::stream_size(*weight.stored);
  const ReductionError error = reduction_error(*weight.original, *weight.stored);
  report.mean_squared_error = error.mean_squared;
  report.largest_error = error.largest;
  report.root_mean_square = error.root_mean_square;
  return report;
}

void warn_of_idle_rules(const std::vector<WeightRule>& rules, const std::set<std::string>& labels,
                        Diagnostics& diagnostics) {
  for (const WeightRule& rule : rules) {
    const PathPattern pattern(rule.pattern);
    if (std::any_of(labels.begin(), labels.end(), [&](const auto& label) { return pattern.found_in(label); })) continue;
    diagnostics.warning(
        "T2N-L008",
        "--quantize " + std::string(to_string(rule.form)) + ":" + rule.pattern + " matches the path of no weight", {},
        "nnef-dump --tensors lists the paths of the weights in an archive");
  }
}

using TypeOf = std::map<const nnef::TensorData*, ScalarType>;

TypeOf types_of_attributes(const Tape& tape) {
  TypeOf types;
  for (const TapeValueInfo& info : tape.values) {
    if (info.constant && !info.label.empty()) types.emplace(info.constant.get(), info.type);
  }
  return types;
}

void store_by_rules(nnef::Graph& graph, const ExportOptions& options, const TypeOf& types, Recording& recording,
                    Lineage& lineage, ExportReport& report) {
  const AskWeight ask = [&](const nnef::TensorDataPtr& data, WeightForm form) -> std::optional<std::string> {
    const auto found = types.find(data.get());
    if (found == types.end()) return std::nullopt;
    // PyTorch computes with it as bfloat16, which holds the items of f16 that come from one.
    const bool is_kept = found->second == ScalarType::kBFloat16 && form != WeightForm::kF16;
    return is_kept ? "it is bfloat16, which takes f16 only" : "";
  };
  std::set<std::string> labels;
  for (const auto& [label, data] : graph.variables) labels.insert(label);
  ReducedWeights reduced;
  try {
    warn_of_idle_rules(options.quantize, labels, report.diagnostics);
    reduced = reduce_weights(graph, options.target, options.quantize, ask);
  } catch (const nnef::TargetError& error) {
    throw refusal("T2N-L004", error.what(), "choose another --target, or leave out --quantize");
  } catch (const std::invalid_argument& error) {
    throw ExportError(ExportError::Kind::kUsage,
                      {Severity::kError, "T2N-U001", "", {}, std::string("--quantize: ") + error.what(), ""});
  }
  extend(lineage, reduced.added_for);
  const LayerErrors errors = choose_block_codes(recording, options.calibrate, reduced.weights);
  for (const ReducedWeight& weight : reduced.weights) {
    if (weight.stored) graph.variables[weight.label] = weight.stored;
  }
  store_in_tape(reduced.weights, graph, recording.tape);
  for (const ReducedWeight& weight : reduced.weights) {
    report.weights.push_back(report_of(weight));
    if (weight.stored) nnef::release(*weight.original);
    if (const auto found = errors.find(weight.label); found != errors.end())
      report.weights.back().output = found->second;
  }
}

// Whether f16 is as near to the items as one rounding of f32 is: bfloat16 has no more bits, but smaller numbers, which
// weigh nothing beside the others. PyTorch's values need not be computed again.
bool is_exact_in_half(const nnef::TensorDataPtr& data) {
  constexpr double kRounding = 0x1p-24;
  try {
    const ReductionError error = reduction_error(*data, *reduced(data, WeightForm::kF16));
    return std::sqrt(error.mean_squared) <= kRounding * error.root_mean_square;
  } catch (const std::range_error&) {
    return false;
  }
}

// Weights of bfloat16, which are f32 in a graph otherwise.
void store_bfloat16(nnef::Graph& graph, const ExportOptions& options, const TypeOf& types, Lineage& lineage,
                    ExportReport& report) {
  const bool has_any =
      std::any_of(types.begin(), types.end(), [](const auto& one) { return one.second == ScalarType::kBFloat16; });
  if (!has_any || options.target.kind != nnef::Target::Kind::kTract) return;
  const AskWeight ask = [&](const nnef::TensorDataPtr& data, WeightForm) -> std::optional<std::string> {
    const auto found = types.find(data.get());
    const bool is_stored = found != types.end() && found->second == ScalarType::kBFloat16 && is_exact_in_half(data);
    return is_stored ? std::optional<std::string>("") : std::nullopt;
  };
  const ReducedWeights reduced = reduce_weights(graph, options.target, {{WeightForm::kF16, ""}}, ask);
  extend(lineage, reduced.added_for);
  for (const ReducedWeight& weight : reduced.weights) {
    if (weight.stored) report.weights.push_back(report_of(weight));
  }
}

}  // namespace

void store_weights(nnef::Graph& graph, const ExportOptions& options, Recording& recording, Lineage& lineage,
                   ExportReport& report) {
  const auto is_block = [](const WeightRule& rule) { return rule.form == WeightForm::kQ4_0; };
  if (options.calibrate && std::none_of(options.quantize.begin(), options.quantize.end(), is_block)) {
    throw ExportError(
        ExportError::Kind::kUsage,
        {Severity::kError, "T2N-U001", "", {}, "--calibrate is for --quantize=q4_0, which is not given", ""});
  }
  const TypeOf types = types_of_attributes(recording.tape);
  if (!options.quantize.empty()) store_by_rules(graph, options, types, recording, lineage, report);
  if (!options.cast_to_half) store_bfloat16(graph, options, types, lineage, report);
  std::sort(report.weights.begin(), report.weights.end(),
            [](const WeightReport& a, const WeightReport& b) { return a.path < b.path; });
}

namespace {

FloatDistance distance_between(const std::string& output, const nnef::Bindings& sizes, const at::Tensor& of_float,
                               const at::Tensor& of_stored) {
  FloatDistance distance{output, sizes};
  const at::Tensor wanted = of_float.to(at::kDouble), difference = (of_stored.to(at::kDouble) - wanted).abs();
  if (wanted.numel() == 0) return distance;
  distance.rms_error = difference.square().mean().sqrt().item<double>();
  distance.largest_error = difference.max().item<double>();
  distance.root_mean_square = wanted.square().mean().sqrt().item<double>();
  return distance;
}

// Those that the recorder took of the results of a call.
void take_fingerprints(const TapeCall& call, const Replay& replay, std::size_t world, Recording& recording) {
  for (TapeValue result : call.results) {
    const auto id = static_cast<std::size_t>(result.id);
    if (!result || id >= recording.fingerprints.size() || recording.fingerprints[id].size() <= world) continue;
    std::vector<Fingerprint>& taken = recording.fingerprints[id][world];
    const at::Tensor value = taken.empty() ? at::Tensor() : replay.value(result);
    if (value.defined()) taken = fingerprints_of(value);
  }
}

}  // namespace

void rerun_with_stored_weights(Recording& recording, Recording::Run& run, std::vector<FloatDistance>& distances) {
  c10::InferenceMode guard;
  const Tape& tape = recording.tape;
  const auto world =
      static_cast<std::size_t>(std::find(tape.worlds.begin(), tape.worlds.end(), run.sizes) - tape.worlds.begin());
  const bool is_recorded = std::any_of(recording.runs.begin(), recording.runs.end(),
                                       [&](const Recording::Run& known) { return &known == &run; });
  Replay replay(tape, inputs_of(tape, run), run.sizes);
  while (!replay.done()) {
    const TapeCall& call = tape.calls[replay.next()];
    try {
      replay.step();
    } catch (const std::exception& error) {
      throw refusal("T2N-C012",
                    call.full_name() + " cannot be executed again with the stored weights: " + message_of(error),
                    "leave out --quantize, or export with --check=none");
    }
    if (is_recorded && world < tape.worlds.size()) take_fingerprints(call, replay, world, recording);
  }
  for (std::size_t i = 0; i < tape.outputs.size(); ++i) {
    const at::Tensor result = replay.value(tape.outputs[i].second).contiguous();
    const at::Tensor before = shared_tensor(*run.outputs.at(i).data);
    if (at::isFloatingType(result.scalar_type())) {
      distances.push_back(distance_between(run.outputs[i].name, run.sizes, before, result));
    }
    run.outputs[i].data = make_constant(result);
  }
}

}  // namespace torch2nnef
