// The methods that are being executed: their values, and the places in the user's Python that they are at.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/record/callee.h"
#include "export/record/slot.h"
#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// One call of a method or function.
struct Frame {
  std::unordered_map<const torch::jit::Value*, Slot> values;
  std::string module_path, module_class;
  const Frame* caller = nullptr;
  const torch::jit::Node* at = nullptr;

  Slot get(const torch::jit::Value* value) const;
  // From the input `first` on.
  Slots inputs_of(const torch::jit::Node* node, std::size_t first = 0) const;
  void set(const torch::jit::Value* value, Slot slot);
  void set_results(const torch::jit::Node* node, Slots results);
};

class CallStack {
 public:
  // The place of the innermost frame's node; the lines of its callers too, where a trace has no stack of its own.
  const Location& here();

  // While it lives, `frame` is the innermost.
  class Entered {
   public:
    Entered(CallStack& stack, Frame& frame);
    ~Entered() { stack_.innermost_ = outer_; }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    CallStack& stack_;
    const Frame* outer_;
  };

 private:
  const Frame* innermost_ = nullptr;
  std::map<std::pair<const torch::jit::Node*, std::string>, Location> locations_;
};

// The operator of a node. Throws Unsupported for a statement that is not one.
Callee callee_of(const torch::jit::Node* node);

}  // namespace torch2nnef
