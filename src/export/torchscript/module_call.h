// Modules that a lowering claims: executed for their values, one call on the Tape.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "export/lower/lowering.h"
#include "export/record/operator_recorder.h"
#include "export/torchscript/attribute_access.h"
#include "export/torchscript/frame.h"
#include "export/torchscript/operation_count.h"

namespace torch2nnef {

// The arguments of a module that ModuleCalls::watch() waits for.
struct Reached {
  Slots arguments;  // without self
};

class ModuleCalls {
 public:
  ModuleCalls(OperatorRecorder& operators, AttributeAccess& attributes, OperationCount& count, const Tables& tables)
      : operators_(operators), context_(operators.context()), attributes_(attributes), count_(count), tables_(tables) {}

  // A method of a module is called; `arguments` are with self. Throws Reached for the module that is watched.
  void enter(const std::string& path, const std::string& class_name, const std::string& method, const Slots& arguments);
  // The result, if a lowering claims the module and its result depends on an input; else it is to be walked.
  std::optional<Slot> run(const c10::IValue& object, const torch::jit::Function& function, const Slots& arguments,
                          const std::string& path, const std::string& class_name);

  void watch(std::string path, std::string method) { watched_ = {std::move(path), std::move(method)}; }
  // Names of lowerings that claimed a module, and the classes of the modules that were called.
  const std::set<std::string>& claimed() const { return claimed_; }
  const std::set<std::string>& called_classes() const { return called_classes_; }

 private:
  struct Claimed;  // one call
  void add_arguments(const torch::jit::Function& function, const Slots& arguments, Claimed& call);
  void add_attributes(Claimed& call);
  Slot execute(const Claimed& call, const Slots& arguments);

  OperatorRecorder& operators_;
  RecordContext& context_;
  AttributeAccess& attributes_;
  OperationCount& count_;
  const Tables& tables_;
  std::set<std::string> claimed_, called_classes_;
  std::optional<std::pair<std::string, std::string>> watched_;
};

}  // namespace torch2nnef
