// Recurrent layers and cells: lstm, gru, rnn_tanh, rnn_relu.

#include "export/ops/networks/rnn.h"

#include "export/ops/networks/recurrent_weights.h"
#include "export/ops/reduction/reduce_util.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

DType working_type(const Call& call) { return arithmetic_type(call.result_dtype()); }

// Which forms a lowering may choose among.
enum class Cells { kWritten, kOfEngine };

CellForm form_of(Call& call, Cell cell, Cells cells, const std::vector<TapeValue>& weights) {
  return cells == Cells::kWritten ? CellForm::kWritten : best_form(call, cell, working_type(call), weights);
}

std::vector<TapeValue> weights_of(Call& call) {
  std::vector<TapeValue> values;
  for (const TapeArgument& item : *call.tape_call().find("params")->list()) values.push_back(*item.value());
  return values;
}

// The weights of all layers and directions, in torch's order.
class WeightList {
 public:
  WeightList(Call& call, Cell cell, Cells cells, bool has_projection)
      : call_(call),
        cell_(cell),
        values_(weights_of(call)),
        form_(form_of(call, cell, cells, values_)),
        has_biases_(call.flag("has_biases")),
        has_projection_(has_projection) {}

  CellForm form() const { return form_; }

  CellWeights next() {
    CellWeights weights;
    weights.form = form_;
    weights.input = take(form_);
    weights.hidden = take(form_);
    if (has_biases_) {
      weights.input_bias = take(form_);
      weights.hidden_bias = take(form_);
    }
    if (has_projection_) weights.projection = take(CellForm::kWritten);
    return weights;
  }

 private:
  Value take(CellForm form) {
    const TapeValue value = values_.at(next_++);
    return gate_rows(call_, cell_, form, working_type(call_), value, "params_" + std::to_string(next_));
  }

  Call& call_;
  Cell cell_;
  std::vector<TapeValue> values_;
  CellForm form_;
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

void lower_layers(Call& call, Cell cell, Cells cells) {
  refuse_packed_and_training(call);
  Builder& b = call.builder();
  DType dtype = working_type(call);
  std::vector<Value> initial = cell == Cell::kLstm ? call.tensors("hx") : std::vector<Value>{call.tensor("hx")};
  for (Value& states : initial) states = b.cast(states, dtype);
  bool has_projection = cell == Cell::kLstm && b.shape(initial.at(0)).back() != b.shape(initial.at(1)).back();
  WeightList weights(call, cell, cells, has_projection);
  // The engine's own layer takes the batch first, a scan takes the time first.
  const bool is_moved = call.flag("batch_first") != (weights.form() == CellForm::kSequence);
  Value x = call.tensor_as("input", dtype);
  if (is_moved) x = b.transpose(x, {1, 0, 2});
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
  if (is_moved) x = b.transpose(x, {1, 0, 2});
  if (call.wanted(0)) call.result(0, b.cast(x, call.result_dtype(0)));
  set_state(call, 1, last_h);
  if (cell == Cell::kLstm) set_state(call, 2, last_c);
}

CellWeights weights_of_cell(Call& call, Cell cell, Cells cells, DType dtype) {
  std::vector<std::string> names{"w_ih", "w_hh"};
  for (const char* bias : {"b_ih", "b_hh"}) {
    if (call.has(bias)) names.emplace_back(bias);
  }
  std::vector<TapeValue> values;
  for (const std::string& name : names) values.push_back(call.tape_value(name));
  CellWeights weights;
  weights.form = form_of(call, cell, cells, values);
  const auto read = [&](std::size_t place) {
    return gate_rows(call, cell, weights.form, dtype, values[place], names[place]);
  };
  weights.input = read(0);
  weights.hidden = read(1);
  for (std::size_t i = 2; i < names.size(); ++i) {
    (names[i] == "b_ih" ? weights.input_bias : weights.hidden_bias) = read(i);
  }
  return weights;
}

void lower_cell(Call& call, Cell cell, Cells cells) {
  Builder& b = call.builder();
  DType dtype = working_type(call);
  const CellWeights weights = weights_of_cell(call, cell, cells, dtype);
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

void register_cells(Registry& registry, Cells cells) {
  static constexpr char kLimits[] =
      "packed sequences from pack_padded_sequence to pad_packed_sequence(total_length=..)";
  static constexpr std::pair<const char*, Cell> kCells[] = {{"aten::lstm", Cell::kLstm},
                                                            {"aten::gru", Cell::kGru},
                                                            {"aten::rnn_tanh", Cell::kTanh},
                                                            {"aten::rnn_relu", Cell::kRelu}};
  for (const auto& [name, cell] : kCells) {
    registry.add(
        name, [cell = cell, cells](Call& call) { lower_layers(call, cell, cells); }, kLimits);
    registry.add(std::string(name) + "_cell", [cell = cell, cells](Call& call) { lower_cell(call, cell, cells); });
  }
}

}  // namespace

std::shared_ptr<const Registry> written_recurrent_layers() {
  auto registry = std::make_shared<Registry>();
  register_cells(*registry, Cells::kWritten);
  return registry;
}

void register_rnn(Registry& registry) {
  register_cells(registry, Cells::kOfEngine);
  registry.add("aten::_pack_padded_sequence aten::_pad_packed_sequence", refuse_packing, "around recurrent layers");
}

}  // namespace torch2nnef
