#include "export/verify/judge.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "export/verify/distance.h"
#include "export/verify/tied_order.h"
#include "quant/tolerance.h"

namespace torch2nnef {
namespace {

using nnef::DType;

constexpr double kRoundings = 32;       // of values of the largest size, that one value may carry
constexpr double kWeightRoundings = 2;  // of them, those of stored weights alone
constexpr double kAlikeSquares = 16;    // ratio of squared distances between two results that are rounded alike

const nnef::TensorData* find(const std::vector<nnef::NamedTensor>& tensors, const std::string& name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const nnef::NamedTensor& one) { return one.name == name; });
  return found == tensors.end() ? nullptr : found->data.get();
}

// The root mean square of what differs; nothing where distance() has none, or there are no items.
std::optional<double> rms_apart(const std::vector<double>& wanted, const std::vector<double>& got) {
  const std::optional<Distance> apart = distance(wanted, got);
  if (!apart || wanted.empty()) return std::nullopt;
  return std::sqrt(apart->squares / static_cast<double>(wanted.size()));
}

// The largest magnitude of any value on the way, at the first sizes: rounding errors are of its size.
double largest_magnitude(const Recording& recording) {
  double largest = 0;
  for (const auto& worlds : recording.fingerprints) {
    if (worlds.empty()) continue;
    for (const Fingerprint& part : worlds.front()) {
      if (nnef::is_float(part.dtype)) largest = std::max(largest, part.max_abs);
    }
  }
  return largest;
}

// What one rounding of a value of size 1 is, in the coarsest type on the way to the output.
double unit_of(const Tolerance& own, const Tolerance& asked, const CheckSubject& subject, DType dtype) {
  if (own == in_bfloat16(asked)) return std::ldexp(1, -8);
  if (own == in_half(asked) || dtype == DType::kF16) return std::ldexp(1, -11);
  const auto is_single = [](const nnef::ValueInfo& info) { return info.dtype == DType::kF32; };
  const auto& values = subject.archive.values;
  return std::any_of(values.begin(), values.end(), is_single) ? std::ldexp(1, -24) : std::ldexp(1, -53);
}

// The size of the output at the sample's sizes, at most 1; 0 at those. What is left of an output at the smallest sizes
// may be rounding alone: the normalisation of one item is 0.
double size_at_sample(const CheckSubject& subject, const Recording::Run& run, const std::string& name) {
  const Recording::Run& sample = subject.recording.runs.front();
  const nnef::TensorData* output = run.sizes == sample.sizes ? nullptr : find(sample.outputs, name);
  if (output == nullptr || !nnef::is_float(output->dtype())) return 0;
  return std::min(1.0, root_mean_square(*output));
}

class Rounded {
 public:
  Rounded(const CheckSubject& subject, const Recording::Run& run, const Tolerance& asked)
      : subject_(subject), run_(run), asked_(asked), magnitude_(largest_magnitude(subject.recording)) {}

  // Whether rounding explains that two values of an output differ.
  bool explains(const std::string& name, const nnef::TensorData& expected, const nnef::TensorData& actual,
                const Tolerance& own) {
    const double floor = floor_of(own, expected);
    const std::vector<double> wanted = doubles_of(expected), got = doubles_of(actual);
    const std::optional<Distance> apart = distance(wanted, got);
    if (!apart) return false;
    const bool is_half = own == in_half(asked_) || own == in_bfloat16(asked_) || expected.dtype() == DType::kF16;
    const nnef::TensorData* exact = is_half ? nullptr : exactly(name);
    if (exact == nullptr || exact->shape() != expected.shape()) return apart->largest <= floor;
    const std::vector<double> truth = doubles_of(*exact);
    const std::optional<Distance> theirs = distance(wanted, truth), ours = distance(got, truth);
    if (!theirs || !ours) return false;
    const auto [smaller, larger] = std::minmax(theirs->squares, ours->squares);
    if (larger <= kAlikeSquares * smaller) return true;
    // The archive is right where the whole of it is computed exactly: but for the rounding of f64, which is as much
    // less than the engine's as its unit is. Where the engine shows none, large values on the way do not cancel.
    const double size = root_mean_square(expected);
    const double unit = unit_of(own, asked_, subject_, expected.dtype());
    const double tiny = kRoundings * std::ldexp(1, -53) * std::min(magnitude_, ours->largest / unit);
    return theirs->largest <= own.wide.absolute * size + tiny && ours->largest <= floor;
  }

  // Whether it is rounding that a net of f32 is computed in f16 (--cast): in f64 all of it gives PyTorch's values, up
  // to the weights' own rounding.
  bool explains_cast(const std::string& name, const nnef::TensorData& expected, const nnef::TensorData& actual,
                     const Tolerance& own) {
    if (expected.dtype() != DType::kF32 || own != in_half(asked_)) return false;
    const std::vector<double> wanted = doubles_of(expected);
    const double floor = floor_of(own, expected);
    const std::optional<Distance> apart = distance(wanted, doubles_of(actual));
    if (!apart || apart->largest > floor) return false;
    const nnef::TensorData* exact = exactly(name);
    if (exact == nullptr || exact->shape() != expected.shape()) return false;
    const std::optional<Distance> stored = distance(wanted, doubles_of(*exact));
    return stored && stored->largest <= floor * kWeightRoundings / kRoundings;
  }

 private:
  double floor_of(const Tolerance& own, const nnef::TensorData& expected) const {
    return kRoundings * unit_of(own, asked_, subject_, expected.dtype()) * magnitude_;
  }

  // The output of the archive in f64; null where that cannot be evaluated.
  const nnef::TensorData* exactly(const std::string& name) {
    if (!was_evaluated_) {
      was_evaluated_ = true;
      try {
        exact_ = evaluate_in_f64(subject_.archive, subject_.dialect, run_.inputs);
      } catch (const std::exception&) {
        exact_.clear();
      }
    }
    return find(exact_, name);
  }

  const CheckSubject& subject_;
  const Recording::Run& run_;
  const Tolerance& asked_;
  const double magnitude_;
  bool was_evaluated_ = false;
  std::vector<nnef::NamedTensor> exact_;
};

// Outputs of a quantised model, where torch may round other codes than the engine does, and one step becomes many.
class Quantised {
 public:
  Quantised(const CheckSubject& subject, const Recording::Run& run)
      : subject_(subject), run_(run), is_quantised_(is_quantised_model(subject)) {}
  bool is_quantised() const { return is_quantised_; }

  // Against torch's values and, where these do not explain the difference, against those of torch's exact engine.
  // Nothing where the differences have no root mean square, or no codes of the input could be moved.
  std::optional<CheckReport::Output::Steps> steps(const std::string& name, const nnef::TensorData& expected,
                                                  const nnef::TensorData& actual) {
    if (!is_quantised_) return std::nullopt;
    if (!moved_) moved_ = moved_by_codes(subject_, run_);
    std::optional<CheckReport::Output::Steps> known = apart(name, expected, actual, *moved_);
    if (!known || known->rms <= known->accepted) return known;
    if (!exact_) exact_ = with_exact_engine(subject_, run_);
    const nnef::TensorData* output = find(exact_->outputs, name);
    if (output == nullptr) return known;
    std::optional<CheckReport::Output::Steps> exact = apart(name, *output, actual, exact_->moved);
    if (!exact || exact->rms > exact->accepted) return known;
    exact->is_exact_engine = true;
    return exact;
  }

 private:
  static std::optional<CheckReport::Output::Steps> apart(const std::string& name, const nnef::TensorData& expected,
                                                         const nnef::TensorData& actual,
                                                         const std::map<std::string, double>& moved) {
    const bool is_comparable =
        nnef::is_float(expected.dtype()) && nnef::is_float(actual.dtype()) && expected.shape() == actual.shape();
    const auto found = moved.find(name);
    if (!is_comparable || found == moved.end()) return std::nullopt;
    const std::vector<double> wanted = doubles_of(expected);
    const std::optional<double> rms = rms_apart(wanted, doubles_of(actual));
    if (!rms) return std::nullopt;
    return CheckReport::Output::Steps{*rms, found->second, accepted_rms(found->second, step_of(wanted)), false};
  }

  const CheckSubject& subject_;
  const Recording::Run& run_;
  const bool is_quantised_;
  std::optional<std::map<std::string, double>> moved_;
  std::optional<ExactEngine> exact_;
};

// Outputs of a model of floats that carries the rounding of its inputs further than any tolerance: torch's own values
// move as far as the engine's are from them.
class Sensitive {
 public:
  Sensitive(const CheckSubject& subject, const Recording::Run& run, const Tolerance& asked)
      : subject_(subject), run_(run), is_strict_(asked.wide.absolute < Tolerance::kDefault.wide.absolute) {}

  // Nothing where that does not explain the difference.
  std::optional<CheckReport::Output::Steps> steps(const std::string& name, const nnef::TensorData& expected,
                                                  const nnef::TensorData& actual) {
    // Whoever asks for less than the default asks about rounding.
    if (is_strict_ || expected.dtype() != DType::kF32 || expected.shape() != actual.shape()) return std::nullopt;
    if (!compare_tensors(expected, actual, Tolerance::of(kWidest), 1).agrees) return std::nullopt;
    if (!moved_) moved_ = moved_by_rounding(subject_, run_);
    const std::optional<double> rms = rms_apart(doubles_of(expected), doubles_of(actual));
    const auto found = moved_->find(name);
    if (!rms || found == moved_->end()) return std::nullopt;
    // An engine rounds at every operation, not at the inputs alone.
    const double accepted = std::sqrt(kAlikeSquares) * found->second;
    if (*rms > accepted) return std::nullopt;
    return CheckReport::Output::Steps{*rms, found->second, accepted, false};
  }

 private:
  static constexpr double kWidest = 1e-2;  // however far it carries, values have to look alike

  const CheckSubject& subject_;
  const Recording::Run& run_;
  const bool is_strict_;
  std::optional<std::map<std::string, double>> moved_;
};

}  // namespace

bool is_quantised_model(const CheckSubject& subject) {
  const Tape& tape = subject.recording.tape;
  const auto has_codes = [](const TapeValueInfo& info) { return is_quantised(info.type); };
  const auto quantises = [&](const TapeCall& call) { return quantises_by_range(tape, call); };
  return std::any_of(tape.values.begin(), tape.values.end(), has_codes) ||
         std::any_of(tape.calls.begin(), tape.calls.end(), quantises);
}

std::vector<CheckReport::Output> judge_outputs(const CheckSubject& subject, const Recording::Run& run,
                                               const std::vector<nnef::NamedTensor>& computed,
                                               const Tolerance& tolerance) {
  const ToleranceOf coarser = coarser_outputs(subject, tolerance);
  std::vector<CheckReport::Output> outputs = compare_outputs(run.outputs, computed, tolerance, coarser);
  Rounded rounded(subject, run, tolerance);
  Quantised quantised(subject, run);
  Sensitive sensitive(subject, run, tolerance);
  for (CheckReport::Output& output : outputs) {
    if (output.agrees) continue;
    const nnef::TensorData* expected = find(run.outputs, output.name);
    const nnef::TensorData* actual = find(computed, output.name);
    if (actual == nullptr) continue;
    if (is_tied_order(subject, run, output.name, *expected, *actual)) {
      output.agrees = true;
      output.max_abs = output.max_rel = 0;  // of places that says nothing
      output.detail.clear();
      continue;
    }
    output.steps = quantised.steps(output.name, *expected, *actual);
    if (output.steps && output.steps->rms <= output.steps->accepted) {
      output.agrees = true;
      output.detail.clear();
      continue;
    }
    if (!nnef::is_float(expected->dtype()) || quantised.is_quantised()) continue;
    const auto found = coarser.find(output.name);
    const Tolerance& own = found == coarser.end() ? tolerance : found->second;
    const bool is_near = compare_tensors(*expected, *actual, own, 1).agrees;
    const bool is_small_here =
        is_near && compare_tensors(*expected, *actual, own, size_at_sample(subject, run, output.name)).agrees;
    output.agrees = is_small_here || (is_near && rounded.explains(output.name, *expected, *actual, own)) ||
                    rounded.explains_cast(output.name, *expected, *actual, own);
    if (!output.agrees) {
      output.steps = sensitive.steps(output.name, *expected, *actual);
      output.agrees = output.steps.has_value();
    }
    if (output.agrees) output.detail.clear();
  }
  return outputs;
}

}  // namespace torch2nnef
