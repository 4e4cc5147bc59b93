// Both sides again, call by call: where they part, and how the error grew.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "export/record/replay.h"
#include "export/record/torch_types.h"
#include "export/verify/compare.h"
#include "export/verify/distance.h"
#include "export/verify/reference.h"
#include "export/verify/reference/evaluator.h"
#include "export/verify/reference/exact_codes.h"
#include "export/verify/reference/moved_codes.h"
#include "export/verify/reference/pairing.h"
#include "quant/tolerance.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kShownItems = 6;

std::vector<at::Tensor> inputs_by_name(const Recording::Run& run, const std::vector<std::string>& names) {
  std::vector<at::Tensor> tensors;
  for (const std::string& name : names) {
    for (const nnef::NamedTensor& given : run.inputs) {
      if (given.name == name) tensors.push_back(shared_tensor(*given.data));
    }
  }
  return tensors;
}

std::string item_text(const at::Tensor& item) {
  if (item.scalar_type() == at::kBool) return item.item<bool>() ? "true" : "false";
  if (at::isIntegralType(item.scalar_type(), false)) return std::to_string(item.item<std::int64_t>());
  return fmt::format("{:.6g}", item.to(at::kDouble).item<double>());
}

Divergence::Operand operand_of(const std::string& name, const at::Tensor& tensor) {
  Divergence::Operand operand{name, "", {}, ""};
  if (!tensor.defined()) return operand;
  operand.dtype = nnef::to_string(to_nnef(from_torch(tensor.scalar_type())).value_or(nnef::DType::kF32));
  operand.shape = tensor.sizes().vec();
  at::Tensor flat = tensor.reshape({-1});
  for (std::int64_t i = 0; i < std::min(flat.numel(), kShownItems); ++i) {
    operand.values += (i == 0 ? "" : ", ") + item_text(flat[i]);
  }
  if (flat.numel() > kShownItems) operand.values += ", ...";
  return operand;
}

// The first place, in row-major order, where two tensors of one shape and dtype are further apart than they may be.
void find_first(const at::Tensor& expected, const at::Tensor& actual, Tolerance tolerance, double least_size,
                Divergence& divergence) {
  if (expected.sizes() != actual.sizes() || expected.scalar_type() != actual.scalar_type()) return;
  at::Tensor outside;
  if (at::isFloatingType(expected.scalar_type())) {
    const ToleranceBounds bounds = tolerance_bounds(tolerance, to_nnef(from_torch(expected.scalar_type())).value());
    at::Tensor e = expected.to(at::kDouble), a = actual.to(at::kDouble);
    at::Tensor bound =
        e.abs() * bounds.relative + bounds.absolute * std::max(least_size, root_mean_square(*make_constant(expected)));
    at::Tensor same = e.eq(a).logical_or(e.isnan().logical_and(a.isnan()));
    outside = same.logical_not().logical_and(((a - e).abs() <= bound).logical_not());
  } else {
    outside = expected.ne(actual);
  }
  if (!outside.any().item<bool>()) return;
  std::int64_t place = outside.reshape({-1}).to(at::kByte).argmax().item<std::int64_t>();
  divergence.expected = item_text(expected.reshape({-1})[place]);
  divergence.actual = item_text(actual.reshape({-1})[place]);
  divergence.at.assign(static_cast<std::size_t>(expected.dim()), 0);
  for (std::size_t axis = divergence.at.size(); axis-- > 0;) {
    divergence.at[axis] = place % expected.sizes()[axis];
    place /= expected.sizes()[axis];
  }
}

class Stepper {
 public:
  Stepper(const CheckSubject& subject, const Recording::Run& run, const Pairing& pairing, Tolerance tolerance,
          double least_size)
      : subject_(subject),
        run_(run),
        pairing_(pairing),
        tolerance_(tolerance),
        least_size_(least_size),
        replay_(subject.recording.tape, inputs_by_name(run, tape_input_names()), run.sizes),
        whole_(subject.archive, subject.dialect, inputs_by_name(run, archive_input_names())),
        fed_(subject.archive, subject.dialect, inputs_by_name(run, archive_input_names())) {}

  LockStep run() {
    step_through();
    found_.divergence = failed_ ? failed_ : own_ ? own_ : cumulative_;
    return std::move(found_);
  }

 private:
  void step_through() {
    const Tape& tape = subject_.recording.tape;
    while (!replay_.done() && !failed_) {
      const std::size_t call = replay_.next();
      try {
        replay_.step();
      } catch (const std::exception& error) {
        found_.incomplete = tape.calls[call].full_name() + " cannot be run again: " + message_of(error);
        return;
      }
      for (std::size_t i = 0; i < tape.calls[call].results.size() && !failed_; ++i) {
        const TapeValue result = tape.calls[call].results[i];
        if (!result || !tape.info(result).wanted) continue;
        for (const Paired& paired : pairing_.of(result)) compare(call, i, result, paired);
      }
    }
    for (std::size_t i = 0; i < tape.outputs.size() && !failed_; ++i) {
      const Paired paired = pairing_.of_output(i);
      if (!paired.value) continue;
      const std::int32_t call = pairing_.call(paired.value);
      compare(call < 0 ? tape.calls.size() : static_cast<std::size_t>(call), 0, tape.outputs[i].second, paired);
    }
  }

  std::vector<std::string> tape_input_names() const {
    std::vector<std::string> names;
    for (TapeValue input : subject_.recording.tape.inputs) names.push_back(subject_.recording.tape.info(input).label);
    return names;
  }
  std::vector<std::string> archive_input_names() const {
    std::vector<std::string> names;
    for (nnef::Value input : subject_.archive.inputs) names.push_back(subject_.archive.info(input).name);
    return names;
  }

  // Evaluates up to the operation that makes a value; false when one on the way cannot be evaluated.
  bool advance(Evaluator& evaluator, nnef::Value value) {
    const std::int32_t maker = pairing_.maker(value);
    try {
      while (!evaluator.done() && static_cast<std::int64_t>(evaluator.next()) <= maker) {
        if (&evaluator == &fed_) note_operands(subject_.archive.operations[evaluator.next()]);
        evaluator.step();
      }
      return true;
    } catch (const EvaluationError& error) {
      const nnef::Operation& operation = subject_.archive.operations[error.operation()];
      failed_ = describe(operation.results.empty() ? value : operation.results.front());
      failed_->detail = std::string("it cannot be evaluated: ") + error.what();
      return false;
    }
  }

  // What the operations of a call read, while it is still there.
  void note_operands(const nnef::Operation& operation) {
    if (operation.results.empty()) return;
    const std::int32_t call = pairing_.call(operation.results.front());
    if (call != noted_call_) operands_.clear();
    noted_call_ = call;
    for_each_operand(operation, [&](nnef::Value value) {
      const bool is_known =
          std::any_of(operands_.begin(), operands_.end(), [&](const auto& known) { return known.first == value; });
      if (!is_known && fed_.value(value).defined()) operands_.emplace_back(value, fed_.value(value));
    });
  }

  void compare(std::size_t call, std::size_t result, TapeValue recorded, const Paired& paired) {
    at::Tensor expected = replay_.value(recorded);
    if (!expected.defined()) return;
    if (!advance(whole_, paired.value) || !advance(fed_, paired.value)) return;
    const at::Tensor whole = as_recorded(whole_.value(paired.value), expected);
    const at::Tensor fed = as_recorded(fed_.value(paired.value), expected);
    if (!whole.defined() || !fed.defined()) return;  // made by an earlier call, and of no more use
    if (expected.is_quantized()) return compare_codes(call, result, paired, expected, whole, fed);
    const std::vector<at::Tensor> parts = tensors_in_graph(expected);
    if (parts.empty()) return;
    const bool is_rounded = expected.scalar_type() == at::kBFloat16;
    const Tolerance tolerance = is_rounded                 ? in_bfloat16(tolerance_)
                                : pairing_.casts_to_half() ? in_half(tolerance_)
                                                           : tolerance_;
    expected = parts.at(paired.part == Paired::Part::kImaginary ? 1 : 0).contiguous();
    const at::Tensor own_part = fed.contiguous();
    const ConstantPtr wanted = make_constant(expected);
    Comparison own = compare_tensors(*wanted, *make_constant(own_part), tolerance, least_size_);
    const bool is_by_range = is_call_by_range(call);
    if (is_by_range && !own.agrees) own.agrees = is_explained_by_codes(call, result, expected, own_part);
    const Comparison since = compare_tensors(*wanted, *make_constant(whole.contiguous()), tolerance, least_size_);
    add_error(call, result, paired, expected, own, since);
    if (!own.agrees && !own_) {
      own_ = describe(paired.value);
      finish(*own_, own, expected, own_part);
    }
    if (is_by_range && !own.agrees && !found_.wrong_codes) found_.wrong_codes = own_;
    if (!since.agrees && !cumulative_) {
      cumulative_ = describe(paired.value);
      finish(*cumulative_, since, expected, whole.contiguous());
    }
    if (fed.scalar_type() == expected.scalar_type() && fed.sizes() == expected.sizes()) {
      const bool is_cast = subject_.archive.info(paired.value).dtype == nnef::DType::kF16;
      fed_.replace(paired.value, is_cast ? expected.to(at::kHalf) : expected);
    }
  }

  // What the archive computes in f16 and the model does not (--cast), in the model's type.
  static at::Tensor as_recorded(const at::Tensor& value, const at::Tensor& expected) {
    const bool is_cast = value.defined() && value.scalar_type() == at::kHalf && expected.scalar_type() == at::kFloat;
    return is_cast ? value.to(at::kFloat) : value;
  }

  bool is_call_by_range(std::size_t call) const {
    const Tape& tape = subject_.recording.tape;
    return call < tape.calls.size() && quantises_by_range(tape, tape.calls[call]);
  }

  // A number near a tie, on its way to a code of a range, may be rounded otherwise and move a whole row.
  bool is_explained_by_codes(std::size_t call, std::size_t result, const at::Tensor& expected,
                             const at::Tensor& fed) const {
    if (fed.sizes() != expected.sizes() || fed.numel() == 0) return false;
    const double moved = moved_by_input(replay_, subject_.recording.tape.calls[call], result, expected);
    const double apart = (fed - expected).to(at::kDouble).square().mean().sqrt().item<double>();
    return apart <= accepted_rms(moved, 0);
  }

  // `whole` and `fed` are what the archive has for `quantised`.
  void compare_codes(std::size_t call, std::size_t result, const Paired& paired, const at::Tensor& quantised,
                     at::Tensor whole, at::Tensor fed) {
    const bool are_bytes = paired.part == Paired::Part::kBytes;
    whole = (are_bytes ? codes_of_bytes(whole, quantised) : whole).contiguous();
    fed = (are_bytes ? codes_of_bytes(fed, quantised) : fed).contiguous();
    const at::Tensor expected = codes_of(quantised).contiguous();
    const ConstantPtr wanted = make_constant(expected);
    Comparison own = compare_tensors(*wanted, *make_constant(fed), Tolerance::kExact, 1);
    const Comparison since = compare_tensors(*wanted, *make_constant(whole), tolerance_, least_size_);
    if (std::exchange(counted_, std::pair{call, result}) != std::pair{call, result}) {
      ++found_.codes.calls;
      found_.codes.items += expected.numel();
    }
    const bool is_comparable = fed.scalar_type() == expected.scalar_type() && fed.sizes() == expected.sizes();
    if (!own.agrees && is_comparable) own = judged_by_steps(call, quantised, expected, fed);
    add_error(call, result, paired, expected, own, since);
    if (!own.agrees && !own_) {
      own_ = describe(paired.value);
      finish(*own_, own, expected, fed);
    }
    if (!own.agrees && !found_.wrong_codes) found_.wrong_codes = own_;
    if (!since.agrees && !cumulative_) {
      cumulative_ = describe(paired.value);
      finish(*cumulative_, since, expected, whole);
    }
    if (is_comparable) fed_.replace(paired.value, are_bytes ? bytes_of_codes(expected, quantised) : expected);
  }

  // Codes that are not torch's are right where exact arithmetic gives them, or nearly gives them. Where that is not
  // known, torch's kernel may round one step otherwise.
  Comparison judged_by_steps(std::size_t call, const at::Tensor& quantised, const at::Tensor& expected,
                             const at::Tensor& fed) {
    const Tape& tape = subject_.recording.tape;
    Comparison own;
    own.max_abs = (fed - expected).abs().max().item<double>();
    found_.codes.others += fed.ne(expected).sum().item<std::int64_t>();
    const TapeCall& made = tape.calls.at(call);
    const std::optional<ExactCodes> exact = exact_codes(replay_, tape, made, quantised);
    if (!exact) {
      own.agrees = own.max_abs <= 1;
      own.outside = fed.sub(expected).abs().gt(1).sum().item<std::int64_t>();
      own.detail = own.agrees ? "" : fmt::format("{} codes are more than one step off", own.outside);
      return own;
    }
    const std::vector<double> truth = doubles_of(*make_constant(exact->steps));
    const CodeTally ours = tally_codes(doubles_of(*make_constant(fed)), truth, exact->rule);
    const CodeTally theirs = tally_codes(doubles_of(*make_constant(expected)), truth, exact->rule);
    found_.codes.largest = std::max(found_.codes.largest, ours.largest);
    if (theirs.outside > 0) {
      found_.codes.inexact_in_torch.push_back(fmt::format("{} of {} ({} of {} codes, by up to {:.3g} steps)",
                                                          made.full_name(), made.where.to_string(), theirs.outside,
                                                          theirs.items, theirs.largest));
    }
    own.agrees = ours.outside == 0;
    own.outside = ours.outside;
    if (!own.agrees) {
      own.detail = fmt::format("{} of {} codes are not those of exact arithmetic, by up to {:.3g} steps", ours.outside,
                               ours.items, ours.largest);
    }
    return own;
  }

  void add_error(std::size_t call, std::size_t result, const Paired& paired, const at::Tensor& expected,
                 const Comparison& own, const Comparison& since) {
    CallError error;
    error.call = call;
    error.result = result;
    if (call < subject_.recording.tape.calls.size()) {
      error.aten = subject_.recording.tape.calls[call].full_name();
      error.where = subject_.recording.tape.calls[call].where;
    }
    const nnef::ValueInfo& info = subject_.archive.info(paired.value);
    const std::int32_t maker = pairing_.maker(paired.value);
    error.name = info.name;
    error.operation = maker < 0 ? "" : subject_.archive.operations[static_cast<std::size_t>(maker)].op;
    error.dtype = nnef::to_string(info.dtype);
    error.shape = expected.sizes().vec();
    error.magnitude = root_mean_square(*make_constant(expected));
    error.own_abs = own.max_abs;
    error.own_rel = own.max_rel;
    error.own_agrees = own.agrees;
    error.max_abs = since.max_abs;
    error.max_rel = since.max_rel;
    error.agrees = since.agrees;
    found_.calls.push_back(std::move(error));
  }

  Divergence describe(nnef::Value value) const {
    Divergence divergence;
    divergence.engine = "reference";
    divergence.sizes = run_.sizes;
    divergence.name = subject_.archive.info(value).name;
    if (const std::int32_t maker = pairing_.maker(value); maker >= 0) {
      divergence.operation = subject_.archive.operations[static_cast<std::size_t>(maker)].op;
    }
    const std::int32_t call = pairing_.call(value);
    if (call >= 0) {
      divergence.aten = subject_.recording.tape.calls[static_cast<std::size_t>(call)].full_name();
      divergence.where = subject_.recording.tape.calls[static_cast<std::size_t>(call)].where;
    }
    std::set<std::string> made;
    for (const nnef::Operation& operation : subject_.archive.operations) {
      for (nnef::Value result : operation.results) {
        if (pairing_.call(result) != call || (call < 0 && result != value)) continue;
        divergence.operations.push_back(subject_.archive.info(result).name);
        if (operation.op != "variable") made.insert(divergence.operations.back());
      }
    }
    for (const auto& [operand, tensor] : operands_) {
      const std::string& name = subject_.archive.info(operand).name;
      if (made.count(name) == 0) divergence.inputs.push_back(operand_of(name, tensor));
    }
    return divergence;
  }

  void finish(Divergence& divergence, const Comparison& comparison, const at::Tensor& expected,
              const at::Tensor& actual) const {
    divergence.detail = comparison.detail;
    divergence.growth = found_.calls;
    find_first(expected, actual, tolerance_, least_size_, divergence);
  }

  const CheckSubject& subject_;
  const Recording::Run& run_;
  const Pairing& pairing_;
  const Tolerance tolerance_;
  const double least_size_;
  Replay replay_;
  Evaluator whole_, fed_;
  LockStep found_;
  std::optional<Divergence> own_, cumulative_, failed_;
  std::int32_t noted_call_ = -2;
  std::pair<std::size_t, std::size_t> counted_{~std::size_t{0},
                                               0};  // the last call and result whose codes were counted
  std::vector<std::pair<nnef::Value, at::Tensor>> operands_;
};

}  // namespace

LockStep compare_in_lock_step(const CheckSubject& subject, const Recording::Run& run, Tolerance tolerance,
                              double least_size) {
  if (const nnef::Graph* plain = subject.plain) {  // its operations are the loop's, with values of all samples
    return compare_in_lock_step(
        {subject.recording, subject.lineage, *plain, *plain, subject.dialect, subject.other_values}, run, tolerance,
        least_size);
  }
  c10::InferenceMode guard;
  const Pairing pairing(subject);
  return Stepper(subject, run, pairing, tolerance, least_size).run();
}

LockStep find_divergence(const CheckSubject& subject, const Recording::Run& run, Tolerance tolerance) {
  LockStep steps = compare_in_lock_step(subject, run, tolerance);
  return steps.divergence ? steps : compare_in_lock_step(subject, run, tolerance, 0);
}

}  // namespace torch2nnef
