// What the interpreter holds for a value of TorchScript: the value itself in every world, and where numbers come from.
//
// A model is executed in several *worlds* at once, node by node: the sample sizes, and with dynamic axes two other
// sizes. World 0 is the sample. A static export has one world.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// A number that follows from sizes: numerator / denominator, exact. Integers have denominator 1.
struct Ratio {
  nnef::Dim numerator;
  std::int64_t denominator = 1;
  double evaluate(const nnef::Bindings& sizes) const {
    return static_cast<double>(numerator.evaluate(sizes)) / static_cast<double>(denominator);
  }
};

// Where a number (int, float, bool) comes from.
struct Note {
  enum class Kind {
    kNone,         // the same whatever the inputs are
    kSizes,        // an expression of the symbols (numbers: `ratio`; bools: `text` is the condition)
    kData,         // the values of an input; `scalar` is it as a rank-0 tensor, if the Tape can say it
    kUnexplained,  // another number at other sizes, and no expression is known for it
  };
  Kind kind = Kind::kNone;
  Ratio ratio;
  TapeValue scalar;
  std::string text;  // what it is, for messages
  // Of a condition: what it says when it does not hold, and the symbols that it is about.
  std::string opposite;
  std::set<std::string> symbols;
  std::function<bool(const nnef::Bindings&)> test;
  std::string sign;  // of one comparison of sizes: `ratio` `sign` 0
  explicit operator bool() const { return kind != Kind::kNone; }

  static Note sizes(Ratio ratio) { return {Kind::kSizes, std::move(ratio), {}, "", "", {}, {}, ""}; }
  static Note data(TapeValue scalar, std::string text) {
    return {Kind::kData, {}, scalar, std::move(text), "", {}, {}, ""};
  }
  static Note unexplained(std::string text) { return {Kind::kUnexplained, {}, {}, std::move(text), "", {}, {}, ""}; }
};

struct Slot {
  std::vector<c10::IValue> worlds;
  Note note;
  const c10::IValue& sample() const { return worlds.front(); }
};

// Notes of the numbers inside lists, tuples and attributes of objects, which have an identity of their own. Only
// containers that hold a number with a note are here.
class ContainerNotes {
 public:
  // One a place in the container; empty when none has a note.
  std::vector<Note> get(const c10::IValue& container) const;
  void set(const c10::IValue& container, std::vector<Note> notes);
  // The same note at every place.
  void set_all(const c10::IValue& container, const Note& note);
  Note attribute(const c10::IValue& object, const std::string& name) const;
  void set_attribute(const c10::IValue& object, const std::string& name, Note note);
  // The first note of a value or of anything that it holds; kNone when there is none.
  Note any(const Slot& slot) const;

 private:
  Note any_inside(const c10::IValue& value) const;
  struct Entry {
    c10::IValue keep_alive;  // an address is not used again while it is here
    std::vector<Note> items;
    std::unordered_map<std::string, Note> attributes;
  };
  std::unordered_map<const void*, Entry> entries_;
};

inline bool is_number(const c10::IValue& value) { return value.isInt() || value.isDouble() || value.isBool(); }

// A number that differs between worlds has a note: whatever else goes wrong, it is never taken for a constant.
void mark_unexplained(Slot& slot);

// The items of a list or tuple of any type; empty for anything else.
std::vector<c10::IValue> items_of(const c10::IValue& value);

}  // namespace torch2nnef
