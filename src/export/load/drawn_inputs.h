// Integer inputs that the user gives no values for: their samples are drawn by what the model uses them for.
//
// That shows when the model is recorded: first on zeros and ones, which are places in nearly everything that has
// places, then on values between the bounds that were found. Both times the same seed gives the same values.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "export/diagnostics.h"
#include "export/record/record_at_sizes.h"
#include "export/tape/recording.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// Those of `leaves` that are among the tensors `drawn` and hold integers, as zeros and ones.
std::vector<DrawnInput> drawn_integers(const std::vector<at::Tensor>& leaves, const std::vector<at::Tensor>& drawn,
                                       const std::vector<DynamicInput>& inputs);

// The samples of an export that may be drawn again. All of it belongs to the plan of the export.
struct DrawnSamples {
  std::vector<at::Tensor>& leaves;
  std::vector<DrawnInput>& drawn;
  std::uint64_t seed = 0;
};

// Records by `record`, which reads the samples, until they are drawn by use. Where the model takes no such values,
// those of unknown use stay zeros and ones, or all do. Throws what the first recording does.
Recording record_drawn(const DrawnSamples& samples, const std::function<Recording(Diagnostics&)>& record,
                       Diagnostics& diagnostics);

// The values that a recording was made with.
void draw_as_recorded(const DrawnSamples& samples, const Recording& recording);

// A model that fails on values that were drawn need not be wrong: the same error, which names them.
ExportError of_drawn_samples(const ExportError& error, const std::vector<DrawnInput>& drawn);

}  // namespace torch2nnef
