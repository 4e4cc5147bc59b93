#include "tract_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "export/verify/frames.h"

namespace tract_run {

using nnef::TensorDataPtr;

namespace {

// The size of an axis in a fact: 8 of "1,3,8,f32" for axis 2.
std::int64_t size_in(const std::string& fact, std::int64_t axis) {
  std::size_t begin = 0;
  for (std::int64_t i = 0; i < axis && begin != std::string::npos; ++i) begin = fact.find(',', begin + 1);
  std::int64_t size = 0;
  if (begin != std::string::npos) {
    const char* const digits = fact.data() + begin + (axis > 0 ? 1 : 0);
    std::from_chars(digits, fact.data() + fact.size(), size);
  }
  if (size < 1) throw EngineError("the pulse of an input has no known size: " + fact);
  return size;
}

std::int64_t size_of(const nnef::TensorData& tensor, std::int64_t axis) {
  return tensor.shape().at(static_cast<std::size_t>(axis));
}

// How many pulses the inputs are.
std::int64_t count_of(const PulseFacts& facts, const std::vector<TensorDataPtr>& inputs) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (facts.lengths.at(i) == 0) continue;
    const std::int64_t whole = size_of(*inputs[i], facts.pulses.input_axes[i]), own = whole / facts.lengths[i];
    if (whole % facts.lengths[i] != 0 || own == 0 || (count != 0 && own != count)) {
      throw EngineError(
          fmt::format("input {} has {} frames, which are not whole pulses of {}, as many as the other inputs have", i,
                      whole, facts.lengths[i]));
    }
    count = own;
  }
  if (count == 0) throw EngineError("no input has a time axis");
  return count;
}

}  // namespace

PulseFacts pulse_facts(const Model& model) {
  PulseFacts facts{model.pulses(), {}};
  const std::vector<InputFact> inputs = model.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::int64_t axis = facts.pulses.input_axes.at(i);
    facts.lengths.push_back(axis < 0 ? 0 : size_in(inputs[i].text, axis));
  }
  return facts;
}

Streamed run_stream(Model& model, const PulseFacts& facts, const std::vector<TensorDataPtr>& inputs) {
  const std::int64_t count = count_of(facts, inputs);
  std::vector<std::vector<TensorDataPtr>> results(facts.pulses.delays.size());
  for (std::int64_t turn = 0; turn < count; ++turn) {
    std::vector<TensorDataPtr> pulse;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::int64_t length = facts.lengths[i];
      pulse.push_back(length == 0 ? inputs[i]
                                  : torch2nnef::frames_of(*inputs[i], facts.pulses.input_axes[i], turn * length,
                                                          (turn + 1) * length));
    }
    const std::vector<TensorDataPtr> outputs = model.run(pulse);
    for (std::size_t i = 0; i < results.size(); ++i) results[i].push_back(outputs.at(i));
  }
  Streamed streamed{{}, facts.pulses.delays, facts.pulses.output_axes, {}};
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::int64_t axis = streamed.axes[i];
    if (axis < 0) throw EngineError(fmt::format("output {} has no time axis", i));
    const TensorDataPtr all = torch2nnef::joined_frames(results[i], axis);
    const std::int64_t frames = size_of(*all, axis);
    streamed.outputs.push_back(torch2nnef::frames_of(*all, axis, std::min(streamed.delays[i], frames), frames));
    streamed.frames.push_back(frames / count);
  }
  return streamed;
}

std::vector<nnef::NamedTensor> description_of(const Streamed& streamed) {
  return {{"stream.delays", nnef::vector_tensor(nnef::DType::kI64, streamed.delays)},
          {"stream.axes", nnef::vector_tensor(nnef::DType::kI64, streamed.axes)},
          {"stream.frames", nnef::vector_tensor(nnef::DType::kI64, streamed.frames)}};
}

}  // namespace tract_run
