#include "export/torchscript/containers.h"

#include <algorithm>

#include "export/operators/operators.h"
#include "export/record/failures.h"
#include "export/record/ivalues.h"
#include "export/record/numbers/size_math.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// An operator on containers or strings that only moves values about: its first argument is a list of anything, a dict
// or a string, and no tensor is computed.
bool is_generic(const c10::FunctionSchema& schema) {
  if (schema.arguments().empty()) return false;
  auto is_tensor = [](const c10::Argument& argument) { return argument.type()->isSubtypeOf(*c10::TensorType::get()); };
  if (std::any_of(schema.returns().begin(), schema.returns().end(), is_tensor)) return false;
  const c10::TypePtr& first = schema.arguments().front().type();
  if (auto list = first->cast<c10::ListType>()) return list->getElementType()->kind() != c10::TypeKind::TensorType;
  auto kind = first->kind();
  return kind == c10::TypeKind::DictType || kind == c10::TypeKind::StringType || kind == c10::TypeKind::AnyType ||
         kind == c10::TypeKind::TupleType || kind == c10::TypeKind::AnyTupleType || kind == c10::TypeKind::AnyListType;
}

std::vector<Note> padded(std::vector<Note> notes, std::size_t size) {
  notes.resize(size);
  return notes;
}

bool holds_items(const c10::IValue& value) { return value.isList() || value.isTuple(); }

std::vector<c10::IValue> of_world(const Slots& items, std::size_t world) {
  std::vector<c10::IValue> values;
  for (const Slot& item : items) values.push_back(item.worlds[world]);
  return values;
}

// list[start:end:step]
std::vector<Note> sliced(const std::vector<Note>& notes, const Slots& inputs) {
  const auto size = static_cast<std::int64_t>(notes.size());
  const auto bound = [&](std::size_t argument, std::int64_t standard) {
    const c10::IValue& value = inputs.at(argument).sample();
    const std::int64_t place = value.isNone() ? standard : value.toInt();
    return std::clamp<std::int64_t>(place < 0 ? place + size : place, 0, size);
  };
  const std::int64_t step = inputs.at(3).sample().toInt();
  std::vector<Note> some;
  for (std::int64_t i = bound(1, 0); step > 0 && i < bound(2, size); i += step) {
    some.push_back(notes[static_cast<std::size_t>(i)]);
  }
  return some;
}

}  // namespace

bool Containers::run(const jit::Node* node, Frame& frame) {
  switch (node->kind()) {
    case c10::prim::ListConstruct:
      frame.set(node->output(), list_construct(node, frame.inputs_of(node)));
      return true;
    case c10::prim::TupleConstruct:
      frame.set(node->output(), tuple_construct(node, frame.inputs_of(node)));
      return true;
    case c10::prim::DictConstruct:
      frame.set(node->output(), dict_construct(node, frame.inputs_of(node)));
      return true;
    case c10::prim::ListUnpack:
    case c10::prim::TupleUnpack:
    case c10::prim::TupleSlice:
      unpack(node, frame);
      return true;
    case c10::prim::CreateObject:
      frame.set(node->output(), create_object(node));
      return true;
    case c10::prim::isinstance:
      frame.set(node->output(), is_instance(node, frame.get(node->input(0))));
      return true;
    default:
      break;
  }
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (!schema || !is_generic(*schema)) return false;
  frame.set_results(node, run_generic(callee_of(node), frame.inputs_of(node)));
  return true;
}

Slot Containers::create_object(const jit::Node* node) {
  auto type = node->output()->type()->expect<c10::ClassType>();
  Slot result;
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    result.worlds.emplace_back(
        c10::ivalue::Object::create(c10::StrongTypePtr(type->compilation_unit(), type), type->numAttributes()));
  }
  return result;
}

Slot Containers::is_instance(const jit::Node* node, const Slot& value) {
  auto type = value.sample().type();
  const auto& candidates = node->tys(c10::attr::types);
  bool is = std::any_of(candidates.begin(), candidates.end(),
                        [&](const c10::TypePtr& candidate) { return type->isSubtypeOf(*candidate); });
  return {std::vector<c10::IValue>(context_.world_count(), c10::IValue(is)), {}};
}

void Containers::note_items(const Slot& container, const Slots& items) {
  std::vector<Note> notes;
  for (const Slot& item : items) notes.push_back(item.note);
  context_.notes.set(container.sample(), std::move(notes));
}

Slot Containers::list_construct(const jit::Node* node, const Slots& items) {
  Slot result;
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    result.worlds.push_back(make_list(node->output()->type(), of_world(items, world)));
  }
  note_items(result, items);
  return result;
}

Slot Containers::tuple_construct(const jit::Node* node, const Slots& items) {
  Slot result;
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    result.worlds.push_back(make_tuple(node->output()->type(), of_world(items, world)));
  }
  note_items(result, items);
  return result;
}

Slot Containers::dict_construct(const jit::Node* node, const Slots& items) {
  auto type = node->output()->type()->expect<c10::DictType>();
  Slot result;
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    c10::impl::GenericDict dict(type->getKeyType(), type->getValueType());
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      dict.insert_or_assign(items[i].worlds[world], items[i + 1].worlds[world]);
    }
    result.worlds.emplace_back(dict);
  }
  Note first;
  for (const Slot& item : items) first = first ? first : item.note;
  if (first) context_.notes.set(result.sample(), {Note::unexplained("a number in a dict" + first.text)});
  return result;
}

void Containers::unpack(const torch::jit::Node* node, Frame& frame) {
  Slot container = frame.get(node->input(0));
  std::vector<std::vector<c10::IValue>> worlds;
  for (const c10::IValue& world : container.worlds) worlds.push_back(items_of(world));
  std::vector<Note> notes = padded(context_.notes.get(container.sample()), worlds.front().size());
  for (const auto& items : worlds) {
    if (items.size() != worlds.front().size()) {
      Location where = context_.here();
      if (where.stack.empty()) where.stack = source_lines(node->input(0)->node());  // a trace has no line for this node
      throw WorldFailed("the length of a list depends on a dynamic size", where, "T2N-R006", "",
                        "make that axis static, or script the model and read the parts one by one in a loop (for part "
                        "in x.unbind(0))");
    }
  }
  if (node->kind() == c10::prim::TupleSlice) {
    auto begin = static_cast<std::size_t>(node->i(c10::attr::beg)),
         end = static_cast<std::size_t>(node->i(c10::attr::end));
    Slot result;
    for (const auto& items : worlds) {
      result.worlds.emplace_back(c10::ivalue::Tuple::create(std::vector<c10::IValue>(
          items.begin() + static_cast<std::ptrdiff_t>(begin), items.begin() + static_cast<std::ptrdiff_t>(end))));
    }
    context_.notes.set(result.sample(), {notes.begin() + static_cast<std::ptrdiff_t>(begin),
                                         notes.begin() + static_cast<std::ptrdiff_t>(end)});
    frame.set(node->output(), std::move(result));
    return;
  }
  if (worlds.front().size() != node->outputs().size()) {
    throw Unsupported("a list of " + std::to_string(worlds.front().size()) + " is unpacked to " +
                      std::to_string(node->outputs().size()) + " names");
  }
  for (std::size_t i = 0; i < node->outputs().size(); ++i) {
    Slot item;
    for (const auto& items : worlds) item.worlds.push_back(items[i]);
    item.note = notes[i];
    frame.set(node->output(i), std::move(item));
  }
}

// The notes of the items of what an operator on a list returns (or changes), when they can be followed.
std::vector<Note> Containers::notes_of_generic(ListStep step, const Slots& inputs) {
  std::vector<Note> notes = padded(context_.notes.get(inputs[0].sample()), items_of(inputs[0].sample()).size());
  auto index = [&](std::size_t argument) {
    std::int64_t place = inputs.at(argument).sample().toInt();
    return static_cast<std::size_t>(place < 0 ? place + static_cast<std::int64_t>(notes.size()) : place);
  };
  switch (step) {
    case ListStep::kAppend:
      notes.push_back(inputs.at(1).note);
      return notes;
    case ListStep::kExtend: {
      std::vector<Note> more = padded(context_.notes.get(inputs.at(1).sample()), items_of(inputs[1].sample()).size());
      notes.insert(notes.end(), more.begin(), more.end());
      return notes;
    }
    case ListStep::kSetItem:
      notes.at(index(1)) = inputs.at(2).note;
      return notes;
    case ListStep::kInsert:
      notes.insert(notes.begin() + static_cast<std::ptrdiff_t>(std::min(index(1), notes.size())), inputs.at(2).note);
      return notes;
    case ListStep::kReverse:
      std::reverse(notes.begin(), notes.end());
      return notes;
    case ListStep::kGetItem:
      return {notes.at(index(1))};
    case ListStep::kSlice:
      return sliced(notes, inputs);
    case ListStep::kCopy:
      return notes;
    default:
      return {};
  }
}

Note Containers::note_of_lost(const std::string& op, const Slots& inputs, const Note& lost) {
  const c10::IValue& container = inputs[0].sample();
  if (!holds_items(container)) return lost;
  if (inputs.size() == 1) return list_number(op, items_of(container), context_.notes.get(container));
  const NumberOp number = row_of(op).number;
  const bool compares = inputs.size() == 2 && (number == NumberOp::kEqual || number == NumberOp::kNotEqual) &&
                        holds_items(inputs[1].sample());
  return compares ? list_comparison(number, inputs[0], inputs[1], context_.notes) : lost;
}

Slots Containers::run_generic(const Callee& callee, const Slots& inputs) {
  const c10::FunctionSchema& schema = callee.schema;
  const std::string& op = schema.name();
  const ListStep list = row_of(op, schema.overload_name()).list;
  const c10::IValue& container = inputs[0].sample();
  Note first;
  for (const Slot& input : inputs) first = first ? first : context_.notes.any(input);
  const bool index_noted =
      inputs.size() > 1 && list != ListStep::kAppend && list != ListStep::kSetItem && inputs[1].note;
  const bool moves_notes = list != ListStep::kNone && list != ListStep::kPop && list != ListStep::kIgnores;
  const bool followed = first && holds_items(container) && !index_noted && moves_notes;
  const bool lost = first && !followed && list != ListStep::kIgnores;
  std::vector<Note> notes;
  if (followed) notes = notes_of_generic(list, inputs);
  Note lost_note = Note::unexplained("a number that went through " + op);
  if (first.kind == Note::Kind::kData) lost_note = Note::data({}, lost_note.text);

  attributes_.refuse_write(schema, inputs);
  Slots results = execute(context_, callee, inputs);
  const auto* alias = schema.arguments()[0].alias_info();
  if (first && holds_items(container) && alias && alias->isWrite()) {
    if (followed) context_.notes.set(container, padded(notes, items_of(container).size()));
    if (!followed) context_.notes.set_all(container, lost_note);
  } else if (first && container.isGenericDict()) {
    context_.notes.set(container, {lost_note});
  }
  for (Slot& result : results) {
    const c10::IValue& value = result.sample();
    if (holds_items(value)) {
      if (followed && list != ListStep::kGetItem) context_.notes.set(value, padded(notes, items_of(value).size()));
      if (lost) context_.notes.set_all(value, lost_note);
    } else if (is_number(value)) {
      if (followed && !notes.empty()) result.note = notes.front();
      if (lost) result.note = note_of_lost(op, inputs, lost_note);
    }
  }
  return results;
}

}  // namespace torch2nnef
