// Records a model of TorchScript: an interpreter whose operators go to the Tape.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "export/diagnostics.h"
#include "export/lower/lowering.h"
#include "export/record/operator_recorder.h"
#include "export/torchscript/attribute_access.h"
#include "export/torchscript/frame.h"
#include "export/torchscript/interpreter.h"
#include "export/torchscript/module_call.h"

namespace torch2nnef {

struct RecorderOptions {
  const Tables* tables = &builtin_tables();  // lowerings of whole modules
  std::int64_t max_iterations = 0;           // of loops that end when the data says so
  std::int64_t max_operations = 250000;      // see ExportOptions
  bool follows_state = false;                // attributes may be read and then changed: see Recorder::attributes()
};

class Recorder {
 public:
  // The tape's symbols and worlds are set; `root` is in eval mode. `first_is_sample`: world 0 has the user's inputs.
  Recorder(Tape& tape, Diagnostics& diagnostics, const torch::jit::Module& root, bool first_is_sample,
           RecorderOptions options = {});

  // Executes a method of the root; arguments without self.
  Slot run(const torch::jit::Function& method, Slots arguments);
  // Inputs and outputs of the Tape, and options of the recording.
  OperatorRecorder& operators() { return operators_; }
  // What attributes are, where that is not what the archive says; what the method sets is added. An attribute whose
  // contents are written in place must be here before, else AttributeWritten is thrown.
  Attributes& attributes() { return attributes_.current(); }
  // run() throws Reached when the module at that path is called with that method.
  void watch(std::string path, std::string method) { modules_.watch(std::move(path), std::move(method)); }
  // Names of lowerings that claimed a module, and the classes of the modules that were called.
  const std::set<std::string>& claimed() const { return modules_.claimed(); }
  const std::set<std::string>& called_classes() const { return modules_.called_classes(); }

 private:
  CallStack stack_;
  OperatorRecorder operators_;
  torch::jit::Module root_;
  AttributeAccess attributes_;
  OperationCount count_;
  ModuleCalls modules_;
  Interpreter interpreter_;
};

}  // namespace torch2nnef
