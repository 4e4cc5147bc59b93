#include "export/record/numbers/numbers.h"

#include <algorithm>

#include "export/operators/operators.h"
#include "export/record/numbers/contents.h"
#include "export/record/numbers/size_math.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

double number_of(const c10::IValue& value) {
  if (value.isDouble()) return value.toDouble();
  return value.isBool() ? (value.toBool() ? 1 : 0) : static_cast<double>(value.toInt());
}

// The numbers behind Python's range(start, stop, step): how many there are where there are any, and one of them.
std::optional<Ratio> range_number(const std::string& name, const std::vector<Ratio>& numbers) {
  if (numbers.size() != 3) return std::nullopt;
  for (const Ratio& number : numbers) {
    if (number.denominator != 1) return std::nullopt;
  }
  const nnef::Dim &a = numbers[0].numerator, &b = numbers[1].numerator, &step = numbers[2].numerator;
  const NumberOp op = row_of(name).number;
  if (op == NumberOp::kRangeItem) return Ratio{b + a * step, 1};
  if (op != NumberOp::kRangeLength || !step.is_constant() || step == nnef::Dim(0)) return std::nullopt;
  return step.value() > 0 ? Ratio{ceil_div(b - a, step), 1} : Ratio{ceil_div(a - b, -step), 1};
}

Note size_note(const nnef::Dim& size) { return size.is_constant() ? Note{} : Note::sizes({size, 1}); }

// The same number, in all worlds.
bool is_same_everywhere(const Slot& slot) {
  const c10::IValue& value = slot.sample();
  return std::all_of(slot.worlds.begin(), slot.worlds.end(), [&](const c10::IValue& world) {
    return world.tagKind() == value.tagKind() && number_of(world) == number_of(value);
  });
}

}  // namespace

std::optional<Slots> Numbers::call(const Callee& callee, const Slots& inputs) {
  const OperatorRow& row = row_of(callee.schema.name(), callee.schema.overload_name());
  const bool has_tensor = !inputs.empty() && inputs[0].sample().isTensor();
  if (has_tensor && row.metadata != Metadata::kNone) return read_metadata(callee, inputs);
  if (has_tensor && row.is(kReadsItem)) return read_item(callee, inputs);
  return row.is(kFromNumbers) && context_.notes.any(inputs.at(0)) ? make_tensor(callee, inputs) : std::nullopt;
}

Slots Numbers::read_metadata(const Callee& callee, const Slots& inputs) {
  const std::string& name = callee.schema.name();
  const Metadata read = row_of(name, callee.schema.overload_name()).metadata;
  Slots results = execute(context_, callee, inputs);
  const at::Tensor& tensor = inputs[0].sample().toTensor();
  if (!tensor.defined()) return results;
  const CellPtr cell = context_.cells.of(tensor);
  const bool is_size_from_data = cell->shape_from_data && read != Metadata::kFixed && read != Metadata::kItems;
  if (is_size_from_data || (read == Metadata::kItems && Cells::live(*cell))) {
    const std::string what = is_size_from_data ? "a size" : "the result of " + name;
    Note note = Note::data({}, what + " that depends on the values of an input");
    for (Slot& result : results) {
      if (is_number(result.sample())) result.note = note;
      if (result.sample().isList()) context_.notes.set_all(result.sample(), note);
    }
    return results;
  }
  if (context_.world_count() < 2) return results;
  const nnef::Shape shape = cell->shape;
  for (Slot& result : results) {
    const c10::IValue& value = result.sample();
    if (read == Metadata::kShape && value.isIntList()) {
      std::vector<Note> notes;
      for (const nnef::Dim& dim : shape) notes.push_back(size_note(dim));
      context_.notes.set(value, std::move(notes));
    } else if (read == Metadata::kShape && value.isInt()) {
      std::int64_t axis = inputs.at(1).sample().toInt();
      if (axis < 0) axis += static_cast<std::int64_t>(shape.size());
      result.note = size_note(shape.at(static_cast<std::size_t>(axis)));
    } else if (read == Metadata::kNumel) {
      result.note = size_note(volume(shape));
    } else if (read == Metadata::kLength) {
      result.note = size_note(shape.at(0));
    } else {
      Note note = Note::unexplained("the result of " + name);
      if (value.isList()) context_.notes.set_all(value, note);
      if (is_number(value) && !is_same_everywhere(result)) result.note = note;
    }
  }
  return results;
}

Slots Numbers::read_item(const Callee& callee, const Slots& inputs) {
  Slots results = execute(context_, callee, inputs);
  Slot& result = results.at(0);
  CellPtr cell = context_.cells.of(inputs[0].sample().toTensor());
  if (const Items* items = Cells::contents(*cell)) {
    Ratio ratio = items->at(0);
    if (result.sample().isInt() && ratio.denominator != 1) ratio = *apply(NumberOp::kTrunc, ratio, {nnef::Dim(0), 1});
    result.note = result.sample().isBool() ? comparison_note(ratio, "!=", {nnef::Dim(0), 1}) : Note::sizes(ratio);
    bool constant = ratio.denominator == 1 && ratio.numerator.is_constant();
    if (constant) result.note = {};
  } else if (Cells::live(*cell)) {
    result = values_.read_item(inputs[0], std::move(result.worlds),
                               "a number read by " + callee.schema.name() + " at " + context_.place());
  }
  return results;
}

Note Numbers::note_of(const c10::FunctionSchema& schema, const Slots& inputs, const Slot& result) {
  const std::string& name = schema.name();
  Note unknown = Note::unexplained("a number computed by " + name);
  std::vector<Ratio> ratios;
  std::size_t bools = 0;
  for (const Slot& input : inputs) {
    if (input.note.kind == Note::Kind::kUnexplained) return input.note;
    if (!is_number(input.sample())) return unknown;
    bools += input.sample().isBool();
    if (auto items = contents_of(context_, input)) ratios.push_back(items->front());
  }
  if (bools == inputs.size() && result.sample().isBool()) {
    const NumberOp logic = row_of(name).number;
    if (logic == NumberOp::kNot) return negated(inputs[0].note);
    return inputs.size() == 2 && (logic == NumberOp::kAnd || logic == NumberOp::kOr)
               ? combined(logic, inputs[0], inputs[1])
               : unknown;
  }
  if (ratios.size() != inputs.size() || ratios.empty()) return unknown;
  if (const char* sign = comparison_sign(row_of(name).number); sign && ratios.size() == 2)
    return comparison_note(ratios[0], sign, ratios[1]);
  if (row_of(name).is(kConverts) && result.sample().isBool())
    return comparison_note(ratios[0], "!=", {nnef::Dim(0), 1});
  std::optional<Ratio> ratio = range_number(name, ratios);
  if (auto op = number_op(name)) ratio = apply(*op, ratios.front(), ratios.back());
  if (ratio) {
    std::vector<double> seen;
    for (const c10::IValue& world : result.worlds) seen.push_back(number_of(world));
    if (holds(*ratio, seen, context_.worlds())) {
      return ratio->numerator.is_constant() ? Note{} : Note::sizes(*ratio);
    }
  }
  if (!result.sample().isDouble()) return unknown;
  const Note computed = values_.computed(schema, inputs, result);
  return computed.scalar ? computed : unknown;
}

std::optional<Slots> Numbers::make_tensor(const Callee& callee, const Slots& inputs) {
  std::vector<c10::IValue> items{inputs[0].sample()};
  std::vector<Note> notes{inputs[0].note};
  bool is_list = inputs[0].sample().isList();
  if (is_list) {
    items = items_of(inputs[0].sample());
    notes = context_.notes.get(inputs[0].sample());
  }
  bool sizes = true, known = static_cast<std::int64_t>(items.size()) <= 4 * kMostContents;
  Items ratios;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!is_number(items[i])) return std::nullopt;
    known = known && notes[i].kind != Note::Kind::kUnexplained &&
            (notes[i].kind != Note::Kind::kData || notes[i].scalar) &&
            !(items[i].isBool() && notes[i].kind == Note::Kind::kSizes);
    auto ratio = contents_of(context_, {{items[i]}, notes[i]});
    if (ratio) ratios.push_back(ratio->front());
    sizes = sizes && ratio;
  }
  if (!known)
    throw Unsupported("a tensor is made of a number that depends on the inputs in a way that cannot be exported");
  Slots results = execute(context_, callee, inputs);
  const at::Tensor& tensor = results.at(0).sample().toTensor();
  if (sizes) {
    CellPtr cell = context_.cells.add_root(tensor, nnef::make_shape(tensor.sizes().vec()), true, {});
    cell->contents = std::move(ratios);
    cell->has_contents = true;
  } else {
    add_joined(tensor, items, notes, is_list);
  }
  return results;
}

// A tensor of numbers that depend on data, made of them one by one.
void Numbers::add_joined(const at::Tensor& tensor, const std::vector<c10::IValue>& items,
                         const std::vector<Note>& notes, bool is_list) {
  TapeValueInfo info = facts_of(tensor, {});
  TapeList parts;
  for (std::size_t i = 0; i < items.size(); ++i) {
    parts.push_back({context_.tape.call1(
        "aten::to", "dtype",
        {{"self", {values_.value(items[i], notes[i])}}, {"dtype", {std::string(to_string(info.type))}}}, info,
        context_.here())});
  }
  TapeValue value = *parts.front().value();
  info.shape = nnef::make_shape(tensor.sizes().vec());
  if (is_list) {
    value =
        context_.tape.call1("aten::stack", "", {{"tensors", {parts}}, {"dim", {nnef::Dim(0)}}}, info, context_.here());
  }
  context_.cells.add_root(tensor, info.shape, true, value);
}

}  // namespace torch2nnef
