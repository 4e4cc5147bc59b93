// A model as a stream: a whole sequence goes in pulse by pulse, and what comes out is put together again.
#pragma once

#include <vector>

#include "nnef/io.h"
#include "tract_library.h"

namespace tract_run {

struct Streamed {
  std::vector<nnef::TensorDataPtr> outputs;        // from the first frame on: delays are taken out
  std::vector<std::int64_t> delays, axes, frames;  // of each output: frames late, time axis, frames per pulse
};

// What one pulse takes, asked of a model of pulses before it is prepared.
struct PulseFacts {
  Model::Pulses pulses;
  std::vector<std::int64_t> lengths;  // frames of each input; 0 without a time axis
};
PulseFacts pulse_facts(const Model& model);

// Runs a prepared model of pulses on whole inputs, in the order of the model's. Throws EngineError for inputs that are
// not whole pulses.
Streamed run_stream(Model& model, const PulseFacts& facts, const std::vector<nnef::TensorDataPtr>& inputs);

// stream.delays, stream.axes and stream.frames, as tract-run saves them.
std::vector<nnef::NamedTensor> description_of(const Streamed& streamed);

}  // namespace tract_run
