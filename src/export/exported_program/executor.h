// Executes the graph of an exported program node by node, in all worlds in step.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "export/exported_program/operator_calls.h"
#include "export/exported_program/program.h"
#include "export/exported_program/targets.h"

namespace torch2nnef {

// The place of the node that is executed at this moment, for a recorder.
class NodePlace {
 public:
  const Location& here();
  // The node that is executed; the one before, to be set again.
  const ProgramNode* enter(const ProgramNode* node);

 private:
  const ProgramNode* node_ = nullptr;
  std::map<const ProgramNode*, Location> locations_;
};

class ProgramExecutor {
 public:
  static constexpr std::int64_t kMostNodes = 250000;  // that a recording executes

  // The recorder asks `place`, which follows the nodes. `max_iterations`: of a while_loop; 0: it is refused.
  ProgramExecutor(OperatorRecorder& recorder, NodePlace& place, std::int64_t max_iterations)
      : recorder_(recorder),
        context_(recorder.context()),
        place_(place),
        calls_(recorder),
        max_iterations_(max_iterations) {}

  // The outputs of a graph for its inputs; those are bound in order.
  Slots run(const ProgramGraph& graph, Slots inputs);
  // The same inside of torch.autocast, or where that is switched off.
  Slots run_in_autocast(const ProgramGraph& graph, Slots inputs, bool is_enabled);

  OperatorRecorder& recorder() { return recorder_; }
  OperatorCalls& calls() { return calls_; }
  std::int64_t max_iterations() const { return max_iterations_; }
  // Assertions on values, which are not recorded.
  std::int64_t left_out_assertions() const { return left_out_assertions_; }

 private:
  // One execution of a graph.
  struct Frame {
    const ProgramGraph& graph;
    std::unordered_map<std::string, Slot> values;
  };

  void run_node(const ProgramNode& node, Frame& frame);
  Slots dispatch(const ProgramNode& node, const Frame& frame);
  NamedSlots autocast_arguments(const ProgramNode& node, const OperatorName& op, NamedSlots arguments,
                                const Frame& frame);
  void bind_results(const ProgramNode& node, const Slots& results, Frame& frame);
  void bind(const ProgramArgument& output, Slot result, Frame& frame);
  void check_dtype(const std::string& name, const Slot& result, const Frame& frame) const;
  void drop(const std::string& name, Frame& frame);
  Slot value(const ProgramArgument& argument, const Frame& frame);
  Slot list(const ProgramArgument& argument, const Frame& frame);

  OperatorRecorder& recorder_;
  RecordContext& context_;
  NodePlace& place_;
  OperatorCalls calls_;
  std::int64_t max_iterations_;
  std::int64_t executed_ = 0;
  std::int64_t left_out_assertions_ = 0;
  bool is_autocast_ = false;
  // Names by the node that uses them last.
  std::unordered_map<const ProgramGraph*, std::vector<std::vector<std::string>>> last_uses_;
};

}  // namespace torch2nnef
