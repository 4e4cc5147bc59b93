// Linear layers in 8 bits, whose inputs are quantised by their range at run time (--quantize int8_dynamic).
#pragma once

#include "export/outcome.h"
#include "export/request.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// Makes the linear layers whose matrix a rule names quantized::linear_dynamic on the Tape, with codes of 8 bits by row
// of the matrix: what torch.ao.quantization.quantize_dynamic does. What is recorded of their results is still that of
// the float model (rerun_with_stored_weights()). A matrix that something else reads too is left alone. Adds to
// report.weights; throws ExportError.
void quantise_linear_layers(Recording& recording, const ExportOptions& options, ExportReport& report);

}  // namespace torch2nnef
