// Padding that a text leaves to the reader: "same" as NNEF 1.0.5 section 4.3.1 has it (T-PADDING-LEFT-OUT), written
// out.
#include <algorithm>
#include <array>
#include <stdexcept>

#include "nnef/text/text_fold.h"

namespace nnef {
namespace {

bool is_window(std::string_view op) {
  constexpr std::array<std::string_view, 13> kWindows = {"conv",
                                                         "deconv",
                                                         "box",
                                                         "debox",
                                                         "max_pool",
                                                         "avg_pool",
                                                         "rms_pool",
                                                         "max_pool_with_index",
                                                         "argmax_pool",
                                                         "sample",
                                                         "desample",
                                                         "separable_conv",
                                                         "separable_deconv"};
  return std::find(kWindows.begin(), kWindows.end(), op) != kWindows.end();
}

std::vector<std::int64_t> numbers(const Operation& operation, std::string_view name, std::size_t count) {
  const Argument* argument = operation.find(name);
  const Argument::Array* array = argument ? argument->array() : nullptr;
  if (!array || array->items.empty()) return std::vector<std::int64_t>(count, 1);
  std::vector<std::int64_t> result;
  for (const Argument& item : array->items) result.push_back(item.dim() ? item.dim()->constant().value_or(0) : 0);
  if (result.size() != count || *std::min_element(result.begin(), result.end()) < 1) {
    throw std::runtime_error("'" + std::string(name) + "' wants " + std::to_string(count) + " numbers above zero");
  }
  return result;
}

const Shape* shape_of(const Graph& graph, const Operation& operation, std::string_view name) {
  const Argument* argument = operation.find(name);
  return argument && argument->value() ? &graph.info(*argument->value()).shape : nullptr;
}

}  // namespace

std::optional<Argument> automatic_padding(const Graph& graph, const Operation& operation) {
  if (!is_window(operation.op)) return std::nullopt;
  const Argument* given = operation.find("padding");
  if (given && (!given->array() || !given->array()->items.empty())) return std::nullopt;
  const Shape* input = shape_of(graph, operation, "input");
  const Shape* filter = shape_of(graph, operation, operation.op.starts_with("separable") ? "plane_filter" : "filter");
  if (!input || input->size() < 2) return std::nullopt;
  const std::size_t first = filter ? 2 : 0, count = input->size() - first;
  std::vector<std::int64_t> size;
  if (filter) {
    for (std::size_t i = 2; i < filter->size(); ++i) size.push_back((*filter)[i].constant().value_or(0));
    if (size.size() != count) return std::nullopt;
  } else {
    size = numbers(operation, "size", count);
  }
  const auto stride = numbers(operation, "stride", count), dilation = numbers(operation, "dilation", count);
  const bool up = operation.op.starts_with("de") || operation.op == "separable_deconv";
  std::vector<std::pair<Dim, Dim>> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    if (size[i] > kMost || dilation[i] > kMost || stride[i] > kMost) throw std::runtime_error("a window is too large");
    const std::int64_t extent = (size[i] - 1) * dilation[i] + 1;
    std::int64_t total = extent - stride[i];
    if (!up && stride[i] > 1) {
      const std::optional<std::int64_t> length = (*input)[i + first].constant();
      if (!length) throw std::runtime_error("automatic padding with a stride needs a known size");
      if (const std::int64_t rest = *length % stride[i]; rest != 0) total = extent - rest;
    }
    total = std::max<std::int64_t>(total, 0);
    pairs.emplace_back(total / 2, total - total / 2);
  }
  return Argument(pairs);
}

}  // namespace nnef
