#include "export/torchscript/recorder.h"

#include "export/torchscript/source_location.h"

namespace torch2nnef {

Recorder::Recorder(Tape& tape, Diagnostics& diagnostics, const torch::jit::Module& root, bool first_is_sample,
                   RecorderOptions options)
    : operators_(
          tape, diagnostics, [this]() -> const Location& { return stack_.here(); }, first_is_sample, true),
      root_(root),
      attributes_(operators_.context(), root, options.follows_state),
      count_(options.max_operations),
      modules_(operators_, attributes_, count_, *options.tables),
      interpreter_(operators_, stack_, attributes_, modules_, count_, options.max_iterations) {}

Slot Recorder::run(const torch::jit::Function& method, Slots arguments) {
  Slot self{std::vector<c10::IValue>(operators_.context().world_count(), root_._ivalue()), {}};
  arguments.insert(arguments.begin(), std::move(self));
  const std::string class_name = normalized_class(root_.type()->name()->qualifiedName());
  if (auto claimed = modules_.run(root_._ivalue(), method, arguments, "", class_name)) return *claimed;
  return interpreter_.run_function(method, std::move(arguments), "", class_name);
}

}  // namespace torch2nnef
