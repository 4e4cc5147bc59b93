// Inputs of the sample's sizes with other values, so that what was taken from the sample's alone shows up.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "export/record/record_at_sizes.h"
#include "export/tape/recording.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// False for a model that is quantised, or whose weights or values are so many that executing it once more would take
// more than a twentieth of an export.
bool is_worth_other_values(const Recording& recording);

// Executes a front end once more at the sample's sizes, with other values in the leaves that it takes its inputs from.
// Fractions are made smaller, by a quarter and a little more item by item, so that they stay in their range and no two
// become equal; tensors of whole numbers that are floats stay. Integers that choose items of a tensor of known size,
// also by a sum or a cast of them, are drawn from all its places; others and bools change places along their last axis.
// Where the model does not take these, all change places, and then stay. Nothing for a model that takes no such values.
std::optional<Recording::Run> run_on_other_values(FrontEnd& front_end, const SizePlan& sizes,
                                                  std::vector<at::Tensor>& leaves, const Recording& recording,
                                                  std::uint64_t seed);

}  // namespace torch2nnef
