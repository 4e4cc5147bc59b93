// Executes the graph of an exported program node by node, in all worlds in step.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "export/exported_program/module_spans.h"
#include "export/exported_program/operator_calls.h"
#include "export/exported_program/program.h"
#include "export/exported_program/targets.h"
#include "export/record/claimed_module.h"

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

// Makes a node the present one while it is executed.
class NodeOnPlace {
 public:
  NodeOnPlace(NodePlace& place, const ProgramNode* node) : place_(place), before_(place.enter(node)) {}
  ~NodeOnPlace() { place_.enter(before_); }
  NodeOnPlace(const NodeOnPlace&) = delete;
  NodeOnPlace& operator=(const NodeOnPlace&) = delete;

 private:
  NodePlace& place_;
  const ProgramNode* before_;
};

class ProgramExecutor {
 public:
  static constexpr std::int64_t kMostNodes = 250000;  // that a recording executes

  // The recorder asks `place`, which follows the nodes. `max_iterations`: of a while_loop; 0: it is refused.
  // `claims`: whose lowerings of modules apply; null for none.
  ProgramExecutor(OperatorRecorder& recorder, NodePlace& place, std::int64_t max_iterations, const Tables* claims)
      : recorder_(recorder),
        context_(recorder.context()),
        place_(place),
        calls_(recorder),
        max_iterations_(max_iterations),
        claims_(claims) {}

  // The outputs of a graph for its inputs; those are bound in order.
  Slots run(const ProgramGraph& graph, Slots inputs);
  // The same inside of torch.autocast, or where that is switched off.
  Slots run_in_autocast(const ProgramGraph& graph, Slots inputs, bool is_enabled);

  OperatorRecorder& recorder() { return recorder_; }
  OperatorCalls& calls() { return calls_; }
  std::int64_t max_iterations() const { return max_iterations_; }
  // Assertions on values, which are not recorded.
  std::int64_t left_out_assertions() const { return left_out_assertions_; }
  // Names of lowerings that claimed a module, and the classes of the modules that were called.
  const std::set<std::string>& claimed() const { return claimed_; }
  const std::set<std::string>& called_classes() const { return called_classes_; }

 private:
  // What is known of a graph before it is executed.
  struct GraphFacts {
    std::vector<std::vector<std::string>> dying;  // names by the node that uses them last
    std::vector<ModuleSpan> claimed;
  };
  // One execution of a graph.
  struct Frame {
    const ProgramGraph& graph;
    const GraphFacts& facts;
    std::unordered_map<std::string, Slot> values;
  };

  const GraphFacts& facts_of(const ProgramGraph& graph);
  void run_nodes(std::size_t first, std::size_t last, Frame& frame);
  // claimed_modules.cc
  void run_claimed(const ModuleSpan& span, Frame& frame);
  void record_span(const ModuleSpan& span, const std::vector<std::string>& inputs, Frame& frame);
  void add_claimed_arguments(const std::vector<std::string>& names, const Frame& frame, ClaimedModule& call);
  void replace_results(ClaimedModule call, const std::vector<std::string>& names, Frame& frame);
  [[noreturn]] void stop(const Unsupported& error, const std::string& op);
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
  const Tables* claims_;
  std::set<std::string> claimed_, called_classes_;
  std::unordered_map<const ProgramGraph*, GraphFacts> facts_;
};

}  // namespace torch2nnef
