#include "export/verify/weak_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "export/verify/compare.h"
#include "nnef/inspect/sub_graph.h"

namespace torch2nnef {
namespace {

constexpr double kNearlyEqual = 1e-6;  // of the largest magnitude

std::set<std::string> reached_by_inputs(const nnef::Graph& graph) {
  std::set<nnef::Value> reached(graph.inputs.begin(), graph.inputs.end());
  for (const nnef::Operation& operation : graph.operations) {
    const std::vector<nnef::Value> read = nnef::values_read_by(operation);
    if (std::none_of(read.begin(), read.end(), [&](nnef::Value value) { return reached.count(value) > 0; })) continue;
    reached.insert(operation.results.begin(), operation.results.end());
  }
  std::set<std::string> names;
  for (nnef::Value value : reached) names.insert(graph.info(value).name);
  return names;
}

bool has_symbols(const nnef::Graph& graph, const std::string& output) {
  for (nnef::Value value : graph.outputs) {
    if (graph.info(value).name != output) continue;
    const nnef::Shape& shape = graph.info(value).shape;
    return std::any_of(shape.begin(), shape.end(), [](const nnef::Dim& dim) { return !dim.is_constant(); });
  }
  return false;
}

// "all of its 12 values are 0", or "".
std::string equal_items(const nnef::TensorData& tensor) {
  const Range range = range_of(tensor);
  if (range.count == 0 || range.has_others) return "";
  if (nnef::is_float(tensor.dtype()) && range.low == 0 && range.high == 0) return "holds nothing but zeros";
  if (range.count < 2) return "";
  const double size = std::max(std::fabs(range.low), std::fabs(range.high));
  if (range.high == range.low) return fmt::format("holds the same value {} times: {}", range.count, range.low);
  const bool is_near = nnef::is_float(tensor.dtype()) && range.high - range.low <= kNearlyEqual * size;
  return is_near ? fmt::format("holds nearly the same value {} times: {}", range.count, range.low) : "";
}

const nnef::TensorData& output_of(const Recording::Run& run, std::size_t index) { return *run.outputs.at(index).data; }

// The same in the run with other values as in the run with the sample's at those sizes.
bool is_unmoved(const CheckSubject& subject, std::size_t index) {
  const Recording::Run* second = subject.other_values;
  if (second == nullptr) return false;
  const auto& runs = subject.recording.runs;
  const auto first =
      std::find_if(runs.begin(), runs.end(), [&](const Recording::Run& run) { return run.sizes == second->sizes; });
  const nnef::TensorData& output = output_of(*second, index);
  if (!nnef::is_float(output.dtype()) || first == runs.end()) return false;
  const auto moves = [&](const nnef::NamedTensor& input) {
    return nnef::is_float(input.data->dtype()) && !input.data->shape().empty();
  };
  if (std::none_of(second->inputs.begin(), second->inputs.end(), moves)) return false;
  return compare_tensors(output_of(*first, index), output, Tolerance::kExact, 0).agrees;
}

}  // namespace

std::vector<WeakOutput> weak_outputs(const CheckSubject& subject) {
  const Recording& recording = subject.recording;
  const std::set<std::string> reached = reached_by_inputs(subject.archive);
  std::vector<WeakOutput> weak;
  if (recording.runs.empty()) return weak;
  for (std::size_t i = 0; i < recording.runs.front().outputs.size(); ++i) {
    const std::string& name = recording.runs.front().outputs[i].name;
    std::string why = equal_items(output_of(recording.runs.front(), i));
    for (const Recording::Run& run : recording.runs) {
      if (equal_items(output_of(run, i)).empty()) why.clear();
    }
    if (is_unmoved(subject, i)) why = "does not depend on the inputs, as far as two sets of values show";
    if (reached.count(name) == 0 && !has_symbols(subject.archive, name)) why = "is constant: no input reaches it";
    if (!why.empty()) weak.push_back({name, why});
  }
  return weak;
}

}  // namespace torch2nnef
