// The sizes that a model is executed at: chosen here for every front end, which executes and records.
#pragma once

#include <optional>
#include <vector>

#include "export/diagnostics.h"
#include "export/sizes/dynamic_axes.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// The inputs with the expressions of their axes, and the symbols in these.
struct SizePlan {
  std::vector<DynamicInput> inputs;  // one per tensor
  DynamicAxes axes;
  // A number in the model may be a size of the sample, as in a trace; an exported program has a symbol for each.
  bool may_hold_sample_sizes = true;
};

class FrontEnd {
 public:
  virtual ~FrontEnd() = default;
  // Executes the model at all sizes of `worlds` and records it; after an exception `recording` holds what came before.
  // Throws WorldFailed where a world goes another way than the first, RecordingStopped after an error that is in
  // `diagnostics`, Unsupported, or AttributeWritten.
  virtual void execute(const SizePlan& sizes, const std::vector<nnef::Bindings>& worlds, Diagnostics& diagnostics,
                       Recording& recording) = 0;
};

// Records the model at the sample's sizes, with dynamic axes at others too: at multiples of a number where it needs
// those. Throws ExportError with all errors that were found; the recording until then goes to `refused` unless it is
// null.
Recording record_at_sizes(FrontEnd& front_end, const SizePlan& sizes, Diagnostics& diagnostics, Recording* refused);

// The same at all sizes; nothing where the model fails at some.
std::optional<Recording> record_at_all_sizes(FrontEnd& front_end, const SizePlan& sizes, Diagnostics& diagnostics);

// Executes the model at more sizes and adds inputs and results to the runs of its recording. Left out are sizes at
// which the model itself fails.
void execute_at(FrontEnd& front_end, SizePlan plan, const std::vector<nnef::Bindings>& sizes, Recording& recording);

}  // namespace torch2nnef
