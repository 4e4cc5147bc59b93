// Executes methods of TorchScript node by node, in all worlds in step. Because it executes, control flow, lists,
// tuples, objects and calls through the module tree simply happen, and only operators on tensors are left to record;
// because every world executes the same node at the same time, whatever differs between sizes and is not explained is
// found where it arises.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "export/record/operator_recorder.h"
#include "export/torchscript/attribute_access.h"
#include "export/torchscript/containers.h"
#include "export/torchscript/control_flow.h"
#include "export/torchscript/frame.h"
#include "export/torchscript/module_call.h"
#include "export/torchscript/operation_count.h"

namespace torch2nnef {

class Interpreter {
 public:
  Interpreter(OperatorRecorder& operators, CallStack& stack, AttributeAccess& attributes, ModuleCalls& modules,
              OperationCount& count, std::int64_t max_iterations)
      : operators_(operators),
        context_(operators.context()),
        stack_(stack),
        attributes_(attributes),
        modules_(modules),
        count_(count),
        containers_(context_, attributes),
        control_flow_(*this, operators, max_iterations) {}

  // Executes a function, or a method with self; `path` and `class_name` are its module's.
  Slot run_function(const torch::jit::Function& function, Slots arguments, std::string path, std::string class_name);
  OperationCount& count() { return count_; }
  // Executes a block of `owner` in the frame of its graph.
  void run_inner(const torch::jit::Node* owner, const torch::jit::Block* block, Frame& frame);

 private:
  Slot run_graph(const std::shared_ptr<torch::jit::Graph>& graph, Slots arguments, std::string path,
                 std::string class_name);
  bool run_definition(const torch::jit::Node* node, Frame& frame);  // see own_operators.h; false: it has none
  void run_block(const torch::jit::Block* block, Frame& frame);
  void run_node(const torch::jit::Node* node, Frame& frame);
  bool run_list(const torch::jit::Node* node, Frame& frame);       // lists as long as a dynamic size; false: none
  bool run_structure(const torch::jit::Node* node, Frame& frame);  // nodes of known meaning; false: another operator
  void run_constant(const torch::jit::Node* node, Frame& frame);
  void run_call(const torch::jit::Node* node, Frame& frame);
  void run_method(const torch::jit::Node* node, Frame& frame);
  void drop(const torch::jit::Value* value, Frame& frame);

  OperatorRecorder& operators_;
  RecordContext& context_;
  CallStack& stack_;
  AttributeAccess& attributes_;
  ModuleCalls& modules_;
  OperationCount& count_;
  Containers containers_;
  ControlFlow control_flow_;
  std::unordered_map<const torch::jit::Node*, std::vector<const torch::jit::Value*>> last_uses_;
  std::unordered_map<const torch::jit::Node*, c10::IValue> constants_;  // of prim::Constant nodes
  std::unordered_map<const torch::jit::Node*, std::shared_ptr<torch::jit::Graph>> definitions_;  // null: has none
  std::set<const torch::jit::Graph*> analysed_;
};

}  // namespace torch2nnef
