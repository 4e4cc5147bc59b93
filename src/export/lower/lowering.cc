// Call: what a lowering sees of a call on the Tape.

#include "export/lower/lowering.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "export/ops/number_types/bfloat16.h"
#include "export/ops/number_types/promote.h"
#include "nnef/dim/dim_parts.h"
#include "quant/graph_quant.h"

namespace torch2nnef {
namespace {

[[noreturn]] void wrong_kind(const TapeCall& call, std::string_view name, std::string_view wanted) {
  throw std::logic_error(call.full_name() + ": argument " + std::string(name) + " is not " + std::string(wanted));
}

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

std::int64_t concrete(const Dim& dim, std::string_view name) {
  if (std::optional<std::int64_t> number = dim.constant()) return *number;
  throw Unsupported("argument " + quoted(name) + " must be a number here, but is " + dim.to_string() +
                        ", which depends on a dynamic axis",
                    "make that axis static, or bound the model so that the value does not depend on it");
}

int normalized_axis(std::int64_t axis, int rank, std::string_view name) {
  int count = std::max(rank, 1);
  if (axis < -count || axis >= count) {
    throw Unsupported("argument " + quoted(name) + " is axis " + std::to_string(axis) + " of a tensor of rank " +
                      std::to_string(rank));
  }
  return static_cast<int>(axis < 0 ? axis + count : axis);
}

std::optional<Dim> as_dim(const TapeArgument& argument) {
  if (const Dim* dim = std::get_if<Dim>(&argument.is)) return *dim;
  if (const bool* flag = std::get_if<bool>(&argument.is)) return Dim(*flag ? 1 : 0);
  return std::nullopt;
}

}  // namespace

const TapeArgument& Call::argument(std::string_view name) const {
  const TapeArgument* found = call_.find(name);
  if (!found) throw std::logic_error(call_.full_name() + " has no argument " + std::string(name));
  return *found;
}

bool Call::has(std::string_view name) const {
  const TapeArgument* found = call_.find(name);
  return found && !found->is_none();
}

bool Call::is_default(std::string_view name) const { return call_.equals_default(name); }

TapeValue Call::tape_value(std::string_view name) const {
  const TapeArgument& found = argument(name);
  if (found.is_none()) throw Unsupported("argument " + quoted(name) + " is None");
  if (const TapeValue* value = found.value()) return *value;
  wrong_kind(call_, name, "a tensor");
}

Value Call::read(TapeValue value) {
  if (quantised_ == Quantised::kNumbers || !is_quantised(tape().info(value).type)) return values_.get(value);
  return quantised_ == Quantised::kBytes ? values_.stored(value).given_bytes() : values_.codes(value);
}

Value Call::tensor(std::string_view name) { return read(tape_value(name)); }

std::optional<Value> Call::optional_tensor(std::string_view name) {
  if (!has(name)) return std::nullopt;
  return tensor(name);
}

std::vector<std::optional<Value>> Call::optional_tensors(std::string_view name) {
  const TapeList* list = argument(name).list();
  if (!list) wrong_kind(call_, name, "a list of tensors");
  std::vector<std::optional<Value>> result;
  for (const TapeArgument& item : *list) {
    const TapeValue* value = item.value();
    if (!value && !item.is_none()) wrong_kind(call_, name, "a list of tensors");
    result.push_back(value ? std::optional<Value>(read(*value)) : std::nullopt);
  }
  return result;
}

std::vector<Value> Call::tensors(std::string_view name) {
  std::vector<Value> result;
  for (const std::optional<Value>& item : optional_tensors(name)) {
    if (!item) throw Unsupported("the list " + quoted(name) + " holds a None");
    result.push_back(*item);
  }
  return result;
}

ConstantPtr Call::constant(std::string_view name) const {
  if (!has(name)) return nullptr;
  return info(name).constant;
}

bool Call::is_complex(std::string_view name) const {
  const TapeArgument* found = call_.find(name);
  return found && found->value() && torch2nnef::is_complex(values_.tape().info(*found->value()).type);
}

const TapeValueInfo& Call::info(std::string_view name) const { return values_.tape().info(tape_value(name)); }

Dim Call::dim(std::string_view name) const {
  const TapeArgument& found = argument(name);
  if (std::optional<Dim> dim = as_dim(found)) return *dim;
  if (found.is_none()) throw Unsupported("argument " + quoted(name) + " is None");
  if (const TapeValue* value = found.value()) {
    const TapeValueInfo& facts = values_.tape().info(*value);
    if (facts.constant && facts.constant->numel() == 1) return Dim(facts.constant->to_integers().at(0));
    throw Unsupported("argument " + quoted(name) + " depends on the values of an input");
  }
  wrong_kind(call_, name, "an integer");
}

std::int64_t Call::integer(std::string_view name) const { return concrete(dim(name), name); }

std::vector<Dim> Call::dims(std::string_view name) const {
  const TapeList* list = argument(name).list();
  if (!list) return {dim(name)};
  std::vector<Dim> result;
  for (const TapeArgument& item : *list) {
    std::optional<Dim> one = as_dim(item);
    if (!one && item.value()) throw Unsupported("the list " + quoted(name) + " depends on the values of an input");
    if (!one) wrong_kind(call_, name, "a list of integers");
    result.push_back(*one);
  }
  return result;
}

std::vector<std::int64_t> Call::integers(std::string_view name) const {
  std::vector<std::int64_t> result;
  for (const Dim& item : dims(name)) result.push_back(concrete(item, name));
  return result;
}

double Call::number(std::string_view name) const {
  const TapeArgument& found = argument(name);
  if (const double* number = std::get_if<double>(&found.is)) return *number;
  if (const TapeValue* value = found.value()) {
    const TapeValueInfo& facts = values_.tape().info(*value);
    if (facts.constant && facts.constant->numel() == 1) return facts.constant->to_doubles().at(0);
  }
  return static_cast<double>(integer(name));
}

std::vector<double> Call::numbers(std::string_view name) const {
  const TapeList* list = argument(name).list();
  if (!list) return {number(name)};
  std::vector<double> result;
  for (const TapeArgument& item : *list) {
    if (const double* number = std::get_if<double>(&item.is)) {
      result.push_back(*number);
    } else if (std::optional<Dim> one = as_dim(item)) {
      result.push_back(static_cast<double>(concrete(*one, name)));
    } else {
      wrong_kind(call_, name, "a list of numbers");
    }
  }
  return result;
}

bool Call::flag(std::string_view name) const {
  const TapeArgument& found = argument(name);
  if (const bool* flag = std::get_if<bool>(&found.is)) return *flag;
  return integer(name) != 0;
}

std::string Call::text(std::string_view name) const {
  const TapeArgument& found = argument(name);
  if (found.is_none()) throw Unsupported("argument " + quoted(name) + " is None");
  if (const std::string* text = std::get_if<std::string>(&found.is)) return *text;
  wrong_kind(call_, name, "a string");
}

bool Call::is_integer_number(std::string_view name) const {
  const TapeArgument& found = argument(name);
  if (const TapeValue* value = found.value()) return !is_floating(values_.tape().info(*value).type);
  return as_dim(found).has_value();
}

int Call::axis(std::string_view name, int rank) const { return normalized_axis(integer(name), rank, name); }

std::vector<int> Call::axes(std::string_view name, int rank, bool empty_is_all) const {
  std::set<int> distinct;
  if (has(name)) {
    for (std::int64_t axis : integers(name)) distinct.insert(normalized_axis(axis, rank, name));
  }
  if (distinct.empty() && (empty_is_all || !has(name))) {
    for (int axis = 0; axis < rank; ++axis) distinct.insert(axis);
  }
  if (rank == 0) distinct.clear();
  return {distinct.begin(), distinct.end()};
}

bool Call::wanted(std::size_t index) const {
  return index < call_.results.size() && call_.results[index] && result_info(index).wanted;
}

const TapeValueInfo& Call::result_info(std::size_t index) const { return values_.tape().info(call_.results.at(index)); }

DType Call::result_dtype(std::size_t index) const {
  const Representation& kept = representation_of(result_type(index));
  if (kept.form != Representation::Form::kPair && kept.form != Representation::Form::kNone) return kept.item;
  throw Unsupported("the format has no item type for a result of " + std::string(to_string(result_type(index))));
}

void Call::result(std::size_t index, Value value) {
  if (quantised_ == Quantised::kBytes) return result_bytes(index, value);
  if (b_.dtype(value) != result_dtype(index)) {
    throw std::logic_error("the lowering gives " + std::string(nnef::to_string(b_.dtype(value))) + ", torch gave " +
                           std::string(nnef::to_string(result_dtype(index))));
  }
  const TapeValueInfo& info = result_info(index);
  if (info.type == ScalarType::kBFloat16) value = as_bfloat16(b_, value, call_, values_.tape());
  StoredValue& stored = values_.stored(call_.results.at(index));
  if (!is_quantised(info.type)) return stored.set_plain(value);
  if (quantised_ == Quantised::kSteps) return result_steps(index, value);
  if (keeps_numbers_of(index)) return result_numbers(index, value);
  bool chosen_at_run_time = false;
  AffineOperands operands = operands_of_result(index, chosen_at_run_time);
  if (quantised_ == Quantised::kNumbers) {
    set_rounded(index, steps_of_numbers(b_, value, operands.scale), operands, false);
  } else {
    stored.set_codes(value);
  }
  stored.set_operands(std::move(operands), chosen_at_run_time);
}

// Not of what has the scale of another tensor that the graph chooses.
bool Call::keeps_numbers_of(std::size_t index) const {
  if (!keeps_numbers() || !result_info(index).affine.is_known()) return false;
  const std::vector<TapeValue> read = call_.tensors_read();
  return std::none_of(read.begin(), read.end(),
                      [&](TapeValue value) { return values_.stored(value).chosen_at_run_time(); });
}

// A value that was there before may mean numbers that are not rounded.
void Call::result_numbers(std::size_t index, Value numbers, bool is_relu) {
  const TapeValueInfo& info = result_info(index);
  if (!keeps_numbers_of(index)) {
    if (!is_relu) return result(index, numbers);
    if (!info.affine.is_per_tensor()) throw Unsupported("a result that has no scale");
    return result_steps(index, steps_of_numbers(b_, numbers, b_.literal(info.affine.scales.at(0), DType::kF32)), true);
  }
  if (is_relu) numbers = b_.unary("relu", numbers);
  if (static_cast<std::size_t>(numbers.id) < first_)
    numbers = b_.add("tract_core_cast", {numbers}, {{"to", std::string(nnef::to_string(DType::kF32))}});
  values_.add_entry(numbers, info);
  values_.stored(call_.results.at(index)).set_numbers(numbers);
}

Value Call::quantised_variable(TapeValue constant) {
  const TapeValueInfo& info = tape().info(constant);
  const Value numbers =
      b_.variable(label(info, "weight"), quantised_items(info.constant->evaluated("aten::int_repr", {})), DType::kF32);
  values_.add_entry(numbers, info);
  return numbers;
}

void Call::result_steps(std::size_t index, Value steps, bool is_relu) {
  bool chosen_at_run_time = false;
  AffineOperands operands = operands_of_result(index, chosen_at_run_time);
  StoredValue& stored = values_.stored(call_.results.at(index));
  set_rounded(index, steps, operands, is_relu);
  stored.set_operands(std::move(operands), chosen_at_run_time);
}

void Call::set_rounded(std::size_t index, Value steps, const AffineOperands& operands, bool is_relu) {
  const ItemRange range = representation_of(result_type(index)).range;
  const RoundedCodes rounded = rounded_codes(b_, steps, operands.zero_point, range, is_relu);
  StoredValue& stored = values_.stored(call_.results.at(index));
  stored.set_codes(rounded.codes);
  const double* zero = std::get_if<double>(&operands.zero_point.is);
  if (values_.quantised_form() != QuantisedForm::kCodesAndBytes || !rounded.sum || zero == nullptr) return;
  const double shift = shift_to_bytes(result_type(index), static_cast<std::int64_t>(*zero));
  stored.set_bytes(bytes_of_sum(b_, rounded.sum, shift));
}

Value Call::bytes(std::string_view name) {
  codes(name);  // of a constant, they are there then
  const TapeValueInfo& tensor = info(name);
  return values_.stored(tape_value(name)).bytes(b_, shift_to_bytes(tensor.type, tensor.affine.zero_points.at(0)));
}

void Call::result_bytes(std::size_t index, Value bytes) {
  bool chosen_at_run_time = false;
  const TapeValueInfo& info = result_info(index);
  const double shift = shift_to_bytes(info.type, info.affine.zero_points.at(0));
  const Value codes = codes_of_items(b_, b_.cast(bytes, DType::kF32), b_.literal(shift, DType::kF32));
  StoredValue& stored = values_.stored(call_.results.at(index));
  stored.set_bytes(bytes);
  stored.set_codes(codes);
  stored.set_operands(operands_of_result(index, chosen_at_run_time), chosen_at_run_time);
}

void Call::result_codes(std::size_t index, Value codes, AffineOperands operands) {
  StoredValue& stored = values_.stored(call_.results.at(index));
  stored.set_codes(codes);
  stored.set_operands(std::move(operands), true);
}

AffineOperands Call::operands_of_result(std::size_t index, bool& chosen_at_run_time) {
  const TapeValueInfo& info = result_info(index);
  if (!info.affine.is_known()) throw Unsupported("a result quantised with parameters that are not affine");
  for (TapeValue given : call_.tensors_read()) {
    const TapeValueInfo& other = tape().info(given);
    if (!is_quantised(other.type) || !(other.affine == info.affine)) continue;
    const StoredValue& stored = values_.stored(given);
    if (!stored.chosen_at_run_time()) continue;
    if (!info.affine.is_per_tensor() && other.shape != info.shape)
      throw Unsupported("another shape of a tensor quantised by channel with scales chosen at run time");
    chosen_at_run_time = true;
    return stored.operands();
  }
  return operands_of(b_, label("result"), info.affine, static_cast<int>(info.shape.size()));
}

DType Call::part_dtype(std::size_t index) const { return representation_of(result_type(index)).item; }

void Call::result_parts(std::size_t index, ComplexParts parts) {
  values_.stored(call_.results.at(index)).set_parts(parts);
}

void Call::result_packed(Value value) { values_.stored(call_.results.at(0)).set_packed(value); }

Argument Call::scalar_as(std::string_view name, DType dtype) {
  const TapeArgument& found = argument(name);
  if (const TapeValue* value = found.value()) return b_.cast(read(*value), dtype);
  if (const double* number = std::get_if<double>(&found.is)) {
    bool integral = std::trunc(*number) == *number && std::abs(*number) < 9e18;
    if (nnef::is_float(dtype)) return b_.literal(*number, dtype);
    if (!integral)
      throw std::logic_error(call_.full_name() + ": the fraction " + std::to_string(*number) +
                             " next to an integer tensor");
    return b_.literal(beside_integers(static_cast<std::int64_t>(*number), dtype), dtype);
  }
  Dim integer = dim(name);
  if (!integer.is_constant()) return dim_tensor(integer, dtype);
  if (nnef::is_float(dtype)) return b_.literal(static_cast<double>(integer.value()), dtype);
  return b_.literal(beside_integers(integer.value(), dtype), dtype);
}

std::string Call::label(std::string_view hint) const {
  return (call_.where.module_path.empty() ? "" : call_.where.module_path + ".") + std::string(hint);
}

std::string Call::label(const TapeValueInfo& constant, std::string_view hint) const {
  return constant.label.empty() ? label(hint) : constant.label;
}

Value Call::dim_tensor(const Dim& dim, DType dtype) {
  if (std::optional<std::int64_t> number = dim.constant()) return b_.constant(*number, dtype);
  const auto number_of = [&](const Dim& size) {
    if (std::optional<std::int64_t> number = size.constant()) return b_.constant(*number, dtype);
    return b_.add("tract_core_cast", {Argument(size)}, {{"to", Argument(std::string(nnef::to_string(dtype)))}});
  };
  if (!nnef::is_rounded(dim) || is_never_negative(dim)) return number_of(dim);
  const auto [positive, negative] = nnef::positive_and_negative(dim);
  if (negative == Dim(0)) return number_of(dim);
  if (positive == Dim(0)) return b_.unary("neg", number_of(negative));
  return b_.binary("sub", number_of(positive), number_of(negative));
}

}  // namespace torch2nnef
