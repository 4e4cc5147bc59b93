// t2n::scan: a loop over a dynamic axis becomes one tract_core_scan, its body a fragment.

#include <cstdlib>
#include <string>

#include "export/lower/lowering.h"

namespace torch2nnef {
namespace {

using nnef::Argument;

// "aten::_softmax" gives "softmax".
std::string hint_of(const std::string& op) {
  std::string name = op.substr(op.rfind(':') + 1);
  name.erase(0, std::min(name.find_first_not_of('_'), name.size()));
  return name;
}

// The body's calls, each by the first lowering that applies, as the calls around the loop are.
class Body {
 public:
  Body(Call& call, const std::string& name)
      : outer_(call),
        tape_(*call.tape_call().regions.at(0)),
        builder_(begin(graph_, name), call.builder().dialect()),
        values_(tape_, builder_, call.tables()) {}

  // `steps`, `states` and `outer`: the outer values of the inputs, in order.
  void declare(const std::vector<std::pair<Value, int>>& given) {
    for (std::size_t i = 0; i < given.size(); ++i) {
      const auto& [value, scanned_axis] = given[i];
      Shape shape = outer_.builder().shape(value);
      if (scanned_axis >= 0) shape.at(static_cast<std::size_t>(scanned_axis)) = 1;
      TapeValue input = tape_.inputs.at(i);
      values_.stored(input).set_plain(
          builder_.parameter(tape_.info(input).label, outer_.builder().dtype(value), shape));
    }
  }

  void lower() {
    for (const TapeCall& call : tape_.calls) {
      bool is_wanted = std::any_of(call.results.begin(), call.results.end(),
                                   [&](TapeValue result) { return result && tape_.info(result).wanted; });
      if (is_wanted) lower(call);
    }
    for (const auto& [name, value] : tape_.outputs) {
      Value result = values_.get(value);
      if (name.starts_with("item_")) result = builder_.unsqueeze(result, {0});
      builder_.name_output(result, name);
    }
  }

  nnef::Graph take() { return std::move(graph_); }

  // The constants that the body's operations need are the graph's, and reach the body as its parameters do: by name,
  // the same value in every round.
  std::vector<std::pair<std::string, Value>> move_constants_out() {
    std::vector<std::pair<std::string, Value>> moved;
    for (const nnef::Operation& operation : graph_.operations) {
      if (operation.op != "variable") continue;
      const std::string& label = std::get<std::string>(operation.find("label")->is);
      const Value value = operation.results.at(0);
      moved.emplace_back(graph_.info(value).name, outer_.builder().variable(label, graph_.variables.at(label)));
      graph_.inputs.push_back(value);
    }
    std::erase_if(graph_.operations, [](const nnef::Operation& operation) { return operation.op == "variable"; });
    graph_.variables.clear();
    return moved;
  }

 private:
  static nnef::Graph& begin(nnef::Graph& graph, const std::string& name) {
    graph.name = name;
    return graph;
  }

  void lower(const TapeCall& call) {
    builder_.set_scope(call.where.module_path, hint_of(call.op), "");
    const bool is_complex = is_complex_call(call, tape_);
    std::optional<DoesNotApply> reason;
    for (const Lowering* lowering : outer_.tables().find(call)) {
      if (!covers(lowering->domain, is_complex)) continue;
      Call view(call, values_, builder_);
      try {
        lowering->lower(view);
      } catch (const DoesNotApply& error) {
        if (!reason) reason = error;
        continue;
      }
      check(call);
      return;
    }
    if (reason)
      throw Unsupported("in a loop over a dynamic axis, " + call.full_name() + ": " + reason->what(), reason->hint());
    throw Unsupported("no lowering is known for " + call.full_name() + ", which a loop over a dynamic axis uses");
  }

  void check(const TapeCall& call) {
    for (TapeValue result : call.results) {
      if (!result || !tape_.info(result).wanted) continue;
      const TapeValueInfo& seen = tape_.info(result);
      const Value value = values_.get(result);
      if (builder_.shape(value) != seen.shape || builder_.dtype(value) != to_nnef(seen.type)) {
        throw std::logic_error(call.full_name() + " in a loop gives " + nnef::to_string(builder_.shape(value)) +
                               ", torch gave " + nnef::to_string(seen.shape));
      }
    }
  }

  Call& outer_;
  const Tape& tape_;
  nnef::Graph graph_;
  Builder builder_;
  ValueMap values_;
};

// What the scan walks: the part of the base that the rounds see.
Value walked(Call& call, const TapeList& scanned) {
  Builder& b = call.builder();
  Value base = call.value(*scanned.at(0).value());
  const int axis = static_cast<int>(std::get<Dim>(scanned.at(1).is).value());
  const Dim& first = std::get<Dim>(scanned.at(2).is);
  const std::int64_t step = std::get<Dim>(scanned.at(3).is).value();
  const Dim last = first + Dim(step) * (call.dim("trips") - 1);
  return b.slice(base, axis, step < 0 ? last : first, (step < 0 ? first : last) + 1, std::abs(step));
}

Argument::Array all_results(const TapeCall& call, const Tape& body, std::size_t state_count,
                            std::vector<std::size_t>& wanted, const Call& view) {
  Argument::Array output;
  for (std::size_t i = 0; i < call.results.size(); ++i) {
    if (!view.wanted(i)) continue;
    wanted.push_back(i);
    output.items.push_back(Argument::tuple({body.outputs.at(i).first, i < state_count ? "last" : "full", 0, 1}));
  }
  return output;
}

void lower_scan(Call& call) {
  Builder& b = call.builder();
  const TapeCall& tape_call = call.tape_call();
  const Tape& body = *tape_call.regions.at(0);
  std::vector<std::pair<Value, int>> given;
  Argument::Array scan, state, full;
  auto name = [&] { return body.info(body.inputs.at(given.size())).label; };
  for (const TapeArgument& item : *tape_call.find("scanned")->list()) {
    const TapeList& part = *item.list();
    const int axis = static_cast<int>(std::get<Dim>(part.at(1).is).value());
    Value value = walked(call, part);
    const bool is_reversed = std::get<Dim>(part.at(3).is).value() < 0;
    scan.items.push_back(Argument::tuple({name(), value, axis, Dim(is_reversed ? -1 : 1)}));
    given.emplace_back(value, axis);
  }
  const std::vector<Value> states = call.tensors("state");
  for (std::size_t i = 0; i < states.size(); ++i) {
    state.items.push_back(Argument::tuple({name(), states[i], body.outputs.at(i).first}));
    given.emplace_back(states[i], -1);
  }
  for (Value value : call.tensors("full")) {
    full.items.push_back(Argument::tuple({name(), value}));
    given.emplace_back(value, -1);
  }
  Body inner(call, "loop_body" + (b.graph().fragments.empty() ? "" : "_" + std::to_string(b.graph().fragments.size())));
  inner.declare(given);
  inner.lower();
  for (const auto& [parameter, value] : inner.move_constants_out()) {
    full.items.push_back(Argument::tuple({parameter, value}));
  }
  b.graph().fragments.push_back({inner.take()});
  std::vector<std::size_t> wanted;
  Argument::Array output = all_results(tape_call, body, states.size(), wanted, call);
  std::vector<Value> results = b.add_multi("tract_core_scan", {},
                                           {{"body", b.graph().fragments.back().body.name},
                                            {"scan", scan},
                                            {"full", full},
                                            {"state", state},
                                            {"output", output}});
  for (std::size_t i = 0; i < wanted.size(); ++i) call.result(wanted[i], results.at(i));
}

}  // namespace

void register_scan(Registry& registry) { registry.add("t2n::scan", lower_scan, "a loop over a dynamic axis"); }

}  // namespace torch2nnef
