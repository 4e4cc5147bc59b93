// Numbers and tensors: sizes read from tensors, numbers read out of tensors and put into them, arithmetic on both.

#include <algorithm>

#include "export/record/numbers/size_math.h"
#include "export/record/torch_types.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kMostContents = 16;

double number_of(const c10::IValue& value) {
  if (value.isDouble()) return value.toDouble();
  return value.isBool() ? (value.toBool() ? 1 : 0) : static_cast<double>(value.toInt());
}

// What a tensor says of itself without looking at its values.
bool is_metadata(const std::string& name) {
  static const std::set<std::string> kNames = {"aten::size",
                                               "aten::sym_size",
                                               "aten::dim",
                                               "aten::numel",
                                               "aten::sym_numel",
                                               "aten::len",
                                               "prim::dtype",
                                               "prim::device",
                                               "prim::layout",
                                               "prim::is_cuda",
                                               "prim::is_cpu",
                                               "prim::is_mkldnn",
                                               "prim::is_quantized",
                                               "prim::is_sparse",
                                               "prim::requires_grad",
                                               "prim::is_meta",
                                               "prim::is_mps",
                                               "prim::is_xpu",
                                               "prim::is_vulkan",
                                               "prim::is_nested",
                                               "aten::is_complex",
                                               "aten::is_floating_point",
                                               "aten::is_signed",
                                               "aten::stride",
                                               "aten::storage_offset",
                                               "aten::is_contiguous",
                                               "aten::result_type",
                                               "aten::can_cast",
                                               "aten::promote_types",
                                               "aten::get_device",
                                               "aten::element_size",
                                               "aten::q_scale",
                                               "aten::q_zero_point",
                                               "aten::is_same_size",
                                               "aten::__is__",
                                               "aten::__isnot__",
                                               "prim::shape",
                                               "prim::ndim",
                                               "aten::is_inference",
                                               "prim::itemsize",
                                               "prim::nbytes",
                                               "prim::type",
                                               "aten::is_conj",
                                               "aten::is_neg",
                                               "aten::is_pinned",
                                               "aten::__not__",
                                               "aten::is_leaf",
                                               "prim::grad",
                                               "prim::is_xla",
                                               "prim::is_ipu",
                                               "prim::name",
                                               "aten::is_distributed",
                                               "aten::qscheme",
                                               "prim::is_ort"};
  return kNames.count(name) > 0;
}

bool depends_on_sizes(const std::string& name) {
  static const std::set<std::string> kNames = {
      "aten::size",  "aten::sym_size", "aten::numel",  "aten::sym_numel",    "aten::len",
      "prim::shape", "aten::stride",   "prim::nbytes", "aten::is_same_size", "aten::is_contiguous"};
  return kNames.count(name) > 0;
}

bool is_item(const std::string& name) {
  static const std::set<std::string> kNames = {"aten::item",
                                               "aten::Int",
                                               "aten::Float",
                                               "aten::Bool",
                                               "aten::ScalarImplicit",
                                               "aten::IntImplicit",
                                               "aten::FloatImplicit",
                                               "aten::is_nonzero",
                                               "aten::_local_scalar_dense"};
  return kNames.count(name) > 0;
}

// The numbers behind Python's range(start, stop, step): how many there are where there are any, and one of them.
std::optional<Ratio> range_number(const std::string& name, const std::vector<Ratio>& numbers) {
  if (numbers.size() != 3) return std::nullopt;
  for (const Ratio& number : numbers) {
    if (number.denominator != 1) return std::nullopt;
  }
  const nnef::Dim &a = numbers[0].numerator, &b = numbers[1].numerator, &step = numbers[2].numerator;
  if (name == "aten::__derive_index") return Ratio{b + a * step, 1};
  if (name != "aten::__range_length" || !step.is_constant() || step == nnef::Dim(0)) return std::nullopt;
  return step.value() > 0 ? Ratio{ceil_div(b - a, step), 1} : Ratio{ceil_div(a - b, -step), 1};
}

}  // namespace

bool Recorder::run_metadata(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                            const std::vector<Slot>& inputs) {
  if (inputs.empty() || !inputs[0].sample().isTensor() || !is_metadata(schema.name())) return false;
  std::vector<Slot> results = execute(node, schema, inputs);
  const at::Tensor& tensor = inputs[0].sample().toTensor();
  if (tensor.defined() && cells_.of(tensor)->shape_from_data && depends_on_sizes(schema.name())) {
    Note note = Note::data({}, "a size that depends on the values of an input");
    for (Slot& result : results) {
      if (is_number(result.sample())) result.note = note;
      if (result.sample().isList())
        notes_.set(result.sample(), std::vector<Note>(items_of(result.sample()).size(), note));
    }
    set_results(node, std::move(results), frame);
    return true;
  }
  if (world_count() > 1 && inputs[0].sample().toTensor().defined()) {
    const nnef::Shape shape = cells_.of(inputs[0].sample().toTensor())->shape;
    auto sized = [](const nnef::Dim& dim) { return dim.is_constant() ? Note{} : Note::sizes({dim, 1}); };
    for (Slot& result : results) {
      const c10::IValue& value = result.sample();
      bool is_size =
          schema.name() == "aten::size" || schema.name() == "aten::sym_size" || schema.name() == "prim::shape";
      if (is_size && value.isIntList()) {
        std::vector<Note> notes;
        for (const nnef::Dim& dim : shape) notes.push_back(sized(dim));
        notes_.set(value, std::move(notes));
      } else if (is_size && value.isInt()) {
        std::int64_t axis = inputs.at(1).sample().toInt();
        result.note =
            sized(shape.at(static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis)));
      } else if (schema.name() == "aten::numel" || schema.name() == "aten::sym_numel") {
        result.note = sized(volume(shape));
      } else if (schema.name() == "aten::len") {
        result.note = sized(shape.at(0));
      } else {
        bool same = std::all_of(result.worlds.begin(), result.worlds.end(), [&](const c10::IValue& world) {
          return world.isTensor() || (!world.isList() && world.tagKind() == value.tagKind() &&
                                      (!is_number(world) || number_of(world) == number_of(value)));
        });
        Note note = Note::unexplained("the result of " + schema.name());
        if (value.isList()) notes_.set(value, std::vector<Note>(items_of(value).size(), note));
        if (!same && is_number(value)) result.note = note;
      }
    }
  }
  set_results(node, std::move(results), frame);
  return true;
}

std::optional<std::vector<Ratio>> Recorder::contents_of(const Slot& slot) {
  const c10::IValue& value = slot.sample();
  if (is_number(value)) {
    if (slot.note.kind == Note::Kind::kSizes && !value.isBool()) return std::vector<Ratio>{slot.note.ratio};
    std::optional<Ratio> ratio = slot.note ? std::nullopt : ratio_of(value);
    if (!ratio) return std::nullopt;
    return std::vector<Ratio>{*ratio};
  }
  if (!value.isTensor() || !value.toTensor().defined()) return std::nullopt;
  const at::Tensor& tensor = value.toTensor();
  CellPtr cell = cells_.of(tensor);
  if (const std::vector<Ratio>* known = Cells::contents(*cell)) return *known;
  bool plain = tensor.scalar_type() == at::kLong || tensor.scalar_type() == at::kInt ||
               tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble;
  if (Cells::live(*cell) || !plain || tensor.numel() > kMostContents) return std::nullopt;
  std::vector<Ratio> items;
  at::Tensor numbers = tensor.to(at::kDouble).contiguous();
  for (std::int64_t i = 0; i < numbers.numel(); ++i) {
    std::optional<Ratio> ratio = ratio_of(numbers.data_ptr<double>()[i]);
    if (!ratio) return std::nullopt;
    items.push_back(*ratio);
  }
  return items;
}

bool Recorder::run_item(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                        const std::vector<Slot>& inputs) {
  if (inputs.empty() || !inputs[0].sample().isTensor() || !is_item(schema.name())) return false;
  std::vector<Slot> results = execute(node, schema, inputs);
  Slot& result = results.at(0);
  CellPtr cell = cells_.of(inputs[0].sample().toTensor());
  if (const std::vector<Ratio>* items = Cells::contents(*cell)) {
    Ratio ratio = items->at(0);
    if (result.sample().isInt() && ratio.denominator != 1) ratio = *apply(NumberOp::kTrunc, ratio, {nnef::Dim(0), 1});
    result.note = result.sample().isBool() ? comparison_note(ratio, "!=", {nnef::Dim(0), 1}) : Note::sizes(ratio);
    bool constant = ratio.denominator == 1 && ratio.numerator.is_constant();
    if (constant) result.note = {};
  } else if (Cells::live(*cell)) {
    result = item_slot(inputs[0], std::move(result.worlds), "a number read by " + schema.name() + " at " + place());
  }
  set_results(node, std::move(results), frame);
  return true;
}

Note Recorder::number_note(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs, const Slot& result) {
  const std::string& name = schema.name();
  Note unknown = Note::unexplained("a number computed by " + name);
  std::vector<Ratio> ratios;
  std::size_t bools = 0;
  for (const Slot& input : inputs) {
    if (input.note.kind == Note::Kind::kUnexplained) return input.note;
    if (!is_number(input.sample())) return unknown;
    bools += input.sample().isBool();
    if (auto items = contents_of(input)) ratios.push_back(items->front());
  }
  if (bools == inputs.size() && result.sample().isBool()) {
    if (name == "aten::__not__") return negated(inputs[0].note);
    return inputs.size() == 2 && (name == "aten::__and__" || name == "aten::__or__")
               ? combined(name, inputs[0], inputs[1])
               : unknown;
  }
  if (ratios.size() != inputs.size() || ratios.empty()) return unknown;
  if (const char* sign = comparison_sign(name); sign && ratios.size() == 2)
    return comparison_note(ratios[0], sign, ratios[1]);
  if (name == "aten::Bool") return comparison_note(ratios[0], "!=", {nnef::Dim(0), 1});
  std::optional<Ratio> ratio = range_number(name, ratios);
  if (auto op = number_op(name)) ratio = apply(*op, ratios.front(), ratios.back());
  if (ratio) {
    std::vector<double> seen;
    for (const c10::IValue& world : result.worlds) seen.push_back(number_of(world));
    if (holds(*ratio, seen, worlds())) {
      return ratio->numerator.is_constant() ? Note{} : Note::sizes(*ratio);
    }
  }
  if (!result.sample().isDouble()) return unknown;
  const Note computed = data_note(schema, inputs, result);
  return computed.scalar ? computed : unknown;
}

void Recorder::output(const std::string& name, const Slot& slot) {
  const c10::IValue& value = slot.sample();
  if (value.isTensor()) {
    tape_.tape().outputs.emplace_back(name, read(value.toTensor()));
    return;
  }
  if (slot.note.kind == Note::Kind::kUnexplained || (slot.note.kind == Note::Kind::kData && !slot.note.scalar) ||
      (value.isBool() && slot.note.kind == Note::Kind::kSizes)) {
    throw Unsupported("forward returns a number that depends on its inputs in a way that is not followed (" +
                      slot.note.text + ")");
  }
  tape_.tape().outputs.emplace_back(name, number_value(value, slot.note));
}

bool Recorder::run_number_to_tensor(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                                    const std::vector<Slot>& inputs) {
  static const std::set<std::string> kNames = {"prim::NumToTensor", "aten::tensor", "aten::as_tensor",
                                               "aten::scalar_tensor"};
  if (!kNames.count(schema.name()) || !notes_.any(inputs.at(0))) return false;
  std::vector<c10::IValue> items{inputs[0].sample()};
  std::vector<Note> notes{inputs[0].note};
  bool is_list = inputs[0].sample().isList();
  if (is_list) {
    items = items_of(inputs[0].sample());
    notes = notes_.get(inputs[0].sample());
  }
  bool sizes = true, known = static_cast<std::int64_t>(items.size()) <= 4 * kMostContents;
  std::vector<Ratio> ratios;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!is_number(items[i])) return false;
    known = known && notes[i].kind != Note::Kind::kUnexplained &&
            (notes[i].kind != Note::Kind::kData || notes[i].scalar) &&
            !(items[i].isBool() && notes[i].kind == Note::Kind::kSizes);
    auto ratio = contents_of({{items[i]}, notes[i]});
    if (ratio) ratios.push_back(ratio->front());
    sizes = sizes && ratio;
  }
  if (!known)
    throw Unsupported("a tensor is made of a number that depends on the inputs in a way that is not followed");
  std::vector<Slot> results = execute(node, schema, inputs);
  const at::Tensor& tensor = results.at(0).sample().toTensor();
  nnef::Shape shape = nnef::make_shape(tensor.sizes().vec());
  TapeValueInfo info = facts_of(tensor, {});
  if (sizes) {
    CellPtr cell = cells_.add_root(tensor, shape, true, {});
    cell->contents = std::move(ratios);
    cell->has_contents = true;
  } else {
    TapeList parts;
    for (std::size_t i = 0; i < items.size(); ++i) {
      parts.push_back(
          {tape_.call1("aten::to", "dtype",
                       {{"self", {number_value(items[i], notes[i])}}, {"dtype", {std::string(to_string(info.type))}}},
                       info, here())});
    }
    TapeValue value = *parts.front().value();
    info.shape = shape;
    if (is_list) value = tape_.call1("aten::stack", "", {{"tensors", {parts}}, {"dim", {nnef::Dim(0)}}}, info, here());
    cells_.add_root(tensor, shape, true, value);
  }
  set_results(node, std::move(results), frame);
  return true;
}

}  // namespace torch2nnef
