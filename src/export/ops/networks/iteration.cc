#include "export/ops/networks/iteration.h"

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

nnef::Graph round_body(const Builder& outer, const Iteration& iteration, DType dtype, const RoundFunction& round) {
  nnef::Graph graph;
  graph.name = iteration.name;
  Builder b(graph, outer.dialect());
  b.set_scope("", "round", "");
  Value one = b.parameter("one", dtype, {Dim(1)});
  auto declared = [&](const NamedValues& values) {
    std::vector<Value> parameters;
    for (const auto& [name, value] : values) {
      parameters.push_back(b.parameter(name, outer.dtype(value), outer.shape(value)));
    }
    return parameters;
  };
  std::vector<Value> fixed = declared(iteration.fixed), states = declared(iteration.states);
  std::vector<Value> next = round(b, one, std::move(fixed), std::move(states));
  for (std::size_t i = 0; i < next.size(); ++i) b.name_output(next[i], "next_" + iteration.states[i].first);
  return graph;
}

// Bodies of other shapes have names of their own.
std::string add_body(Builder& b, nnef::Graph body) {
  int count = 0;
  for (const nnef::Fragment& fragment : b.graph().fragments) {
    if (fragment.body.name.starts_with(body.name)) ++count;
  }
  if (count > 0) body.name += "_" + std::to_string(count);
  b.graph().fragments.push_back({body});
  return body.name;
}

// A one for each round, made of what an input gave: T-SCAN-CONSTANT.
Value ones(Call& call, Value source, DType dtype, std::int64_t rounds) {
  Builder& b = call.builder();
  std::vector<int> axes;
  for (int axis = 0; axis < b.rank(source); ++axis) axes.push_back(axis);
  Value size = b.unary("abs", source);
  if (!axes.empty()) size = b.reduce("max_reduce", size, axes, false);
  Value one = b.cast(b.binary("ge", size, b.literal(0.0, b.dtype(source))), dtype);
  return filled(call, one, {rounds});
}

}  // namespace

std::vector<Value> iterate(Call& call, const Iteration& iteration, Value source, const RoundFunction& round) {
  Builder& b = call.builder();
  DType dtype = b.dtype(iteration.states.front().second);
  std::string body = add_body(b, round_body(b, iteration, dtype, round));
  Argument::Array scan, full, state, output;
  scan.items.push_back(Argument::tuple({"one", ones(call, source, dtype, iteration.rounds), 0, 1}));
  for (const auto& [name, value] : iteration.fixed) full.items.push_back(Argument::tuple({name, value}));
  for (const auto& [name, value] : iteration.states) {
    state.items.push_back(Argument::tuple({name, value, "next_" + name}));
    output.items.push_back(Argument::tuple({"next_" + name, "last", 0, 1}));
  }
  return b.add_multi("tract_core_scan", {},
                     {{"body", body}, {"scan", scan}, {"full", full}, {"state", state}, {"output", output}});
}

Value body_number(Builder& b, std::int64_t value, DType dtype) { return b.cast(b.constant(value, DType::kI64), dtype); }

}  // namespace torch2nnef
