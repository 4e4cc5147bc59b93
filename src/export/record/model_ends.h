// The inputs and outputs of a recording, with their values at all sizes.
#pragma once

#include <string>
#include <vector>

#include "export/record/operator_recorder.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// Declares an input of the Tape and keeps its values in recording.runs: the sample, its dynamic axes cut or repeated to
// the sizes of each world; integers that were drawn up to the size of an axis (`drawn`, or null) stay below the size
// that it has there. Returns the tensors to execute with, one per world, which the model may write into.
std::vector<at::Tensor> add_input(OperatorRecorder& recorder, Recording& recording, const std::string& name,
                                  const at::Tensor& sample, const nnef::Shape& shape,
                                  const DrawnInput* drawn = nullptr);

// The row of an input, null where its values were not drawn.
const DrawnInput* drawn_at(const std::vector<DrawnInput>& drawn, std::size_t place);

// The tensors and numbers in a result, depth first, with their notes; a None is left out and counted.
Slots flattened_result(const Slot& result, const ContainerNotes& notes, int& nones);

// Complex tensors among the results become real ones, the two parts along a last axis (--complex-outputs pairs).
void make_pairs(OperatorRecorder& recorder, Slots& results);

// Declares outputs of the Tape and keeps their values in recording.runs.
void add_outputs(OperatorRecorder& recorder, Recording& recording, const std::vector<std::string>& names,
                 const Slots& results);

}  // namespace torch2nnef
