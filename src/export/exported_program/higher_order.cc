#include "export/exported_program/higher_order.h"

#include "export/diagnostics.h"
#include "export/exported_program/executor.h"
#include "export/record/failures.h"
#include "export/record/regions/decisions.h"
#include "export/record/regions/loop_exits.h"
#include "export/record/regions/regions.h"

namespace torch2nnef {
namespace {

constexpr const char* kBranch = "the branch that is taken here";

const ProgramGraph& graph_at(const std::vector<GraphOperand>& operands, std::size_t place) {
  if (place >= operands.size() || operands[place].graph == nullptr) {
    throw Unsupported("operand " + std::to_string(place) + " is not a graph");
  }
  return *operands[place].graph;
}

const Slots& values_at(const std::vector<GraphOperand>& operands, std::size_t place) {
  if (place >= operands.size()) throw Unsupported("operand " + std::to_string(place) + " is missing");
  return operands[place].values;
}

Slots joined(Slots first, const Slots& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// A tensor of one bool as a bool.
Slot as_bool(ProgramExecutor& executor, const Slot& value) {
  if (!value.sample().isTensor()) return value;
  return executor.calls().call1("aten::Bool", "Tensor", {{"a", value}});
}

[[noreturn]] void refuse_data(RecordContext& context, const std::string& what, const Note& note,
                              const std::string& reason) {
  std::string text = what + " depends on " + (note.symbols.empty() ? "the values of an input" : "a dynamic size");
  if (!note.text.empty()) text += " (" + note.text + ")";
  context.refuse("T2N-R005", text + ", and " + reason,
                 "say it with torch.where, or export the model once for each case");
  throw RecordingStopped(reason);
}

Slots run_cond(ProgramExecutor& executor, const std::vector<GraphOperand>& operands) {
  RecordContext& context = executor.recorder().context();
  const ProgramGraph &yes = graph_at(operands, 1), &no = graph_at(operands, 2);
  const Slots& values = values_at(operands, 3);
  Slot condition = as_bool(executor, values_at(operands, 0).at(0));
  const bool taken = condition.sample().toBool();
  if (auto computed = executor.recorder().numbers().computed_condition(condition.note)) {
    condition.note = std::move(*computed);  // of sizes: both branches, and what holds when the model runs
  }
  if (condition.note.kind != Note::Kind::kData) {
    return executor.run(decide_by_sizes(context, condition, true, kBranch) ? yes : no, values);
  }
  if (!condition.note.scalar) refuse_data(context, kBranch, condition.note, "no tensor holds its condition");
  Merge merge(context, executor.recorder().numbers());
  const std::string what = "the branch at " + context.place();
  Slots sides[2];
  for (const bool is_taken : {true, false}) {
    const DataRegionScope region(context, what, is_taken);
    const bool is_yes = taken == is_taken;
    sides[is_yes ? 0 : 1] = executor.run(is_yes ? yes : no, values);
  }
  if (sides[0].size() != sides[1].size()) throw Unsupported("the two branches have different numbers of results");
  Slots results;
  for (std::size_t i = 0; i < sides[0].size(); ++i) {
    try {
      results.push_back(merge.choose(condition, sides[0][i], sides[1][i]));
    } catch (const Unsupported& error) {
      refuse_data(context, kBranch, condition.note, error.what());
    }
  }
  return results;
}

// The rounds are executed up to a bound; what is handed on is that of the round after which the loop ends.
Slots run_while(ProgramExecutor& executor, const std::vector<GraphOperand>& operands) {
  constexpr std::int64_t kTried = 64;  // rounds without --max-iterations: a counter may end the loop
  constexpr const char* kWhat = "whether this loop goes on";
  RecordContext& context = executor.recorder().context();
  const ProgramGraph &goes_on = graph_at(operands, 0), &body = graph_at(operands, 1);
  Slots carried = values_at(operands, 2);
  const Slots& additional = values_at(operands, 3);
  const std::int64_t limit = executor.max_iterations() > 0 ? executor.max_iterations() : kTried;
  const std::string what = "the loop at " + context.place();
  LoopExits exits(context, executor.recorder().numbers());
  Note last;
  for (std::int64_t round = 0;; ++round) {
    const Slot condition = as_bool(executor, executor.run(goes_on, joined(carried, additional)).at(0));
    if (condition.note.kind == Note::Kind::kData) {
      if (!condition.note.scalar) refuse_data(context, kWhat, condition.note, "no tensor holds its condition");
      last = condition.note;
      exits.may_end(condition, carried);
    } else if (!decide_by_sizes(context, condition, true, kWhat)) {
      break;
    }
    if (round >= limit && last) {
      if (executor.max_iterations() == 0) {
        refuse_data(context, kWhat, last, "nothing bounds it: give the most rounds that it takes (--max-iterations N)");
      }
      if (exits.any_runs()) {
        refuse_data(context, kWhat, last,
                    "it takes more than " + std::to_string(limit) + " rounds on the sample inputs (--max-iterations)");
      }
      context.diagnostics.warning("T2N-R014",
                                  "this loop is exported with at most " + std::to_string(limit) +
                                      " rounds: inputs that need more of them give other results",
                                  context.here(), "give the most rounds that it takes (--max-iterations N)");
      break;
    }
    std::optional<DataRegionScope> region;
    if (!exits.empty()) region.emplace(context, what, exits.sample_runs());
    Slots next = executor.run(body, joined(carried, additional));
    if (next.size() != carried.size()) throw Unsupported("the loop hands on more or fewer values than it takes");
    for (std::size_t i = 0; i < carried.size(); ++i) {
      if (!exits.empty() && !has_same_facts(carried[i], next[i])) {
        refuse_data(context, kWhat, last, "a tensor that it hands on changes its shape or dtype from round to round");
      }
    }
    carried = std::move(next);
  }
  try {
    return exits.results(std::move(carried));
  } catch (const Unsupported& error) {
    refuse_data(context, kWhat, last, error.what());
  }
}

// What stands behind the graph at that place: its inputs.
Slots values_behind(const std::vector<GraphOperand>& operands, std::size_t graph) {
  Slots values;
  for (std::size_t i = graph + 1; i < operands.size(); ++i) values = joined(std::move(values), operands[i].values);
  return values;
}

// Device, dtype, whether it is switched on, whether casts are kept, and the graph.
Slots run_autocast(ProgramExecutor& executor, const std::vector<GraphOperand>& operands) {
  constexpr std::size_t kEnabled = 2, kGraph = 4;
  const Slots& enabled = values_at(operands, kEnabled);
  const bool is_enabled = enabled.empty() || !enabled[0].sample().isBool() || enabled[0].sample().toBool();
  return executor.run_in_autocast(graph_at(operands, kGraph), values_behind(operands, kGraph), is_enabled);
}

}  // namespace

GraphRefusal refusal_of_higher_order(const std::string& name) {
  for (const char* known :
       {"cond", "while_loop", "map_impl", "scan", "wrap_with_set_grad_enabled", "wrap_with_autocast"}) {
    if (name == known) return {};
  }
  const std::string decompose = "call ep.run_decompositions() before saving, which writes it as operators";
  if (name.starts_with("auto_functionalized")) {
    return {"calls an operator of the user's own that writes into its arguments",
            "write the model without the operator"};
  }
  return {"is not supported", decompose};
}

Slots run_higher_order(ProgramExecutor& executor, const std::string& name, const std::vector<GraphOperand>& operands) {
  if (name == "cond") return run_cond(executor, operands);
  if (name == "while_loop") return run_while(executor, operands);
  if (name == "map_impl") {
    return run_scan(executor, graph_at(operands, 0), {}, values_at(operands, 1), values_at(operands, 2));
  }
  if (name == "scan") {
    return run_scan(executor, graph_at(operands, 0), values_at(operands, 1), values_at(operands, 2),
                    values_at(operands, 3));
  }
  if (name == "wrap_with_set_grad_enabled") return executor.run(graph_at(operands, 1), values_behind(operands, 1));
  if (name == "wrap_with_autocast") return run_autocast(executor, operands);
  const GraphRefusal refusal = refusal_of_higher_order(name);
  throw Unsupported("torch.ops.higher_order." + name + " " + refusal.reason, refusal.hint);
}

}  // namespace torch2nnef
