#include "export/record/bfloat16_operands.h"

#include "export/operators/operators.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

at::ScalarType common_type(const c10::IValue& a, const c10::IValue& b) {
  if (b.isTensor()) return at::result_type(a.toTensor(), b.toTensor());
  return at::result_type(a.toTensor(), b.toScalar());
}

}  // namespace

void round_operands(RecordContext& context, const std::string& op, const Slots& inputs, NamedArguments& arguments) {
  if (!row_of(op).is(kMeetsInOneType) || inputs.size() < 2 || arguments.size() < 2 || !inputs[0].sample().isTensor())
    return;
  const c10::IValue& other = inputs[1].sample();
  if (!other.isTensor() && !other.isScalar()) return;
  if (common_type(inputs[0].sample(), other) != at::kBFloat16) return;
  for (std::size_t i = 0; i < 2; ++i) {
    TapeArgument& argument = arguments[i].second;
    if (const TapeValue* value = argument.value()) {
      const TapeValueInfo info = context.tape.info(*value);  // a copy: the Tape grows
      if (info.type == ScalarType::kBFloat16) continue;
      if (inputs[i].sample().isTensor() && !context.is_live(inputs[i].sample())) {
        argument = {context.read(inputs[i].sample().toTensor().to(at::kBFloat16))};
        continue;
      }
      TapeValueInfo rounded;
      rounded.type = ScalarType::kBFloat16;
      rounded.shape = info.shape;
      argument = {context.tape.call1("aten::to", "dtype", {{"self", {*value}}, {"dtype", {std::string("bfloat16")}}},
                                     rounded, context.here())};
    } else if (const double* number = std::get_if<double>(&argument.is)) {
      argument = {static_cast<double>(c10::BFloat16(static_cast<float>(*number)))};
    } else if (const nnef::Dim* dim = std::get_if<nnef::Dim>(&argument.is); dim != nullptr && dim->is_constant()) {
      argument = {static_cast<double>(c10::BFloat16(static_cast<float>(dim->value())))};
    }
  }
}

}  // namespace torch2nnef
