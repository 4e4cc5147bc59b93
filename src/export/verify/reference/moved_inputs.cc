// torch against itself: how far one rounding of each input carries through a model of floats.

#include <cmath>

#include "export/record/replay_inputs.h"
#include "export/verify/reference.h"
#include "export/verify/reference/moved_codes.h"

namespace torch2nnef {
namespace {

// Every item one unit in the last place of f32 up or down.
at::Tensor with_moved_items(const at::Tensor& input, at::Generator& generator) {
  if (!at::isFloatingType(input.scalar_type())) return input;
  const at::Tensor up = at::rand(input.sizes(), generator).lt(0.5);
  const at::Tensor sign = at::where(up, at::ones_like(input), -at::ones_like(input));
  return input * (1 + sign * std::ldexp(1, -23));
}

OutputsByName outputs_with_moved_inputs(const Tape& tape, const Recording::Run& run, at::Generator& generator) {
  std::vector<at::Tensor> inputs = inputs_of(tape, run);
  for (at::Tensor& input : inputs) input = with_moved_items(input, generator);
  Replay replay(tape, inputs, run.sizes);
  while (!replay.done()) replay.step();
  return outputs_of(tape, replay);
}

}  // namespace

std::map<std::string, double> moved_by_rounding(const CheckSubject& subject, const Recording::Run& run) {
  c10::InferenceMode guard;
  try {
    return moved_by_draws(outputs_of(run), [&](at::Generator& generator) {
      return outputs_with_moved_inputs(subject.recording.tape, run, generator);
    });
  } catch (const std::exception&) {
    return {};  // a call that cannot be executed again on its own
  }
}

}  // namespace torch2nnef
