#include "export/ops/networks/recurrent_weights.h"

#include <algorithm>
#include <cstddef>

namespace torch2nnef {
namespace {

struct EngineOrder {
  std::vector<std::size_t> gates;  // places in torch's order
  const char* suffix;              // of a label
};

const EngineOrder& engine_order(Cell cell) {
  static const EngineOrder kLstmOrder{{0, 3, 1, 2}, ".iofg"}, kGruOrder{{1, 0, 2}, ".zrn"};
  return cell == Cell::kLstm ? kLstmOrder : kGruOrder;
}

// A tensor whose first axis is cut into equal blocks, which come in another order.
class ReorderedBlocks final : public nnef::TensorData {
 public:
  ReorderedBlocks(nnef::TensorDataPtr data, std::vector<std::size_t> order)
      : data_(std::move(data)), order_(std::move(order)) {}

  DType dtype() const override { return data_->dtype(); }
  const std::vector<std::int64_t>& shape() const override { return data_->shape(); }
  void stream(const nnef::ByteSink& sink) const override {
    std::vector<std::byte> bytes;
    bytes.reserve(byte_size());
    data_->stream([&](const void* part, std::size_t count) {
      const auto* first = static_cast<const std::byte*>(part);
      bytes.insert(bytes.end(), first, first + count);
    });
    const std::size_t block = bytes.size() / order_.size();
    for (std::size_t place : order_) sink(bytes.data() + place * block, block);
  }

 private:
  nnef::TensorDataPtr data_;
  std::vector<std::size_t> order_;
};

bool are_constants(const Tape& tape, const std::vector<TapeValue>& weights) {
  return std::all_of(weights.begin(), weights.end(),
                     [&](TapeValue weight) { return tape.info(weight).kind == TapeValueInfo::Kind::kConstant; });
}

}  // namespace

CellForm best_form(Call& call, Cell cell, DType dtype, const std::vector<TapeValue>& weights) {
  const nnef::Dialect& dialect = call.builder().dialect();
  if (dtype != DType::kF32 || !are_constants(call.tape(), weights)) return CellForm::kWritten;
  if (cell == Cell::kLstm && dialect.has("tract_core_lstm_epilogue")) return CellForm::kEpilogue;
  if (cell == Cell::kGru && dialect.has("tract_core_gru_seq")) return CellForm::kSequence;
  if (cell == Cell::kGru && dialect.has("tract_core_gru_epilogue")) return CellForm::kEpilogue;
  return CellForm::kWritten;
}

// The engine's layer wants a constant: a cast of one beyond 4 MiB is none to it, so other dtypes are converted here.
Value gate_rows(Call& call, Cell cell, CellForm form, DType dtype, TapeValue weight, const std::string& name) {
  Builder& b = call.builder();
  if (form == CellForm::kWritten) return b.cast(call.value(weight), dtype);
  const TapeValueInfo& info = call.tape().info(weight);
  const ConstantPtr constant = info.constant->dtype() == dtype ? info.constant : info.constant->converted(dtype);
  const EngineOrder& order = engine_order(cell);
  return b.variable(call.label(info, name) + order.suffix, std::make_shared<ReorderedBlocks>(constant, order.gates));
}

}  // namespace torch2nnef
