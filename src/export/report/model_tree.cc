#include "export/report/model_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace torch2nnef {
namespace {

constexpr std::size_t kMostItems = 8;  // of a list that is an argument

std::string facts_of(const TapeValueInfo& info) {
  return std::string(to_string(info.type)) + nnef::to_string(info.shape);
}

void collect(const TapeArgument& argument, std::vector<TapeValue>& values) {
  if (const TapeValue* value = argument.value()) values.push_back(*value);
  if (const TapeList* list = argument.list()) {
    for (const TapeArgument& item : *list) collect(item, values);
  }
}

std::vector<TapeValue> values_read_by(const TapeCall& call) {
  std::vector<TapeValue> values;
  for (const auto& [name, argument] : call.arguments) collect(argument, values);
  return values;
}

class TreeMaker {
 public:
  TreeMaker(const Recording& recording, const Lowered& lowered, const std::vector<Diagnostic>& diagnostics)
      : recording_(recording), tape_(recording.tape), lowered_(lowered), diagnostics_(diagnostics) {
    if (lowered.graph) note_operations(*lowered.graph);
  }

  ModelTree run() {
    tree_.modules = recording_.modules;
    for (TapeValue input : tape_.inputs) {
      tree_.inputs.push_back(tape_.info(input).label + " " + facts_of(tape_.info(input)));
    }
    std::size_t folded = 0;
    for (std::size_t i = 0; i < tape_.calls.size(); ++i) {
      for (; folded < recording_.folded.size() && recording_.folded[folded].before <= i; ++folded)
        add(recording_.folded[folded]);
      add(tape_.calls[i], i);
    }
    for (; folded < recording_.folded.size(); ++folded) add(recording_.folded[folded]);
    for (const Diagnostic& one : diagnostics_) add_if_not_told(one);
    return std::move(tree_);
  }

 private:
  void note_operations(const nnef::Graph& graph) {
    for (const nnef::Operation& operation : graph.operations) {
      if (operation.results.empty()) continue;
      const auto id = static_cast<std::size_t>(operation.results.front().id);
      const std::vector<std::int32_t>& call_of = lowered_.lineage->call_of;
      if (id >= call_of.size() || call_of[id] < 0) continue;  // to_standard() adds operations
      operations_[static_cast<std::size_t>(call_of[id])].push_back(
          fmt::format("{} = {}", graph.info(operation.results.front()).name, operation.op));
    }
  }

  static std::string text_of(const TapeArgument& argument, const Tape& tape) {
    if (argument.is_none()) return "None";
    if (const TapeValue* value = argument.value()) {
      const TapeValueInfo& info = tape.info(*value);
      return (info.label.empty() ? "" : info.label + " ") + facts_of(info);
    }
    if (const auto* dim = std::get_if<nnef::Dim>(&argument.is)) return dim->to_string();
    if (const auto* number = std::get_if<double>(&argument.is)) return fmt::format("{}", *number);
    if (const auto* flag = std::get_if<bool>(&argument.is)) return *flag ? "True" : "False";
    if (const auto* text = std::get_if<std::string>(&argument.is)) return "'" + *text + "'";
    std::vector<std::string> items;
    for (const TapeArgument& item : *argument.list()) {
      if (items.size() == kMostItems) {
        items.emplace_back("...");
        break;
      }
      items.push_back(text_of(item, tape));
    }
    return fmt::format("[{}]", fmt::join(items, ", "));
  }

  void add_weights(const TapeCall& call) {
    for (TapeValue value : values_read_by(call)) {
      const TapeValueInfo& info = tape_.info(value);
      if (info.kind != TapeValueInfo::Kind::kConstant || !seen_.insert(value).second) continue;
      tree_.weights.push_back({info.label.empty() ? "(a constant)" : info.label, facts_of(info),
                               info.constant ? info.constant->byte_size() : 0});
    }
  }

  bool has_result_that(const TapeCall& call, bool (TreeMaker::*test)(TapeValue) const) const {
    return std::any_of(call.results.begin(), call.results.end(),
                       [&](TapeValue result) { return result && (this->*test)(result); });
  }
  bool is_wanted(TapeValue value) const { return tape_.info(value).wanted; }
  bool stands(TapeValue value) const {
    const Lineage::Standing& standing = lowered_.lineage->standing.at(static_cast<std::size_t>(value.id));
    return standing.value || standing.re;
  }
  // Something that a call cannot be lowered without.
  bool is_missing(TapeValue value) const {
    return tape_.info(value).kind == TapeValueInfo::Kind::kResult && !stands(value);
  }

  ModelCall::State state_of(const TapeCall& call, std::size_t index) const {
    using State = ModelCall::State;
    if (call.refused) return State::kUnsupported;
    if (!has_result_that(call, &TreeMaker::is_wanted)) return State::kUnused;
    if (!lowered_.graph) return State::kNotTried;
    if (operations_.count(index) > 0 || has_result_that(call, &TreeMaker::stands)) return State::kExported;
    const std::vector<TapeValue> read = values_read_by(call);
    const bool waits = std::any_of(read.begin(), read.end(), [&](TapeValue value) { return is_missing(value); });
    return waits ? State::kNotTried : State::kUnsupported;
  }

  // The message about a call: the one of its place, else one of its operator, since equal ones are counted.
  const Diagnostic* find_message(const std::string& op, const Location& where) const {
    const Diagnostic* found = nullptr;
    const std::string place = where.to_string();
    for (const Diagnostic& one : diagnostics_) {
      if (one.severity != Severity::kError) continue;
      const bool same_op = one.op == op || one.op == op.substr(0, op.find('.'));
      if (!same_op) continue;
      const bool same_place = one.where.to_string() == place;
      if (!found || same_place) found = &one;
      if (same_place) break;
    }
    return found;
  }

  std::string reason_of(const ModelCall& call) {
    const Diagnostic* found = find_message(call.op, call.where);
    if (!found) return "";
    told_.insert(found);
    return found->code + ": " + found->text + (found->hint.empty() ? "" : " (hint: " + found->hint + ")");
  }

  static ModelCall described(const TapeCall& call, const Tape& tape) {
    ModelCall made;
    made.op = call.full_name();
    made.where = call.where;
    for (const auto& [name, argument] : call.arguments) {
      if (!call.equals_default(name)) made.arguments.push_back(name + " " + text_of(argument, tape));
    }
    for (TapeValue result : call.results) {
      if (result) made.results.push_back(facts_of(tape.info(result)));
    }
    return made;
  }

  void add(const TapeCall& call, std::size_t index) {
    ModelCall made = described(call, tape_);
    made.state = state_of(call, index);
    made.tape_index = static_cast<std::int64_t>(index);
    if (const auto found = operations_.find(index); found != operations_.end()) made.operations = found->second;
    if (made.state == ModelCall::State::kUnsupported) made.reason = reason_of(made);
    if (made.state != ModelCall::State::kUnused) add_weights(call);
    tree_.calls.push_back(made);
    // The calls of a loop's round go the way of the loop.
    for (const std::shared_ptr<Tape>& region : call.regions) {
      for (const TapeCall& inner : region->calls) {
        tree_.calls.push_back(described(inner, *region));
        tree_.calls.back().state = made.state;
        tree_.calls.back().reason = made.reason;
      }
    }
  }

  void add(const FoldedCall& call) {
    ModelCall made;
    made.op = call.op;
    made.where = call.where;
    made.state = ModelCall::State::kFolded;
    made.results = {call.result};
    tree_.calls.push_back(std::move(made));
  }

  // An error about something that is no call of the Tape: a branch, an operator that raised.
  void add_if_not_told(const Diagnostic& one) {
    if (one.severity != Severity::kError || told_.count(&one) > 0) return;
    if (one.op.empty() && one.where.to_string().empty()) return;
    ModelCall made;
    made.op = one.op.empty() ? "(this line)" : one.op;
    made.where = one.where;
    made.state = ModelCall::State::kUnsupported;
    made.reason = one.code + ": " + one.text + (one.hint.empty() ? "" : " (hint: " + one.hint + ")");
    tree_.calls.push_back(std::move(made));
  }

  const Recording& recording_;
  const Tape& tape_;
  const Lowered& lowered_;
  const std::vector<Diagnostic>& diagnostics_;
  std::map<std::size_t, std::vector<std::string>> operations_;  // by call
  std::set<TapeValue> seen_;
  std::set<const Diagnostic*> told_;
  ModelTree tree_;
};

}  // namespace

std::string_view to_string(ModelCall::State state) {
  switch (state) {
    case ModelCall::State::kExported:
      return "exported";
    case ModelCall::State::kFolded:
      return "folded";
    case ModelCall::State::kUnused:
      return "unused";
    case ModelCall::State::kUnsupported:
      return "unsupported";
    case ModelCall::State::kNotTried:
      break;
  }
  return "not tried";
}

ModelTree make_model_tree(const Recording& recording, const Lowered& lowered,
                          const std::vector<Diagnostic>& diagnostics) {
  return TreeMaker(recording, lowered, diagnostics).run();
}

}  // namespace torch2nnef
