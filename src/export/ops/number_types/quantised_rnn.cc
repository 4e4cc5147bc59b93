// Dynamically quantised recurrent layers: what the products read is quantised by its range, of the whole sequence for
// the input and of one step for the state. The rest of a cell is in f32.

#include <algorithm>

#include "export/ops/number_types/quantised.h"

namespace torch2nnef {
namespace {

struct Side {
  Value weight;
  std::optional<Value> bias;
};

// One layer in one direction.
struct QuantisedCell {
  Side input, hidden;
  bool is_reduced = false;
};

struct State {
  Value h, c;  // [batch, hidden]; c of an LSTM only
};

Side side_of(Call& call, const TapeArgument& argument) {
  const PackedWeight packed = packed_weight(call, argument);
  if (!is_quantised(call.tape().info(packed.weight).type)) {
    throw Unsupported("recurrent weights in half precision", "quantise the layer dynamically to qint8");
  }
  return {weight_times(call, packed, 1), scaled_bias(call, packed, 1)};
}

// As CallArguments writes it: the kind, two packed weights, and whether a bit is left out.
QuantisedCell cell_of(Call& call, const TapeArgument& argument) {
  const TapeList* list = argument.list();
  if (!list || list->size() < 4) throw Unsupported("recurrent weights that are not packed for dynamic quantisation");
  return {side_of(call, list->at(1)), side_of(call, list->at(2)), std::get<bool>(list->at(3).is)};
}

Value part(Builder& b, Value gates, int index, const Dim& width) {
  return b.slice(gates, b.rank(gates) - 1, width * index, width * (index + 1));
}

State lstm_step(Builder& b, Value x_gates, Value h_gates, const State& before) {
  const Dim width = b.shape(before.c).back();
  const Value gates = b.binary("add", x_gates, h_gates);
  const Value in = b.unary("sigmoid", part(b, gates, 0, width)), forget = b.unary("sigmoid", part(b, gates, 1, width));
  const Value candidate = b.unary("tanh", part(b, gates, 2, width));
  const Value out = b.unary("sigmoid", part(b, gates, 3, width));
  const Value c = b.binary("add", b.binary("mul", forget, before.c), b.binary("mul", in, candidate));
  return {b.binary("mul", out, b.unary("tanh", c)), c};
}

State gru_step(Builder& b, Value x_gates, Value h_gates, const State& before) {
  const Dim width = b.shape(before.h).back();
  const auto both = [&](int index) {
    return b.unary("sigmoid", b.binary("add", part(b, x_gates, index, width), part(b, h_gates, index, width)));
  };
  const Value reset = both(0), update = both(1);
  const Value own = b.binary("mul", reset, part(b, h_gates, 2, width));
  const Value candidate = b.unary("tanh", b.binary("add", part(b, x_gates, 2, width), own));
  return {b.binary("add", candidate, b.binary("mul", update, b.binary("sub", before.h, candidate))), {}};
}

State step(Builder& b, Value x_gates, const State& before, const QuantisedCell& cell) {
  const Value h_gates = dynamic_linear(b, before.h, cell.hidden.weight, cell.hidden.bias, cell.is_reduced);
  return before.c ? lstm_step(b, x_gates, h_gates, before) : gru_step(b, x_gates, h_gates, before);
}

// The body of the scan, which reads the values that it is given under these names.
nnef::Graph body_of(const Builder& outer, const std::string& name, Value gates, const State& start,
                    const QuantisedCell& cell) {
  nnef::Graph graph;
  graph.name = name;
  Builder b(graph, outer.dialect());
  b.set_scope("", "step", "");
  const auto parameter = [&](const char* label, Value value) {
    return b.parameter(label, outer.dtype(value), outer.shape(value));
  };
  Shape one_step = outer.shape(gates);
  one_step.at(0) = 1;
  const Value x_gates = b.squeeze(b.parameter("step_x", DType::kF32, one_step), {0});
  State before{parameter("state_h", start.h), {}};
  if (start.c) before.c = parameter("state_c", start.c);
  QuantisedCell inner;
  inner.is_reduced = cell.is_reduced;
  inner.hidden.weight = parameter("weight_hidden", cell.hidden.weight);
  if (cell.hidden.bias) inner.hidden.bias = parameter("bias_hidden", *cell.hidden.bias);
  const State after = step(b, x_gates, before, inner);
  const Value y = b.unsqueeze(after.h, {0});
  b.name_output(after.h, "next_h");
  if (after.c) b.name_output(after.c, "next_c");
  b.name_output(y, "step_y");
  return graph;
}

struct Layer {
  Value y;  // [time, batch, hidden]
  State last;
};

Layer run_layer(Builder& b, Value x, const State& start, const QuantisedCell& cell, bool is_reversed) {
  const Value gates = dynamic_linear(b, x, cell.input.weight, cell.input.bias, cell.is_reduced);
  const std::string name = std::string(start.c ? "quantised_lstm_step" : "quantised_gru_step") +
                           (b.graph().fragments.empty() ? "" : "_" + std::to_string(b.graph().fragments.size()));
  b.graph().fragments.push_back({body_of(b, name, gates, start, cell)});
  const int chunk = is_reversed ? -1 : 1;
  Argument::Array scan, full, state, output;
  scan.items.push_back(Argument::tuple({"step_x", gates, 0, chunk}));
  full.items.push_back(Argument::tuple({"weight_hidden", cell.hidden.weight}));
  if (cell.hidden.bias) full.items.push_back(Argument::tuple({"bias_hidden", *cell.hidden.bias}));
  state.items.push_back(Argument::tuple({"state_h", start.h, "next_h"}));
  output.items.push_back(Argument::tuple({"step_y", "full", 0, chunk}));
  output.items.push_back(Argument::tuple({"next_h", "last", 0, 1}));
  if (start.c) {
    state.items.push_back(Argument::tuple({"state_c", start.c, "next_c"}));
    output.items.push_back(Argument::tuple({"next_c", "last", 0, 1}));
  }
  const std::vector<Value> results = b.add_multi(
      "tract_core_scan", {}, {{"body", name}, {"scan", scan}, {"full", full}, {"state", state}, {"output", output}});
  return {results.at(0), {results.at(1), start.c ? results.at(2) : Value{}}};
}

void set_states(Call& call, std::size_t index, const std::vector<Value>& states) {
  if (!call.wanted(index)) return;
  std::vector<Value> rows;
  for (Value one : states) rows.push_back(call.builder().unsqueeze(one, {0}));
  call.result(index, call.builder().concat(rows, 0));
}

void lower_layers(Call& call, bool is_lstm) {
  if (call.tape_call().find("batch_sizes")) throw Unsupported("a packed sequence in a quantised recurrent layer");
  if (call.flag("train") && call.number("dropout") != 0) throw Unsupported("dropout in training mode");
  Builder& b = call.builder();
  const std::vector<Value> initial = is_lstm ? call.tensors("hx") : std::vector<Value>{call.tensor("hx")};
  const auto state_at = [&](std::size_t which, int place) {
    return b.squeeze(b.slice(b.cast(initial.at(which), DType::kF32), 0, place, place + 1), {0});
  };
  const TapeList* params = call.tape_call().find("params")->list();
  const bool batch_first = call.flag("batch_first");
  Value x = call.tensor_as("input", DType::kF32);
  if (batch_first) x = b.transpose(x, {1, 0, 2});
  const int directions = call.flag("bidirectional") ? 2 : 1;
  std::vector<Value> last_h, last_c;
  for (std::int64_t layer = 0; layer < call.integer("num_layers"); ++layer) {
    std::vector<Value> outputs;
    for (int direction = 0; direction < directions; ++direction) {
      const int place = static_cast<int>(layer) * directions + direction;
      const QuantisedCell cell = cell_of(call, params->at(static_cast<std::size_t>(place)));
      const State start{state_at(0, place), is_lstm ? state_at(1, place) : Value{}};
      const Layer done = run_layer(b, x, start, cell, direction == 1);
      outputs.push_back(done.y);
      last_h.push_back(done.last.h);
      last_c.push_back(done.last.c);
    }
    x = b.concat(outputs, 2);
  }
  if (batch_first) x = b.transpose(x, {1, 0, 2});
  if (call.wanted(0)) call.result(0, x);
  set_states(call, 1, last_h);
  if (is_lstm) set_states(call, 2, last_c);
}

// One step of one layer: its weights are arguments of their own, and all 8 bits are used.
void lower_cell(Call& call, const std::function<State(Builder&, Value, Value, const State&)>& one_step) {
  Builder& b = call.builder();
  const Side input = side_of(call, *call.tape_call().find("w_ih")),
             hidden = side_of(call, *call.tape_call().find("w_hh"));
  State before;
  if (call.tape_call().find("hx")->list()) {
    const std::vector<Value> states = call.tensors("hx");
    before = {states.at(0), states.at(1)};
  } else {
    before.h = call.tensor("hx");
  }
  const Value x_gates = dynamic_linear(b, call.tensor("input"), input.weight, input.bias, false);
  const State after = one_step(b, x_gates, dynamic_linear(b, before.h, hidden.weight, hidden.bias, false), before);
  if (call.wanted(0)) call.result(0, after.h);
  if (after.c && call.wanted(1)) call.result(1, after.c);
}

LoweringFunction cell_of(const std::function<State(Builder&, Value, Value, const State&)>& one_step) {
  return [one_step](Call& call) { lower_cell(call, one_step); };
}

LoweringFunction simple_cell(const char* activation) {
  return cell_of([activation](Builder& b, Value x_gates, Value h_gates, const State&) {
    return State{b.unary(activation, b.binary("add", x_gates, h_gates)), {}};
  });
}

}  // namespace

void register_quantised_rnn(Registry& registry) {
  static constexpr char kTies[] = "where a number lies between two items, the whole of a step may differ by one";
  registry.add(
      "aten::quantized_lstm", [](Call& call) { lower_layers(call, true); }, kTies);
  registry.add(
      "aten::quantized_gru", [](Call& call) { lower_layers(call, false); }, kTies);
  registry.add("quantized::quantized_lstm_cell_dynamic", cell_of(lstm_step), kTies);
  registry.add("quantized::quantized_gru_cell_dynamic", cell_of(gru_step), kTies);
  registry.add("quantized::quantized_rnn_tanh_cell_dynamic", simple_cell("tanh"), kTies);
  registry.add("quantized::quantized_rnn_relu_cell_dynamic", simple_cell("relu"), kTies);
}

}  // namespace torch2nnef
