// torch against itself: how far one rounding of each input carries through a model of floats.

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include "export/record/replay.h"
#include "export/record/replay_inputs.h"
#include "export/verify/reference.h"

namespace torch2nnef {
namespace {

constexpr int kDraws = 5;
constexpr std::uint64_t kSeed = 1;

// Every item one unit in the last place of f32 up or down.
at::Tensor with_moved_items(const at::Tensor& input, at::Generator& generator) {
  if (!at::isFloatingType(input.scalar_type())) return input;
  const at::Tensor up = at::rand(input.sizes(), generator).lt(0.5);
  const at::Tensor sign = at::where(up, at::ones_like(input), -at::ones_like(input));
  return input * (1 + sign * std::ldexp(1, -23));
}

// Adds to `moved` how far the outputs of one draw are from those of the run.
void add_draw(const Tape& tape, const Recording::Run& run, at::Generator& generator,
              std::map<std::string, double>& moved) {
  std::vector<at::Tensor> inputs = inputs_of(tape, run);
  for (at::Tensor& input : inputs) input = with_moved_items(input, generator);
  Replay replay(tape, inputs, run.sizes);
  while (!replay.done()) replay.step();
  for (const auto& [name, value] : tape.outputs) {
    const at::Tensor output = replay.value(value);
    const auto is_named = [&wanted = name](const nnef::NamedTensor& one) { return one.name == wanted; };
    const auto found = std::find_if(run.outputs.begin(), run.outputs.end(), is_named);
    if (found == run.outputs.end() || !output.defined() || output.is_complex() || output.is_quantized()) continue;
    const at::Tensor expected = shared_tensor(*found->data);
    if (expected.sizes() != output.sizes() || output.numel() == 0) continue;
    const at::Tensor apart = output.to(at::kDouble) - expected.to(at::kDouble);
    moved[name] += apart.square().mean().sqrt().item<double>() / kDraws;
  }
}

}  // namespace

std::map<std::string, double> moved_by_rounding(const CheckSubject& subject, const Recording::Run& run) {
  c10::InferenceMode guard;
  at::Generator generator = at::detail::createCPUGenerator(kSeed);
  std::map<std::string, double> moved;
  try {
    for (int draw = 0; draw < kDraws; ++draw) add_draw(subject.recording.tape, run, generator, moved);
  } catch (const std::exception&) {
    return {};  // a call that cannot be executed again on its own
  }
  return moved;
}

}  // namespace torch2nnef
