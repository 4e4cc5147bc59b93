#include "export/record/operator_recorder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "export/operators/operators.h"
#include "export/record/failures.h"
#include "export/record/ivalues.h"
#include "export/record/numbers/ranges.h"
#include "export/record/other_calls.h"
#include "export/record/random_calls.h"
#include "export/record/regions/regions.h"
#include "export/record/shared_views.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kLargestFold = 1 << 20;  // bytes of a result that is folded whatever its arguments are

bool computes_tensors(const c10::FunctionSchema& schema) {
  return std::any_of(schema.returns().begin(), schema.returns().end(), [](const c10::Argument& result) {
    auto list = result.type()->cast<c10::ListType>();
    return result.type()->isSubtypeOf(*c10::TensorType::get()) ||
           (list && list->getElementType()->isSubtypeOf(*c10::TensorType::get()));
  });
}

// Of the sample's tensors.
std::int64_t bytes_of(const Slots& slots) {
  std::int64_t bytes = 0;
  for (const Slot& slot : slots) {
    for (const at::Tensor& tensor : tensors_in(slot.sample())) {
      if (tensor.defined()) bytes += tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
    }
  }
  return bytes;
}

bool share_memory(const Slots& results, const Slots& inputs) {
  std::set<const void*> storages;
  for (const Slot& input : inputs) {
    for (const at::Tensor& tensor : tensors_in(input.sample())) storages.insert(storage_of(tensor));
  }
  for (const Slot& result : results) {
    for (const at::Tensor& tensor : tensors_in(result.sample())) {
      if (storage_of(tensor) && storages.count(storage_of(tensor))) return true;
    }
  }
  return false;
}

// Memory that nobody set must not end up in a file.
void clear(const Slots& results) {
  for (const Slot& result : results) {
    for (const c10::IValue& world : result.worlds) {
      for (at::Tensor& tensor : tensors_in(world)) {
        if (tensor.defined()) tensor.zero_();
      }
    }
  }
}

// Where torch leaves the order of a result open, the one that the archive has: the values are the same.
void choose_order(const c10::FunctionSchema& schema, Slots& inputs) {
  const OperatorRow& row = row_of(schema.name());
  if (row.order_argument.empty()) return;
  const auto sorted = schema.argumentIndexWithName(std::string(row.order_argument));
  if (!sorted) return;
  for (c10::IValue& world : inputs.at(static_cast<std::size_t>(*sorted)).worlds) world = true;
}

}  // namespace

OperatorRecorder::OperatorRecorder(Tape& tape, Diagnostics& diagnostics, RecordContext::Locate locate,
                                   bool first_is_sample, bool follows_state)
    : context_(tape, diagnostics, std::move(locate), first_is_sample, follows_state),
      values_(context_),
      arguments_(context_, values_),
      results_(context_, arguments_),
      contents_(context_),
      numbers_(context_, values_),
      writes_(context_, arguments_, results_, contents_),
      lists_(*this) {}

Slot OperatorRecorder::input(const std::string& name, const std::vector<at::Tensor>& worlds, nnef::Shape shape) {
  TapeValue value = context_.tape.input(name, from_torch(worlds.front().scalar_type()), shape);
  context_.cells.add_root(worlds.front(), std::move(shape), true, value);
  return {{worlds.begin(), worlds.end()}, {}};
}

void OperatorRecorder::output(const std::string& name, const Slot& slot) {
  const c10::IValue& value = slot.sample();
  if (value.isTensor()) {
    context_.tape.tape().outputs.emplace_back(name, context_.read(value.toTensor()));
    return;
  }
  if (slot.note.kind == Note::Kind::kUnexplained || (slot.note.kind == Note::Kind::kData && !slot.note.scalar) ||
      (value.isBool() && slot.note.kind == Note::Kind::kSizes)) {
    throw Unsupported("forward returns a number that depends on its inputs in a way that cannot be exported (" +
                      slot.note.text + ")");
  }
  context_.tape.tape().outputs.emplace_back(name, values_.value(value, slot.note));
}

void OperatorRecorder::finish() {
  share_views(context_.tape);
  context_.tape.mark_wanted();
}

Slots OperatorRecorder::call(const Callee& callee, Slots inputs) {
  choose_order(callee.schema, inputs);
  Slots results = dispatch(callee, std::move(inputs));
  for (Slot& result : results) mark_unexplained(result);
  return results;
}

Slots OperatorRecorder::dispatch(const Callee& callee, Slots inputs) {
  const c10::FunctionSchema& schema = callee.schema;
  const OperatorRow& row = row_of(schema.name(), schema.overload_name());
  if (row.is(kNameOnly)) {
    throw Unsupported(schema.name() + " is known by name only", "export the part of the model before it");
  }
  if (row.is(kReplacesMemory)) {
    throw Unsupported(schema.name() + " replaces the memory of a tensor", "write the model without it");
  }
  if (row.is(kRaises)) raise(inputs);
  refuse_fragile(context_, schema, inputs);
  if (std::optional<Slots> results = call_as_other(*this, schema, inputs)) return std::move(*results);
  if (std::optional<Slots> results = lists_.call(callee, inputs)) return std::move(*results);
  for (std::size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::Argument& formal = schema.arguments()[i];
    if (!formal.alias_info() || !formal.alias_info()->isWrite()) continue;
    if (inputs[i].sample().isTensor()) {
      refuse_random(context_, schema, inputs);
      mark_number(schema, inputs);
      return writes_.call(callee, inputs, i);
    }
    if (inputs[i].sample().isTensorList()) {
      throw Unsupported(schema.name() + " writes several tensors at once", "write the model without it");
    }
  }
  if (std::optional<Slots> results = numbers_.call(callee, inputs)) return std::move(*results);
  return computes_tensors(schema) ? call_tensors(callee, std::move(inputs)) : call_plain(callee, inputs);
}

void OperatorRecorder::raise(const Slots& inputs) {
  std::string text = inputs.at(0).sample().isString() ? inputs[0].sample().toStringRef() : "an exception";
  if (context_.region && !context_.region->is_taken) {
    throw Unsupported(
        "an exception is raised in " + context_.region->what + ", which the sample does not take: " + text,
        "raise it in a branch of its own, which does nothing else");
  }
  context_.refuse("T2N-R001", "the model raises on the sample inputs: " + text,
                  "give inputs that the model accepts (--inputs)");
  throw RecordingStopped(text);
}

Slots OperatorRecorder::call_plain(const Callee& callee, const Slots& inputs) {
  const c10::FunctionSchema& schema = callee.schema;
  Slots results = execute(context_, callee, inputs);
  if (row_of(schema.name()).is(kSameObject)) return results;
  Note first;
  bool live = false;
  for (const Slot& input : inputs) {
    Note note = context_.notes.any(input);
    if (note.kind == Note::Kind::kData || !first) first = note ? note : first;
    live = live || context_.is_live(input.sample());
  }
  for (Slot& result : results) {
    const c10::IValue& value = result.sample();
    const bool is_container = value.isList() || value.isTuple();
    if (live || first.kind == Note::Kind::kData) {
      Note note = values_.computed(schema, inputs, result);
      if (is_number(value)) result.note = note;
      if (is_container) context_.notes.set_all(value, note);
    } else if (first) {
      if (is_number(value)) result.note = numbers_.note_of(schema, inputs, result);
      if (is_container) context_.notes.set_all(value, Note::unexplained("a number of " + schema.name()));
    }
  }
  return results;
}

// A Python number in a trace is a constant tensor of rank 0. libtorch's own executor takes it for a number, which does
// not promote a tensor's dtype, where it is the second operand of arithmetic; as the first it is a tensor like any
// other.
void OperatorRecorder::mark_number(const c10::FunctionSchema& schema, Slots& inputs) {
  auto index = schema.argumentIndexWithName("other");
  if (!index || *index != 1 || inputs.size() < 2 || !inputs[1].sample().isTensor()) return;
  const at::Tensor& tensor = inputs[1].sample().toTensor();
  if (!tensor.defined() || tensor.dim() != 0 ||
      (tensor.scalar_type() != at::kDouble && tensor.scalar_type() != at::kLong)) {
    return;
  }
  CellPtr cell = context_.cells.find(tensor);
  if (!cell || cell->owner != "constant") return;
  at::Tensor& number = wrapped_[tensor.unsafeGetTensorImpl()];
  if (!number.defined()) {
    number = tensor.clone();
    number.unsafeGetTensorImpl()->set_wrapped_number(true);
    context_.cells.of(number)->owner = "constant";
  }
  inputs[1].worlds.assign(context_.world_count(), number);
}

// A result of constants that is worth a call instead of its items in the file.
bool OperatorRecorder::is_large_fold(const Slots& inputs, const Slots& results) {
  const bool only_executes = context_.tape.tape().inputs.empty();
  const std::int64_t bytes = bytes_of(results);
  return !only_executes && bytes > kLargestFold && bytes > bytes_of(inputs) && !share_memory(results, inputs);
}

Slots OperatorRecorder::call_tensors(const Callee& callee, Slots inputs) {
  const c10::FunctionSchema& schema = callee.schema;
  const std::size_t refusals = context_.refusals();
  refuse_random(context_, schema, inputs);
  mark_number(schema, inputs);
  bool recorded = false;
  for (const Slot& input : inputs) recorded = recorded || context_.depends(input);
  Slots results = execute(context_, callee, inputs);
  if (row_of(schema.name(), schema.overload_name()).is(kUninitialised)) clear(results);
  if (recorded && contents_.add(schema, inputs, results)) return results;
  recorded = recorded || is_large_fold(inputs, results);
  std::vector<TapeCall>& calls = context_.tape.tape().calls;
  const std::size_t before = calls.size();
  results_.add(schema, inputs, results, recorded);
  if (recorded && context_.world_count() > 1) carry_range(context_, schema, inputs, results);
  if (context_.refusals() > refusals && calls.size() > before) calls.back().refused = true;
  return results;
}

}  // namespace torch2nnef
