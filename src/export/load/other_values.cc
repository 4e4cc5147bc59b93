#include "export/load/other_values.h"

#include <algorithm>

#include "export/load/input_values.h"
#include "export/load/integer_uses.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kMostItems = std::int64_t{1} << 21;  // of weights, and of values

std::int64_t items_of(const nnef::Shape& shape, const nnef::Bindings& sizes) {
  std::int64_t items = 1;
  for (const nnef::Dim& dim : shape) items *= dim.evaluate(sizes);
  return items;
}

bool is_cheap(const Tape& tape) {
  std::int64_t weights = 0, values = 0;
  for (const TapeValueInfo& info : tape.values) {
    const bool is_quantised = !to_nnef(info.type) && !is_complex(info.type);
    if (is_quantised) return false;
    const std::int64_t items = items_of(info.shape, tape.worlds.front());
    (info.kind == TapeValueInfo::Kind::kConstant ? weights : values) += items;
  }
  return weights <= kMostItems && values <= kMostItems;
}

// --- integers ---

enum class Integers { kByUse, kMoved, kKept };

// An index becomes one that is drawn from all that there are.
at::Tensor other_integers(const at::Tensor& sample, std::int64_t lowest, std::int64_t count, at::Generator& generator) {
  if (count > 0 && sample.numel() > 0 && sample.min().item<std::int64_t>() >= 0) {
    const auto drawn = at::randint(0, count, sample.sizes(), generator, at::TensorOptions().dtype(at::kLong));
    const at::Tensor other = drawn.add(lowest).to(sample.scalar_type());
    return other.equal(sample) ? sample.sub(lowest).add(1).remainder(count).add(lowest) : other;
  }
  for (std::int64_t axis = sample.dim(); axis-- > 0;) {
    if (sample.size(axis) > 1) return sample.roll(1, axis);
  }
  return sample;
}

// By what it chooses from, where it does.
at::Tensor other_integers(const at::Tensor& sample, const Tape& tape, TapeValue input, at::Generator& generator) {
  const IntegerUse use = use_of_integers(tape, input);
  const bool is_exact = use.as.use == DrawnInput::Use::kIndex;
  const std::int64_t count = is_exact ? use.as.count.evaluate(tape.worlds.front()) : use.fewest.value_or(0);
  return other_integers(sample, is_exact ? use.as.lowest : 0, count, generator);
}

// --- fractions ---

at::Tensor other_floats(const at::Tensor& sample, at::Generator& generator) {
  const at::Tensor items = sample.to(at::kDouble);
  if (sample.numel() == 0 || items.eq(items.trunc()).all().item<bool>()) return sample;
  const at::Tensor share = at::rand(items.sizes(), generator, at::TensorOptions().dtype(at::kDouble));
  return (items * (0.75 - share / 64)).to(sample.scalar_type());
}

std::vector<at::Tensor> other_values(const std::vector<at::Tensor>& samples, const Tape& tape, std::uint64_t seed,
                                     Integers integers) {
  at::Generator generator = seeded_generator(seed + 1);
  std::vector<at::Tensor> leaves;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const at::Tensor& sample = samples[i];
    const bool is_integer = c10::isIntegralType(sample.scalar_type(), true);
    at::Tensor other = sample;
    if (sample.is_floating_point()) other = other_floats(sample, generator);
    if (is_integer && integers != Integers::kKept) {
      const bool by_use = integers == Integers::kByUse && sample.scalar_type() != at::kBool && i < tape.inputs.size();
      other =
          by_use ? other_integers(sample, tape, tape.inputs[i], generator) : other_integers(sample, 0, 0, generator);
    }
    leaves.push_back(other.contiguous());
  }
  return leaves;
}

bool are_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const at::Tensor& one, const at::Tensor& other) { return one.equal(other); });
}

// Its shapes are those of the sample: else the model goes another way on these values.
std::optional<Recording::Run> executed(FrontEnd& front_end, SizePlan sizes, const Recording::Run& sample) {
  sizes.axes.symbols.clear();
  Diagnostics unused;
  Recording again;
  try {
    front_end.execute(sizes, {sizes.axes.sample}, unused, again);
  } catch (const std::exception&) {
    return std::nullopt;
  }
  if (unused.has_errors() || again.runs.empty()) return std::nullopt;
  Recording::Run& run = again.runs.front();
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    if (run.outputs[i].data->shape() != sample.outputs.at(i).data->shape()) return std::nullopt;
  }
  return std::move(run);
}

}  // namespace

bool is_worth_other_values(const Recording& recording) { return !recording.runs.empty() && is_cheap(recording.tape); }

std::optional<Recording::Run> run_on_other_values(FrontEnd& front_end, const SizePlan& sizes,
                                                  std::vector<at::Tensor>& leaves, const Recording& recording,
                                                  std::uint64_t seed) {
  const std::vector<at::Tensor> sample = leaves;
  for (Integers integers : {Integers::kByUse, Integers::kMoved, Integers::kKept}) {
    leaves = other_values(sample, recording.tape, seed, integers);
    if (are_equal(leaves, sample)) continue;
    if (auto run = executed(front_end, sizes, recording.runs.front())) return run;
  }
  return std::nullopt;
}

}  // namespace torch2nnef
