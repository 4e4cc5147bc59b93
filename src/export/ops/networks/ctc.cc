// Connectionist temporal classification: the forward recursion, one step a time frame.
//
// Lengths must be known at export. States are the labels of a target with blanks between, before and behind them; the
// logarithm of the chance of each is carried from frame to frame.

#include <algorithm>
#include <limits>

#include "export/lower/lowering.h"

namespace torch2nnef {
namespace {

constexpr double kNever = -1e30;  // log of 0: finite, so that no difference of infinities arises

std::vector<std::int64_t> lengths(Call& call, std::string_view name) {
  ConstantPtr constant = call.tape_call().find(name)->value() ? call.constant(name) : nullptr;
  if (constant) return constant->to_integers();
  return call.integers(name);
}

class Ctc {
 public:
  Ctc(Call& call, Value log_probs, Value targets)
      : call_(call), b_(call.builder()), log_probs_(log_probs), dtype_(b_.dtype(log_probs)) {
    const Shape& shape = b_.shape(log_probs);
    frames_ = shape[0];
    batch_ = shape[1];
    states_ = b_.shape(targets)[1] * Dim(2) + Dim(1);
    labels_ = interleave(targets);
    emissions_ =
        b_.add("tract_core_gather_elements",
               {log_probs_, b_.broadcast_to(b_.unsqueeze(labels_, {0}), {frames_, batch_, states_})}, {{"axis", 2}});
  }

  // -log of the chance of each target, [N].
  Value loss(const std::vector<std::int64_t>& input_lengths, const std::vector<std::int64_t>& target_lengths) {
    Value alpha = start();
    Value skip = skips();
    for (std::int64_t t = 1; t < frames_.value(); ++t) {
      Value next = b_.binary("add", step(alpha, skip), frame(t));
      alpha = keep_finished(alpha, next, input_lengths, t);
    }
    std::vector<std::int64_t> last, before;
    for (std::int64_t length : target_lengths) {
      last.push_back(2 * length);
      before.push_back(std::max(2 * length - 1, std::int64_t{0}));
    }
    Value ends = pick(alpha, last);
    Value empty = b_.binary("gt", labels(target_lengths), std::int64_t{0});
    Value labelled = b_.select(empty, pick(alpha, before), kNever);
    return b_.unary("neg", log_sum({ends, labelled}));
  }

 private:
  // Blank, label, blank, label, ..., blank.
  Value interleave(Value targets) {
    Value labels = b_.cast(targets, DType::kI64);
    Shape shape = b_.shape(labels);
    Value blank = b_.constant(call_.integer("blank"), DType::kI64);
    Value blanks = b_.broadcast_to(blank, {shape[0], shape[1], Dim(1)});
    Value pairs = b_.concat({blanks, b_.unsqueeze(labels, {2})}, 2);
    Value first = b_.reshape(pairs, {shape[0], shape[1] * Dim(2)});
    return b_.concat({first, b_.broadcast_to(blank, {shape[0], Dim(1)})}, 1);
  }

  Value frame(std::int64_t t) { return b_.squeeze(b_.slice(emissions_, 0, t, t + 1), {0}); }

  Value never(std::int64_t count) {
    return b_.broadcast_to(b_.constant(kNever, dtype_), {batch_, std::min(states_.value(), count)});
  }

  // Only the first blank and the first label can be first.
  Value start() {
    Value first = frame(0);
    if (states_.value() <= 2) return first;
    return b_.concat({b_.slice(first, 1, 0, 2), never(states_.value() - 2)}, 1);
  }

  Value shifted(Value alpha, std::int64_t count) {
    if (states_.value() <= count) return never(states_.value());
    return b_.concat({never(count), b_.slice(alpha, 1, 0, states_ - Dim(count))}, 1);
  }

  // 0 where a blank may be skipped: between two labels that differ.
  Value skips() {
    Value blank = b_.constant(call_.integer("blank"), DType::kI64);
    Value is_label = b_.binary("ne", labels_, blank);
    Value differs = b_.binary("ne", labels_, shifted_labels());
    return b_.select(b_.binary("and", is_label, differs), b_.constant(0.0, dtype_), kNever);
  }

  Value shifted_labels() {
    if (states_.value() <= 2) return labels_;
    Value head = b_.slice(labels_, 1, 0, 2);  // equal to themselves: no skip into the first two states
    return b_.concat({head, b_.slice(labels_, 1, 0, states_ - Dim(2))}, 1);
  }

  Value step(Value alpha, Value skip) {
    return log_sum({alpha, shifted(alpha, 1), b_.binary("add", shifted(alpha, 2), skip)});
  }

  // log(exp(a) + exp(b) + ..)
  Value log_sum(const std::vector<Value>& terms) {
    Value high = terms[0];
    for (std::size_t i = 1; i < terms.size(); ++i) high = b_.binary("max", high, terms[i]);
    Value sum = b_.unary("exp", b_.binary("sub", terms[0], high));
    for (std::size_t i = 1; i < terms.size(); ++i) {
      sum = b_.binary("add", sum, b_.unary("exp", b_.binary("sub", terms[i], high)));
    }
    return b_.binary("add", high, b_.unary("log", sum));
  }

  Value labels(const std::vector<std::int64_t>& numbers) {
    return call_.variable("ctc_lengths", nnef::vector_tensor(DType::kI64, numbers));
  }

  // Samples whose input has ended stay as they are.
  Value keep_finished(Value alpha, Value next, const std::vector<std::int64_t>& input_lengths, std::int64_t t) {
    if (*std::min_element(input_lengths.begin(), input_lengths.end()) > t) return next;
    Value runs = b_.binary("gt", labels(input_lengths), t);
    return b_.select(b_.unsqueeze(runs, {1}), next, alpha);
  }

  Value pick(Value alpha, const std::vector<std::int64_t>& states) {
    Value index = b_.unsqueeze(labels(states), {1});
    return b_.squeeze(b_.add("tract_core_gather_elements", {alpha, index}, {{"axis", 1}}), {1});
  }

  Call& call_;
  Builder& b_;
  Value log_probs_;
  DType dtype_;
  Dim frames_, batch_, states_;
  Value labels_, emissions_;
};

Value reduced(Call& call, Value loss, const std::vector<std::int64_t>& target_lengths) {
  Builder& b = call.builder();
  std::int64_t reduction = call.integer("reduction");
  if (reduction == 0) return loss;
  if (reduction == 1) {
    std::vector<std::int64_t> divisors;
    for (std::int64_t length : target_lengths) divisors.push_back(std::max(length, std::int64_t{1}));
    Value divisor = call.variable("ctc_lengths", nnef::vector_tensor(DType::kI64, divisors));
    loss = b.binary("div", loss, b.cast(divisor, b.dtype(loss)));
    return b.reduce("mean_reduce", loss, {0}, false);
  }
  return b.reduce("sum_reduce", loss, {0}, false);
}

void lower_ctc(Call& call) {
  Builder& b = call.builder();
  if (call.rank("targets") != 2)
    throw Unsupported("ctc_loss takes targets of shape [N, S] only, not concatenated ones");
  if (call.rank("log_probs") != 3) throw Unsupported("ctc_loss takes log_probs of shape [T, N, C] only");
  std::vector<std::int64_t> input_lengths = lengths(call, "input_lengths");
  std::vector<std::int64_t> target_lengths = lengths(call, "target_lengths");
  for (const Dim& dim : call.shape("log_probs")) dim.value();
  for (const Dim& dim : call.shape("targets")) dim.value();
  DType dtype = call.result_dtype() == DType::kF64 ? DType::kF64 : DType::kF32;
  Ctc ctc(call, call.tensor_as("log_probs", dtype), call.tensor("targets"));
  Value loss = ctc.loss(input_lengths, target_lengths);
  // What cannot happen has an infinite loss.
  Value impossible = b.binary("gt", loss, -kNever / 2);
  double instead = call.flag("zero_infinity") ? 0 : std::numeric_limits<double>::infinity();
  loss = b.select(impossible, b.constant(instead, dtype), loss);
  call.result(b.cast(reduced(call, loss, target_lengths), call.result_dtype()));
}

}  // namespace

void register_ctc(Registry& registry) { registry.add("aten::ctc_loss", lower_ctc, "lengths are known at export"); }

}  // namespace torch2nnef
