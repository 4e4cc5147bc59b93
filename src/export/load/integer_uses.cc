#include "export/load/integer_uses.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using Use = DrawnInput::Use;

constexpr std::int64_t kMostOfRange = 1 << 16;  // items of a constant that is looked at

bool is_comparison(const OperatorRow& row) {
  return row.number >= NumberOp::kEqual && row.number <= NumberOp::kGreaterEqual;
}

const TapeValue* value_of(const TapeCall& call, std::string_view name) {
  const TapeArgument* argument = call.find(name);
  return argument == nullptr ? nullptr : argument->value();
}

// A number that is written in the call, or that a constant tensor of one item holds.
std::optional<std::int64_t> number_of(const Tape& tape, const TapeCall& call, std::string_view name) {
  const TapeArgument* argument = call.find(name);
  if (argument == nullptr) return std::nullopt;
  if (const Dim* dim = std::get_if<Dim>(&argument->is)) return dim->constant();
  if (const double* number = std::get_if<double>(&argument->is)) {
    const auto whole = static_cast<std::int64_t>(std::clamp(*number, -1e9, 1e9));
    return static_cast<double>(whole) == *number ? std::optional(whole) : std::nullopt;
  }
  if (argument->value() == nullptr) return std::nullopt;
  const TapeValueInfo& info = tape.info(*argument->value());
  const bool is_one = info.constant && info.shape.empty() && is_integral(info.type);
  return is_one ? std::optional(info.constant->to_integers().at(0)) : std::nullopt;
}

// How many items 0, 1, 2, ... a constant has along its last axis, or in all.
std::optional<Dim> length_of_range(const TapeValueInfo& info) {
  if (!info.constant || !is_integral(info.type) || info.shape.empty()) return std::nullopt;
  std::int64_t items = 1;
  for (const Dim& size : info.shape) items *= size.constant().value_or(0);
  if (items < 2 || items > kMostOfRange) return std::nullopt;
  const std::vector<std::int64_t> numbers = info.constant->to_integers();
  const std::int64_t last = info.shape.back().value(), length = last > 1 ? last : items;
  for (std::int64_t i = 0; i < items; ++i) {
    if (numbers[static_cast<std::size_t>(i)] != i % length) return std::nullopt;
  }
  return Dim(length);
}

// "places along axis 1 of self", and how many there are.
struct Chosen {
  std::string what;
  Dim count;
};

class ChoiceReader {
 public:
  ChoiceReader(const Tape& tape, const TapeCall& call, const OperatorRow& row) : tape_(tape), call_(call), row_(row) {}

  // `place` is that of an index in a list of them. Nothing where the call does not show it.
  std::optional<Chosen> run(std::int64_t place) const {
    switch (row_.choice) {
      case Choice::kAlongDim:
        return along_dim();
      case Choice::kAlongOwn:
        return along(place);
      case Choice::kRows:
        return along(0);
      case Choice::kItems:
        return items();
      case Choice::kClasses:
        return along(shape() != nullptr && shape()->size() == 1 ? 0 : 1);
      case Choice::kBelow:
        return below();
      case Choice::kLengths: {
        const TapeArgument* first = call_.find("batch_first");
        const bool* batch_first = first == nullptr ? nullptr : std::get_if<bool>(&first->is);
        return along(batch_first != nullptr && *batch_first ? 1 : 0);
      }
      case Choice::kNone:
        break;
    }
    return std::nullopt;
  }

 private:
  const nnef::Shape* shape() const {
    const TapeValue* tensor = value_of(call_, row_.indexed);
    return tensor == nullptr ? nullptr : &tape_.info(*tensor).shape;
  }

  std::optional<Chosen> along(std::int64_t axis) const {
    if (shape() == nullptr) return std::nullopt;
    const auto rank = static_cast<std::int64_t>(shape()->size());
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return std::nullopt;
    return Chosen{"places along axis " + std::to_string(axis) + " of " + std::string(row_.indexed),
                  (*shape())[static_cast<std::size_t>(axis)]};
  }

  std::optional<Chosen> along_dim() const {
    const TapeArgument* argument = call_.find("dim");
    if (argument == nullptr || argument->is_none()) return items();
    const auto axis = number_of(tape_, call_, "dim");
    return axis ? along(*axis) : std::nullopt;
  }

  std::optional<Chosen> items() const {
    if (shape() == nullptr) return std::nullopt;
    Dim all = 1;
    for (const Dim& size : *shape()) all *= size;
    return Chosen{"places in " + std::string(row_.indexed), all};
  }

  std::optional<Chosen> below() const {
    const auto count = number_of(tape_, call_, row_.indexed);
    return count && *count > 0 ? std::optional(Chosen{"classes", Dim(*count)}) : std::nullopt;
  }

  const Tape& tape_;
  const TapeCall& call_;
  const OperatorRow& row_;
};

// " (model.py:12)", of the innermost line that is not torch's own.
std::string place_of(const Location& where) {
  for (const SourceLine& line : where.stack) {
    const bool is_torchs = line.file.find("/torch/") != std::string::npos || line.file.starts_with("torch/");
    if (!is_torchs) return " (" + line.file + ":" + std::to_string(line.line) + ")";
  }
  return "";
}

class UseFinder {
 public:
  UseFinder(const Tape& tape, TapeValue input) : tape_(tape) {
    made_[input.id] = {};
    use_.as.why = "no call shows what it stands for";
  }

  IntegerUse run() {
    for (const TapeCall& call : tape_.calls) {
      const OperatorRow& row = row_of(call.op, call.overload);
      follow_range(call, row);
      const std::vector<TapeValue> read = call.tensors_read();
      if (std::none_of(read.begin(), read.end(), [&](TapeValue one) { return made_.count(one.id) > 0; })) continue;
      if (!row.index_argument.empty()) read_index(call, row);
      if (is_comparison(row)) read_comparison(call, row);
      read_mask(call, row);
      follow(call, row);
    }
    return std::move(use_);
  }

 private:
  // The input plus a number, or what else an integer call made of it.
  struct Made {
    std::int64_t shift = 0;
    bool is_exact = true;
    bool is_negated = false;  // the input times -1: TorchScript writes 1 - x as -x + 1
  };

  const Made* made(const TapeValue* value) const {
    const auto found = value == nullptr ? made_.end() : made_.find(value->id);
    return found == made_.end() ? nullptr : &found->second;
  }

  // What is known and this: a length may be an index as well, and is within the bounds of both.
  void note(Use use, std::int64_t lowest, const Dim& count, const TapeCall& call, const std::string& what) {
    DrawnInput& as = use_.as;
    const auto has_bounds = [](Use one) { return one == Use::kIndex || one == Use::kLength; };
    const bool has_both = has_bounds(use) && has_bounds(as.use);
    if (has_bounds(as.use) && !has_both) return;
    const Dim end = has_both ? min(Dim(as.lowest) + as.count, Dim(lowest) + count) : Dim(lowest) + count;
    const std::int64_t least = use == Use::kLength ? 1 : 0;
    as.lowest = std::max({lowest, least, has_both ? as.lowest : least});
    as.count = end - Dim(as.lowest);
    if (as.use == use || as.use == Use::kLength) return;
    as.use = use;
    as.why = call.op + " " + what + place_of(call.where);
  }

  void read_index(const TapeCall& call, const OperatorRow& row) {
    const TapeArgument* argument = call.find(row.index_argument);
    if (argument == nullptr) return;
    if (argument->list() == nullptr) return read_index(call, row, argument->value(), 0);
    for (std::size_t i = 0; i < argument->list()->size(); ++i) {
      read_index(call, row, (*argument->list())[i].value(), static_cast<std::int64_t>(i));
    }
  }

  void read_index(const TapeCall& call, const OperatorRow& row, const TapeValue* index, std::int64_t place) {
    const Made* of = made(index);
    if (of == nullptr || !is_integral(tape_.info(*index).type)) return;
    const auto chosen = ChoiceReader(tape_, call, row).run(place);
    if (!chosen) return;
    const bool is_length = row.choice == Choice::kLengths;
    const std::int64_t items = chosen->count.evaluate(tape_.worlds.front());
    if (!is_length) use_.fewest = std::min(use_.fewest.value_or(items), items);
    if (!of->is_exact) return;
    const std::string what = is_length ? "takes it as lengths" : "takes it as " + chosen->what;
    note(is_length ? Use::kLength : Use::kIndex, (is_length ? 1 : 0) - of->shift, chosen->count, call, what);
  }

  void read_comparison(const TapeCall& call, const OperatorRow& row) {
    const TapeValue *self = value_of(call, "self"), *other = value_of(call, "other");
    for (const auto& [one, another] : {std::pair(self, other), std::pair(other, self)}) {
      const Made* of = made(one);
      if (of == nullptr || !of->is_exact) continue;
      const auto length = another == nullptr ? std::nullopt : range(*another);
      const bool is_equality = row.number == NumberOp::kEqual || row.number == NumberOp::kNotEqual;
      if (length && is_equality) note(Use::kIndex, -of->shift, *length, call, "compares it with places along an axis");
      if (length && !is_equality) {
        note(Use::kLength, 1 - of->shift, *length, call, "compares places along an axis with it");
      }
    }
  }

  // Where all that counts is whether a number is 0, or 1.
  void read_mask(const TapeCall& call, const OperatorRow& row) {
    const bool gives_bool =
        !call.results.empty() && call.results[0] && tape_.info(call.results[0]).type == ScalarType::kBool;
    bool is_mask = gives_bool && !is_comparison(row) && row.index_argument.empty();
    const auto other = number_of(tape_, call, "other");
    if (is_comparison(row)) is_mask = other && (*other == 0 || *other == 1);
    if (row.number == NumberOp::kSubFrom) is_mask = other && *other == 1;  // 1 - x
    if (row.number == NumberOp::kSub) is_mask = number_of(tape_, call, "self") == 1;
    const Made* self = made(value_of(call, "self"));
    if (row.number == NumberOp::kAdd && self != nullptr && self->is_negated) is_mask = other && *other == 1;
    if (is_mask) note(Use::kMask, 0, 2, call, "takes it as a mask");
  }

  void follow(const TapeCall& call, const OperatorRow& row) {
    std::optional<Made> result;
    const bool keeps_items = row.is(kView) || row.is(kMoves) || row.is(kCasts);
    for (const auto& [name, argument] : call.arguments) {
      if (name == row.index_argument || name == row.length_argument) continue;
      std::vector<const TapeValue*> values{argument.value()};
      for (const TapeArgument& item : argument.list() ? *argument.list() : TapeList{}) values.push_back(item.value());
      for (const TapeValue* value : values) {
        const Made* of = made(value);
        if (of != nullptr && !result) result = keeps_items ? *of : computed(call, row, *of);
      }
    }
    if (!result) return;
    for (TapeValue one : call.results) {
      const bool is_followed = keeps_items || result->is_negated;
      if (one && (is_followed || is_integral(tape_.info(one).type))) made_.emplace(one.id, *result);
    }
  }

  Made computed(const TapeCall& call, const OperatorRow& row, const Made& of) const {
    if (row.number == NumberOp::kNeg && of.is_exact && of.shift == 0) return {0, false, true};
    return sum_of(call, row, of).value_or(Made{0, false});
  }

  // The input and a number more, or less.
  std::optional<Made> sum_of(const TapeCall& call, const OperatorRow& row, const Made& of) const {
    if (!of.is_exact || (row.number != NumberOp::kAdd && row.number != NumberOp::kSub)) return std::nullopt;
    const auto scale = call.find("alpha") == nullptr ? std::optional(std::int64_t{1}) : number_of(tape_, call, "alpha");
    const auto self = number_of(tape_, call, "self"), other = number_of(tape_, call, "other");
    if (!scale || *scale != 1) return std::nullopt;
    if (other) return Made{of.shift + (row.number == NumberOp::kAdd ? *other : -*other), true};
    return self && row.number == NumberOp::kAdd ? std::optional(Made{of.shift + *self, true}) : std::nullopt;
  }

  // --- tensors of 0, 1, 2, ... ---

  std::optional<Dim> range(TapeValue value) const {
    const auto found = ranges_.find(value.id);
    return found == ranges_.end() ? length_of_range(tape_.info(value)) : std::optional(found->second);
  }

  void follow_range(const TapeCall& call, const OperatorRow& row) {
    if (call.results.empty() || !call.results[0]) return;
    const TapeValueInfo& result = tape_.info(call.results[0]);
    if (row.number == NumberOp::kRange && result.shape.size() == 1 && is_integral(result.type)) {
      const bool is_from_zero = call.find("start") == nullptr || number_of(tape_, call, "start") == 0;
      const bool is_of_ones = call.find("step") == nullptr || number_of(tape_, call, "step") == 1;
      if (is_from_zero && is_of_ones) ranges_.emplace(call.results[0].id, result.shape[0]);
    }
    const bool keeps_items = row.is(kView) || row.is(kMoves) || row.is(kCasts);
    const std::vector<TapeValue> read = call.tensors_read();
    if (!keeps_items || read.size() != 1) return;
    if (const auto found = ranges_.find(read[0].id); found != ranges_.end()) {
      ranges_.emplace(call.results[0].id, found->second);
    }
  }

  const Tape& tape_;
  IntegerUse use_;
  std::map<std::int32_t, Made> made_;   // by value
  std::map<std::int32_t, Dim> ranges_;  // likewise, with their length
};

}  // namespace

IntegerUse use_of_integers(const Tape& tape, TapeValue input) { return UseFinder(tape, input).run(); }

}  // namespace torch2nnef
