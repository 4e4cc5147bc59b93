#include "export/verify/tract_diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>
#include <map>
#include <set>

#include "export/verify/compare.h"
#include "export/verify/float_cast.h"
#include "export/verify/private_folder.h"
#include "nnef/inspect/sub_graph.h"

namespace torch2nnef {
namespace {

using nnef::NamedTensor;
using nnef::TensorDataPtr;
using nnef::Value;
using Operations = std::vector<std::size_t>;  // indices into Graph::operations, ascending

constexpr std::uint64_t kSliceBytes = std::uint64_t{64} << 20;  // of values that one run gives out
constexpr std::size_t kSliceValues = 256;
constexpr std::uint64_t kHeldBytes = std::uint64_t{256} << 20;  // of known values that stand in for operations
constexpr double kRunsInTime = 20;                              // a run gets this part of all the time, but
constexpr double kShortestRun = 2;                              // at least so many seconds

// Letters of the message outside of quotes: names, shapes and places differ between parts of one graph.
std::string signature(const EngineRun& run) {
  if (run.exit_status == -1) return "no answer";
  std::string letters;
  bool quoted = false;
  for (char c : run.message) {
    if (c == '"' || c == '\'' || c == '`') quoted = !quoted;
    if (!quoted && std::isalpha(static_cast<unsigned char>(c))) letters += c;
    if (letters.size() == 40) break;
  }
  return letters;
}

// Numbers of a modest size, the same every time, for a value that nobody knows.
TensorDataPtr made_up(nnef::DType dtype, const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (std::int64_t size : shape) count *= size;
  std::vector<std::byte> bytes(static_cast<std::size_t>(count) * nnef::item_size(dtype));
  if (nnef::is_float(dtype)) {
    std::vector<float> numbers(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i * 37 % 101) / 101 - 0.5f;
    std::vector<std::byte> raw(numbers.size() * sizeof(float));
    if (!raw.empty()) std::memcpy(raw.data(), numbers.data(), raw.size());
    const nnef::OwnedTensor tensor(nnef::DType::kF32, shape, std::move(raw));
    return cast_float(tensor, dtype);
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); i += 2) bytes[i * nnef::item_size(dtype)] = std::byte{1};
  return std::make_shared<nnef::OwnedTensor>(dtype, shape, std::move(bytes));
}

// The engine's sizes are no tensors that it gives out.
bool is_size(const nnef::Operation& operation) {
  return operation.op == "tract_core_shape_of" || operation.op == "tract_core_range";
}

class Diagnoser {
 public:
  Diagnoser(const Engine& engine, const TractFailure& failure, const KnownValues& known, double seconds)
      : engine_(engine), failure_(failure), graph_(failure.graph), known_(known), seconds_(seconds) {
    for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
      if (!nnef::is_source(graph_.operations[i])) operations_.push_back(i);
    }
    for (const NamedTensor& input : failure.inputs) held_[input.name] = input.data;
  }

  TractDiagnosis run() {
    if (failure_.run.ran) {
      find_difference();
    } else {
      find_failure();
    }
    if (result_.out_of_time) result_.text += "; the search ended early, for want of time";
    return std::move(result_);
  }

 private:
  // One run of a part of the graph.
  struct Attempt {
    bool fails_alike = false;
    std::string detail;  // what differs first
    Value differs;       // whose value that is
    nnef::Graph part;
    std::vector<NamedTensor> inputs, expected;
  };

  double time_left() const {
    return seconds_ - std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  bool is_over() {
    result_.out_of_time = result_.out_of_time || time_left() < kShortestRun;
    return result_.out_of_time;
  }

  std::string text_of(std::size_t operation) const {
    const nnef::Operation& one = graph_.operations[operation];
    std::string results, reads;
    for (Value result : one.results) results += (results.empty() ? "" : ", ") + graph_.info(result).name;
    for (Value read : nnef::values_read_by(one)) reads += (reads.empty() ? "" : ", ") + graph_.info(read).name;
    return fmt::format("{} = {}({})", results, one.op, reads);
  }

  // What tract can give out of an operation.
  std::vector<Value> results_of(std::size_t operation) const {
    const nnef::Operation& one = graph_.operations[operation];
    return is_size(one) ? std::vector<Value>() : one.results;
  }

  // Holds the known values of that name, as far as they fit.
  void hold(const std::set<std::string>& names) {
    std::set<std::string> missing;
    for (const std::string& name : names) {
      if (held_.count(name) == 0 && asked_.insert(name).second) missing.insert(name);
    }
    if (missing.empty()) return;
    known_([&](const std::string& name, const TensorDataPtr& value) {
      if (missing.count(name) == 0 || held_bytes_ + value->byte_size() > kHeldBytes) return;
      if (held_.emplace(name, value).second) held_bytes_ += value->byte_size();
    });
  }

  std::vector<NamedTensor> values_for(const std::vector<Value>& values, bool make_up) {
    std::set<std::string> names;
    for (Value value : values) names.insert(graph_.info(value).name);
    hold(names);
    std::vector<NamedTensor> tensors;
    for (Value value : values) {
      const nnef::ValueInfo& info = graph_.info(value);
      if (const auto found = held_.find(info.name); found != held_.end()) {
        tensors.push_back({info.name, found->second});
      } else if (make_up) {
        std::vector<std::int64_t> shape;
        for (const nnef::Dim& dim : info.shape) shape.push_back(dim.evaluate(failure_.sizes));
        tensors.push_back({info.name, made_up(info.dtype, shape)});
      }
    }
    return tensors;
  }

  EngineRun run_part(const nnef::Graph& part, const std::vector<NamedTensor>& inputs) {
    ++result_.runs;
    const PrivateFolder folder;
    const std::filesystem::path archive = folder.path() / "part.nnef.tar";
    nnef::write_archive(part, failure_.dialect, archive);
    return run_engine(engine_, archive, inputs, std::min(std::max(seconds_ / kRunsInTime, kShortestRun), time_left()));
  }

  // The first of `outputs` that differs from what is known.
  void compare(const std::vector<Value>& outputs, const EngineRun& run, Attempt& attempt) const {
    for (Value output : outputs) {
      const std::string& name = graph_.info(output).name;
      const auto named = [&](const NamedTensor& one) { return one.name == name; };
      const auto actual = std::find_if(run.outputs.begin(), run.outputs.end(), named);
      const auto expected = std::find_if(attempt.expected.begin(), attempt.expected.end(), named);
      if (actual == run.outputs.end() || expected == attempt.expected.end()) continue;
      const Comparison comparison = compare_tensors(*expected->data, *actual->data, failure_.tolerance, least_size_);
      if (comparison.agrees) continue;
      attempt.fails_alike = true;
      attempt.differs = output;
      attempt.detail = comparison.detail;
      return;
    }
  }

  Attempt attempt(const Operations& kept, const std::vector<Value>& outputs, EngineRun* seen = nullptr) {
    Attempt made;
    made.part = nnef::sub_graph(graph_, kept, outputs, failure_.dialect);
    made.inputs = values_for(made.part.inputs, true);
    made.expected = values_for(outputs, false);
    EngineRun run = run_part(made.part, made.inputs);
    if (failure_.run.ran) {
      if (run.ran) compare(outputs, run, made);
    } else {
      made.fails_alike = !run.ran && signature(run) == signature(failure_.run);
    }
    if (seen) *seen = std::move(run);
    return made;
  }

  // --- tract does not get through ---

  // The first `count` operations, and whatever of their results none of them reads.
  Attempt beginning(std::size_t count) {
    const Operations kept(operations_.begin(), operations_.begin() + static_cast<std::ptrdiff_t>(count));
    std::set<Value> read;
    for (std::size_t i : kept) {
      for (Value value : nnef::values_read_by(graph_.operations[i])) read.insert(value);
    }
    std::vector<Value> outputs;
    for (std::size_t i : kept) {
      for (Value result : results_of(i)) {
        if (read.count(result) == 0) outputs.push_back(result);
      }
    }
    if (outputs.empty()) return {};
    return attempt(kept, outputs);
  }

  void find_failure() {
    const std::string what = failure_.run.exit_status == -1 ? "gives no answer" : "fails";
    if (is_over()) return;
    std::size_t passes = 0, fails = operations_.size();
    Attempt shortest = beginning(fails);
    if (!shortest.fails_alike) {
      result_.text = "the graph alone, written again, does not fail so in tract";
      return;
    }
    while (fails - passes > 1 && !is_over()) {
      const std::size_t middle = passes + (fails - passes) / 2;
      Attempt half = beginning(middle);
      if (half.fails_alike) {
        shortest = std::move(half);
        fails = middle;
      } else {
        passes = middle;
      }
    }
    if (fails - passes > 1) {
      keep(std::move(shortest));
      result_.text = fmt::format("tract {} within the first {} of {} operations", what, fails, operations_.size());
      return;
    }
    const std::size_t culprit = operations_[fails - 1];
    name(culprit);
    result_.text = fmt::format("the operation at which tract {} is {}", what, text_of(culprit));
    keep(std::move(shortest));
    reduce(culprit, results_of(culprit));
  }

  // --- an output differs ---

  // The results of operations whose values are known, in order, with their sizes.
  std::vector<std::pair<Value, std::uint64_t>> known_results() {
    std::map<std::string, std::uint64_t> sizes;
    known_([&](const std::string& name, const TensorDataPtr& value) { sizes[name] = value->byte_size(); });
    std::vector<std::pair<Value, std::uint64_t>> results;
    for (std::size_t i : operations_) {
      for (Value result : results_of(i)) {
        const auto found = sizes.find(graph_.info(result).name);
        if (found != sizes.end()) results.emplace_back(result, found->second);
      }
    }
    return results;
  }

  // Compares values as outputs of their own, the expected ones held only for the while. What tract does not run so is
  // tried in halves, and left out where that does not help.
  std::optional<Attempt> first_that_differs(const std::vector<Value>& slice) {
    if (slice.empty() || is_over()) return std::nullopt;
    const auto before = held_;
    const std::uint64_t bytes_before = held_bytes_;
    EngineRun run;
    Attempt made = attempt(nnef::needed_operations(graph_, slice), slice, &run);
    held_ = before;
    held_bytes_ = bytes_before;
    asked_.clear();
    if (run.ran) return made.fails_alike ? std::optional(std::move(made)) : std::nullopt;
    if (slice.size() == 1) return std::nullopt;
    const auto middle = slice.begin() + static_cast<std::ptrdiff_t>(slice.size() / 2);
    if (auto found = first_that_differs({slice.begin(), middle})) return found;
    return first_that_differs({middle, slice.end()});
  }

  // The first of the values in the middle of the graph to differ.
  std::optional<Attempt> search_values() {
    std::vector<Value> slice;
    std::uint64_t bytes = 0;
    std::optional<Attempt> found;
    for (const auto& [value, size] : known_results()) {
      if (!slice.empty() && (bytes + size > kSliceBytes || slice.size() >= kSliceValues)) {
        found = first_that_differs(slice);
        if (found || is_over()) return found;
        slice.clear();
        bytes = 0;
      }
      slice.push_back(value);
      bytes += size;
    }
    return first_that_differs(slice);
  }

  void find_difference() {
    std::optional<Attempt> found = search_values();
    if (!found && !is_over()) {
      least_size_ = 0;  // the output may be a small one
      found = search_values();
    }
    if (!found) {
      find_together();
      return;
    }
    const std::size_t culprit = maker_of(found->differs);
    name(culprit);
    result_.name = graph_.info(found->differs).name;
    result_.text = fmt::format("the first value to differ in tract is {}: {}", text_of(culprit), found->detail);
    reduce(culprit, {found->differs});
  }

  // Each value agrees as an output of its own, which keeps the optimiser from joining operations: the end of the graph
  // that differs on known values.
  void find_together() {
    if (is_over()) return;
    result_.text =
        "no value in the middle of the graph differs when tract gives it out, so that the difference comes "
        "with its optimiser";
    for (Value output : graph_.outputs) {
      const std::size_t last = maker_of(output);
      if (last >= graph_.operations.size() || nnef::is_source(graph_.operations[last])) continue;
      reduce(last, {output});
      if (!result_.smallest) continue;
      name(last);
      return;
    }
  }

  // --- the smallest part ---

  std::size_t maker_of(Value value) const {
    for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
      const std::vector<Value>& results = graph_.operations[i].results;
      if (std::find(results.begin(), results.end(), value) != results.end()) return i;
    }
    return graph_.operations.size();
  }

  // The last 1, 2, 4, ... of the operations that `outputs` need, until the failure shows, then one less as long as it
  // stays.
  void reduce(std::size_t culprit, const std::vector<Value>& outputs) {
    if (outputs.empty()) return;
    const Operations needed = nnef::needed_operations(graph_, outputs);
    std::optional<Operations> failing;
    for (std::size_t count = 1; !failing && !is_over(); count *= 2) {
      const std::size_t taken = std::min(count, needed.size());
      const Operations last(needed.end() - static_cast<std::ptrdiff_t>(taken), needed.end());
      if (Attempt made = attempt(last, outputs); made.fails_alike) {
        failing = last;
        keep(std::move(made));
      }
      if (taken == needed.size()) break;
    }
    if (!failing) {
      result_.text += "; no part of the graph shows it alone";
      return;
    }
    for (std::size_t i = 0; i < failing->size() && !is_over();) {
      Operations fewer = *failing;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      const bool has_culprit = std::find(fewer.begin(), fewer.end(), culprit) != fewer.end();
      Attempt made = has_culprit ? attempt(fewer, outputs) : Attempt();
      if (!made.fails_alike) {
        ++i;
        continue;
      }
      failing = std::move(fewer);
      keep(std::move(made));
    }
    result_.text += failing->size() == 1 ? "; that operation alone does so"
                                         : fmt::format("; {} of {} operations are enough to show it", failing->size(),
                                                       operations_.size());
  }

  void name(std::size_t operation) {
    const nnef::Operation& one = graph_.operations[operation];
    result_.name = one.results.empty() ? "" : graph_.info(one.results.front()).name;
    result_.operation = one.op;
  }

  void keep(Attempt made) {
    result_.smallest = std::move(made.part);
    result_.inputs = std::move(made.inputs);
    result_.expected = std::move(made.expected);
  }

  const Engine& engine_;
  const TractFailure& failure_;
  const nnef::Graph& graph_;
  const KnownValues& known_;
  double seconds_;
  double least_size_ = 1;  // compare_tensors()
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Operations operations_;                      // without inputs and variables
  std::map<std::string, TensorDataPtr> held_;  // known values, by name
  std::set<std::string> asked_;
  std::uint64_t held_bytes_ = 0;
  TractDiagnosis result_;
};

}  // namespace

TractDiagnosis diagnose(const Engine& engine, const TractFailure& failure, const KnownValues& known, double seconds) {
  return Diagnoser(engine, failure, known, seconds).run();
}

}  // namespace torch2nnef
