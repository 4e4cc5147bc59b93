#include "export/load/other_values.h"

#include <algorithm>
#include <set>
#include <variant>

#include "export/load/input_values.h"

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

std::int64_t size_along(const Tape& tape, const TapeCall& call, std::string_view name, std::int64_t axis) {
  const TapeArgument* tensor = call.find(name);
  if (tensor == nullptr || tensor->value() == nullptr) return 0;
  const nnef::Shape& shape = tape.info(*tensor->value()).shape;
  if (axis < 0) axis += static_cast<std::int64_t>(shape.size());
  if (axis < 0 || axis >= static_cast<std::int64_t>(shape.size())) return 0;
  return shape[static_cast<std::size_t>(axis)].evaluate(tape.worlds.front());
}

// How many items the index chooses from that a call is given as this argument; 0 where it is not an index.
std::int64_t indexed_by(const Tape& tape, const TapeCall& call, const std::string& argument) {
  if (call.op == "aten::embedding" && argument == "indices") return size_along(tape, call, "weight", 0);
  const TapeArgument* dim = call.find("dim");
  const nnef::Dim* axis = dim == nullptr ? nullptr : std::get_if<nnef::Dim>(&dim->is);
  const bool chooses = axis != nullptr && axis->is_constant() && argument == "index";
  return chooses ? size_along(tape, call, "self", axis->value()) : 0;
}

// The tensors that a call reads, with the number of items that each chooses from. In a list of indices (aten::index)
// the place is the axis.
std::vector<std::pair<TapeValue, std::int64_t>> read_by(const Tape& tape, const TapeCall& call) {
  std::vector<std::pair<TapeValue, std::int64_t>> read;
  for (const auto& [name, argument] : call.arguments) {
    if (argument.value() != nullptr) read.emplace_back(*argument.value(), indexed_by(tape, call, name));
    if (argument.list() == nullptr) continue;
    for (std::size_t i = 0; i < argument.list()->size(); ++i) {
      const TapeValue* item = (*argument.list())[i].value();
      const auto axis = static_cast<std::int64_t>(i);
      if (item != nullptr) read.emplace_back(*item, name == "indices" ? size_along(tape, call, "self", axis) : 0);
    }
  }
  return read;
}

bool is_whole(const TapeValueInfo& info) { return info.type >= ScalarType::kUInt8 && info.type <= ScalarType::kInt64; }

// The smallest number of items that an input chooses from, itself or by what integer calls make of it (sums, casts,
// views); 0 where it chooses none.
std::int64_t indexed_by_input(const Tape& tape, TapeValue input) {
  std::int64_t fewest = 0;
  std::set<std::int32_t> made_of_it{input.id};
  for (const TapeCall& call : tape.calls) {
    bool reads = false;
    for (const auto& [value, items] : read_by(tape, call)) {
      if (made_of_it.count(value.id) == 0) continue;
      if (items > 0) fewest = fewest == 0 ? items : std::min(fewest, items);
      reads = reads || items == 0;
    }
    for (TapeValue result : call.results) {
      const bool is_wanted = result.id >= 0;
      if (reads && is_wanted && is_whole(tape.info(result))) made_of_it.insert(result.id);
    }
  }
  return fewest;
}

enum class Integers { kByUse, kMoved, kKept };

// An index becomes one that is drawn from all that there are.
at::Tensor other_integers(const at::Tensor& sample, std::int64_t indexed, at::Generator& generator) {
  if (indexed > 0 && sample.numel() > 0 && sample.min().item<std::int64_t>() >= 0) {
    const auto drawn = at::randint(0, indexed, sample.sizes(), generator, at::TensorOptions().dtype(at::kLong));
    const at::Tensor other = drawn.to(sample.scalar_type());
    return other.equal(sample) ? sample.add(1).remainder(indexed) : other;
  }
  for (std::int64_t axis = sample.dim(); axis-- > 0;) {
    if (sample.size(axis) > 1) return sample.roll(1, axis);
  }
  return sample;
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
      other = other_integers(sample, by_use ? indexed_by_input(tape, tape.inputs[i]) : 0, generator);
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
