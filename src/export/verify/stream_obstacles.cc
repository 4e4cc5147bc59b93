#include "export/verify/stream_obstacles.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

namespace torch2nnef {

using nnef::Argument;
using nnef::Operation;
using nnef::Value;

namespace {

// Why an operation needs the whole sequence.
struct WholeSequence {
  std::string what, hint;
  bool is_certain = true;
};

const WholeSequence kOneResult = {
    "gives one result for the whole sequence",
    "take a window of frames (a pooling or a convolution), or what was seen so far (cumsum)"};
const WholeSequence kBackwards = {"goes through the frames from the last to the first", "use a layer of one direction"};
const WholeSequence kTurned = {"turns the sequence round", "use a layer of one direction"};
const WholeSequence kFromTheEnd = {"reads frames that are counted from the end of the sequence",
                                   "count them from the beginning, or take this part out of the stream (--module)"};
const WholeSequence kAllFrames = {"compares all frames of the sequence", "apply it to the features of each frame"};
const WholeSequence kPairs = {"compares every frame with every other",
                              "give each frame a window: keys and values that are shifted by 1, 2, ... frames", false};

void collect(const Argument& argument, std::vector<Value>& values) {
  if (const Value* value = argument.value()) values.push_back(*value);
  if (const Argument::Array* array = argument.array()) {
    for (const Argument& item : array->items) collect(item, values);
  }
}

std::vector<Value> values_read(const Operation& operation) {
  std::vector<Value> values;
  for (const nnef::NamedArgument& one : operation.arguments) collect(one.argument, values);
  return values;
}

std::optional<std::int64_t> integer(const Argument* argument) {
  const nnef::Dim* dim = argument ? argument->dim() : nullptr;
  return dim ? dim->constant() : std::nullopt;
}

std::vector<Argument> items(const Argument* argument) {
  if (!argument) return {};
  return argument->array() ? argument->array()->items : std::vector<Argument>{*argument};
}

class ObstacleSearch {
 public:
  ObstacleSearch(const nnef::Graph& graph, const std::string& symbol) : graph_(graph), symbol_(symbol) {
    for (const Value input : graph.inputs) {
      if (!time_axes(input).empty()) streamed_.insert(input);
    }
    for (const Operation& operation : graph.operations) {
      for (const Value value : values_read(operation)) used_.insert(value);
    }
    used_.insert(graph.outputs.begin(), graph.outputs.end());
  }

  // Why the operation cannot be streamed; what it gives counts as streamed in any case.
  std::optional<WholeSequence> look(const Operation& operation) {
    std::vector<Value> read = values_read(operation);
    std::erase_if(read, [&](Value value) { return !streamed_.contains(value); });
    if (read.empty() || operation.op == "tract_core_shape_of") return std::nullopt;
    std::optional<WholeSequence> found = by_operator(operation);
    for (const Value result : operation.results) {
      if (!used_.contains(result)) continue;
      const std::size_t axes = time_axes(result).size();
      if (axes > 0) streamed_.insert(result);
      if (found) continue;
      if (axes == 0) found = kOneResult;
      const bool is_first = std::ranges::none_of(read, [&](Value value) { return time_axes(value).size() > 1; });
      if (axes > 1 && is_first) found = kPairs;
    }
    return found;
  }

 private:
  std::set<std::int64_t> time_axes(Value value) const {
    std::set<std::int64_t> axes;
    const nnef::Shape& shape = graph_.info(value).shape;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i].symbols().contains(symbol_)) axes.insert(static_cast<std::int64_t>(i));
    }
    return axes;
  }

  // Whether one of the axes that an argument lists is the time axis of the first operand.
  bool is_along_time(const Operation& operation, const char* name) const {
    const Value* operand = operation.arguments.front().argument.value();
    if (!operand) return false;
    const std::set<std::int64_t> axes = time_axes(*operand);
    return std::ranges::any_of(items(operation.find(name)), [&](const Argument& item) {
      const auto axis = integer(&item);
      return axis && axes.contains(*axis);
    });
  }

  std::optional<WholeSequence> by_operator(const Operation& operation) const {
    const std::string& op = operation.op;
    if (op == "softmax" || op == "tract_core_softmax" || op == "tract_core_log_softmax") {
      // Of every frame with every other, a mask may leave a window: that is for tract to see.
      const Value* scores = operation.arguments.front().argument.value();
      const bool is_of_pairs = scores && time_axes(*scores).size() > 1;
      if (!is_of_pairs && is_along_time(operation, "axes")) return kAllFrames;
    } else if (op == "tract_core_topk" || op == "tract_core_fft") {
      if (is_along_time(operation, "axis")) return kAllFrames;
    } else if (op == "tract_core_gru_seq") {
      if (integer(operation.find("chunk")).value_or(1) < 0) return kBackwards;
    } else if (op == "tract_core_scan") {
      if (scans_backwards(operation)) return kBackwards;
    } else if (op == "slice") {
      return of_slice(operation);
    }
    return std::nullopt;
  }

  // scan = [(name, value, axis, step)]
  bool scans_backwards(const Operation& operation) const {
    return std::ranges::any_of(items(operation.find("scan")), [&](const Argument& one) {
      const std::vector<Argument> parts = items(&one);
      const Value* value = parts.size() == 4 ? parts[1].value() : nullptr;
      return value && streamed_.contains(*value) && integer(&parts[3]).value_or(1) < 0 &&
             time_axes(*value).contains(integer(&parts[2]).value_or(-1));
    });
  }

  std::optional<WholeSequence> of_slice(const Operation& operation) const {
    const std::vector<Argument> axes = items(operation.find("axes")), begins = items(operation.find("begin")),
                                steps = items(operation.find("stride"));
    const std::set<std::int64_t> time = time_axes(*operation.arguments.front().argument.value());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (!time.contains(integer(&axes[i]).value_or(-1))) continue;
      if (i < steps.size() && integer(&steps[i]).value_or(1) < 0) return kTurned;
      const nnef::Dim* begin = i < begins.size() ? begins[i].dim() : nullptr;
      if (begin && begin->symbols().contains(symbol_)) return kFromTheEnd;
    }
    return std::nullopt;
  }

  const nnef::Graph& graph_;
  const std::string& symbol_;
  std::set<Value> streamed_;  // values that come in frame by frame
  std::set<Value> used_;
};

}  // namespace

StreamObstacles stream_obstacles(const nnef::Graph& graph, const Lineage& lineage, const Tape& tape,
                                 const std::string& symbol) {
  StreamObstacles obstacles;
  ObstacleSearch search(graph, symbol);
  std::set<std::int32_t> told;
  for (const Operation& operation : graph.operations) {
    const std::optional<WholeSequence> found = search.look(operation);
    if (!found) continue;
    const std::int32_t call = lineage.call_of.at(static_cast<std::size_t>(operation.results.front().id));
    if (call >= 0 && !told.insert(call).second) continue;
    Diagnostic problem{Severity::kError,
                       "T2N-R023",
                       "",
                       {},
                       fmt::format("this {}, so the model cannot be streamed over {}", found->what, symbol),
                       found->hint};
    if (call >= 0) {
      problem.op = tape.calls.at(static_cast<std::size_t>(call)).op;
      problem.where = tape.calls.at(static_cast<std::size_t>(call)).where;
    }
    (found->is_certain ? obstacles.certain : obstacles.possible).push_back(std::move(problem));
  }
  return obstacles;
}

}  // namespace torch2nnef
