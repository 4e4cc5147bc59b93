// Lists, tuples, dicts and objects: executed as they are; notes of the numbers in them move along.

#include <algorithm>

#include "export/record/numbers/size_math.h"
#include "export/torchscript/recorder.h"

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

c10::IValue make_list(const c10::TypePtr& type, const std::vector<c10::IValue>& items) {
  c10::impl::GenericList list(type->expectRef<c10::ListType>().getElementType());
  list.reserve(items.size());
  for (const c10::IValue& item : items) list.push_back(item);
  return list;
}

c10::IValue make_tuple(const c10::TypePtr& type, std::vector<c10::IValue> items) {
  auto tuple = type->expect<c10::TupleType>();
  if (tuple->name()) return c10::ivalue::Tuple::createNamed(std::move(items), tuple);
  return c10::ivalue::Tuple::create(std::move(items));
}

}  // namespace

c10::IValue container_like(const c10::IValue& container, std::vector<c10::IValue> items) {
  const c10::TypePtr type = container.type();
  return container.isTuple() ? make_tuple(type, std::move(items)) : make_list(type, items);
}

bool Recorder::run_container(const Node* node, Frame& frame) {
  switch (node->kind()) {
    case c10::prim::ListConstruct:
      run_list_construct(node, frame);
      return true;
    case c10::prim::TupleConstruct:
      run_tuple_construct(node, frame);
      return true;
    case c10::prim::DictConstruct:
      run_dict_construct(node, frame);
      return true;
    case c10::prim::ListUnpack:
    case c10::prim::TupleUnpack:
    case c10::prim::TupleSlice:
      run_unpack(node, frame);
      return true;
    case c10::prim::CreateObject: {
      auto type = node->output()->type()->expect<c10::ClassType>();
      Slot result;
      for (std::size_t world = 0; world < world_count(); ++world) {
        result.worlds.emplace_back(
            c10::ivalue::Object::create(c10::StrongTypePtr(type->compilation_unit(), type), type->numAttributes()));
      }
      set(node->output(), std::move(result), frame);
      return true;
    }
    case c10::prim::isinstance: {
      Slot value = get(node->input(0), frame), result;
      auto type = value.sample().type();
      const auto& candidates = node->tys(c10::attr::types);
      bool is = std::any_of(candidates.begin(), candidates.end(),
                            [&](const c10::TypePtr& candidate) { return type->isSubtypeOf(*candidate); });
      set(node->output(), {std::vector<c10::IValue>(world_count(), c10::IValue(is)), {}}, frame);
      return true;
    }
    default:
      break;
  }
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (!schema || !is_generic(*schema)) return false;
  run_generic(node, frame, *schema);
  return true;
}

void Recorder::run_list_construct(const Node* node, Frame& frame) {
  std::vector<Slot> items = inputs_of(node, frame);
  Slot result;
  for (std::size_t world = 0; world < world_count(); ++world) {
    std::vector<c10::IValue> values;
    for (const Slot& item : items) values.push_back(item.worlds[world]);
    result.worlds.push_back(make_list(node->output()->type(), values));
  }
  std::vector<Note> notes;
  for (const Slot& item : items) notes.push_back(item.note);
  notes_.set(result.sample(), std::move(notes));
  set(node->output(), std::move(result), frame);
}

void Recorder::run_tuple_construct(const Node* node, Frame& frame) {
  std::vector<Slot> items = inputs_of(node, frame);
  Slot result;
  for (std::size_t world = 0; world < world_count(); ++world) {
    std::vector<c10::IValue> values;
    for (const Slot& item : items) values.push_back(item.worlds[world]);
    result.worlds.push_back(make_tuple(node->output()->type(), std::move(values)));
  }
  std::vector<Note> notes;
  for (const Slot& item : items) notes.push_back(item.note);
  notes_.set(result.sample(), std::move(notes));
  set(node->output(), std::move(result), frame);
}

void Recorder::run_dict_construct(const Node* node, Frame& frame) {
  std::vector<Slot> items = inputs_of(node, frame);
  auto type = node->output()->type()->expect<c10::DictType>();
  Slot result;
  for (std::size_t world = 0; world < world_count(); ++world) {
    c10::impl::GenericDict dict(type->getKeyType(), type->getValueType());
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      dict.insert_or_assign(items[i].worlds[world], items[i + 1].worlds[world]);
    }
    result.worlds.emplace_back(dict);
  }
  Note first;
  for (const Slot& item : items) first = first ? first : item.note;
  if (first) notes_.set(result.sample(), {Note::unexplained("a number in a dict" + first.text)});
  set(node->output(), std::move(result), frame);
}

void Recorder::run_unpack(const Node* node, Frame& frame) {
  Slot container = get(node->input(0), frame);
  std::vector<std::vector<c10::IValue>> worlds;
  for (const c10::IValue& world : container.worlds) worlds.push_back(items_of(world));
  std::vector<Note> notes = padded(notes_.get(container.sample()), worlds.front().size());
  for (const auto& items : worlds) {
    if (items.size() != worlds.front().size()) {
      throw WorldFailed("the length of a list depends on a dynamic size", here(), "T2N-R006");
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
    notes_.set(result.sample(),
               {notes.begin() + static_cast<std::ptrdiff_t>(begin), notes.begin() + static_cast<std::ptrdiff_t>(end)});
    set(node->output(), std::move(result), frame);
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
    set(node->output(i), std::move(item), frame);
  }
}

// The notes of the items of what an operator on a list returns (or changes), when they can be followed.
std::vector<Note> Recorder::notes_of_generic(const std::string& op, const std::vector<Slot>& inputs) {
  std::vector<Note> notes = padded(notes_.get(inputs[0].sample()), items_of(inputs[0].sample()).size());
  auto index = [&](std::size_t argument) {
    std::int64_t place = inputs.at(argument).sample().toInt();
    return static_cast<std::size_t>(place < 0 ? place + static_cast<std::int64_t>(notes.size()) : place);
  };
  if (op == "aten::append") {
    notes.push_back(inputs.at(1).note);
  } else if (op == "aten::extend" || op == "aten::add" || op == "aten::add_") {
    std::vector<Note> more = padded(notes_.get(inputs.at(1).sample()), items_of(inputs[1].sample()).size());
    notes.insert(notes.end(), more.begin(), more.end());
  } else if (op == "aten::_set_item") {
    notes.at(index(1)) = inputs.at(2).note;
  } else if (op == "aten::insert") {
    notes.insert(notes.begin() + static_cast<std::ptrdiff_t>(std::min(index(1), notes.size())), inputs.at(2).note);
  } else if (op == "aten::reverse") {
    std::reverse(notes.begin(), notes.end());
  } else if (op == "aten::__getitem__") {
    return {notes.at(index(1))};
  } else if (op == "prim::TupleIndex") {
    return {notes.at(index(1))};
  } else if (op == "aten::slice") {
    auto bound = [&](std::size_t argument, std::int64_t standard) {
      const c10::IValue& value = inputs.at(argument).sample();
      std::int64_t size = static_cast<std::int64_t>(notes.size());
      std::int64_t place = value.isNone() ? standard : value.toInt();
      return std::clamp<std::int64_t>(place < 0 ? place + size : place, 0, size);
    };
    std::int64_t step = inputs.at(3).sample().toInt();
    if (step < 1) return {};
    std::vector<Note> some;
    for (std::int64_t i = bound(1, 0); i < bound(2, static_cast<std::int64_t>(notes.size())); i += step) {
      some.push_back(notes[static_cast<std::size_t>(i)]);
    }
    return some;
  } else if (op != "aten::list" && op != "aten::copy") {
    return {};
  }
  return notes;
}

// A list or dict of the model itself would stay changed for its next call.
void Recorder::refuse_write_to_attribute(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  const auto* alias = schema.arguments()[0].alias_info();
  if (!alias || !alias->isWrite() || !inputs[0].sample().isPtrType()) return;
  auto owned = owned_containers_.find(inputs[0].sample().internalToPointer());
  if (owned == owned_containers_.end()) return;
  if (options_.follows_state) throw AttributeWritten(owned->second);
  throw Unsupported("the model changes its own attribute " + owned->second + ", so its results depend on earlier calls",
                    "export it as an input and an output (--state=io)");
}

void Recorder::run_generic(const Node* node, Frame& frame, const c10::FunctionSchema& schema) {
  std::vector<Slot> inputs = inputs_of(node, frame);
  static const std::set<std::string> kFollowed = {
      "aten::append",  "aten::extend",      "aten::add",        "aten::add_",  "aten::_set_item", "aten::insert",
      "aten::reverse", "aten::__getitem__", "prim::TupleIndex", "aten::slice", "aten::list",      "aten::copy"};
  static const std::set<std::string> kIndependent = {"aten::len",  "aten::__is__", "aten::__isnot__",
                                                     "prim::type", "aten::keys",   "aten::__contains__"};
  Note first;
  for (const Slot& input : inputs) first = first ? first : notes_.any(input);
  bool is_list = inputs[0].sample().isList() || inputs[0].sample().isTuple();
  bool index_noted =
      inputs.size() > 1 && schema.name() != "aten::append" && schema.name() != "aten::_set_item" && inputs[1].note;
  bool followed = first && is_list && !index_noted && kFollowed.count(schema.name());
  std::vector<Note> notes;
  if (followed) notes = notes_of_generic(schema.name(), inputs);
  bool lost = first && !followed && !kIndependent.count(schema.name());
  Note lost_note = Note::unexplained("a number that went through " + schema.name());
  if (first.kind == Note::Kind::kData) lost_note = Note::data({}, lost_note.text);

  const bool compares = is_list && inputs.size() == 2 && (schema.name() == "aten::eq" || schema.name() == "aten::ne") &&
                        (inputs[1].sample().isList() || inputs[1].sample().isTuple());

  refuse_write_to_attribute(schema, inputs);
  std::vector<Slot> results = execute(node, schema, inputs);
  if (first && is_list && schema.arguments()[0].alias_info() && schema.arguments()[0].alias_info()->isWrite()) {
    std::size_t size = items_of(inputs[0].sample()).size();
    notes_.set(inputs[0].sample(), followed ? padded(notes, size) : std::vector<Note>(size, lost_note));
  } else if (first && inputs[0].sample().isGenericDict()) {
    notes_.set(inputs[0].sample(), {lost_note});
  }
  for (Slot& result : results) {
    const c10::IValue& value = result.sample();
    if (value.isList() || value.isTuple()) {
      std::size_t size = items_of(value).size();
      if (followed && schema.name() != "aten::__getitem__" && schema.name() != "prim::TupleIndex") {
        notes_.set(value, padded(notes, size));
      }
      if (lost) notes_.set(value, std::vector<Note>(size, lost_note));
    } else if (is_number(value)) {
      if (followed && !notes.empty()) result.note = notes.front();
      if (lost && is_list && inputs.size() == 1) {
        result.note = list_number(schema.name(), items_of(inputs[0].sample()), notes_.get(inputs[0].sample()));
      } else if (lost) {
        result.note = compares ? list_comparison(schema.name(), inputs[0], inputs[1], notes_) : lost_note;
      }
    }
  }
  set_results(node, std::move(results), frame);
}

}  // namespace torch2nnef
