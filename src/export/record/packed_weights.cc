#include "export/record/packed_weights.h"

#include <optional>

#include "export/record/quantised_engine.h"

namespace torch2nnef {
namespace {

c10::IValue called(const char* op, const std::vector<c10::IValue>& arguments) {
  const auto found = torch::jit::findOperatorFor(c10::OperatorName(op, ""));
  if (!found) throw std::runtime_error(std::string("libtorch has no ") + op);
  torch::jit::Stack stack(arguments.begin(), arguments.end());
  found->getOperation()(stack);
  return stack.at(0);
}

std::int64_t integer_of(const TapeArgument& argument) { return std::get<nnef::Dim>(argument.is).value(); }

c10::List<std::int64_t> integers_of(const TapeArgument& argument) {
  c10::List<std::int64_t> list;
  for (const TapeArgument& item : *argument.list()) list.push_back(integer_of(item));
  return list;
}

constexpr const char* kLinear = "__torch__.torch.classes.quantized.LinearPackedParamsBase";

// Of a recurrent layer in one direction: its kind, two packed weights, whether inputs are quantised to 7 bits.
c10::IValue cell_again(const TapeList& held, const std::function<at::Tensor(TapeValue)>& value) {
  if (held.size() != 4) throw std::runtime_error("recurrent weights of an unknown kind");
  const c10::IValue input = packed_again(kLinear, *held.at(1).list(), value);
  const c10::IValue hidden = packed_again(kLinear, *held.at(2).list(), value);
  if (std::get<std::string>(held.front().is) != "quantized_dynamic") {
    return called("quantized::make_quantized_cell_params_fp16", {input, hidden});
  }
  const auto bias = [&](std::size_t side) {
    const TapeValue* given = held.at(side).list()->at(1).value();
    return given ? value(*given) : at::Tensor();
  };
  return called("quantized::make_quantized_cell_params_dynamic",
                {input, hidden, bias(1), bias(2), std::get<bool>(held.at(3).is)});
}

c10::IValue table_again(const TapeList& held, const std::function<at::Tensor(TapeValue)>& value) {
  const auto part = [&](std::size_t index) { return value(*held.at(index).value()); };
  const at::Tensor scales = part(1).reshape({-1}), zeros = part(2).reshape({-1});
  return called("quantized::embedding_bag_prepack",
                {at::_make_per_channel_quantized_tensor(part(0), scales, zeros, 0)});
}

}  // namespace

c10::IValue packed_again(const std::string& class_name, const TapeList& held,
                         const std::function<at::Tensor(TapeValue)>& value) {
  if (class_name.ends_with(".rnn.CellParamsBase")) return cell_again(held, value);
  if (class_name.ends_with(".EmbeddingPackedParamsBase")) return table_again(held, value);
  const at::Tensor weight = value(*held.at(0).value());
  const TapeValue* bias = held.at(1).value();
  std::vector<c10::IValue> arguments{weight, bias ? c10::IValue(value(*bias)) : c10::IValue()};
  if (class_name.ends_with(".LinearPackedParamsBase")) {
    return called(weight.is_quantized() ? "quantized::linear_prepack" : "quantized::linear_prepack_fp16", arguments);
  }
  const bool is_flat = class_name.ends_with(".Conv2dPackedParamsBase");
  if (!is_flat && !class_name.ends_with(".Conv3dPackedParamsBase")) {
    throw std::runtime_error("its weights are packed as " + class_name);
  }
  const bool is_transposed = std::get<bool>(held.at(7).is);
  arguments.emplace_back(integers_of(held.at(2)));
  arguments.emplace_back(integers_of(held.at(3)));
  if (is_transposed) arguments.emplace_back(integers_of(held.at(4)));
  arguments.emplace_back(integers_of(held.at(5)));
  arguments.emplace_back(integer_of(held.at(6)));
  std::optional<ExactEngineInUse> engine;
  if (is_transposed && weight.qscheme() == at::kPerChannelAffine && has_exact_engine()) engine.emplace();
  if (is_transposed)
    return called(is_flat ? "quantized::conv_transpose2d_prepack" : "quantized::conv_transpose3d_prepack", arguments);
  return called(is_flat ? "quantized::conv2d_prepack" : "quantized::conv3d_prepack", arguments);
}

}  // namespace torch2nnef
