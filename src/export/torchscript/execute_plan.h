// The TorchScript front end: executes the plan of an export at given sizes. Internal to record().
#pragma once

#include <set>
#include <string>
#include <vector>

#include "export/record/record_at_sizes.h"
#include "export/torchscript/plan.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {

class TorchScriptFrontEnd : public FrontEnd {
 public:
  TorchScriptFrontEnd(const Model::Impl& model, const ExportOptions& options, const Plan& plan)
      : model_(model), options_(options), plan_(plan) {}

  void execute(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds, Diagnostics& diagnostics,
               Recording& recording) override;

 private:
  void record(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds, Diagnostics& diagnostics,
              Recording& recording);
  // The attributes of unset_, each a tensor of which nothing is known before it is written.
  void add_unset(Recorder& recorder) const;
  void begin(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds, Recording& recording) const;
  Slots add_inputs(const SizePlan& sizes, Recorder& recorder, Recording& recording) const;
  void add_state_inputs(Recorder& recorder, Recording& recording) const;
  // The results that become outputs; their names go to `names`.
  Slots results_of(const Slot& result, const SizePlan& sizes, Recorder& recorder, Diagnostics& diagnostics,
                   std::vector<std::string>& names) const;

  const Model::Impl& model_;
  const ExportOptions& options_;
  const Plan& plan_;
  std::set<std::string> unset_;  // attributes that the model was seen to write to
};

}  // namespace torch2nnef
