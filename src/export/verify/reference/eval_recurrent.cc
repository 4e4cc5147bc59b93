// The engine's own recurrent cells and layers.

#include <algorithm>

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

// Gates in the order i o f g.
Tensors lstm_epilogue(const EvalCall& call) {
  const std::vector<at::Tensor> gates = widened(call.tensor("preact")).chunk(4, -1);
  const at::Tensor before = widened(call.tensor("c_prev"));
  const at::Tensor c = engine_sigmoid(gates[2]) * before + engine_sigmoid(gates[0]) * engine_tanh(gates[3]);
  const at::Tensor h = engine_sigmoid(gates[1]) * engine_tanh(c);
  return {h.to(call.result_type(0)), c.to(call.result_type(1))};
}

// Gates in the order z r n.
at::Tensor gru_state(const at::Tensor& from_input, const at::Tensor& from_state, const at::Tensor& before) {
  const std::vector<at::Tensor> x = from_input.chunk(3, -1), h = from_state.chunk(3, -1);
  const at::Tensor update = engine_sigmoid(x[0] + h[0]), reset = engine_sigmoid(x[1] + h[1]);
  const at::Tensor candidate = engine_tanh(x[2] + reset * h[2]);
  return candidate + update * (before - candidate);
}

Tensors gru_epilogue(const EvalCall& call) {
  const at::Tensor state =
      gru_state(widened(call.tensor("xh")), widened(call.tensor("rh")), widened(call.tensor("h_prev")));
  return {state.to(call.result_type())};
}

Tensors gru_sequence(const EvalCall& call) {
  const at::Tensor x = widened(call.tensor("x")), w = widened(call.tensor("w")), r = widened(call.tensor("r"));
  at::Tensor h = widened(call.tensor("initial_h")).squeeze(1), from_input = at::matmul(x, w.t()), bias;
  if (call.integer("has_bias") != 0) {
    const std::vector<at::Tensor> biases = widened(call.tensor("b")).chunk(2, 0);
    from_input = from_input + biases[0];
    bias = biases[1];
  }
  const bool is_reversed = call.integer("chunk") < 0;
  Tensors states;
  for (std::int64_t step = 0; step < x.size(1); ++step) {
    at::Tensor from_state = at::matmul(h, r.t());
    if (bias.defined()) from_state = from_state + bias;
    h = gru_state(from_input.select(1, is_reversed ? x.size(1) - 1 - step : step), from_state, h);
    states.push_back(h);
  }
  if (states.empty()) call.fail("the time axis is empty");
  if (is_reversed) std::reverse(states.begin(), states.end());
  return {at::stack(states, 1).to(call.result_type(0)), h.unsqueeze(1).to(call.result_type(1))};
}

}  // namespace

void add_recurrent_evaluation(EvalTable& table) {
  table.emplace("tract_core_lstm_epilogue", lstm_epilogue);
  table.emplace("tract_core_gru_epilogue", gru_epilogue);
  table.emplace("tract_core_gru_seq", gru_sequence);
}

}  // namespace torch2nnef
