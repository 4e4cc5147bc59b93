#include "export/ops/networks/recurrent.h"

#include <string>

#include "export/ops/linear_algebra/product.h"

namespace torch2nnef {
namespace {

// The engine's sigmoid lacks double precision (T-NO-F64). The one is no literal of that dtype, which would be a tensor
// file: a scan's body has none.
Value sigmoid(Builder& b, Value x) {
  if (b.dtype(x) != DType::kF64) return b.unary("sigmoid", x);
  Value growth = b.unary("exp", b.unary("neg", x));
  Value one = b.cast(b.constant(std::int64_t{1}, DType::kI64), DType::kF64);
  return b.unary("recip", b.binary("add", growth, one));
}

// Gate number `index` of a tensor whose last axis holds gates of `width` side by side.
Value gate(Builder& b, Value gates, int index, const Dim& width) {
  return b.slice(gates, b.rank(gates) - 1, width * index, width * (index + 1));
}

CellState written_lstm_step(Builder& b, Value gates, const CellState& before) {
  Dim width = b.shape(before.c).back();
  Value in = sigmoid(b, gate(b, gates, 0, width)), forget = sigmoid(b, gate(b, gates, 1, width));
  Value candidate = b.unary("tanh", gate(b, gates, 2, width)), out = sigmoid(b, gate(b, gates, 3, width));
  CellState after;
  after.c = b.binary("add", b.binary("mul", forget, before.c), b.binary("mul", in, candidate));
  after.h = b.binary("mul", out, b.unary("tanh", after.c));
  return after;
}

CellState lstm_step(Builder& b, Value gates, const CellState& before, const CellWeights& weights) {
  gates = b.binary("add", gates, matrix_product(b, before.h, weights.hidden, true));
  CellState after;
  if (weights.form == CellForm::kWritten) {
    after = written_lstm_step(b, gates, before);
  } else {
    const std::vector<Value> states =
        b.add_multi("tract_core_lstm_epilogue", {gates, before.c}, {{"hidden", b.shape(before.c).back()}});
    after = {states.at(0), states.at(1)};
  }
  if (weights.projection) after.h = matrix_product(b, after.h, *weights.projection, true);
  return after;
}

// The reset gate acts on the candidate's product with the state, after its bias.
CellState gru_step(Builder& b, Value gates, const CellState& before, const CellWeights& weights) {
  Dim width = b.shape(before.h).back();
  Value own = linear(b, before.h, weights.hidden, weights.hidden_bias);
  if (weights.form != CellForm::kWritten) {
    return {b.add("tract_core_gru_epilogue", {gates, own, before.h}, {{"hidden", width}}), {}};
  }
  auto both = [&](int index) { return b.binary("add", gate(b, gates, index, width), gate(b, own, index, width)); };
  Value reset = sigmoid(b, both(0)), update = sigmoid(b, both(1));
  Value candidate = b.binary("mul", reset, gate(b, own, 2, width));
  candidate = b.unary("tanh", b.binary("add", gate(b, gates, 2, width), candidate));
  Value change = b.binary("mul", update, b.binary("sub", before.h, candidate));
  return {b.binary("add", candidate, change), {}};
}

CellState simple_step(Builder& b, Value gates, const CellState& before, const CellWeights& weights,
                      const char* activation) {
  Value sum = b.binary("add", gates, matrix_product(b, before.h, weights.hidden, true));
  return {b.unary(activation, sum), {}};
}

// --- the scan ---

// The values that a step's body is given, in the order of its parameters.
struct Bindings {
  Value x;
  CellState start;
  CellWeights weights;  // those that the body reads

  std::vector<std::pair<const char*, Value>> full() const {
    std::vector<std::pair<const char*, Value>> result{{"weight_hidden", weights.hidden}};
    if (weights.hidden_bias) result.emplace_back("bias_hidden", *weights.hidden_bias);
    if (weights.projection) result.emplace_back("weight_projection", *weights.projection);
    return result;
  }
};

// One for each body that is written differently.
const char* name_of(Cell cell, CellForm form) {
  switch (cell) {
    case Cell::kLstm:
      return form == CellForm::kWritten ? "lstm_step" : "lstm_epilogue_step";
    case Cell::kGru:
      return form == CellForm::kWritten ? "gru_step" : "gru_epilogue_step";
    case Cell::kTanh:
      return "rnn_tanh_step";
    case Cell::kRelu:
      return "rnn_relu_step";
  }
  return "";
}

nnef::Graph step_body(const Builder& outer, Cell cell, const Bindings& given) {
  nnef::Graph graph;
  graph.name = name_of(cell, given.weights.form);
  Builder b(graph, outer.dialect());
  b.set_scope("", "step", "");
  auto parameter = [&](const char* name, Value value, bool is_scanned) {
    Shape shape = outer.shape(value);
    if (is_scanned) shape.at(0) = 1;
    return b.parameter(name, outer.dtype(value), shape);
  };
  Value gates = b.squeeze(parameter("step_x", given.x, true), {0});
  CellState before{parameter("state_h", given.start.h, false), {}};
  if (given.start.c) before.c = parameter("state_c", given.start.c, false);
  CellWeights weights;
  weights.form = given.weights.form;
  weights.hidden = parameter("weight_hidden", given.weights.hidden, false);
  if (given.weights.hidden_bias) weights.hidden_bias = parameter("bias_hidden", *given.weights.hidden_bias, false);
  if (given.weights.projection) weights.projection = parameter("weight_projection", *given.weights.projection, false);
  CellState after = cell_step(b, cell, gates, before, weights);
  Value y = b.unsqueeze(after.h, {0});
  b.name_output(after.h, "next_h");
  if (after.c) b.name_output(after.c, "next_c");
  b.name_output(y, "step_y");
  return graph;
}

bool same_parameters(const nnef::Graph& a, const nnef::Graph& b) {
  if (a.inputs.size() != b.inputs.size()) return false;
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    const nnef::ValueInfo &one = a.info(a.inputs[i]), &other = b.info(b.inputs[i]);
    if (one.name != other.name || one.dtype != other.dtype || one.shape != other.shape) return false;
  }
  return true;
}

// The name of the body, which layers of equal shapes share.
std::string add_body(Builder& b, Cell cell, const Bindings& given) {
  nnef::Graph body = step_body(b, cell, given);
  const std::string name = body.name;
  int count = 0;
  for (const nnef::Fragment& fragment : b.graph().fragments) {
    if (!fragment.body.name.starts_with(name)) continue;
    if (same_parameters(fragment.body, body)) return fragment.body.name;
    ++count;
  }
  if (count > 0) body.name += "_" + std::to_string(count);
  b.graph().fragments.push_back({body});
  return body.name;
}

LayerResult scan_layer(Builder& b, Cell cell, const Bindings& given, bool is_reversed) {
  int chunk = is_reversed ? -1 : 1;
  Argument::Array full, state, output;
  for (const auto& [name, value] : given.full()) full.items.push_back(Argument::tuple({name, value}));
  state.items.push_back(Argument::tuple({"state_h", given.start.h, "next_h"}));
  output.items.push_back(Argument::tuple({"step_y", "full", 0, chunk}));
  output.items.push_back(Argument::tuple({"next_h", "last", 0, 1}));
  if (given.start.c) {
    state.items.push_back(Argument::tuple({"state_c", given.start.c, "next_c"}));
    output.items.push_back(Argument::tuple({"next_c", "last", 0, 1}));
  }
  Argument::Array scan;
  scan.items.push_back(Argument::tuple({"step_x", given.x, 0, chunk}));
  std::vector<Value> results = b.add_multi(
      "tract_core_scan", {},
      {{"body", add_body(b, cell, given)}, {"scan", scan}, {"full", full}, {"state", state}, {"output", output}});
  return {results.at(0), {results.at(1), given.start.c ? results.at(2) : Value{}}};
}

// The engine keeps the state for its next run unless it is told not to.
LayerResult sequence_layer(Builder& b, Value x, Value start, const CellWeights& weights, bool is_reversed) {
  std::vector<nnef::NamedArgument> attributes{{"hidden", b.shape(start).back()},
                                              {"chunk", is_reversed ? -1 : 1},
                                              {"reset_every_turn", 1},
                                              {"initial_h", b.unsqueeze(start, {1})}};
  std::vector<Argument> tensors{x, weights.input, weights.hidden};
  if (weights.input_bias && weights.hidden_bias) {
    tensors.emplace_back(b.concat({*weights.input_bias, *weights.hidden_bias}, 0));
    attributes.push_back({"has_bias", 1});
  }
  const std::vector<Value> results = b.add_multi("tract_core_gru_seq", std::move(tensors), std::move(attributes));
  return {results.at(0), {b.squeeze(results.at(1), {1}), {}}};
}

}  // namespace

Value input_gates(Builder& b, Cell cell, Value x, const CellWeights& weights) {
  std::optional<Value> bias = weights.input_bias;
  if (cell != Cell::kGru && weights.hidden_bias) {
    bias = bias ? b.binary("add", *bias, *weights.hidden_bias) : *weights.hidden_bias;
  }
  return linear(b, x, weights.input, bias);
}

CellState cell_step(Builder& b, Cell cell, Value gates, const CellState& before, const CellWeights& weights) {
  switch (cell) {
    case Cell::kLstm:
      return lstm_step(b, gates, before, weights);
    case Cell::kGru:
      return gru_step(b, gates, before, weights);
    case Cell::kTanh:
      return simple_step(b, gates, before, weights, "tanh");
    case Cell::kRelu:
      return simple_step(b, gates, before, weights, "relu");
  }
  throw std::logic_error("no such cell");
}

LayerResult run_layer(Builder& b, Cell cell, Value x, const CellState& start, const CellWeights& weights,
                      bool is_reversed) {
  const int time = weights.form == CellForm::kSequence ? 1 : 0;
  if (b.shape(x).at(static_cast<std::size_t>(time)) == Dim(1)) {
    const Value gates = input_gates(b, cell, b.squeeze(x, {time}), weights);
    CellState last = cell_step(b, cell, gates, start, weights);
    return {b.unsqueeze(last.h, {time}), last};
  }
  if (weights.form == CellForm::kSequence) return sequence_layer(b, x, start.h, weights, is_reversed);
  Bindings given{input_gates(b, cell, x, weights), start, weights};
  if (cell != Cell::kGru) given.weights.hidden_bias.reset();  // it is in the gates
  return scan_layer(b, cell, given, is_reversed);
}

}  // namespace torch2nnef
