// One operator: executed in every world, and recorded when its result depends on an input or on a dynamic size.

#include <algorithm>
#include <map>

#include "export/record/recorder.h"
#include "export/record/shape_rules.h"
#include "export/record/size_math.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

constexpr std::int64_t kLargestFold = 1 << 20;    // bytes of a result that is folded whatever its arguments are

bool computes_tensors(const c10::FunctionSchema& schema) {
  return std::any_of(schema.returns().begin(), schema.returns().end(), [](const c10::Argument& result) {
    auto list = result.type()->cast<c10::ListType>();
    return result.type()->isSubtypeOf(*c10::TensorType::get()) ||
           (list && list->getElementType()->isSubtypeOf(*c10::TensorType::get()));
  });
}

bool is_number(const c10::IValue& value) { return value.isInt() || value.isDouble() || value.isBool(); }

std::int64_t bytes_of(const std::vector<at::Tensor>& tensors) {
  std::int64_t bytes = 0;
  for (const at::Tensor& tensor : tensors) {
    if (tensor.defined()) bytes += tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
  }
  return bytes;
}

const void* storage_of(const at::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

// Equal, NaNs too.
bool same_items(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  if (a.is_quantized()) return at::equal(a, b);
  at::Tensor both_nan = a.ne(a).logical_and(b.ne(b));
  return a.eq(b).logical_or(both_nan).all().item<bool>();
}

// Splitting operators are kept as the slice or select that each result is, so that one can be repeated alone.
std::optional<ViewStep> step_of_part(const std::string& op, const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                                     const nnef::Shape& base, const std::vector<nnef::Shape>& parts, std::size_t index) {
  static const std::map<std::string, bool> kSplits = {{"aten::split", true},         {"aten::split_with_sizes", true},
                                                      {"aten::chunk", true},         {"aten::unsafe_chunk", true},
                                                      {"aten::unsafe_split", true},  {"aten::tensor_split", true},
                                                      {"aten::unsafe_split_with_sizes", true},
                                                      {"aten::narrow", true},        {"aten::unbind", false}};
  auto found = kSplits.find(op);
  if (found == kSplits.end()) return std::nullopt;
  std::int64_t axis = 0;
  nnef::Dim start(0);
  for (const auto& [name, argument] : arguments) {
    const auto* dim = std::get_if<nnef::Dim>(&argument.is);
    if (name == "dim" && dim) axis = dim->value();
    if (name == "start") {
      if (!dim) return std::nullopt;
      start = *dim;
    }
  }
  auto place = static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(base.size()) : axis);
  TapeArgument dim{nnef::Dim(static_cast<std::int64_t>(place))};
  if (!found->second) {
    return ViewStep{"aten::select", "int", {{"dim", dim}, {"index", {nnef::Dim(static_cast<std::int64_t>(index))}}}};
  }
  if (start.constant() && *start.constant() < 0) start = start + base.at(place);
  for (std::size_t before = 0; before < index; ++before) start += parts[before].at(place);
  return ViewStep{"aten::slice",
                  "Tensor",
                  {{"dim", dim},
                   {"start", {start}},
                   {"end", {start + parts[index].at(place)}},
                   {"step", {nnef::Dim(1)}}}};
}

}  // namespace

std::vector<at::Tensor> tensors_in(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  std::vector<at::Tensor> result;
  if (value.isIntList() || value.isDoubleList() || value.isBoolList()) return result;
  for (const c10::IValue& item : items_of(value)) {
    std::vector<at::Tensor> inside = tensors_in(item);
    result.insert(result.end(), inside.begin(), inside.end());
  }
  return result;
}

bool Recorder::is_live(const c10::IValue& value) {
  for (const at::Tensor& tensor : tensors_in(value)) {
    if (!tensor.defined()) continue;
    CellPtr cell = cells_.find(tensor);
    if (cell && Cells::live(*cell)) return true;
  }
  return false;
}

void Recorder::run_operator(const Node* node, Frame& frame) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (!schema) {
    throw Unsupported("the statement " + std::string(node->kind().toQualString()) + " is not followed");
  }
  std::vector<Slot> inputs = inputs_of(node, frame);
  if (schema->name().rfind("torchvision::", 0) == 0) {
    throw Unsupported(schema->name() + " is known by name only", "export the part of the model before it");
  }
  if (schema->name() == "prim::RaiseException") {
    std::string text = inputs.at(0).sample().isString() ? inputs[0].sample().toStringRef() : "an exception";
    refuse("T2N-R001", "the model raises on the sample inputs: " + text, "give inputs that the model accepts (--inputs)");
    throw RecordingStopped(text);
  }
  for (std::size_t i = 0; i < schema->arguments().size(); ++i) {
    const c10::Argument& formal = schema->arguments()[i];
    if (!formal.alias_info() || !formal.alias_info()->isWrite()) continue;
    if (inputs[i].sample().isTensor()) return run_in_place(node, frame, *schema, std::move(inputs), i);
    if (inputs[i].sample().isTensorList()) {
      throw Unsupported(schema->name() + " writes several tensors at once", "write the model without it");
    }
  }
  if (run_metadata(node, frame, *schema, inputs) || run_item(node, frame, *schema, inputs) ||
      run_number_to_tensor(node, frame, *schema, inputs)) {
    return;
  }
  if (computes_tensors(*schema)) return run_tensor_operator(node, frame, *schema, std::move(inputs));
  run_plain(node, frame, *schema, std::move(inputs));
}

void Recorder::run_plain(const Node* node, Frame& frame, const c10::FunctionSchema& schema, std::vector<Slot> inputs) {
  std::vector<Slot> results = execute(node, schema, inputs);
  if (schema.name() == "aten::__is__" || schema.name() == "aten::__isnot__") return set_results(node, std::move(results), frame);
  Note first;
  bool live = false;
  for (const Slot& input : inputs) {
    Note note = notes_.any(input);
    if (note.kind == Note::Kind::kData || !first) first = note ? note : first;
    live = live || is_live(input.sample());
  }
  for (Slot& result : results) {
    const c10::IValue& value = result.sample();
    if (live || first.kind == Note::Kind::kData) {
      Note note = data_note(schema, inputs, result);
      if (is_number(value)) result.note = note;
      if (value.isList() || value.isTuple()) notes_.set(value, std::vector<Note>(items_of(value).size(), note));
    } else if (first) {
      if (is_number(value)) result.note = number_note(schema, inputs, result);
      if (value.isList() || value.isTuple()) {
        notes_.set(value, std::vector<Note>(items_of(value).size(), Note::unexplained("a number of " + schema.name())));
      }
    }
  }
  set_results(node, std::move(results), frame);
}

void Recorder::execute_world(const Node* node, const c10::FunctionSchema& schema, jit::Stack& stack) {
  jit::Stack arguments = stack;
  try {
    node->getOperation()(stack);
    return;
  } catch (const c10::Error& error) {
    std::string text = error.what();
    bool half = text.find("not implemented for 'Half'") != std::string::npos;
    bool bfloat = text.find("not implemented for 'BFloat16'") != std::string::npos;
    if (!half && !bfloat) throw;
  }
  // A kernel that this CPU build lacks for 16 bits: computed in float32 and rounded.
  at::ScalarType narrow = at::kFloat;
  auto widen = [&](const at::Tensor& tensor) {
    if (!tensor.defined() || (tensor.scalar_type() != at::kHalf && tensor.scalar_type() != at::kBFloat16)) return tensor;
    narrow = tensor.scalar_type();
    return tensor.to(at::kFloat);
  };
  for (c10::IValue& argument : arguments) {
    if (argument.isTensor()) argument = widen(argument.toTensor());
    if (argument.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : argument.toTensorVector()) list.push_back(widen(tensor));
      argument = list;
    }
  }
  node->getOperation()(arguments);
  for (c10::IValue& result : arguments) {
    if (result.isTensor() && result.toTensor().defined() && result.toTensor().scalar_type() == at::kFloat) {
      result = result.toTensor().to(narrow);
    }
  }
  stack = std::move(arguments);
  (void)schema;
}

std::vector<Slot> Recorder::execute(const Node* node, const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  std::vector<Slot> results;
  for (std::size_t world = 0; world < world_count(); ++world) {
    jit::Stack stack;
    for (const Slot& input : inputs) stack.push_back(input.worlds[world]);
    try {
      execute_world(node, schema, stack);
    } catch (const std::exception& error) {
      std::string text = message_of(error);
      if (world > 0 || !first_is_sample_) throw WorldFailed(schema.name() + " fails: " + text, here(), "T2N-R002");
      refuse("T2N-R001", "the model itself fails on the sample inputs: " + text, "check the inputs' shapes and dtypes",
             schema.name());
      throw RecordingStopped(text);
    }
    results.resize(stack.size());
    for (std::size_t i = 0; i < stack.size(); ++i) results[i].worlds.push_back(stack[i]);
  }
  return results;
}

// A Python number in a trace is a constant tensor of rank 0. libtorch's own executor takes it for a number, which does not
// promote a tensor's dtype, where it is the second operand of arithmetic; as the first it is a tensor like any other.
void Recorder::mark_number(const c10::FunctionSchema& schema, std::vector<Slot>& inputs) {
  auto index = schema.argumentIndexWithName("other");
  if (!index || *index != 1 || inputs.size() < 2 || !inputs[1].sample().isTensor()) return;
  const at::Tensor& tensor = inputs[1].sample().toTensor();
  if (!tensor.defined() || tensor.dim() != 0 || (tensor.scalar_type() != at::kDouble && tensor.scalar_type() != at::kLong)) {
    return;
  }
  CellPtr cell = cells_.find(tensor);
  if (!cell || cell->owner != "constant") return;
  at::Tensor& number = numbers_[tensor.unsafeGetTensorImpl()];
  if (!number.defined()) {
    number = tensor.clone();
    number.unsafeGetTensorImpl()->set_wrapped_number(true);
    cells_.of(number)->owner = "constant";
  }
  inputs[1].worlds.assign(world_count(), number);
}

void Recorder::refuse_random(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  static const std::set<std::string> kRandom = {
      "bernoulli", "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "multinomial", "normal",
      "normal_",   "poisson",    "binomial", "rand",        "rand_like",  "randint",     "randint_like", "randn",
      "randn_like", "randperm",  "random_", "uniform_",     "_standard_gamma", "_sample_dirichlet", "uniform"};
  static const std::set<std::string> kDropouts = {"dropout",        "dropout_",       "alpha_dropout",        "alpha_dropout_",
                                                  "feature_dropout", "feature_dropout_", "feature_alpha_dropout",
                                                  "feature_alpha_dropout_", "native_dropout", "rrelu", "rrelu_",
                                                  "rrelu_with_noise", "_fused_dropout"};
  if (schema.name().rfind("aten::", 0) != 0) return;
  std::string name = schema.name().substr(6);
  if (kRandom.count(name)) {
    refuse("T2N-R003", "the model draws random numbers with " + schema.name() + ", so it has no one result to export",
           "pass the random numbers as an input", schema.name());
  }
  auto argument = [&](const char* wanted) -> const c10::IValue* {
    auto index = schema.argumentIndexWithName(wanted);
    return index ? &inputs.at(static_cast<std::size_t>(*index)).sample() : nullptr;
  };
  const c10::IValue *train = argument("train"), *training = argument("training"), *p = argument("p"), *drop = argument("dropout_p");
  bool trains = (train && train->isBool() && train->toBool()) || (training && training->isBool() && training->toBool());
  const c10::IValue* rate = argument("dropout");      // of recurrent layers
  if (trains && rate && rate->isDouble() && rate->toDouble() > 0) {
    refuse("T2N-R004", schema.name() + " is in training mode, so it drops values at random",
           "call .eval() on the model before it is traced", schema.name());
  }
  bool drops = !p || !p->isDouble() || p->toDouble() > 0;
  if (kDropouts.count(name) && trains && drops) {
    refuse("T2N-R004", schema.name() + " is in training mode, so it drops values at random",
           "call .eval() on the model before it is traced", schema.name());
  }
  if (drop && drop->isDouble() && drop->toDouble() > 0) {
    refuse("T2N-R004", schema.name() + " drops values at random (dropout_p > 0)",
           "call .eval() on the model before it is traced", schema.name());
  }
  if (trains && name.find("_norm") != std::string::npos) {
    diagnostics_.warning("T2N-R012", schema.name() + " is in training mode: it normalises by the statistics of the batch",
                         here(), "call .eval() on the model before it is traced");
  }
}

TapeArgument Recorder::number_argument(const c10::IValue& value, const Note& note, const std::string& formal,
                                       const std::string& op) {
  bool takes_tensor = formal.rfind("Scalar", 0) == 0 && formal.rfind("ScalarType", 0) != 0;
  switch (note.kind) {
    case Note::Kind::kNone: break;
    case Note::Kind::kSizes:
      if (value.isBool()) break;     // a condition on sizes that holds in all worlds: a constraint
      if (note.ratio.denominator == 1) return {note.ratio.numerator};
      if (takes_tensor) return {number_value(value, note)};
      refuse("T2N-R008", "an argument of " + op + " is " + to_string(note.ratio) + ", which an expression of sizes cannot say",
             "make that axis static", op);
      break;
    case Note::Kind::kData:
      if (takes_tensor && note.scalar) return {note.scalar};
      refuse("T2N-R007", "an argument of " + op + " depends on the values of an input" +
                             (note.text.empty() ? "" : " (" + note.text + ")"),
             "keep it a tensor, or make it a constant of the model", op);
      break;
    case Note::Kind::kUnexplained:
      refuse("T2N-R008", "an argument of " + op + " depends on a dynamic size in a way that is not understood" +
                             (note.text.empty() ? "" : " (" + note.text + ")"),
             "make that axis static", op);
      break;
  }
  if (value.isBool() && note.kind == Note::Kind::kSizes) {
    constrain(value.toBool() ? note : negated(note), true, "an argument of a call");
  }
  return plain_argument(value, formal);
}

TapeArgument Recorder::tape_argument(const Slot& slot, const c10::Argument& formal, const std::string& op) {
  const c10::IValue& value = slot.sample();
  if (value.isTensor()) return value.toTensor().defined() ? TapeArgument{read(value.toTensor())} : TapeArgument{};
  if (value.isNone()) return {};
  std::string type = formal_type(formal);
  if (is_number(value)) return number_argument(value, slot.note, type, op);
  if (value.isList() || value.isTuple()) {
    std::vector<c10::IValue> items = items_of(value);
    std::vector<Note> notes = notes_.get(value);
    notes.resize(items.size());
    TapeList list;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const c10::IValue& item = items[i];
      if (item.isTensor()) {
        list.push_back(item.toTensor().defined() ? TapeArgument{read(item.toTensor())} : TapeArgument{});
      } else {
        list.push_back(is_number(item) ? number_argument(item, notes[i], "int", op) : plain_argument(item, ""));
      }
    }
    return {std::move(list)};
  }
  return plain_argument(value, type);
}

std::vector<std::pair<std::string, TapeArgument>> Recorder::tape_arguments(const c10::FunctionSchema& schema,
                                                                           const std::vector<Slot>& inputs,
                                                                           bool with_tensors) {
  std::vector<std::pair<std::string, TapeArgument>> arguments;
  for (std::size_t i = 0; i < schema.arguments().size() && i < inputs.size(); ++i) {
    if (!with_tensors && inputs[i].sample().isTensor()) continue;
    arguments.emplace_back(schema.arguments()[i].name(), tape_argument(inputs[i], schema.arguments()[i], schema.name()));
  }
  return arguments;
}

nnef::Shape Recorder::explain(const std::string& op, const std::vector<std::pair<std::string, TapeArgument>>& arguments,
                              const std::vector<at::Tensor>& worlds) {
  std::vector<std::vector<std::int64_t>> sizes;
  for (const at::Tensor& world : worlds) {
    sizes.push_back(world.sizes().vec());
    if (sizes.back().size() != sizes.front().size()) {
      throw WorldFailed("the rank of the result of " + op + " depends on a dynamic size", here(), "T2N-R006");
    }
  }
  return explain_shape(tape_.tape(), op, arguments, sizes);
}

void Recorder::run_tensor_operator(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                                   std::vector<Slot> inputs) {
  std::size_t refusals = refused_.size();
  refuse_random(schema, inputs);
  mark_number(schema, inputs);
  bool recorded = false;
  std::int64_t argument_bytes = 0;
  for (const Slot& input : inputs) {
    recorded = recorded || is_live(input.sample()) || notes_.any(input);
    argument_bytes += bytes_of(tensors_in(input.sample()));
  }
  std::vector<Slot> results = execute(node, schema, inputs);
  bool is_empty = schema.name().find("empty") != std::string::npos;
  std::int64_t result_bytes = 0;
  for (const Slot& result : results) {
    for (const c10::IValue& world : result.worlds) {
      for (at::Tensor& tensor : tensors_in(world)) {
        if (is_empty && tensor.defined()) tensor.zero_();   // memory that nobody set must not end up in a file
      }
    }
    result_bytes += bytes_of(tensors_in(result.sample()));
  }
  if (recorded && run_contents(schema, inputs, results)) return set_results(node, std::move(results), frame);
  bool aliases = false;
  for (const Slot& result : results) {
    for (const at::Tensor& tensor : tensors_in(result.sample())) {
      for (const Slot& input : inputs) {
        for (const at::Tensor& argument : tensors_in(input.sample())) {
          aliases = aliases || (storage_of(tensor) && storage_of(tensor) == storage_of(argument));
        }
      }
    }
  }
  if (!recorded && !aliases && result_bytes > kLargestFold && result_bytes > argument_bytes) recorded = true;
  std::size_t calls = tape_.tape().calls.size();
  record_results(schema, inputs, results, recorded);
  if (recorded && world_count() > 1) carry_range(schema, inputs, results);
  if (refused_.size() > refusals && tape_.tape().calls.size() > calls) tape_.tape().calls.back().refused = true;
  set_results(node, std::move(results), frame);
}

// Operators whose results are as long as the values of their arguments say.
bool Recorder::has_shape_from_data(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  static const std::set<std::string> kNames = {
      "aten::nonzero",  "aten::nonzero_numpy", "aten::argwhere",      "aten::masked_select", "aten::unique_dim",
      "aten::_unique",  "aten::_unique2",      "aten::unique_consecutive", "aten::unique_dim_consecutive", "aten::bincount",
      "torchvision::nms", "aten::_pack_padded_sequence", "aten::tensor_split"};
  bool from_data = kNames.count(schema.name()) > 0 && !(schema.name() == "aten::tensor_split" && !inputs[1].sample().isTensor());
  if (schema.name() == "aten::where" && inputs.size() == 1) from_data = true;
  if (schema.name() == "aten::repeat_interleave") {
    for (const Slot& input : inputs) from_data = from_data || (&input != &inputs[0] && is_live(input.sample()));
    from_data = from_data || (inputs.size() < 3 && is_live(inputs[0].sample()));
  }
  for (const Slot& input : inputs) {
    for (const at::Tensor& tensor : tensors_in(input.sample())) {
      if (!tensor.defined()) continue;
      CellPtr cell = cells_.find(tensor);
      from_data = from_data || (cell && cell->shape_from_data);
      // A mask as an index selects as many items as it has true ones.
      bool is_index = schema.name() == "aten::index" && &input != &inputs[0];
      from_data = from_data || (is_index && cell && Cells::live(*cell) &&
                                (tensor.scalar_type() == at::kBool || tensor.scalar_type() == at::kByte));
    }
  }
  return from_data;
}

// What depends on nothing must be the same at all sizes.
void Recorder::check_constants(const c10::FunctionSchema& schema, const std::vector<std::vector<at::Tensor>>& results) {
  for (const std::vector<at::Tensor>& result : results) {
    for (const at::Tensor& world : result) {
      if (!world.defined() || world.is_same(result.front())) continue;
      if (!same_items(world, result.front())) {
        refuse("T2N-R008", "the result of " + schema.name() + " depends on a dynamic size in a way that is not understood",
               "make that axis static", schema.name());
        return;
      }
    }
  }
}

// A dynamic axis that squeeze would take away at size 1 changes the rank of the result there.
void Recorder::constrain_squeeze(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  if (schema.name() != "aten::squeeze" || world_count() < 2) return;
  const nnef::Shape shape = cells_.of(inputs[0].sample().toTensor())->shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis].is_constant()) continue;
    bool is_named = inputs.size() < 2;
    if (inputs.size() > 1 && inputs[1].sample().isInt()) {
      std::int64_t named = inputs[1].sample().toInt();
      is_named = static_cast<std::size_t>(named < 0 ? named + static_cast<std::int64_t>(shape.size()) : named) == axis;
    }
    if (is_named) constrain(comparison_note({shape[axis], 1}, "!=", {nnef::Dim(1), 1}), true, "the rank of what squeeze returns");
  }
}

void Recorder::record_results(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs,
                              std::vector<Slot>& results, bool recorded) {
  // Results flattened, world by world.
  std::vector<std::vector<at::Tensor>> flat;     // [result][world]
  for (const Slot& result : results) {
    std::vector<std::vector<at::Tensor>> per_world;
    for (const c10::IValue& world : result.worlds) per_world.push_back(tensors_in(world));
    for (const auto& world : per_world) {
      if (world.size() != per_world.front().size()) {
        throw WorldFailed("the number of results of " + schema.name() + " depends on a dynamic size", here(), "T2N-R006");
      }
    }
    for (std::size_t i = 0; i < per_world.front().size(); ++i) {
      flat.emplace_back();
      for (const auto& world : per_world) flat.back().push_back(world[i]);
    }
  }
  bool all_known = std::all_of(flat.begin(), flat.end(), [&](const auto& result) {
    return !result.front().defined() || cells_.find(result.front());
  });
  if (all_known) return;                         // each is an argument itself

  std::vector<std::pair<std::string, TapeArgument>> arguments;
  std::vector<TapeValueInfo> infos;
  std::vector<nnef::Shape> shapes;
  if (recorded) arguments = tape_arguments(schema, inputs, true);
  for (const auto& result : flat) {
    if (!result.front().defined()) {
      infos.emplace_back();
      shapes.emplace_back();
      continue;
    }
    shapes.push_back(recorded ? explain(schema.name(), arguments, result)
                              : nnef::make_shape(result.front().sizes().vec()));
    infos.push_back(facts_of(result.front(), shapes.back()));
  }
  if (!recorded && world_count() > 1) check_constants(schema, flat);
  bool from_data = recorded && has_shape_from_data(schema, inputs);
  auto base_of = [&](const at::Tensor& tensor) -> std::pair<const at::Tensor, std::string> {
    if (!storage_of(tensor)) return {};
    for (std::size_t i = 0; i < inputs.size() && i < schema.arguments().size(); ++i) {
      for (const at::Tensor& argument : tensors_in(inputs[i].sample())) {
        if (storage_of(argument) == storage_of(tensor)) return {argument, schema.arguments()[i].name()};
      }
    }
    return {};
  };
  if (recorded) constrain_squeeze(schema, inputs);
  std::vector<TapeValue> values(flat.size());
  if (recorded) values = tape_.call(schema.name(), schema.overload_name(), arguments, infos, here());

  std::map<const void*, CellPtr> fresh;          // storages of this call's own results
  for (std::size_t i = 0; i < flat.size(); ++i) {
    const at::Tensor& tensor = flat[i].front();
    if (!tensor.defined() || cells_.find(tensor)) continue;
    auto [base, base_argument] = base_of(tensor);
    if (!base.defined()) {
      CellPtr cell = cells_.add_root(tensor, shapes[i], recorded, values[i]);
      auto [other, is_first] = fresh.try_emplace(storage_of(tensor), cell);
      if (!is_first && storage_of(tensor)) {
        cell->not_writable = other->second->not_writable = "results of " + schema.name() + " share their memory";
      }
      continue;
    }
    CellPtr base_cell = cells_.of(base);
    if (recorded && !Cells::live(*base_cell)) {
      // A view of a constant whose size is dynamic.
      CellPtr cell = cells_.add_root(tensor, shapes[i], true, values[i]);
      cell->not_writable = "a view of a constant with a dynamic size";
      Cells::root(*base_cell).not_writable = cell->not_writable;
      continue;
    }
    ViewStep step;
    auto plain = tape_arguments(schema, inputs, false);
    if (auto part = step_of_part(schema.name(), plain, base_cell->shape, shapes, i)) {
      step = std::move(*part);
    } else {
      step = {schema.name(), schema.overload_name(), {}, base_argument, i, flat.size()};
      for (std::size_t a = 0; a < schema.arguments().size(); ++a) {
        const c10::Argument& formal = schema.arguments()[a];
        if (formal.name() == base_argument) continue;
        if (!recorded && !tensors_in(inputs[a].sample()).empty()) continue;
        step.arguments.emplace_back(formal.name(), tape_argument(inputs[a], formal, schema.name()));
      }
    }
    cells_.add_view(tensor, shapes[i], base, std::move(step), values[i]);
  }
  for (const auto& result : flat) {
    if (from_data && result.front().defined() && result.front().dim() > 0) cells_.of(result.front())->shape_from_data = true;
  }
}

}  // namespace torch2nnef
