#include "export/record/round_writes.h"

#include <algorithm>
#include <map>
#include <set>

#include "export/diagnostics.h"
#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

using nnef::Dim;

// A part of a tensor along an axis: an item, or a range of them.
struct Part {
  std::int64_t axis = 0;
  Dim first, length;
  bool keeps_axis = false;
  friend bool operator==(const Part& a, const Part& b) {
    return a.axis == b.axis && a.first == b.first && a.length == b.length && a.keeps_axis == b.keeps_axis;
  }
};

// A tensor in the round, and the part of it that the round writes.
struct Level {
  TapeValue before;
  Part part;
};

struct FoundWrite {
  RoundWrite write;
  std::vector<Level> levels;  // the tensor, a fixed part of it that is written to, ...
};

const Dim* dim_of(const TapeCall& call, std::string_view name) {
  const TapeArgument* argument = call.find(name);
  return argument ? std::get_if<Dim>(&argument->is) : nullptr;
}

TapeValue value_of(const TapeCall& call, std::string_view name) {
  const TapeArgument* argument = call.find(name);
  return argument && argument->value() ? *argument->value() : TapeValue{};
}

class RoundCalls {
 public:
  RoundCalls(Tape& tape, Round& round) : tape_(tape), round_(round) { simplify(); }

  // The write that makes `after` of the tensor; nullopt when there is none.
  std::optional<FoundWrite> write_to(const FilledTensor& tensor) const {
    TapeValue before = tensor.before, after = same(tensor.after);
    if (after == before) return std::nullopt;
    FoundWrite found;
    found.write.base = tensor.base;
    for (;;) {
      const Written& written = written_to(before, after);
      found.levels.push_back({before, written.part});
      after = same(written.source);
      if (moves(written.part)) {
        if (written.part.length != Dim(1)) throw Unsupported(kWritesMore);
        found.write.axis = written.part.axis;
        found.write.place = written.part.first;
        found.write.keeps_axis = written.part.keeps_axis;
        found.write.item = after;
        return found;
      }
      found.write.outer.push_back(with_self(written.call, found.write.base));
      before = part_of(before, written.part, after);
      found.write.base = before;
    }
  }

  // Drops the calls that nothing needs any more, and lets the others read what the tensors were before the loop.
  void finish(const std::vector<FilledTensor>& tensors, const std::vector<std::optional<FoundWrite>>& writes) {
    for (std::vector<TapeValue>* values : {&round_.next, &round_.items}) {
      for (TapeValue& value : *values) need(value = same(value));
    }
    for (const RoundWrite& write : round_.writes) {
      need(write.item);
      needed_.insert(write.base);
    }
    drop_unneeded();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (writes[i]) {
        for (const Level& level : writes[i]->levels) check_reads(level);
      }
      read_base(tensors[i]);
    }
  }

 private:
  static constexpr const char *kReadsOthers = "a round reads items of a tensor that other rounds write",
                              *kWritesMore = "a round writes more than one item of a tensor from outside";

  struct Written {
    TapeValue self, source;
    Part part;
    TapeCall call;
  };
  struct Read {
    TapeValue self;
    Part part;
  };

  bool moves(const Part& part) const {
    return part.first.symbols().count(round_.counter) > 0 || part.length.symbols().count(round_.counter) > 0;
  }

  const Written& written_to(TapeValue before, TapeValue after) const {
    const auto found = written_.find(after);
    if (found == written_.end() || !(found->second.self == before)) throw Unsupported(kWritesMore);
    return found->second;
  }

  // What was read of `before` to be written to, and became `after`.
  TapeValue part_of(TapeValue before, const Part& part, TapeValue after) const {
    const auto written = written_.find(after);
    const auto read = written == written_.end() ? reads_.end() : reads_.find(written->second.self);
    if (read == reads_.end() || !(read->second.self == before) || !(read->second.part == part))
      throw Unsupported(kWritesMore);
    return read->first;
  }

  static TapeCall with_self(TapeCall call, TapeValue self) {
    for (auto& [name, argument] : call.arguments) {
      if (name == "self") argument = {self};
    }
    return call;
  }

  TapeValue same(TapeValue value) const {
    const auto found = same_.find(value);
    return found == same_.end() ? value : found->second;
  }

  void replace(TapeArgument& argument) const {
    if (argument.value()) {
      argument = {same(*argument.value())};
    } else if (argument.list()) {
      TapeList items = *argument.list();
      for (TapeArgument& item : items) replace(item);
      argument = {std::move(items)};
    }
  }

  std::int64_t axis_of(const TapeCall& call) const {
    const Dim* axis = dim_of(call, "dim");
    if (!axis || !axis->is_constant()) return -1;
    const auto rank = static_cast<std::int64_t>(tape_.info(value_of(call, "self")).shape.size());
    return axis->value() < 0 ? axis->value() + rank : axis->value();
  }

  bool is_all(const TapeCall& call, const Part& part) const {
    const Dim& size = tape_.info(value_of(call, "self")).shape.at(static_cast<std::size_t>(part.axis));
    return part.keeps_axis && part.first == Dim(0) && part.length == size;
  }

  std::optional<Part> part_of(const TapeCall& call) const {
    constexpr std::int64_t kUnbounded = std::int64_t{1} << 62;
    const std::int64_t axis = axis_of(call);
    if (axis < 0) return std::nullopt;
    if (const Dim* index = dim_of(call, "index")) return Part{axis, *index, 1, false};
    const TapeArgument *start = call.find("start"), *end = call.find("end");
    const Dim* step = dim_of(call, "step");
    if (!start || !end || !step || *step != Dim(1)) return std::nullopt;
    const Dim *from = dim_of(call, "start"), *to = dim_of(call, "end");
    if ((!from && !start->is_none()) || (!to && !end->is_none())) return std::nullopt;
    const Dim first = from ? *from : Dim(0);
    const bool is_open = !to || to->constant().value_or(0) >= kUnbounded;
    const Dim& size = tape_.info(value_of(call, "self")).shape.at(static_cast<std::size_t>(axis));
    return Part{axis, first, (is_open ? size : *to) - first, true};
  }

  // Only the calls that write have a source.
  void simplify() {
    for (std::size_t i = round_.first_call; i < tape_.calls.size(); ++i) {
      TapeCall& call = tape_.calls[i];
      for (auto& [name, argument] : call.arguments) replace(argument);
      const TapeValue self = value_of(call, "self"), source = value_of(call, "src");
      if (!self || call.results.size() != 1) continue;
      if (source) {
        write(call, self, source);
      } else if (is_read(call)) {
        read(call, self);
      }
    }
  }

  static bool is_read(const TapeCall& call) {
    const Undo way = row_of(call.op, call.overload).undo;
    return way == Undo::kSelect || way == Undo::kSlice;
  }

  void read(const TapeCall& call, TapeValue self) {
    const auto part = part_of(call);
    if (!part) return;
    const auto found = written_.find(self);
    if (is_all(call, *part)) {
      same_[call.results[0]] = self;
    } else if (found != written_.end() && found->second.part == *part) {
      same_[call.results[0]] = found->second.source;
    } else {
      reads_[call.results[0]] = {self, *part};
    }
  }

  void write(TapeCall& call, TapeValue self, TapeValue source) {
    const auto part = part_of(call);
    if (!part) return;
    if (is_all(call, *part)) {
      same_[call.results[0]] = source;
      return;
    }
    // What was written there before is not seen.
    for (auto found = written_.find(self); found != written_.end() && found->second.part == *part;
         found = written_.find(self)) {
      self = found->second.self;
    }
    call = with_self(std::move(call), self);
    written_[call.results[0]] = {self, source, *part, call};
  }

  void need(TapeValue value) {
    roots_.insert(value);
    needed_.insert(value);
  }

  void need(const TapeArgument& argument) {
    if (argument.value()) needed_.insert(*argument.value());
    for (const TapeArgument& item : argument.list() ? *argument.list() : TapeList{}) need(item);
  }

  void drop_unneeded() {
    std::vector<TapeCall> kept;
    while (tape_.calls.size() > round_.first_call) {
      TapeCall& call = tape_.calls.back();
      const bool is_needed = std::any_of(call.results.begin(), call.results.end(),
                                         [&](TapeValue result) { return result && needed_.count(result) > 0; });
      if (is_needed) {
        for (const auto& [name, argument] : call.arguments) need(argument);
        kept.push_back(std::move(call));
      }
      tape_.calls.pop_back();
    }
    std::move(kept.rbegin(), kept.rend(), std::back_inserter(tape_.calls));
  }

  // Of a tensor of which a part is written, no other part may be read.
  void check_reads(const Level& level) const {
    if (roots_.count(level.before) > 0) throw Unsupported(kReadsOthers);
    for (std::size_t i = round_.first_call; i < tape_.calls.size(); ++i) {
      const TapeCall& call = tape_.calls[i];
      const bool reads = std::any_of(call.arguments.begin(), call.arguments.end(),
                                     [&](const auto& argument) { return mentions(argument.second, level.before); });
      const auto part = reads && is_read(call) ? part_of(call) : std::nullopt;
      if (reads && !(part && *part == level.part)) throw Unsupported(kReadsOthers);
    }
  }

  void read_base(const FilledTensor& tensor) {
    if (roots_.count(tensor.before) > 0) throw Unsupported("a round hands on a tensor from outside");
    same_.clear();
    same_[tensor.before] = tensor.base;
    for (std::size_t i = round_.first_call; i < tape_.calls.size(); ++i) {
      for (auto& [name, argument] : tape_.calls[i].arguments) replace(argument);
    }
  }

  static bool mentions(const TapeArgument& argument, TapeValue value) {
    if (argument.value()) return *argument.value() == value;
    const TapeList* items = argument.list();
    return items &&
           std::any_of(items->begin(), items->end(), [&](const TapeArgument& item) { return mentions(item, value); });
  }

  Tape& tape_;
  Round& round_;
  std::map<TapeValue, TapeValue> same_;   // results by the values that they equal
  std::map<TapeValue, Written> written_;  // results of writes of a part
  std::map<TapeValue, Read> reads_;       // results of reads of a part
  std::set<TapeValue> roots_, needed_;    // what the round hands on, and what that is made of
};

}  // namespace

std::vector<std::size_t> find_writes(Tape& tape, Round& round, const std::vector<FilledTensor>& tensors) {
  std::vector<std::size_t> written;
  if (tensors.empty()) return written;
  RoundCalls calls(tape, round);
  std::vector<std::optional<FoundWrite>> writes;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    writes.push_back(calls.write_to(tensors[i]));
    if (!writes.back()) continue;
    written.push_back(i);
    round.writes.push_back(writes.back()->write);
  }
  calls.finish(tensors, writes);
  return written;
}

}  // namespace torch2nnef
