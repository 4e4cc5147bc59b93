// Recurrent layers and cells: lstm, gru, rnn_tanh, rnn_relu.

#include "export/ops/networks/recurrent.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

DType working_type(const Call& call) { return arithmetic_type(call.result_dtype()); }

// The weights of all layers and directions, in torch's order.
class WeightList {
 public:
  WeightList(Call& call, bool has_projection) : has_biases_(call.flag("has_biases")), has_projection_(has_projection) {
    for (Value value : call.tensors("params")) values_.push_back(call.builder().cast(value, working_type(call)));
  }

  CellWeights next() {
    CellWeights weights;
    weights.input = take();
    weights.hidden = take();
    if (has_biases_) {
      weights.input_bias = take();
      weights.hidden_bias = take();
    }
    if (has_projection_) weights.projection = take();
    return weights;
  }

 private:
  Value take() { return values_.at(next_++); }

  std::vector<Value> values_;
  std::size_t next_ = 0;
  bool has_biases_, has_projection_;
};

// Initial states [layers * directions, batch, width], by place.
Value state_at(Builder& b, Value states, int place) { return b.squeeze(b.slice(states, 0, place, place + 1), {0}); }

void refuse_packed_and_training(const Call& call) {
  if (call.tape_call().find("batch_sizes")) {
    throw Unsupported(
        "the last cell state of an LSTM over a packed sequence, or a packed sequence that is not made by "
        "pack_padded_sequence",
        "give the layer a padded tensor instead of a PackedSequence");
  }
  if (call.flag("train") && call.number("dropout") != 0 && call.integer("num_layers") > 1) {
    throw Unsupported("dropout between recurrent layers in training mode", "export the model in eval mode");
  }
}

void set_state(Call& call, std::size_t index, const std::vector<Value>& states) {
  Builder& b = call.builder();
  if (!call.wanted(index)) return;
  std::vector<Value> rows;
  for (Value state : states) rows.push_back(b.unsqueeze(state, {0}));
  call.result(index, b.cast(b.concat(rows, 0), call.result_dtype(index)));
}

void lower_layers(Call& call, Cell cell) {
  refuse_packed_and_training(call);
  Builder& b = call.builder();
  DType dtype = working_type(call);
  std::vector<Value> initial = cell == Cell::kLstm ? call.tensors("hx") : std::vector<Value>{call.tensor("hx")};
  for (Value& states : initial) states = b.cast(states, dtype);
  bool has_projection = cell == Cell::kLstm && b.shape(initial.at(0)).back() != b.shape(initial.at(1)).back();
  WeightList weights(call, has_projection);
  bool batch_first = call.flag("batch_first");
  Value x = call.tensor_as("input", dtype);
  if (batch_first) x = b.transpose(x, {1, 0, 2});
  int directions = call.flag("bidirectional") ? 2 : 1;
  std::vector<Value> last_h, last_c;
  for (std::int64_t layer = 0; layer < call.integer("num_layers"); ++layer) {
    std::vector<Value> outputs;
    for (int direction = 0; direction < directions; ++direction) {
      int place = static_cast<int>(layer) * directions + direction;
      CellState start{state_at(b, initial[0], place), {}};
      if (cell == Cell::kLstm) start.c = state_at(b, initial[1], place);
      LayerResult result = run_layer(b, cell, x, start, weights.next(), direction == 1);
      outputs.push_back(result.y);
      last_h.push_back(result.last.h);
      last_c.push_back(result.last.c);
    }
    x = b.concat(outputs, 2);
  }
  if (batch_first) x = b.transpose(x, {1, 0, 2});
  if (call.wanted(0)) call.result(0, b.cast(x, call.result_dtype(0)));
  set_state(call, 1, last_h);
  if (cell == Cell::kLstm) set_state(call, 2, last_c);
}

void lower_cell(Call& call, Cell cell) {
  Builder& b = call.builder();
  DType dtype = working_type(call);
  CellWeights weights{call.tensor_as("w_ih", dtype), call.tensor_as("w_hh", dtype), {}, {}, {}};
  if (call.has("b_ih")) weights.input_bias = call.tensor_as("b_ih", dtype);
  if (call.has("b_hh")) weights.hidden_bias = call.tensor_as("b_hh", dtype);
  CellState before;
  if (cell == Cell::kLstm) {
    std::vector<Value> states = call.tensors("hx");
    before = {b.cast(states.at(0), dtype), b.cast(states.at(1), dtype)};
  } else {
    before = {call.tensor_as("hx", dtype), {}};
  }
  Value gates = input_gates(b, cell, call.tensor_as("input", dtype), weights);
  CellState after = cell_step(b, cell, gates, before, weights);
  if (call.wanted(0)) call.result(0, b.cast(after.h, call.result_dtype(0)));
  if (cell == Cell::kLstm && call.wanted(1)) call.result(1, b.cast(after.c, call.result_dtype(1)));
}

void refuse_packing(Call&) {
  throw Unsupported(
      "a packed sequence, whose layout depends on the values of its lengths, is used outside of a recurrent "
      "layer, or unpacked to the longest of them",
      "give pad_packed_sequence the size as total_length");
}

LoweringFunction layers_of(Cell cell) {
  return [cell](Call& call) { lower_layers(call, cell); };
}
LoweringFunction cell_of(Cell cell) {
  return [cell](Call& call) { lower_cell(call, cell); };
}

}  // namespace

void register_rnn(Registry& registry);

void register_rnn(Registry& registry) {
  static constexpr char kLimits[] =
      "packed sequences from pack_padded_sequence to pad_packed_sequence(total_length=..)";
  registry.add("aten::lstm", layers_of(Cell::kLstm), kLimits);
  registry.add("aten::gru", layers_of(Cell::kGru), kLimits);
  registry.add("aten::rnn_tanh", layers_of(Cell::kTanh), kLimits);
  registry.add("aten::rnn_relu", layers_of(Cell::kRelu), kLimits);
  registry.add("aten::_pack_padded_sequence aten::_pad_packed_sequence", refuse_packing, "around recurrent layers");
  registry.add("aten::lstm_cell", cell_of(Cell::kLstm));
  registry.add("aten::gru_cell", cell_of(Cell::kGru));
  registry.add("aten::rnn_tanh_cell", cell_of(Cell::kTanh));
  registry.add("aten::rnn_relu_cell", cell_of(Cell::kRelu));
}

}  // namespace torch2nnef
