#include "export/record/shared_views.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace torch2nnef {
namespace {

constexpr std::size_t kSmall = 1 << 20;  // bytes that may be in the archive twice

// The axes of `whole` in the order that makes it `other`.
std::optional<std::vector<std::int64_t>> order_of(const at::Tensor& other, const at::Tensor& whole) {
  if (other.dim() != whole.dim() || other.scalar_type() != whole.scalar_type() ||
      other.storage_offset() != whole.storage_offset()) {
    return std::nullopt;
  }
  // Where each axis of `whole`, whose strides fall, went.
  std::vector<std::int64_t> places(static_cast<std::size_t>(other.dim())), order(places.size());
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(),
                   [&](std::int64_t a, std::int64_t b) { return other.stride(a) > other.stride(b); });
  for (std::size_t axis = 0; axis < places.size(); ++axis)
    order[static_cast<std::size_t>(places[axis])] = static_cast<std::int64_t>(axis);
  const at::Tensor permuted = whole.permute(order);
  if (permuted.sizes() != other.sizes() || permuted.strides() != other.strides()) return std::nullopt;
  return order;
}

TapeCall permute_call(TapeValue whole, TapeValue result, const std::vector<std::int64_t>& order) {
  TapeList dims;
  for (std::int64_t axis : order) dims.push_back({nnef::Dim(axis)});
  TapeCall call;
  call.op = "aten::permute";
  call.arguments = {{"self", {whole}}, {"dims", {std::move(dims)}}};
  call.is_default = {{"self", false}, {"dims", false}};
  call.results = {result};
  return call;
}

}  // namespace

void share_views(TapeWriter& writer) {
  std::map<TapeValue, TapeCall> views;  // by their results
  for (const auto& [memory, constants] : writer.captured()) {
    const auto whole = std::find_if(constants.begin(), constants.end(), [](const TapeWriter::Captured& one) {
      return one.tensor.is_contiguous() && one.tensor.nbytes() > kSmall;
    });
    if (whole == constants.end() || whole->tensor.is_quantized() || whole->tensor.is_complex()) continue;
    for (const TapeWriter::Captured& one : constants) {
      if (one.tensor.is_contiguous()) continue;
      if (const auto order = order_of(one.tensor, whole->tensor))
        views.emplace(one.value, permute_call(whole->value, one.value, *order));
    }
  }
  Tape& tape = writer.tape();
  std::vector<TapeCall> calls;
  calls.reserve(tape.calls.size() + views.size());
  const auto add_view = [&](TapeValue value, const Location& where) {
    auto view = views.extract(value);
    if (view.empty()) return;
    TapeValueInfo& info = tape.values[static_cast<std::size_t>(value.id)];
    info.kind = TapeValueInfo::Kind::kResult;
    info.constant = nullptr;
    info.label.clear();
    view.mapped().where = where;
    calls.push_back(std::move(view.mapped()));
  };
  for (TapeCall& call : tape.calls) {
    for (TapeValue value : call.tensors_read()) add_view(value, call.where);
    calls.push_back(std::move(call));
  }
  for (const auto& [name, value] : tape.outputs) add_view(value, {});
  tape.calls = std::move(calls);
}

}  // namespace torch2nnef
