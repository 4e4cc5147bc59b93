#include "export/torchscript/second_values.h"

#include <algorithm>
#include <variant>

#include "export/load/input_values.h"
#include "export/lower/lowering.h"
#include "export/torchscript/execute_plan.h"
#include "export/torchscript/model_part.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kMostItemsTried = std::int64_t{1} << 21;  // of weights, and of values

std::int64_t item_count(const nnef::Shape& shape, const nnef::Bindings& sizes) {
  std::int64_t items = 1;
  for (const nnef::Dim& dim : shape) items *= dim.evaluate(sizes);
  return items;
}

bool is_cheap(const Tape& tape) {
  std::int64_t weights = 0, values = 0;
  for (const TapeValueInfo& info : tape.values) {
    if (is_quantised(info.type)) return false;
    // Halves are so coarse that other values come to lie on the edges of bins and steps.
    if (info.kind == TapeValueInfo::Kind::kInput && info.type == ScalarType::kFloat16) return false;
    const std::int64_t items = item_count(info.shape, tape.worlds.front());
    (info.kind == TapeValueInfo::Kind::kConstant ? weights : values) += items;
  }
  return weights <= kMostItemsTried && values <= kMostItemsTried;
}

// --- integers ---

// How many items the index chooses from that a call is given as this argument; 0 where it is not an index.
std::int64_t indexed_by(const Tape& tape, const TapeCall& call, const std::string& argument) {
  const auto size = [&](std::string_view name, std::int64_t axis) -> std::int64_t {
    const TapeArgument* tensor = call.find(name);
    if (tensor == nullptr || tensor->value() == nullptr) return 0;
    const nnef::Shape& shape = tape.info(*tensor->value()).shape;
    if (axis < 0) axis += static_cast<std::int64_t>(shape.size());
    if (axis < 0 || axis >= static_cast<std::int64_t>(shape.size())) return 0;
    return shape[static_cast<std::size_t>(axis)].evaluate(tape.worlds.front());
  };
  if (call.op == "aten::embedding" && argument == "indices") return size("weight", 0);
  const TapeArgument* dim = call.find("dim");
  const nnef::Dim* axis = dim == nullptr ? nullptr : std::get_if<nnef::Dim>(&dim->is);
  if (axis != nullptr && axis->is_constant() && argument == "index") return size("self", axis->value());
  return 0;
}

// The smallest number of items that an input chooses from, of all calls that read it; 0 where one of them does not.
std::int64_t indexed_by_input(const Tape& tape, TapeValue input) {
  std::int64_t fewest = 0;
  for (const TapeCall& call : tape.calls) {
    for (const auto& [name, argument] : call.arguments) {
      if (argument.value() == nullptr || !(*argument.value() == input)) continue;
      const std::int64_t items = indexed_by(tape, call, name);
      if (items == 0) return 0;
      fewest = fewest == 0 ? items : std::min(fewest, items);
    }
  }
  return fewest;
}

at::Tensor other_integers(const at::Tensor& sample, std::int64_t indexed) {
  if (indexed > 0 && sample.numel() > 0 && sample.min().item<std::int64_t>() >= 0) {
    return sample.add(1).remainder(indexed);
  }
  for (std::int64_t axis = sample.dim(); axis-- > 0;) {
    if (sample.size(axis) > 1) return sample.roll(1, axis);
  }
  return sample;
}

// --- fractions ---

at::Tensor other_floats(const at::Tensor& sample, at::Generator& generator) {
  const at::Tensor items = sample.to(at::kDouble);
  if (sample.numel() == 0 || items.eq(items.trunc()).all().item<bool>()) return sample;
  const at::Tensor share = at::rand(items.sizes(), generator, at::TensorOptions().dtype(at::kDouble));
  return (items * (0.75 - share / 64)).to(sample.scalar_type());
}

std::vector<at::Tensor> other_values(const std::vector<at::Tensor>& samples, const Tape& tape, std::uint64_t seed,
                                     bool with_integers) {
  at::Generator generator = seeded_generator(seed + 1);
  std::vector<at::Tensor> leaves;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const at::Tensor& sample = samples[i];
    const bool is_integer = c10::isIntegralType(sample.scalar_type(), true);
    at::Tensor other = sample;
    if (sample.is_floating_point()) other = other_floats(sample, generator);
    if (is_integer && with_integers) {
      const bool is_index = sample.scalar_type() != at::kBool && i < tape.inputs.size();
      other = other_integers(sample, is_index ? indexed_by_input(tape, tape.inputs[i]) : 0);
    }
    leaves.push_back(other.contiguous());
  }
  return leaves;
}

bool are_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const at::Tensor& one, const at::Tensor& other) { return one.equal(other); });
}

// Its shapes are those of the sample: else the model goes another way on these values.
std::optional<Recording::Run> executed(const Model::Impl& model, const ExportOptions& options, const Plan& plan,
                                       const Recording::Run& sample) {
  ExportOptions plain = options;
  plain.check = Check::kNone;  // no fingerprints
  plain.model_tree = false;
  Diagnostics unused;
  Recording again;
  try {
    TorchScriptFrontEnd(model, plain, plan).execute(plan.sizes, {plan.sizes.axes.sample}, unused, again);
  } catch (const std::exception&) {
    return std::nullopt;
  }
  if (unused.has_errors() || again.runs.empty()) return std::nullopt;
  Recording::Run& run = again.runs.front();
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    if (run.outputs[i].data->shape() != sample.outputs.at(i).data->shape()) return std::nullopt;
  }
  return std::move(run);
}

}  // namespace

std::optional<Recording::Run> run_on_other_values(const Model& model, const Tables& tables,
                                                  const ExportOptions& options, const Recording& recording) {
  if (recording.runs.empty() || !is_cheap(recording.tape)) return std::nullopt;
  c10::InferenceMode guard;
  at::manual_seed(options.seed);
  const Model::Impl exported = options.module_path.empty() ? model.impl() : model_part(model.impl(), options);
  Plan plan = make_plan(exported, tables, options);
  plan.sizes.axes.symbols.clear();
  const std::vector<at::Tensor> sample = plan.leaves;
  for (bool with_integers : {true, false}) {
    plan.leaves = other_values(sample, recording.tape, options.seed, with_integers);
    if (are_equal(plan.leaves, sample)) continue;
    if (auto run = executed(exported, options, plan, recording.runs.front())) return run;
  }
  return std::nullopt;
}

}  // namespace torch2nnef
