#include "export/record/region.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "export/diagnostics.h"
#include "export/operators/operators.h"
#include "export/record/numbers/number_values.h"
#include "export/record/regions/rounds.h"
#include "export/record/tape_writer.h"

namespace torch2nnef {
namespace {

using nnef::Dim;

bool mentions(const Dim& dim, const std::string& symbol) { return dim.symbols().count(symbol) > 0; }

bool mentions(const TapeArgument& argument, const std::string& symbol) {
  if (const auto* dim = std::get_if<Dim>(&argument.is)) return mentions(*dim, symbol);
  const TapeList* list = argument.list();
  return list &&
         std::any_of(list->begin(), list->end(), [&](const TapeArgument& item) { return mentions(item, symbol); });
}

void add_symbols(const TapeArgument& argument, std::set<std::string>& symbols) {
  if (const auto* dim = std::get_if<Dim>(&argument.is)) symbols.merge(dim->symbols());
  for (const TapeArgument& item : argument.list() ? *argument.list() : TapeList{}) add_symbols(item, symbols);
}

std::set<std::string> symbols_in(const TapeCall& call) {
  std::set<std::string> symbols;
  for (const auto& [name, argument] : call.arguments) add_symbols(argument, symbols);
  return symbols;
}

const Dim* dim_argument(const TapeCall& call, std::string_view name) {
  const TapeArgument* argument = call.find(name);
  return argument ? std::get_if<Dim>(&argument->is) : nullptr;
}

// A part of a tensor from outside that moves along with the rounds.
struct Scanned {
  TapeValue base;
  std::int64_t axis;
  Dim first;
  std::int64_t step;
  friend bool operator==(const Scanned& a, const Scanned& b) {
    return a.base == b.base && a.axis == b.axis && a.first == b.first && a.step == b.step;
  }
};

class Cutter {
 public:
  Cutter(Tape& tape, const Round& round) : tape_(tape), round_(round), body_(std::make_shared<Tape>()) {
    body_->symbols = tape.symbols;
    body_->worlds = tape.worlds;
    for (nnef::Bindings& sizes : body_->worlds) sizes.erase(round.counter);
    for (TapeValue state : round.states) states_.push_back(add_input(tape.info(state), "state"));
    for (std::size_t i = 0; i < states_.size(); ++i) inside_[round.states[i]] = states_[i];
  }

  ScanCall cut() {
    const auto first = tape_.calls.begin() + static_cast<std::ptrdiff_t>(round_.first_call);
    std::vector<TapeCall> calls(std::make_move_iterator(first), std::make_move_iterator(tape_.calls.end()));
    tape_.calls.erase(first, tape_.calls.end());
    for (TapeCall& call : calls) add(std::move(call));
    for (TapeCall& call : before_) tape_.calls.push_back(std::move(call));
    for (std::size_t i = 0; i < round_.next.size(); ++i) output("next_" + std::to_string(i), round_.next[i]);
    for (std::size_t i = 0; i < round_.items.size(); ++i) output("item_" + std::to_string(i), round_.items[i]);
    ScanCall result;
    for (std::size_t i = 0; i < round_.writes.size(); ++i) {
      const RoundWrite& write = round_.writes[i];
      const Scanned target = moving(write.base, write.axis, write.place);
      if (target.step != 1 && target.step != -1)
        throw Unsupported("a round writes an item that is not next to that of the round before");
      result.targets.push_back({target.first, target.step});
      output("item_" + std::to_string(round_.items.size() + i), write.item);
    }
    check_symbols();
    if (scanned_.empty()) throw Unsupported("no tensor is read at the number of the round");
    body_->inputs = scanned_inputs_;
    body_->inputs.insert(body_->inputs.end(), states_.begin(), states_.end());
    body_->inputs.insert(body_->inputs.end(), full_inputs_.begin(), full_inputs_.end());
    result.arguments = {
        {"trips", {round_.trips}}, {"scanned", scanned_argument()}, {"state", {}}, {"full", list(full_)}};
    result.body = std::move(body_);
    return result;
  }

 private:
  // Inside of a scan tract knows those sizes that the round's inputs have.
  void check_symbols() const {
    std::set<std::string> known;
    for (const std::vector<TapeValue>* inputs : {&scanned_inputs_, &states_, &full_inputs_}) {
      for (TapeValue input : *inputs) {
        for (const Dim& dim : body_->info(input).shape) known.merge(dim.symbols());
      }
    }
    for (const TapeCall& call : body_->calls) {
      for (const std::string& symbol : symbols_in(call)) {
        if (known.count(symbol) > 0) continue;
        throw Unsupported(call.op + " is given the size " + symbol +
                          ", which no tensor has that a round reads (compute it before the loop)");
      }
    }
  }

  static TapeArgument list(const std::vector<TapeValue>& values) {
    TapeList items;
    for (TapeValue value : values) items.push_back({value});
    return {std::move(items)};
  }

  TapeArgument scanned_argument() const {
    TapeList items;
    for (const Scanned& one : scanned_) {
      items.push_back({TapeList{{one.base}, {Dim(one.axis)}, {one.first}, {Dim(one.step)}}});
    }
    return {std::move(items)};
  }

  TapeValue add_value(TapeValueInfo info) {
    for (const Dim& dim : info.shape) {
      if (mentions(dim, round_.counter)) throw Unsupported("a size depends on the number of the round");
    }
    body_->values.push_back(std::move(info));
    return {static_cast<std::int32_t>(body_->values.size() - 1)};
  }

  TapeValue add_input(TapeValueInfo info, const std::string& label) {
    info.kind = TapeValueInfo::Kind::kInput;
    info.constant.reset();
    info.label = label + "_" + std::to_string(body_->values.size());
    return add_value(std::move(info));
  }

  // From outside; numbers are the body's own.
  TapeValue whole(TapeValue value) {
    TapeValueInfo info = tape_.info(value);
    bool is_constant = info.kind == TapeValueInfo::Kind::kConstant;
    if (is_constant && info.shape.empty()) {
      whole_.insert(value);
      return add_value(std::move(info));
    }
    if (!is_constant && static_cast<std::size_t>(value.id) >= round_.first_value && outside_.count(value) == 0) {
      throw Unsupported("the loop body's values are used after the loop; use the loop's results instead");
    }
    full_.push_back(value);
    whole_.insert(value);
    full_inputs_.push_back(add_input(std::move(info), "whole"));
    return full_inputs_.back();
  }

  TapeValue translate(TapeValue value) {
    if (!value) return value;
    auto [place, is_new] = inside_.try_emplace(value);
    if (is_new) place->second = whole(value);
    return place->second;
  }

  TapeArgument translate(const TapeArgument& argument) {
    if (const TapeValue* value = argument.value()) return {translate(*value)};
    const TapeList* items = argument.list();
    if (!items) return argument;
    TapeList result;
    for (const TapeArgument& item : *items) result.push_back(translate(item));
    return {std::move(result)};
  }

  // `place` runs from a first item in even steps, within the axis at every recorded size.
  Scanned moving(TapeValue base, std::int64_t axis, const Dim& place) const {
    const Dim& size = tape_.info(base).shape.at(static_cast<std::size_t>(axis));
    const auto steps = even_steps(place, round_.counter);
    if (!steps || !steps->step.is_constant() || steps->step == Dim(0)) {
      throw Unsupported("an index does not move by the same number of items each round");
    }
    Dim first = steps->first;
    const Dim& step = steps->step;
    if (first.constant().value_or(0) < 0) first += size;
    const Dim last = first + step * (round_.trips - 1);
    for (const nnef::Bindings& sizes : body_->worlds) {
      const std::int64_t from = first.evaluate(sizes), to = last.evaluate(sizes), end = size.evaluate(sizes);
      if (std::min(from, to) < 0 || std::max(from, to) >= end) {
        throw Unsupported("an index passes the end of its axis in some round");
      }
    }
    return {base, axis, first, step.value()};
  }

  TapeValue scanned_input(const Scanned& part) {
    auto found = std::find(scanned_.begin(), scanned_.end(), part);
    if (found != scanned_.end()) return scanned_inputs_[static_cast<std::size_t>(found - scanned_.begin())];
    TapeValueInfo info = tape_.info(part.base);
    info.shape.at(static_cast<std::size_t>(part.axis)) = 1;
    scanned_.push_back(part);
    scanned_inputs_.push_back(add_input(std::move(info), "slice"));
    return scanned_inputs_.back();
  }

  // A select or slice at a place that moves: of a scanned input, at 0.
  bool add_moving(TapeCall& call) {
    const Undo way = row_of(call.op).undo;
    const bool is_select = way == Undo::kSelect, is_slice = way == Undo::kSlice;
    const TapeArgument* self = call.find("self");
    const Dim* axis = dim_argument(call, "dim");
    const Dim* place = dim_argument(call, is_select ? "index" : "start");
    if ((!is_select && !is_slice) || !self || !self->value() || !axis || !place || is_inside(*self) ||
        !mentions(*place, round_.counter)) {
      return false;
    }
    if (is_slice) {
      const Dim *end = dim_argument(call, "end"), *step = dim_argument(call, "step");
      if (!end || *end != *place + 1 || !step || *step != Dim(1)) return false;
    }
    std::int64_t number = axis->value();
    if (number < 0) number += static_cast<std::int64_t>(tape_.info(*self->value()).shape.size());
    TapeValue part = scanned_input(moving(*self->value(), number, *place));
    for (auto& [name, argument] : call.arguments) {
      if (name == "self") argument = {part};
      if (name == "index" || name == "start") argument = {Dim(0)};
      if (name == "end") argument = {Dim(1)};
    }
    return true;
  }

  // The number of the round as a value of the body: the item of this round of a count of all.
  TapeValue round_number(const Location& where) {
    if (number_) return number_;
    TapeValueInfo all;
    all.type = ScalarType::kInt64;
    all.shape = {round_.trips};
    const TapeValue count = TapeWriter(tape_).call1(
        "aten::arange", "", {{"end", {round_.trips}}, {"dtype", {std::string("int64")}}}, all, where);
    outside_.insert(count);
    const TapeValue item = scanned_input({count, 0, Dim(0), 1});
    number_ =
        TapeWriter(*body_).call1("aten::select", "int", {{"self", {item}}, {"dim", {Dim(0)}}, {"index", {Dim(0)}}},
                                 number_info(ScalarType::kInt64), where);
    return number_;
  }

  // A number that is the same in all rounds. tract does not know the symbols of the model inside of a scan.
  TapeArgument whole_number(const Dim& number, const Location& where) {
    if (number.is_constant()) return {number};
    const TapeValue value = TapeWriter(tape_).dims({{number, 1}}, 0, ScalarType::kInt64, where);
    outside_.insert(value);
    return {translate(value)};
  }

  // A number that moves evenly with the rounds.
  std::optional<TapeValue> number_of_round(const Dim& number, const Location& where) {
    const auto steps = even_steps(number, round_.counter);
    if (!steps) return std::nullopt;
    const auto put = [&](const char* op, TapeValue value, const Dim& other) {
      return TapeWriter(*body_).call1(op, "Tensor", {{"self", {value}}, {"other", whole_number(other, where)}},
                                      number_info(ScalarType::kInt64), where);
    };
    TapeValue value = round_number(where);
    if (steps->step != Dim(1)) value = put("aten::mul", value, steps->step);
    if (steps->first != Dim(0)) value = put("aten::add", value, steps->first);
    return value;
  }

  // A number that moves with the rounds, as a tensor.
  bool add_number(const TapeCall& call) {
    const TapeArgument* dims = call.op == "t2n::dims" ? call.find("dims") : nullptr;
    const TapeList* list = dims ? dims->list() : nullptr;
    if (!list || list->size() != 1 || !tape_.info(call.results.at(0)).shape.empty()) return false;
    const auto value = number_of_round(std::get<Dim>(list->front().is), call.where);
    if (value) inside_[call.results[0]] = *value;
    return value.has_value();
  }

  // Operands that are numbers and move with the rounds, or follow from sizes, become values.
  void put_numbers(TapeCall& call) {
    const c10::FunctionSchema* schema = find_schema(call.op, call.overload);
    if (!schema) return;
    for (auto& [name, argument] : call.arguments) {
      const auto* dim = std::get_if<Dim>(&argument.is);
      const auto place = schema->argumentIndexWithName(name);
      if (!dim || !place || dim->is_constant()) continue;
      const c10::TypePtr& type = schema->arguments()[static_cast<std::size_t>(*place)].type();
      if (!type->isSubtypeOf(*c10::TensorType::get()) && !type->isSubtypeOf(*c10::NumberType::get())) continue;
      if (type->isSubtypeOf(*c10::IntType::get())) continue;
      if (!mentions(*dim, round_.counter)) {
        argument = whole_number(*dim, call.where);
      } else if (const auto value = number_of_round(*dim, call.where)) {
        argument = {*value};
      }
    }
  }

  bool is_inside(const TapeArgument& argument) const {
    if (const TapeValue* value = argument.value()) return inside_.count(*value) > 0 && whole_.count(*value) == 0;
    const TapeList* items = argument.list();
    return items &&
           std::any_of(items->begin(), items->end(), [&](const TapeArgument& item) { return is_inside(item); });
  }

  // A call that is the same in every round is made once, before the loop.
  bool is_same_every_round(const TapeCall& call) const {
    return std::none_of(call.arguments.begin(), call.arguments.end(), [&](const auto& argument) {
      return is_inside(argument.second) || mentions(argument.second, round_.counter);
    });
  }

  void add(TapeCall call) {
    if (is_same_every_round(call)) {
      for (TapeValue result : call.results) outside_.insert(result);
      before_.push_back(std::move(call));
      return;
    }
    if (add_number(call)) return;
    if (!add_moving(call)) {
      for (auto& [name, argument] : call.arguments) argument = translate(argument);
      put_numbers(call);
    }
    for (const auto& [name, argument] : call.arguments) {
      if (mentions(argument, round_.counter)) {
        throw Unsupported(call.op + " uses the number of the round for something else than one item of an axis");
      }
    }
    for (TapeValue& result : call.results) {
      if (!result) continue;
      TapeValue added = add_value(tape_.info(result));
      inside_[result] = added;
      result = added;
    }
    body_->calls.push_back(std::move(call));
  }

  void output(const std::string& name, TapeValue value) {
    auto found = inside_.find(value);
    if (found == inside_.end()) throw Unsupported("a round hands on a tensor that it did not compute");
    body_->outputs.emplace_back(name, found->second);
  }

  Tape& tape_;
  const Round& round_;
  std::shared_ptr<Tape> body_;
  std::map<TapeValue, TapeValue> inside_;  // the Tape's values and the body's
  std::set<TapeValue> whole_;              // of those the ones from outside
  std::set<TapeValue> outside_;            // results of `before_`
  std::vector<TapeCall> before_;           // calls that need not be in the loop
  std::vector<Scanned> scanned_;
  std::vector<TapeValue> scanned_inputs_, states_, full_, full_inputs_;
  TapeValue number_;  // of the round
};

}  // namespace

ScanCall cut_scan(Tape& tape, const Round& round) { return Cutter(tape, round).cut(); }

}  // namespace torch2nnef
