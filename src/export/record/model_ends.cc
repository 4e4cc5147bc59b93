#include "export/record/model_ends.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

// Fractions that stand in the sample already, made a little smaller: of equal items no order is defined, so a topk over
// a copy would be compared with another right answer. Whole numbers, zeros and infinities mean something and stay.
at::Tensor varied(const at::Tensor& copy, const at::Tensor& round, std::int64_t axis) {
  std::vector<std::int64_t> along(static_cast<std::size_t>(copy.dim()), 1);
  along[static_cast<std::size_t>(axis)] = -1;
  const at::Tensor items = copy.to(at::kDouble);
  return at::where(items == items.trunc(), items, items * (1 - round.view(along) / 128.0)).to(copy.scalar_type());
}

// The sample with dynamic axes cut or repeated to other sizes. A stride keeps neighbours different.
at::Tensor resized(const at::Tensor& sample, const nnef::Shape& shape, const nnef::Bindings& sizes) {
  at::Tensor result = sample;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::int64_t size = shape[axis].evaluate(sizes), old = sample.size(static_cast<std::int64_t>(axis));
    if (size == old || old == 0) continue;
    const at::Tensor place = at::arange(size, at::kLong);
    const auto dim = static_cast<std::int64_t>(axis);
    std::int64_t stride = 7;
    while (std::gcd(stride, old) > 1) ++stride;  // until no item is missed
    result = result.index_select(dim, (place * stride + 3).remainder(old));
    if (result.is_floating_point()) result = varied(result, place.floor_divide(old), dim);
  }
  return result.clone(at::MemoryFormat::Contiguous);
}

// What is drawn up to the size of an axis, at another size.
at::Tensor within(const at::Tensor& values, const DrawnInput& drawn, const nnef::Bindings& sizes) {
  const std::set<std::string> symbols = drawn.count.symbols();
  const auto is_bound = [&](const std::string& symbol) { return sizes.count(symbol) > 0; };
  if (symbols.empty() || !std::ranges::all_of(symbols, is_bound)) return values;
  const std::int64_t count = std::max(drawn.count.evaluate(sizes), std::int64_t{1});
  return values.sub(drawn.lowest).remainder(count).add(drawn.lowest);
}

// The tensors and numbers in a result, depth first, with their notes. Nones are counted.
void flatten(const Slot& slot, const ContainerNotes& notes, std::vector<Slot>& flat, int& nones) {
  const c10::IValue& value = slot.sample();
  if (value.isNone()) {
    ++nones;
  } else if (value.isTensor() || is_number(value)) {
    flat.push_back(slot);
  } else if (value.isTuple() || value.isList()) {
    std::vector<std::vector<c10::IValue>> worlds;
    for (const c10::IValue& world : slot.worlds) worlds.push_back(items_of(world));
    std::vector<Note> inside = notes.get(value);
    inside.resize(worlds.front().size());
    for (const auto& world : worlds) {
      if (world.size() == worlds.front().size()) continue;
      throw Unsupported("the result holds a list that is as long as a dynamic size",
                        "join its items by torch.stack or torch.cat");
    }
    for (std::size_t i = 0; i < worlds.front().size(); ++i) {
      Slot item{{}, inside[i]};
      for (const auto& world : worlds) item.worlds.push_back(world.at(i));
      flatten(item, notes, flat, nones);
    }
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      Slot item;
      for (const c10::IValue& world : slot.worlds) item.worlds.push_back(world.toGenericDict().at(entry.key()));
      flatten(item, notes, flat, nones);
    }
  } else {
    throw Unsupported("the result holds a " + value.tagKind() + ", which is not a tensor");
  }
}

at::Tensor as_tensor(const c10::IValue& value) {
  if (value.isTensor()) return value.toTensor();
  if (value.isDouble()) return at::scalar_tensor(value.toDouble(), at::kDouble);
  if (value.isBool()) return at::scalar_tensor(value.toBool(), at::kBool);
  return at::scalar_tensor(value.toInt(), at::kLong);
}

nnef::NamedTensor named(const std::string& name, const at::Tensor& tensor) {
  return {name, make_constant(tensor.is_contiguous() ? tensor : tensor.contiguous())};
}

}  // namespace

std::vector<at::Tensor> add_input(OperatorRecorder& recorder, Recording& recording, const std::string& name,
                                  const at::Tensor& sample, const nnef::Shape& shape, const DrawnInput* drawn) {
  std::vector<at::Tensor> versions;
  for (Recording::Run& run : recording.runs) {
    at::Tensor version = resized(sample, shape, run.sizes);
    if (drawn != nullptr) version = within(version, *drawn, run.sizes);
    run.inputs.push_back(named(name, version));
    versions.push_back(version.clone());  // 0-dim tensors are not numbers
  }
  recorder.input(name, versions, shape);
  return versions;
}

const DrawnInput* drawn_at(const std::vector<DrawnInput>& drawn, std::size_t place) {
  const auto found = std::ranges::find(drawn, place, &DrawnInput::place);
  return found == drawn.end() ? nullptr : &*found;
}

Slots flattened_result(const Slot& result, const ContainerNotes& notes, int& nones) {
  Slots flat;
  flatten(result, notes, flat, nones);
  return flat;
}

void make_pairs(OperatorRecorder& recorder, Slots& results) {
  for (Slot& result : results) {
    if (!result.sample().isTensor() || !result.sample().toTensor().is_complex()) continue;
    const Slot plain = recorder.call(find_callee("aten::resolve_conj", ""), {result}).at(0);
    result = recorder.call(find_callee("aten::view_as_real", ""), {plain}).at(0);
  }
}

void add_outputs(OperatorRecorder& recorder, Recording& recording, const std::vector<std::string>& names,
                 const Slots& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    recorder.output(names[i], results[i]);
    for (std::size_t world = 0; world < recording.runs.size(); ++world) {
      recording.runs[world].outputs.push_back(named(names[i], as_tensor(results[i].worlds[world])));
    }
  }
}

}  // namespace torch2nnef
