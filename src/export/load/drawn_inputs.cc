#include "export/load/drawn_inputs.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include "export/load/input_values.h"
#include "export/load/integer_uses.h"

namespace torch2nnef {
namespace {

using Use = DrawnInput::Use;

constexpr std::int64_t kSpread = 10;  // of integers of which nothing is known: 0 to 9
constexpr const char* kTried = "the model takes no others of those that were tried";

// What the items of a dtype can hold.
std::int64_t largest_of(at::ScalarType type) {
  switch (type) {
    case at::kByte:
      return std::numeric_limits<std::uint8_t>::max();
    case at::kChar:
      return std::numeric_limits<std::int8_t>::max();
    case at::kShort:
      return std::numeric_limits<std::int16_t>::max();
    case at::kInt:
      return std::numeric_limits<std::int32_t>::max();
    default:
      return std::numeric_limits<std::int64_t>::max() - 1;
  }
}

// Lengths are sorted, the longest first, as packed sequences want them.
at::Tensor values_of(const DrawnInput& one, const at::Tensor& before, const nnef::Bindings& sizes, std::uint64_t seed) {
  at::Generator generator = seeded_generator(seed + 1 + one.place);
  const std::int64_t end = std::min(one.lowest + one.count.evaluate(sizes) - 1, largest_of(before.scalar_type())) + 1;
  const auto options = at::TensorOptions().dtype(at::kLong);
  const at::Tensor drawn = at::randint(one.lowest, end, before.sizes(), generator, options);
  const bool is_sorted = one.use == Use::kLength && drawn.dim() == 1;
  return (is_sorted ? std::get<0>(drawn.sort(0, true)) : drawn).to(before.scalar_type());
}

DrawnInput by_use(const DrawnInput& before, const Recording& recording) {
  const TapeValue input = recording.tape.inputs.at(before.place);
  const IntegerUse use = use_of_integers(recording.tape, input);
  DrawnInput found = use.as;
  found.place = before.place;
  found.input = before.input;
  const bool is_known = found.use != Use::kUnknown;
  if (!is_known) found.count = std::clamp(use.fewest.value_or(kSpread), std::int64_t{1}, kSpread);
  const bool is_empty = found.count.evaluate(recording.runs.front().sizes) < 1;
  return is_empty ? before : found;
}

std::vector<DrawnInput> by_use(const std::vector<DrawnInput>& drawn, const Recording& recording, bool known_only) {
  std::vector<DrawnInput> result;
  for (const DrawnInput& one : drawn) {
    DrawnInput found = by_use(one, recording);
    if (known_only && found.use == Use::kUnknown) {
      found = one;
      found.why = kTried;
    }
    result.push_back(std::move(found));
  }
  return result;
}

std::vector<DrawnInput> with_reason(std::vector<DrawnInput> drawn, const char* why) {
  for (DrawnInput& one : drawn) one.why = why;
  return drawn;
}

bool have_unknown(const std::vector<DrawnInput>& drawn) {
  return std::any_of(drawn.begin(), drawn.end(), [](const DrawnInput& one) { return one.use == Use::kUnknown; });
}

bool have_equal_bounds(const std::vector<DrawnInput>& some, const std::vector<DrawnInput>& others) {
  return std::ranges::equal(some, others, [](const DrawnInput& one, const DrawnInput& other) {
    return one.lowest == other.lowest && one.count == other.count;
  });
}

void redraw(const DrawnSamples& samples, const nnef::Bindings& sizes) {
  for (const DrawnInput& one : samples.drawn) {
    at::Tensor& leaf = samples.leaves.at(one.place);
    leaf = values_of(one, leaf, sizes, samples.seed);
  }
}

bool is_of_values(const ExportError& error) {
  return std::ranges::any_of(error.diagnostics(), [](const Diagnostic& one) { return one.code == "T2N-R001"; });
}

// Nothing where the model does not take them.
std::optional<Recording> recorded(const std::function<Recording(Diagnostics&)>& record, Diagnostics& diagnostics) {
  Diagnostics attempt;
  try {
    Recording recording = record(attempt);
    if (attempt.has_errors()) return std::nullopt;
    for (const Diagnostic& one : attempt.list()) diagnostics.add(one);
    return recording;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// On zeros and ones, and where the model fails there, on ones: a length of 0 is none.
Recording first_recording(const DrawnSamples& samples, const std::function<Recording(Diagnostics&)>& record,
                          Diagnostics& diagnostics) {
  const Diagnostics before = diagnostics;
  redraw(samples, {});
  try {
    return record(diagnostics);
  } catch (const ExportError& error) {
    if (!is_of_values(error)) throw;
    const Diagnostics told = std::exchange(diagnostics, before);
    const std::vector<DrawnInput> drawn = samples.drawn;
    for (DrawnInput& one : samples.drawn) one.lowest = one.lowest + 1, one.count = 1;
    redraw(samples, {});
    if (auto recording = recorded(record, diagnostics)) return std::move(*recording);
    diagnostics = told;
    samples.drawn = drawn;
    throw;
  }
}

std::string range_of(const DrawnInput& one) {
  return std::to_string(one.lowest) + " to " + highest_of(one).to_string();
}

}  // namespace

std::vector<DrawnInput> drawn_integers(const std::vector<at::Tensor>& leaves, const std::vector<at::Tensor>& drawn,
                                       const std::vector<DynamicInput>& inputs) {
  std::vector<DrawnInput> result;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const auto is_it = [&](const at::Tensor& one) { return one.is_same(leaves[i]); };
    const bool is_drawn = c10::isIntegralType(leaves[i].scalar_type(), false) && std::ranges::any_of(drawn, is_it);
    if (!is_drawn) continue;
    DrawnInput one;
    one.place = i;
    one.input = inputs.at(i).name;
    one.why = "no call shows what it stands for";
    result.push_back(std::move(one));
  }
  return result;
}

Recording record_drawn(const DrawnSamples& samples, const std::function<Recording(Diagnostics&)>& record,
                       Diagnostics& diagnostics) {
  if (samples.drawn.empty()) return record(diagnostics);
  const Diagnostics before = diagnostics;
  Recording first = first_recording(samples, record, diagnostics);
  const std::vector<DrawnInput> drawn = samples.drawn;
  Diagnostics attempt = before;
  first.drawn = with_reason(drawn, kTried);
  for (bool known_only : {false, true}) {
    std::vector<DrawnInput> found = by_use(drawn, first, known_only);
    if (have_equal_bounds(found, drawn)) {
      first.drawn = std::move(found);
      break;
    }
    samples.drawn = std::move(found);
    redraw(samples, first.runs.front().sizes);
    if (auto again = recorded(record, attempt)) {
      diagnostics = attempt;
      return std::move(*again);
    }
    if (!have_unknown(samples.drawn)) break;
  }
  draw_as_recorded(samples, first);
  return first;
}

void draw_as_recorded(const DrawnSamples& samples, const Recording& recording) {
  if (recording.drawn.empty()) return;
  samples.drawn = recording.drawn;
  redraw(samples, recording.runs.front().sizes);
}

ExportError of_drawn_samples(const ExportError& error, const std::vector<DrawnInput>& drawn) {
  std::vector<Diagnostic> errors = error.diagnostics();
  std::string ranges;
  for (const DrawnInput& one : drawn) ranges += (ranges.empty() ? " (" : ", ") + one.input + ": " + range_of(one);
  if (!ranges.empty()) ranges += ")";
  for (Diagnostic& one : errors) {
    if (one.code != "T2N-R001") continue;
    one.hint = "the values were drawn at random" + ranges +
               ": give some that the model accepts (--inputs FILE), or their range "
               "(--input ids:i64:1,16=randint(0,100))";
  }
  return {error.kind(), std::move(errors)};
}

}  // namespace torch2nnef
