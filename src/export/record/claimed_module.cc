#include "export/record/claimed_module.h"

#include <utility>

#include "export/record/failures.h"
#include "export/record/torch_types.h"

namespace torch2nnef {

c10::IValue with_own_memory(const c10::IValue& value, const std::string& what) {
  if (value.isNone()) return value;
  if (value.isTensor()) return value.toTensor().defined() ? c10::IValue(value.toTensor().clone()) : value;
  if (value.isTuple()) {
    std::vector<c10::IValue> items;
    for (const c10::IValue& item : value.toTupleRef().elements()) items.push_back(with_own_memory(item, what));
    return c10::ivalue::Tuple::create(std::move(items));
  }
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& item : value.toTensorVector()) list.push_back(item.clone());
    return list;
  }
  throw Unsupported(what + " returns a " + value.tagKind() + ", and a lowering of a module gives tensors only",
                    "claim the modules inside it");
}

void record_claimed(OperatorRecorder& recorder, ClaimedModule call, const Slots& results) {
  RecordContext& context = recorder.context();
  const CallResults::Flat flat = recorder.results().flattened(call.op, results);
  std::vector<TapeValueInfo> infos;
  std::vector<nnef::Shape> shapes;
  for (const auto& tensors : flat) {
    infos.push_back(facts_of(tensors.front(), recorder.results().explain(call.op, call.given, tensors)));
    shapes.push_back(infos.back().shape);
  }
  call.where.module_path = call.path;
  call.where.module_class = call.class_name;
  const std::vector<TapeValue> values =
      context.tape.call(call.op, "", std::move(call.given), std::move(infos), call.where);
  TapeCall& written = context.tape.tape().calls.back();
  written.attributes = call.attribute_count;
  for (std::size_t i = 0; i < call.is_default.size(); ++i) written.is_default[i].second = call.is_default[i];
  for (std::size_t i = 0; i < flat.size(); ++i) context.cells.add_root(flat[i].front(), shapes[i], true, values[i]);
}

}  // namespace torch2nnef
