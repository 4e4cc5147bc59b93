#include "export/record/ivalues.h"

#include "export/record/slot.h"

namespace torch2nnef {

std::vector<at::Tensor> tensors_in(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  std::vector<at::Tensor> result;
  if (value.isIntList() || value.isDoubleList() || value.isBoolList()) return result;
  for (const c10::IValue& item : items_of(value)) {
    std::vector<at::Tensor> inside = tensors_in(item);
    result.insert(result.end(), inside.begin(), inside.end());
  }
  return result;
}

c10::IValue make_list(const c10::TypePtr& type, const std::vector<c10::IValue>& items) {
  c10::impl::GenericList list(type->expectRef<c10::ListType>().getElementType());
  list.reserve(items.size());
  for (const c10::IValue& item : items) list.push_back(item);
  return list;
}

c10::IValue make_tuple(const c10::TypePtr& type, std::vector<c10::IValue> items) {
  auto tuple = type->expect<c10::TupleType>();
  if (tuple->name()) return c10::ivalue::Tuple::createNamed(std::move(items), tuple);
  return c10::ivalue::Tuple::create(std::move(items));
}

c10::IValue container_like(const c10::IValue& container, std::vector<c10::IValue> items) {
  const c10::TypePtr type = container.type();
  return container.isTuple() ? make_tuple(type, std::move(items)) : make_list(type, items);
}

bool equal_or_nan(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  if (a.is_quantized()) return at::equal(a, b);
  const at::Tensor both_nan = a.ne(a).logical_and(b.ne(b));
  return a.eq(b).logical_or(both_nan).all().item<bool>();
}

}  // namespace torch2nnef
