#include "export/torchscript/frame.h"

#include <stdexcept>

#include "export/torchscript/source_location.h"

namespace torch2nnef {

Slot Frame::get(const torch::jit::Value* value) const {
  auto found = values.find(value);
  if (found == values.end()) throw std::logic_error("no value for %" + value->debugName());
  return found->second;
}

Slots Frame::inputs_of(const torch::jit::Node* node, std::size_t first) const {
  Slots inputs;
  for (std::size_t i = first; i < node->inputs().size(); ++i) inputs.push_back(get(node->input(i)));
  return inputs;
}

void Frame::set(const torch::jit::Value* value, Slot slot) {
  mark_unexplained(slot);
  values[value] = std::move(slot);
}

void Frame::set_results(const torch::jit::Node* node, Slots results) {
  for (std::size_t i = 0; i < results.size() && i < node->outputs().size(); ++i) {
    set(node->output(i), std::move(results[i]));
  }
}

CallStack::Entered::Entered(CallStack& stack, Frame& frame) : stack_(stack), outer_(stack.innermost_) {
  frame.caller = outer_;
  stack.innermost_ = &frame;
}

const Location& CallStack::here() {
  static const Location kNowhere;
  if (!innermost_ || !innermost_->at) return kNowhere;
  Location& place = locations_[{innermost_->at, innermost_->module_path}];
  if (!place.module_class.empty() || !place.stack.empty()) return place;
  place.module_path = innermost_->module_path;
  place.module_class = innermost_->module_class;
  for (const Frame* frame = innermost_; frame && frame->at; frame = frame->caller) {
    std::vector<SourceLine> lines = source_lines(frame->at);
    place.stack.insert(place.stack.end(), lines.begin(), lines.end());
    if (lines.size() > 1) break;  // a trace's record holds the whole stack
  }
  return place;
}

Callee callee_of(const torch::jit::Node* node) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (!schema) {
    throw Unsupported("the statement " + std::string(node->kind().toQualString()) + " cannot be exported");
  }
  return {*schema, node->getOperation()};
}

}  // namespace torch2nnef
