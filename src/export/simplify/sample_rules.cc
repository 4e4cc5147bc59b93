#include "export/simplify/sample_rules.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "nnef/arguments.h"
#include "nnef/infer/infer_call.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::Shape;
using nnef::Value;
using Found = std::optional<SampleAxis>;

void require(bool condition) {
  if (!condition) throw SamplesMeet{};
}

bool holds(const std::vector<std::int64_t>& axes, std::size_t axis) {
  return std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(axis)) != axes.end();
}

// The samples of a tensor that must have some, no other operand having any.
SampleAxis only_samples_of(const SampleCall& call, std::string_view name) {
  const auto value = call.operand(name);
  require(value && call.samples(*value));
  for (Value other : call.operands()) require(other == *value || !call.samples(other));
  return *call.samples(*value);
}

// --- item by item ---

// Operands that hold samples do so along one axis, and the others repeat themselves along it.
Found item_by_item(const SampleCall& call) {
  Found found;
  for (Value value : call.operands()) {
    if (!call.samples(value)) continue;
    require(!found || *found == *call.samples(value));
    require(call.shape(value).size() == call.result_shape().size());
    found = call.samples(value);
  }
  require(found.has_value());
  for (Value value : call.operands()) {
    const Shape& shape = call.shape(value);
    if (call.samples(value) || shape.empty()) continue;
    require(shape.size() == call.result_shape().size() && shape[found->axis] == Dim(1));
  }
  return found;
}

// --- shapes ---

Dim items_before(const Shape& shape, std::size_t axis) {
  return nnef::volume(Shape(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis)));
}

Dim items_behind(const Shape& shape, std::size_t axis) {
  return nnef::volume(Shape(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()));
}

// Each sample stays the items that it was, in their order: axes before those of the samples have as many items as
// before, and so have those behind them with a sample's part of theirs.
Found reshape(const SampleCall& call) {
  const SampleAxis given = only_samples_of(call, "input");
  const Shape &from = call.shape(*call.operand("input")), &to = call.result_shape();
  for (std::size_t axis = 0; axis < to.size(); ++axis) {
    const auto each = nnef::exact_div(to[axis], call.count());
    if (!each || to[axis].is_constant()) continue;
    require(items_before(from, given.axis) == items_before(to, axis));
    require(given.each * items_behind(from, given.axis) == *each * items_behind(to, axis));
    return SampleAxis{axis, *each};
  }
  throw SamplesMeet{};
}

Found transpose(const SampleCall& call) {
  SampleAxis samples = only_samples_of(call, "input");
  const std::vector<std::int64_t> axes = call.numbers("axes");
  if (samples.axis >= axes.size()) return samples;
  const auto place = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(samples.axis));
  require(place != axes.end());
  samples.axis = static_cast<std::size_t>(place - axes.begin());
  return samples;
}

Found squeeze(const SampleCall& call) {
  SampleAxis samples = only_samples_of(call, "input");
  const std::vector<std::int64_t> axes = call.numbers("axes");
  require(!holds(axes, samples.axis));
  samples.axis -= static_cast<std::size_t>(std::count_if(
      axes.begin(), axes.end(), [&](std::int64_t axis) { return axis < static_cast<std::int64_t>(samples.axis); }));
  return samples;
}

Found unsqueeze(const SampleCall& call) {
  SampleAxis samples = only_samples_of(call, "input");
  const std::vector<std::int64_t> axes = call.numbers("axes");
  std::size_t place = 0, left = samples.axis + 1;  // of the result's axes; of the operand's, up to that of the samples
  for (;; ++place) {
    if (!holds(axes, place) && --left == 0) break;
  }
  samples.axis = place;
  return samples;
}

SampleAxis same_samples_of_all(const SampleCall& call) {
  const std::vector<Value> operands = call.operands();
  require(!operands.empty() && call.samples(operands.front()));
  for (Value value : operands) require(call.samples(value) == call.samples(operands.front()));
  return *call.samples(operands.front());
}

Found concat(const SampleCall& call) {
  const SampleAxis samples = same_samples_of_all(call);
  require(call.number("axis") != static_cast<std::int64_t>(samples.axis));
  return samples;
}

Found stack(const SampleCall& call) {
  SampleAxis samples = same_samples_of_all(call);
  if (call.number("axis") <= static_cast<std::int64_t>(samples.axis)) ++samples.axis;
  return samples;
}

Found unstack(const SampleCall& call) {
  SampleAxis samples = only_samples_of(call, "value");
  const std::int64_t axis = call.number("axis");
  require(axis != static_cast<std::int64_t>(samples.axis));
  if (axis < static_cast<std::int64_t>(samples.axis)) --samples.axis;
  return samples;
}

// One item that is repeated for every sample, or samples beside which something is repeated.
Found repeated(const SampleCall& call) {
  const auto input = call.operand("input");
  require(!input || call.operands().size() == 1);
  const Shape& result = call.result_shape();
  const Shape before = input ? call.shape(*input) : Shape{};
  for (std::size_t axis = 0; axis < result.size(); ++axis) {
    const auto each = nnef::exact_div(result[axis], call.count());
    if (!each || result[axis].is_constant()) continue;
    const std::size_t added = result.size() - before.size();
    if (input && call.samples(*input)) {
      require(call.samples(*input)->axis + added == axis && call.samples(*input)->each == *each);
    } else {
      require(axis < added || before[axis - added] == Dim(1));
    }
    return SampleAxis{axis, *each};
  }
  throw SamplesMeet{};
}

Found pad(const SampleCall& call) {
  const SampleAxis samples = only_samples_of(call, "input");
  const Argument* padding = call.operation().find("padding");
  require(padding != nullptr && padding->array() != nullptr && samples.axis < padding->array()->items.size());
  const Argument::Array* ends = padding->array()->items[samples.axis].array();
  require(ends != nullptr);
  for (const Argument& end : ends->items) require(end.dim() != nullptr && *end.dim() == Dim(0));
  return samples;
}

// --- along axes ---

// An operation along one axis or several, all others each by itself.
template <const char* kName>
Found along_axes(const SampleCall& call) {
  const SampleAxis samples = same_samples_of_all(call);
  require(!holds(call.numbers(kName), samples.axis));
  return samples;
}

// The same, with further operands that are the same for every sample.
template <const char* kName>
Found along_axis_with_constants(const SampleCall& call) {
  const SampleAxis samples = only_samples_of(call, "input");
  require(!holds(call.numbers(kName), samples.axis));
  return samples;
}

constexpr char kAxes[] = "axes", kAxis[] = "axis";

Found below_last_axes(const SampleCall& call) {
  const SampleAxis samples = only_samples_of(call, "input");
  require(samples.axis + 2 < call.result_shape().size());
  return samples;
}

Found window(const SampleCall& call) {
  const SampleAxis samples = only_samples_of(call, "input");
  for (const char* name : {"size", "stride", "dilation"}) {
    if (call.operation().find(name) == nullptr) continue;
    const std::vector<std::int64_t> items = call.numbers(name);
    require(samples.axis >= items.size() || items[samples.axis] == 1);
  }
  return call.operation().find("padding") == nullptr ? samples : pad(call);
}

// The first axis is that of samples, and filters are the same for all.
Found convolution(const SampleCall& call) {
  const SampleAxis samples = only_samples_of(call, "input");
  require(samples.axis == 0);
  return samples;
}

Found scaled(const SampleCall& call) {
  const SampleAxis samples = only_samples_of(call, "input");
  const Argument* scales = call.operation().find("scales");
  require(scales != nullptr && scales->array() != nullptr && samples.axis < scales->array()->items.size());
  const double* scale = std::get_if<double>(&scales->array()->items[samples.axis].is);
  require(scale != nullptr && *scale == 1);
  return samples;
}

Found of_first_axis(const SampleCall& call) {
  const SampleAxis samples = same_samples_of_all(call);
  require(samples.axis == 0);
  return samples;
}

// --- products ---

bool flag(const SampleCall& call, std::string_view name) {
  const Argument* argument = call.operation().find(name);
  return argument != nullptr && std::get<bool>(argument->is);
}

// Matrices for each sample, rows of the first factor, or columns of the second.
Found matmul(const SampleCall& call) {
  const auto a = call.operand("A"), b = call.operand("B");
  require(a && b);
  const std::size_t rank = call.result_shape().size();
  require(call.shape(*a).size() == rank && call.shape(*b).size() == rank);
  const Found &rows = call.samples(*a), &columns = call.samples(*b);
  if (rows && columns) {
    require(*rows == *columns && rows->axis + 2 < rank);
    return rows;
  }
  SampleAxis samples = rows ? *rows : *columns;
  const Shape& other = call.shape(rows ? *b : *a);
  if (samples.axis + 2 < rank) {
    require(other[samples.axis] == Dim(1));
    return samples;
  }
  const bool is_flipped = flag(call, rows ? "transposeA" : "transposeB");
  const std::size_t kept = rows ? rank - 2 : rank - 1;
  require(samples.axis == (is_flipped ? 2 * rank - 3 - kept : kept));
  samples.axis = kept;
  return samples;
}

// The term of each operand, and the result's behind them.
std::vector<std::string> terms_of(const std::string& expression) {
  std::vector<std::string> terms(1);
  for (std::size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] == ',' || expression[i] == '-') {
      terms.emplace_back();
    } else if (expression[i] != '>' && expression[i] != ' ') {
      terms.back() += expression[i];
    }
  }
  return terms;
}

// Rows of the input, or matrices of them.
Found linear(const SampleCall& call) {
  const SampleAxis samples = only_samples_of(call, "input");
  require(samples.axis + 1 < call.result_shape().size());
  for (const char* name : {"filter", "bias"}) {
    const auto other = call.operand(name);
    if (other && samples.axis + 2 < call.result_shape().size()) require(call.shape(*other)[samples.axis] == Dim(1));
  }
  return samples;
}

// One letter counts the samples, of all operands that have some and of the result.
Found einsum(const SampleCall& call) {
  const std::string* text = nnef::text_of(call.operation(), "expr");
  require(text != nullptr && text->find("->") != std::string::npos);
  const std::vector<std::string> terms = terms_of(*text);
  const std::vector<Value> operands = call.operands();
  require(terms.size() == operands.size() + 1);
  Found found;
  char letter = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Found& samples = call.samples(operands[i]);
    if (!samples) continue;
    const char here = terms[i].at(samples->axis);
    require(!found || (letter == here && found->each == samples->each));
    letter = here;
    found = samples;
  }
  for (std::size_t i = 0; i < operands.size(); ++i) {
    require(std::count(terms[i].begin(), terms[i].end(), letter) == (call.samples(operands[i]) ? 1 : 0));
  }
  require(std::count(terms.back().begin(), terms.back().end(), letter) == 1);
  found->axis = terms.back().find(letter);
  return found;
}

// --- places ---

// Places of each sample in a table, or the same places in each sample.
Found gather(const SampleCall& call) {
  const auto input = call.operand("input"), indices = call.operand("indices");
  require(bool(input));
  const auto axis = static_cast<std::size_t>(call.number("axis"));
  const Found table = call.samples(*input), places = indices ? call.samples(*indices) : Found{};
  require(!table || !places);
  if (places) return SampleAxis{places->axis + axis, places->each};
  require(table && table->axis != axis);
  const std::size_t added = indices ? call.shape(*indices).size() : 0;
  return SampleAxis{table->axis < axis ? table->axis : table->axis + added - 1, table->each};
}

Found one_hot(const SampleCall& call) {
  SampleAxis samples = only_samples_of(call, "input");
  if (call.number("axis") <= static_cast<std::int64_t>(samples.axis)) ++samples.axis;
  return samples;
}

using Rules = std::unordered_map<std::string_view, RuleOfOperator>;

Rules make_rules() {
  Rules rules = {
      {"reshape", {reshape, true}},
      {"transpose", {transpose}},
      {"squeeze", {squeeze}},
      {"unsqueeze", {unsqueeze}},
      {"concat", {concat}},
      {"stack", {stack}},
      {"unstack", {unstack}},
      {"tile", {repeated, true}},
      {"tract_core_broadcast", {repeated, true}},
      {"pad", {pad}},
      {"tract_core_trilu", {below_last_axes}},
      {"conv", {convolution}},
      {"deconv", {convolution}},
      {"tract_core_resize", {scaled}},
      {"tract_core_grid_sample", {of_first_axis}},
      {"matmul", {matmul}},
      {"linear", {linear}},
      {"tract_core_einsum", {einsum}},
      {"tract_core_gather", {gather}},
      {"tract_core_one_hot", {one_hot}},
      {"clamp", {item_by_item}},
      {"select", {item_by_item}},
      {"tract_core_cast", {item_by_item}},
      {"tract_core_clamped_swiglu", {item_by_item}},
  };
  for (std::string_view op :
       {"box", "debox", "max_pool", "avg_pool", "rms_pool", "max_pool_with_index", "local_response_normalization"}) {
    rules.emplace(op, RuleOfOperator{window});
  }
  for (std::string_view op :
       {"sum_reduce", "mean_reduce", "max_reduce", "min_reduce", "any_reduce", "all_reduce", "argmax_reduce",
        "argmin_reduce", "tract_core_product_reduce", "tract_core_argmax_reduce_last", "tract_core_argmin_reduce_last",
        "moments", "slice", "softmax", "tract_core_softmax", "tract_core_log_softmax", "l1_normalization",
        "l2_normalization"}) {
    rules.emplace(op, RuleOfOperator{along_axes<kAxes>});
  }
  for (std::string_view op : {"tract_core_rms_norm", "tract_transformers_rms_norm", "tract_core_cumsum",
                              "tract_core_fft", "tract_core_gather_elements", "tract_core_scatter_elements"}) {
    rules.emplace(op, RuleOfOperator{along_axes<kAxis>});
  }
  for (std::string_view op : {"tract_core_scaled_rms_norm", "tract_core_topk"}) {
    rules.emplace(op, RuleOfOperator{along_axis_with_constants<kAxis>});
  }
  return rules;
}

}  // namespace

std::vector<Value> SampleCall::operands() const {
  std::vector<Value> values;
  for (const nnef::NamedArgument& named : operation_.arguments) {
    nnef::for_each_value(named.argument, [&](Value value) { values.push_back(value); });
  }
  return values;
}

std::optional<Value> SampleCall::operand(std::string_view name) const {
  const Argument* argument = operation_.find(name);
  const Value* value = argument == nullptr ? nullptr : argument->value();
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::int64_t SampleCall::number(std::string_view name) const {
  const std::vector<std::int64_t> found = numbers(name);
  require(found.size() == 1);
  return found.front();
}

std::vector<std::int64_t> SampleCall::numbers(std::string_view name) const {
  const Argument* argument = operation_.find(name);
  require(argument != nullptr);
  if (const Dim* dim = argument->dim()) {
    require(dim->is_constant());
    return {dim->value()};
  }
  const auto found = nnef::numbers_of(operation_, name);
  require(found.has_value());
  return *found;
}

RuleOfOperator sample_rule(const std::string& op) {
  static const Rules kRules = make_rules();
  const auto found = kRules.find(op);
  if (found != kRules.end()) return found->second;
  return nnef::is_elementwise(op) ? RuleOfOperator{item_by_item} : RuleOfOperator{};
}

}  // namespace torch2nnef
