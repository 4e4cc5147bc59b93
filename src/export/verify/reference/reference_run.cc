// One pass over the archive, values against fingerprints, outputs against results.

#include <algorithm>
#include <unordered_map>

#include "export/record/fingerprints.h"
#include "export/record/torch_types.h"
#include "export/verify/compare.h"
#include "export/verify/fingerprint_compare.h"
#include "export/verify/judge.h"
#include "export/verify/reference.h"
#include "export/verify/reference/evaluator.h"
#include "export/verify/reference/pairing.h"

namespace torch2nnef {
namespace {

std::vector<at::Tensor> inputs_of(const nnef::Graph& graph, const std::vector<nnef::NamedTensor>& inputs) {
  std::vector<at::Tensor> tensors;
  for (nnef::Value input : graph.inputs) {
    for (const nnef::NamedTensor& given : inputs) {
      if (given.name == graph.info(input).name) tensors.push_back(shared_tensor(*given.data));
    }
  }
  return tensors;
}

// What the recorder kept of the values that each value of the archive stands for.
class Expected {
 public:
  Expected(const CheckSubject& subject, const Recording::Run& run, const Pairing& pairing)
      : casts_to_half_(pairing.casts_to_half()) {
    const std::vector<nnef::Bindings>& worlds = subject.recording.tape.worlds;
    std::size_t world = subject.has_other_values(run) ? worlds.size() : 0;
    while (world < worlds.size() && worlds[world] != run.sizes) ++world;
    const auto& fingerprints = subject.recording.fingerprints;
    for (std::size_t id = 0; id < fingerprints.size() && world < worlds.size(); ++id) {
      if (fingerprints[id].size() <= world) continue;
      const std::vector<Fingerprint>& taken = fingerprints[id][world];
      for (const Paired& paired : pairing.of({static_cast<std::int32_t>(id)})) {
        const std::size_t part = paired.part == Paired::Part::kImaginary ? 1 : 0;
        if (part < taken.size()) of_[paired.value.id].emplace_back(paired, &taken[part]);
      }
    }
  }

  // "" when the tensor may be the value.
  std::string difference_of(nnef::Value value, const at::Tensor& tensor, Tolerance tolerance) const {
    const auto found = of_.find(value.id);
    if (found == of_.end()) return "";
    if (casts_to_half_) tolerance = in_half(tolerance);
    for (const auto& [paired, expected] : found->second) {
      const bool is_cast = tensor.scalar_type() == at::kHalf && expected->dtype == nnef::DType::kF32;
      const std::vector<Fingerprint> actual = fingerprints_of(is_cast ? tensor.to(at::kFloat) : tensor);
      if (actual.empty()) continue;
      std::string text = difference(*expected, actual.front(), tolerance);
      if (!text.empty()) return text;
    }
    return "";
  }

 private:
  const bool casts_to_half_;
  std::unordered_map<std::int32_t, std::vector<std::pair<Paired, const Fingerprint*>>> of_;
};

}  // namespace

ReferenceRun run_reference(const CheckSubject& subject, const Recording::Run& run, Tolerance tolerance) {
  c10::InferenceMode guard;
  ReferenceRun result;
  const Pairing pairing(subject);
  const Expected expected(subject, run, pairing);
  try {
    Evaluator evaluator(subject.archive, subject.dialect, inputs_of(subject.archive, run.inputs));
    while (!evaluator.done()) {
      const nnef::Operation& operation = subject.archive.operations[evaluator.next()];
      evaluator.step();
      for (nnef::Value value : operation.results) {
        std::string text = expected.difference_of(value, evaluator.value(value), tolerance);
        if (!text.empty()) result.differences.emplace_back(subject.archive.info(value).name, std::move(text));
      }
    }
    for (nnef::Value output : subject.archive.outputs) {
      result.computed.push_back({subject.archive.info(output).name, make_constant(evaluator.value(output))});
    }
  } catch (const EvaluationError& error) {
    (error.is_unknown() ? result.not_evaluated : result.failure) = error.what();
  } catch (const std::exception& error) {
    result.failure = message_of(error);
  }
  if (!result.not_evaluated.empty()) return result;
  result.outputs = judge_outputs(subject, run, result.computed, tolerance);
  for (CheckReport::Output& output : result.outputs) {
    output.engine = "reference";
    output.sizes = run.sizes;
    if (!result.failure.empty()) output.detail = "was not computed: " + result.failure;
  }
  return result;
}

void visit_reference_values(const nnef::Graph& graph, const nnef::Dialect& dialect,
                            const std::vector<nnef::NamedTensor>& inputs, const VisitValue& visit) {
  c10::InferenceMode guard;
  Evaluator evaluator(graph, dialect, inputs_of(graph, inputs));
  while (!evaluator.done()) {
    const nnef::Operation& operation = graph.operations[evaluator.next()];
    evaluator.step();
    for (nnef::Value value : operation.results) {
      if (evaluator.value(value).defined()) visit(graph.info(value).name, make_constant(evaluator.value(value)));
    }
  }
}

namespace {

std::vector<nnef::NamedTensor> outputs_of(const nnef::Graph& graph, const nnef::Dialect& dialect,
                                          const std::vector<at::Tensor>& inputs) {
  Evaluator evaluator(graph, dialect, inputs);
  evaluator.run();
  std::vector<nnef::NamedTensor> outputs;
  for (nnef::Value output : graph.outputs) {
    outputs.push_back({graph.info(output).name, make_constant(evaluator.value(output).contiguous())});
  }
  return outputs;
}

// What rounds in f32 when it is added and taken away (quant/affine.cc), and the same for f64.
constexpr double kRoundsSingle = 12582912.0, kRoundsDouble = 6755399441055744.0;

void widen(nnef::Graph& graph) {
  for (nnef::Operation& operation : graph.operations) {
    if (operation.op != "add" && operation.op != "sub") continue;
    for (nnef::NamedArgument& named : operation.arguments) {
      double* number = std::get_if<double>(&named.argument.is);
      if (number != nullptr && *number == kRoundsSingle) *number = kRoundsDouble;
    }
  }
  for (nnef::Operation& operation : graph.operations) {
    for (nnef::NamedArgument& named : operation.arguments) {
      auto* type = named.name == "acc" ? std::get_if<std::string>(&named.argument.is) : nullptr;
      if (type != nullptr && (*type == "f16" || *type == "f32")) *type = "f64";
    }
  }
  for (nnef::ValueInfo& info : graph.values) {
    if (nnef::is_float(info.dtype)) info.dtype = nnef::DType::kF64;
  }
  for (nnef::Fragment& fragment : graph.fragments) widen(fragment.body);
}

}  // namespace

std::vector<nnef::NamedTensor> evaluate_graph(const nnef::Graph& graph, const nnef::Dialect& dialect,
                                              const std::vector<nnef::NamedTensor>& inputs) {
  c10::InferenceMode guard;
  return outputs_of(graph, dialect, inputs_of(graph, inputs));
}

std::vector<nnef::NamedTensor> evaluate_in_f64(nnef::Graph graph, const nnef::Dialect& dialect,
                                               const std::vector<nnef::NamedTensor>& inputs) {
  c10::InferenceMode guard;
  std::vector<at::Tensor> given = inputs_of(graph, inputs);
  widen(graph);
  for (at::Tensor& tensor : given) {
    if (at::isFloatingType(tensor.scalar_type())) tensor = tensor.to(at::kDouble);
  }
  return outputs_of(graph, dialect, given);
}

std::vector<std::string> evaluated_operators() {
  std::vector<std::string> names;
  for (const auto& [name, function] : evaluation_table()) names.emplace_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace torch2nnef
