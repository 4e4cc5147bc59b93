#include "export/ops/shape/index_plan.h"

#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

bool is_mask(ScalarType type) { return type == ScalarType::kBool || type == ScalarType::kUInt8; }

struct AxisIndex {
  int axis;
  Value index;
  bool is_plain;  // known to hold no negative index
};

// The coordinates of the items that a mask selects, one tensor an axis.
std::vector<Value> selected_coordinates(Call& call, const TapeValueInfo& info) {
  std::vector<std::int64_t> items = info.constant->to_integers();
  const std::vector<std::int64_t>& shape = info.constant->shape();
  std::vector<std::vector<std::int64_t>> coordinates(shape.size());
  for (std::size_t flat = 0; flat < items.size(); ++flat) {
    if (items[flat] == 0) continue;
    std::int64_t rest = static_cast<std::int64_t>(flat);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      coordinates[axis].push_back(rest % shape[axis]);
      rest /= shape[axis];
    }
  }
  std::vector<Value> values;
  for (const std::vector<std::int64_t>& list : coordinates) {
    values.push_back(index_variable(call, "selected", list, {static_cast<std::int64_t>(list.size())}));
  }
  return values;
}

bool holds_no_negative(const TapeValueInfo& info) {
  if (!info.constant) return false;
  for (std::int64_t item : info.constant->to_integers()) {
    if (item < 0) return false;
  }
  return true;
}

// The tensors among the indices, each with the first axis that it is of.
std::vector<std::pair<int, TapeValue>> index_tensors(Call& call) {
  std::vector<std::pair<int, TapeValue>> tensors;
  int axis = 0;
  for (const TapeArgument& item : *call.tape_call().find("indices")->list()) {
    if (!item.is_none()) tensors.emplace_back(axis, *item.value());
    const TapeValueInfo* info = item.is_none() ? nullptr : &call.tape().info(*item.value());
    axis += info && is_mask(info->type) ? static_cast<int>(info->shape.size()) : 1;
  }
  return tensors;
}

std::vector<AxisIndex> axis_indices(Call& call) {
  std::vector<AxisIndex> result;
  for (auto [axis, value] : index_tensors(call)) {
    const TapeValueInfo& info = call.tape().info(value);
    if (!is_mask(info.type)) {
      result.push_back({axis, call.builder().cast(call.value(value), DType::kI64), holds_no_negative(info)});
      continue;
    }
    if (!info.constant || info.shape.empty()) {
      throw Unsupported("a boolean mask that depends on an input: how many items it selects is known only when it runs",
                        "use torch.where, or multiply by the mask");
    }
    for (Value coordinate : selected_coordinates(call, info)) result.push_back({axis++, coordinate, true});
  }
  if (result.empty()) throw Unsupported("an index without any index tensor");
  return result;
}

}  // namespace

IndexPlan plan_index(Call& call) {
  Builder& b = call.builder();
  std::vector<AxisIndex> indices = axis_indices(call);
  const Shape& shape = call.shape("self");
  int rank = static_cast<int>(shape.size());
  IndexPlan plan;
  plan.count = static_cast<int>(indices.size());
  bool is_adjacent = indices.back().axis - indices.front().axis == plan.count - 1;
  plan.axis = is_adjacent ? indices.front().axis : 0;
  std::vector<bool> is_indexed(static_cast<std::size_t>(rank), false);
  for (const AxisIndex& item : indices) {
    is_indexed.at(static_cast<std::size_t>(item.axis)) = true;
    plan.order.push_back(item.axis);
  }
  int before = 0;
  for (int axis = 0; axis < rank; ++axis) {
    if (is_indexed[static_cast<std::size_t>(axis)]) continue;
    bool is_before = is_adjacent && axis < plan.axis;
    plan.order.insert(is_before ? plan.order.begin() + before++ : plan.order.end(), axis);
  }
  for (int axis : plan.order) plan.ordered.push_back(shape[static_cast<std::size_t>(axis)]);
  plan.merged = plan.ordered;
  for (int i = 1; i < plan.count; ++i) {
    plan.merged[static_cast<std::size_t>(plan.axis)] *= plan.merged[static_cast<std::size_t>(plan.axis) + 1];
    plan.merged.erase(plan.merged.begin() + plan.axis + 1);
  }
  plan.index = indices[0].index;
  if (plan.count == 1) return plan;
  for (int i = 0; i < plan.count; ++i) {
    const AxisIndex& item = indices[static_cast<std::size_t>(i)];
    const Dim& size = shape[static_cast<std::size_t>(item.axis)];
    Value index = item.is_plain ? item.index : non_negative_indices(call, item.index, size);
    plan.index = i == 0 ? index : b.binary("add", b.binary("mul", plan.index, call.dim_tensor(size)), index);
  }
  return plan;
}

std::optional<MaskIndex> single_mask(Call& call) {
  const auto tensors = index_tensors(call);
  if (tensors.size() != 1) return std::nullopt;
  const auto& [axis, value] = tensors.front();
  const TapeValueInfo& info = call.tape().info(value);
  if (!is_mask(info.type)) return std::nullopt;
  return MaskIndex{call.builder().cast(call.value(value), DType::kBool), axis, static_cast<int>(info.shape.size())};
}

Value at_least_1d(Call& call, Value x) { return call.builder().rank(x) == 0 ? reshape_to(call, x, {1}) : x; }

}  // namespace torch2nnef
