#include "nnef/infer/largest_index.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "nnef/number_at.h"

namespace nnef {
namespace {

constexpr std::int64_t kManyItems = 1 << 20;  // a table of that many places is not read through

// Operations that hand on the items of their first operand, each at least once.
constexpr std::array<std::string_view, 8> kKeepsItems = {
    "tract_core_cast", "reshape", "unsqueeze", "squeeze", "transpose", "copy", "tile", "tract_core_broadcast"};

std::optional<Dim> largest_item(const TensorData& data) {
  if (data.numel() == 0 || data.numel() > kManyItems || is_float(data.dtype())) return std::nullopt;
  std::int64_t largest = std::numeric_limits<std::int64_t>::min();
  const std::size_t size = item_size(data.dtype());
  data.stream([&](const void* bytes, std::size_t count) {
    const auto* place = static_cast<const std::byte*>(bytes);
    for (const std::byte* end = place + count; place < end; place += size) {
      largest = std::max(largest, static_cast<std::int64_t>(number_at<long double>(data.dtype(), place)));
    }
  });
  return Dim(largest);
}

// Of a range with the step 1, whose first item is a constant.
std::optional<Dim> end_of_range(const Operation& range) {
  const Argument *end = range.find("end"), *step = range.find("step");
  if (end == nullptr || step == nullptr || end->dim() == nullptr || step->dim() == nullptr) return std::nullopt;
  if (step->dim()->constant() != 1) return std::nullopt;
  return *end->dim() - 1;
}

// bitand(x, -1) is x.
bool keeps_all_bits(const Graph& graph, const Makers& makers, const Operation& operation) {
  const Argument* mask = operation.op == "tract_core_bitand" ? operation.find("y") : nullptr;
  const Operation* cast = mask && mask->value() ? makers.of(*mask->value(), "tract_core_cast") : nullptr;
  const Dim* number = cast && !cast->arguments.empty() ? cast->arguments.front().argument.dim() : nullptr;
  return number && number->constant() == -1 && !is_float(graph.info(*mask->value()).dtype);
}

}  // namespace

std::optional<Dim> largest_index(const Graph& graph, const Makers& makers, Value indices) {
  for (const Operation* maker = makers.of(indices); maker != nullptr; maker = makers.of(indices)) {
    if (maker->op == "tract_core_range") return end_of_range(*maker);
    if (maker->op == "variable") {
      const Argument* label = maker->find("label");
      const auto* name = label ? std::get_if<std::string>(&label->is) : nullptr;
      const auto data = name ? graph.variables.find(*name) : graph.variables.end();
      return data == graph.variables.end() ? std::nullopt : largest_item(*data->second);
    }
    const bool hands_on = std::find(kKeepsItems.begin(), kKeepsItems.end(), maker->op) != kKeepsItems.end() ||
                          keeps_all_bits(graph, makers, *maker);
    if (!hands_on || maker->arguments.empty()) return std::nullopt;
    const Value* operand = maker->arguments.front().argument.value();
    if (operand == nullptr) return std::nullopt;
    indices = *operand;
  }
  return std::nullopt;
}

}  // namespace nnef
