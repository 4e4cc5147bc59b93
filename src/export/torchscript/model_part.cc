#include "export/torchscript/model_part.h"

#include "export/load/sample_inputs.h"
#include "export/record/failures.h"
#include "export/record/torch_types.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

[[noreturn]] void fail(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M007", "", {}, text, hint});
}

std::string children_of(const torch::jit::Module& module, const std::string& path) {
  std::string names;
  for (const auto& child : module.named_children()) {
    names += (names.empty() ? "" : ", ") + (path.empty() ? "" : path + ".") + child.name;
  }
  return names.empty() ? "" : "there are " + names;
}

torch::jit::Module module_at(torch::jit::Module module, const std::string& path) {
  std::istringstream names(path);
  std::string done;
  for (std::string name; std::getline(names, name, '.');) {
    bool found = false;
    for (const auto& child : module.named_children()) {
      if (child.name != name) continue;
      module = child.value;
      found = true;
      break;
    }
    if (!found) fail("--module: there is no module " + path + " in the model", children_of(module, done));
    done += (done.empty() ? "" : ".") + name;
  }
  return module;
}

}  // namespace

Model::Impl model_part(const Model::Impl& whole, const ExportOptions& options) {
  Model::Impl part;
  part.path = whole.path;
  part.module = module_at(whole.module, options.module_path);
  if (!part.module.find_method(options.method)) {
    fail("--method: the module " + options.module_path + " has no method " + options.method);
  }
  ExportOptions of_whole = options;
  of_whole.method = "forward";
  of_whole.module_path.clear();
  SampleInputs samples = sample_inputs(whole, of_whole);
  Tape tape;
  tape.worlds = {nnef::Bindings{}};
  Diagnostics diagnostics;
  Recorder recorder(tape, diagnostics, whole.module, true,
                    {.max_operations = options.max_operations, .follows_state = true});
  recorder.watch(options.module_path, options.method);
  std::vector<Slot> slots;
  for (const c10::IValue& argument : samples.arguments) slots.push_back({{argument.deepcopy()}, {}});
  std::string reason;
  try {
    recorder.run(whole.module.get_method("forward").function(), std::move(slots));
  } catch (const Reached& reached) {
    part.inputs.emplace();
    for (const Slot& argument : reached.arguments) part.inputs->push_back(argument.sample().deepcopy());
    part.inputs_from = samples.from + "; then what the model calls " + options.module_path + " with";
    return part;
  } catch (const RecordingStopped& stopped) {
    reason = stopped.what();
  } catch (const AttributeWritten& written) {
    reason = written.what();
  } catch (const Unsupported& error) {
    reason = error.what();
  }
  fail("--module: the model's forward does not call " + options.method + " of " + options.module_path +
           (reason.empty() ? "" : " before it stops: " + reason),
       "name a module that it calls");
}

}  // namespace torch2nnef
