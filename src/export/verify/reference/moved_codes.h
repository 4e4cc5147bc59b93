// Codes and numbers moved by one step, for measuring how far roundings carry.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "export/record/replay.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// Of a call that quantises_by_range() whose arguments the replay still has: the root mean square by which its result
// `index` changes where 0.1 % of the codes of its input are moved by one step (the mean of five draws, of one seed).
double moved_by_input(const Replay& replay, const TapeCall& call, std::size_t index, const at::Tensor& result);

using OutputsByName = std::map<std::string, at::Tensor>;
// What torch gave in a run, and what it gives at the end of a replay, numbers alone.
OutputsByName outputs_of(const Recording::Run& run);
OutputsByName outputs_of(const Tape& tape, const Replay& replay);
// By output: the root mean square by which what `draw` gives is from `before` (the mean of five draws, of one seed).
std::map<std::string, double> moved_by_draws(const OutputsByName& before,
                                             const std::function<OutputsByName(at::Generator&)>& draw);

}  // namespace torch2nnef
