// torch against itself: how far one step of a few of a quantised model's input codes carries.

#include "export/verify/reference/moved_codes.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "export/record/quantised_engine.h"
#include "export/record/replay_inputs.h"
#include "export/record/torch_types.h"
#include "export/verify/distance.h"
#include "export/verify/reference.h"

namespace torch2nnef {

bool quantises_by_range(const Tape& tape, const TapeCall& call) {
  const std::vector<TapeValue> read = call.tensors_read();
  const auto has_codes = [&](TapeValue value) { return value && is_quantised(tape.info(value).type); };
  return !read.empty() && !has_codes(read.front()) && std::any_of(read.begin(), read.end(), has_codes) &&
         std::all_of(read.begin(), read.end(),
                     [&](TapeValue value) { return !has_codes(value) || tape.info(value).constant != nullptr; }) &&
         std::none_of(call.results.begin(), call.results.end(), has_codes);
}

namespace {

constexpr double kMovedPart = 0.001;
constexpr int kDraws = 5;
constexpr std::uint64_t kSeed = 1;

// Where codes begin, that no other codes lead to.
struct FirstCodes {
  std::set<TapeValue> results;  // of calls that quantise
  std::set<TapeValue> inputs;   // of calls that quantise what they read by its range
  bool is_empty() const { return results.empty() && inputs.empty(); }
};

FirstCodes first_codes(const Tape& tape) {
  FirstCodes first;
  std::set<TapeValue> led;
  for (const TapeCall& call : tape.calls) {
    const std::vector<TapeValue> read = call.tensors_read();
    const bool is_led = std::any_of(read.begin(), read.end(), [&](TapeValue value) { return led.count(value) > 0; });
    const bool begins = !is_led && quantises_by_range(tape, call);
    if (begins) first.inputs.insert(read.front());
    for (TapeValue result : call.results) {
      if (!result) continue;
      const bool is_first = !is_led && is_quantised(tape.info(result).type);
      if (is_first) first.results.insert(result);
      if (is_first || begins || is_led) led.insert(result);
    }
  }
  return first;
}

// Of so many items, one at least.
at::Tensor moved_places(c10::IntArrayRef sizes, at::Generator& generator) {
  at::Tensor is_moved = at::rand(sizes, generator).lt(kMovedPart);
  if (is_moved.numel() > 0 && !is_moved.any().item<bool>()) {
    is_moved.view(-1)[at::randint(is_moved.numel(), {1}, generator).item<std::int64_t>()].fill_(true);
  }
  return is_moved;
}

// Numbers that are quantised to 8 bits by their range.
at::Tensor with_moved_numbers(const at::Tensor& numbers, at::Generator& generator) {
  if (numbers.numel() == 0) return numbers;
  const at::Tensor range = numbers.max().clamp_min(0) - numbers.min().clamp_max(0);
  return numbers + moved_places(numbers.sizes(), generator).to(numbers.scalar_type()) * (range / 255);
}

// Up or, at the end of the codes, down.
at::Tensor with_moved_codes(const at::Tensor& quantised, at::Generator& generator) {
  at::Tensor items = quantised.int_repr().to(at::kLong);
  const at::Tensor is_moved = moved_places(items.sizes(), generator);
  const double high = representation_of(from_torch(quantised.scalar_type())).range.high;
  const at::Tensor step =
      at::where(items.lt(static_cast<std::int64_t>(high)), at::ones_like(items), -at::ones_like(items));
  items = items + is_moved.to(at::kLong) * step;
  const at::Tensor typed = items.to(quantised.int_repr().scalar_type());
  return at::_make_per_tensor_quantized_tensor(typed, quantised.q_scale(), quantised.q_zero_point());
}

// What the model gives where some of its first codes are moved by one step, or none.
OutputsByName outputs_with(const Tape& tape, const Recording::Run& run, const FirstCodes& moved,
                           at::Generator& generator) {
  Replay replay(tape, inputs_of(tape, run), run.sizes);
  std::set<TapeValue> left = moved.inputs;
  while (!replay.done()) {
    const TapeCall& call = tape.calls[replay.next()];
    const std::vector<TapeValue> read = call.tensors_read();
    if (quantises_by_range(tape, call) && left.erase(read.front()) > 0) {
      replay.replace(read.front(), with_moved_numbers(replay.value(read.front()), generator));
    }
    replay.step();
    for (TapeValue result : call.results) {
      if (moved.results.count(result) == 0) continue;
      const at::Tensor codes = replay.value(result);
      if (codes.defined() && codes.is_quantized() && codes.qscheme() == at::kPerTensorAffine) {
        replay.replace(result, with_moved_codes(codes, generator));
      }
    }
  }
  return outputs_of(tape, replay);
}

std::map<std::string, double> moved_from(const Tape& tape, const Recording::Run& run, const OutputsByName& before) {
  const FirstCodes first = first_codes(tape);
  if (first.is_empty()) return {};
  return moved_by_draws(before, [&](at::Generator& generator) { return outputs_with(tape, run, first, generator); });
}

}  // namespace

OutputsByName outputs_of(const Recording::Run& run) {
  OutputsByName outputs;
  for (const nnef::NamedTensor& output : run.outputs) outputs.emplace(output.name, shared_tensor(*output.data));
  return outputs;
}

OutputsByName outputs_of(const Tape& tape, const Replay& replay) {
  OutputsByName outputs;
  for (const auto& [name, value] : tape.outputs) {
    const at::Tensor output = replay.value(value);
    if (output.defined() && !output.is_complex() && !output.is_quantized()) outputs.emplace(name, output.contiguous());
  }
  return outputs;
}

std::map<std::string, double> moved_by_draws(const OutputsByName& before,
                                             const std::function<OutputsByName(at::Generator&)>& draw) {
  at::Generator generator = at::detail::createCPUGenerator(kSeed);
  std::map<std::string, double> moved;
  for (int i = 0; i < kDraws; ++i) {
    for (const auto& [name, output] : draw(generator)) {
      const auto expected = before.find(name);
      if (expected == before.end() || expected->second.sizes() != output.sizes() || output.numel() == 0) continue;
      const at::Tensor apart = output.to(at::kDouble) - expected->second.to(at::kDouble);
      moved[name] += apart.square().mean().sqrt().item<double>() / kDraws;
    }
  }
  return moved;
}

double moved_by_input(const Replay& replay, const TapeCall& call, std::size_t index, const at::Tensor& result) {
  const TapeValue input = call.tensors_read().front();
  at::Generator generator = at::detail::createCPUGenerator(kSeed);
  double moved = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const at::Tensor given = with_moved_numbers(replay.value(input), generator);
    const at::Tensor output = replay.given(call, input, given).at(index);
    moved += (output - result).to(at::kDouble).square().mean().sqrt().item<double>() / kDraws;
  }
  return moved;
}

std::map<std::string, double> moved_by_codes(const CheckSubject& subject, const Recording::Run& run) {
  c10::InferenceMode guard;
  try {
    return moved_from(subject.recording.tape, run, outputs_of(run));
  } catch (const std::exception&) {
    return {};  // a call that cannot be executed again on its own
  }
}

ExactEngine with_exact_engine(const CheckSubject& subject, const Recording::Run& run) {
  if (!has_exact_engine()) return {};
  c10::InferenceMode guard;
  try {
    const ExactEngineInUse engine;
    at::Generator generator = at::detail::createCPUGenerator(kSeed);
    const OutputsByName outputs = outputs_with(subject.recording.tape, run, {}, generator);
    ExactEngine result;
    result.moved = moved_from(subject.recording.tape, run, outputs);
    for (const auto& [name, output] : outputs) result.outputs.push_back({name, make_constant(output)});
    return result;
  } catch (const std::exception&) {
    return {};  // it lacks an operator
  }
}

}  // namespace torch2nnef
