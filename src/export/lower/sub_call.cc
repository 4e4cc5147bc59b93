#include "export/lower/sub_call.h"

#include <optional>

namespace torch2nnef {

// A lowering that calls the operator that it is for means the one that was there before it.
SubCall::SubCall(Call& parent, std::string op, std::string overload)
    : b_(parent.builder()), tables_(parent.tape_call().op == op ? builtin_tables() : parent.tables()) {
  tape_.symbols = parent.tape().symbols;
  tape_.worlds = parent.tape().worlds;
  call_.op = std::move(op);
  call_.overload = std::move(overload);
  call_.where = parent.tape_call().where;
}

void SubCall::argument(std::string_view name, TapeArgument argument, bool is_default) {
  call_.arguments.emplace_back(name, std::move(argument));
  call_.is_default.emplace_back(name, is_default);
}

TapeValue SubCall::add(TapeValueInfo info) {
  tape_.values.push_back(std::move(info));
  return {static_cast<std::int32_t>(tape_.values.size() - 1)};
}

TapeValue SubCall::tensor(Value value) {
  TapeValueInfo info;
  info.type = from_nnef(b_.dtype(value));
  info.shape = b_.shape(value);
  return tensor(std::move(info), value);
}

TapeValue SubCall::tensor(TapeValueInfo info, Value value) {
  TapeValue added = add(std::move(info));
  bound_.emplace_back(added, value);
  return added;
}

TapeValue SubCall::constant(TapeValueInfo info) { return add(std::move(info)); }

void SubCall::expect(ScalarType type, Shape shape, bool wanted) {
  TapeValueInfo info;
  info.wanted = wanted;
  info.type = type;
  info.shape = std::move(shape);
  call_.results.push_back(add(std::move(info)));
}

void SubCall::expect_nothing() { call_.results.push_back({}); }

std::vector<Value> SubCall::run() {
  ValueMap values(tape_, b_, tables_);
  for (const auto& [value, graph_value] : bound_) values.stored(value).set_plain(graph_value);
  std::optional<DoesNotApply> reason;
  for (const Lowering* lowering : tables_.find(call_)) {
    if (!covers(lowering->domain, false)) continue;
    Call view(call_, values, b_);
    try {
      lowering->lower(view);
    } catch (const DoesNotApply& error) {
      if (!reason) reason = error;
      continue;
    }
    std::vector<Value> results;
    for (TapeValue result : call_.results) {
      if (result && tape_.info(result).wanted) results.push_back(values.get(result));
    }
    return results;
  }
  if (reason) throw *reason;
  throw Unsupported("no lowering is known for " + call_.full_name());
}

}  // namespace torch2nnef
