// One step, and one layer, of the recurrent networks that torch has.
#pragma once

#include <optional>

#include "export/lower/lowering.h"

namespace torch2nnef {

enum class Cell { kLstm, kGru, kTanh, kRelu };

// How a cell is computed, and so the order of the gates' rows in its weights.
enum class CellForm {
  kWritten,   // by sigmoid, tanh and products, in torch's order: i f g o for an LSTM, r z n for a GRU
  kEpilogue,  // tract_core_lstm_epilogue, i o f g, or tract_core_gru_epilogue, z r n
  kSequence,  // a whole layer by tract_core_gru_seq, z r n; its single steps as kEpilogue
};

// Weights of one layer in one direction, rows by gate.
struct CellWeights {
  CellForm form = CellForm::kWritten;
  Value input;                                   // [gates * hidden, features]
  Value hidden;                                  // [gates * hidden, hidden], or [.., projected]
  std::optional<Value> input_bias, hidden_bias;  // [gates * hidden]
  std::optional<Value> projection;               // [projected, hidden], LSTM only
};

// h is [batch, hidden]; c is for an LSTM only.
struct CellState {
  Value h, c;
};

// What the input contributes to the gates, for any number of steps at once: [.., features] to [.., gates * hidden].
// Biases that are added anyway are in it.
Value input_gates(Builder& b, Cell cell, Value x, const CellWeights& weights);

// The state after a step. `gates` is input_gates() of the step's input, [batch, gates * hidden].
CellState cell_step(Builder& b, Cell cell, Value gates, const CellState& before, const CellWeights& weights);

// A layer over x [time, batch, features], in one direction: all h, [time, batch, hidden], and the last state. More than
// one step, or a dynamic number of them, become a scan of the engine. As kSequence x is [batch, time, features], and h
// [batch, time, hidden].
struct LayerResult {
  Value y;
  CellState last;
};
LayerResult run_layer(Builder& b, Cell cell, Value x, const CellState& start, const CellWeights& weights,
                      bool is_reversed);

}  // namespace torch2nnef
