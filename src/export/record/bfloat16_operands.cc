#include "export/record/bfloat16_operands.h"

#include <map>

#include "export/operators/operators.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

at::ScalarType common_type(const c10::IValue& a, const c10::IValue& b) {
  if (b.isTensor()) return at::result_type(a.toTensor(), b.toTensor());
  return at::result_type(a.toTensor(), b.toScalar());
}

// By the overload of two tensors, everything else as its default is; an undefined tensor where there is none.
at::Tensor computed(const std::string& op, const at::Tensor& x, const at::Tensor& y) {
  const auto found = c10::Dispatcher::singleton().findSchema({op, "Tensor"});
  if (!found) return {};
  torch::jit::Stack stack = {x.clone(), y};
  const std::vector<c10::Argument>& all = found->schema().arguments();
  for (std::size_t i = 2; i < all.size(); ++i) {
    if (!all[i].default_value()) return {};
    stack.emplace_back(*all[i].default_value());
  }
  found->callBoxed(stack);
  return stack.at(0).toTensor().to(at::kBFloat16);
}

// Newer releases of libtorch multiply and divide by a single number as it is, the others round it first. Which
// operators of the linked one do is tried out.
bool keeps_single_number(const std::string& op) {
  thread_local std::map<std::string, bool> known;
  if (const auto found = known.find(op); found != known.end()) return found->second;
  const at::Tensor x = at::linspace(0.1, 4, 400).to(at::kBFloat16), wide = x.to(at::kFloat);
  const at::Tensor number = at::scalar_tensor(0.1, at::kFloat);
  const at::Tensor result = computed(op, x, number);
  return known[op] = result.defined() && result.equal(computed(op, wide, number)) &&
                     !result.equal(computed(op, wide, number.to(at::kBFloat16).to(at::kFloat)));
}

bool is_single_number(const c10::IValue& value) { return !value.isTensor() || value.toTensor().numel() == 1; }

}  // namespace

void round_operands(RecordContext& context, const std::string& op, const Slots& inputs, NamedArguments& arguments) {
  if (!row_of(op).is(kMeetsInOneType) || inputs.size() < 2 || arguments.size() < 2 || !inputs[0].sample().isTensor())
    return;
  const c10::IValue& other = inputs[1].sample();
  if (!other.isTensor() && !other.isScalar()) return;
  if (common_type(inputs[0].sample(), other) != at::kBFloat16) return;
  const std::size_t rounded_ones = is_single_number(other) && keeps_single_number(op) ? 1 : 2;
  for (std::size_t i = 0; i < rounded_ones; ++i) {
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
