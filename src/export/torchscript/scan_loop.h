// A loop that walks an axis, a dynamic or a long one: one round is recorded and becomes the body of a t2n::scan, all
// rounds are executed for their values.
#pragma once

#include <cstdint>

#include "export/record/operator_recorder.h"
#include "export/torchscript/frame.h"

namespace torch2nnef {

class Interpreter;

// Throws WorldFailed (T2N-R006) when the loop cannot be a scan. `carried`: the values that it begins with.
void run_scan_loop(Interpreter& interpreter, OperatorRecorder& operators, const torch::jit::Node* node, Frame& frame,
                   const Slot& trips, const Slots& carried);

// The same for a loop of a known number of rounds. False when it has too few or is not a scan: then nothing has
// happened.
bool run_long_loop(Interpreter& interpreter, OperatorRecorder& operators, const torch::jit::Node* node, Frame& frame,
                   const Slots& carried, std::int64_t count);

}  // namespace torch2nnef
