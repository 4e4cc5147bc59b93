#include "export/record/slot.h"

#include <algorithm>
#include <cmath>

namespace torch2nnef {

std::vector<c10::IValue> items_of(const c10::IValue& value) {
  if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    return std::vector<c10::IValue>(elements.begin(), elements.end());
  }
  if (value.isList()) return value.toListRef().vec();
  return {};
}

void mark_unexplained(Slot& slot) {
  const c10::IValue& sample = slot.sample();
  if (slot.note || !is_number(sample)) return;
  for (const c10::IValue& world : slot.worlds) {
    bool same = (sample.isInt() && world.toInt() == sample.toInt()) ||
                (sample.isBool() && world.toBool() == sample.toBool()) ||
                (sample.isDouble() && (world.toDouble() == sample.toDouble() || std::isnan(sample.toDouble())));
    if (!same) slot.note = Note::unexplained("a number of this line");
  }
}

std::vector<Note> ContainerNotes::get(const c10::IValue& container) const {
  if (!container.isPtrType()) return {};
  auto found = entries_.find(container.internalToPointer());
  return found == entries_.end() ? std::vector<Note>{} : found->second.items;
}

void ContainerNotes::set(const c10::IValue& container, std::vector<Note> notes) {
  const void* key = container.internalToPointer();
  if (std::none_of(notes.begin(), notes.end(), [](const Note& note) { return static_cast<bool>(note); })) {
    entries_.erase(key);
    return;
  }
  Entry& entry = entries_[key];
  entry.keep_alive = container;
  entry.items = std::move(notes);
}

void ContainerNotes::set_all(const c10::IValue& container, const Note& note) {
  set(container, std::vector<Note>(items_of(container).size(), note));
}

Note ContainerNotes::attribute(const c10::IValue& object, const std::string& name) const {
  auto found = entries_.find(object.internalToPointer());
  if (found == entries_.end()) return {};
  auto attribute = found->second.attributes.find(name);
  return attribute == found->second.attributes.end() ? Note{} : attribute->second;
}

void ContainerNotes::set_attribute(const c10::IValue& object, const std::string& name, Note note) {
  const void* key = object.internalToPointer();
  if (!note && entries_.find(key) == entries_.end()) return;
  Entry& entry = entries_[key];
  entry.keep_alive = object;
  entry.attributes[name] = std::move(note);
}

Note ContainerNotes::any(const Slot& slot) const { return slot.note ? slot.note : any_inside(slot.sample()); }

Note ContainerNotes::any_inside(const c10::IValue& value) const {
  if (entries_.empty() || !value.isPtrType()) return {};
  for (const Note& note : get(value)) {
    if (note) return note;
  }
  if (value.isTuple() || (value.isList() && !value.isIntList() && !value.isDoubleList() && !value.isTensorList())) {
    for (const c10::IValue& item : items_of(value)) {
      if (Note note = any_inside(item)) return note;
    }
  }
  return {};
}

}  // namespace torch2nnef
