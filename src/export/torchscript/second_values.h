// The model once more, after record(), on other values than the sample's, so that what was taken from these values
// alone shows up.
#pragma once

#include <optional>

#include "export/torchscript/record.h"

namespace torch2nnef {

// Inputs at the sample's sizes and what the model gives for them. Fractions are made smaller, by a quarter and a little
// more item by item, so that they stay in their range and no two become equal; tensors of whole numbers that are floats
// stay. Integers that choose items of a tensor of known size become the next index, others and bools change places
// along their last axis. Where the model does not take these, integers stay as well.
//
// Nothing for a model that takes no such values, that is random or quantised, or whose weights or values are so many
// that executing it once more would take more than a twentieth of an export.
std::optional<Recording::Run> run_on_other_values(const Model& model, const Tables& tables,
                                                  const ExportOptions& options, const Recording& recording);

}  // namespace torch2nnef
