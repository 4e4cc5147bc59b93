#include "export/load/pickle_tensor.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>

#include "export/load/tensor_extent.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Kind = PickleValue::Kind;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 18> kItems = {{
    {"Byte", 1},
    {"Char", 1},
    {"Short", 2},
    {"Int", 4},
    {"Long", 8},
    {"Half", 2},
    {"Float", 4},
    {"Double", 8},
    {"ComplexHalf", 4},
    {"ComplexFloat", 8},
    {"ComplexDouble", 16},
    {"Bool", 1},
    {"QInt8", 1},
    {"QUInt8", 1},
    {"QInt32", 4},
    {"BFloat16", 2},
    {"QUInt4x2", 1},
    {"QUInt2x4", 1},
}};
[[noreturn]] void bad_tensor(const std::string& text) { throw nnef::FormatError(text); }

std::vector<std::int64_t> integers(const PickleValues& values, std::uint32_t value) {
  std::vector<std::int64_t> numbers;
  for (std::uint32_t item : value_of_kind(values, value, Kind::kTuple, "sizes").items) {
    numbers.push_back(value_of_kind(values, item, Kind::kInt, "a size").number);
  }
  if (numbers.size() > kMostRank) bad_tensor("a tensor has more than 64 axes");
  return numbers;
}

void check_scales(const PickleValues& values, const std::vector<PickledTensor>& before, const PickledTensor& tensor,
                  std::uint32_t parameters) {
  const std::vector<std::uint32_t>& given = value_of_kind(values, parameters, Kind::kTuple, "scales").items;
  if (given.empty()) bad_tensor("the pickle has a quantised tensor without its scales");
  const std::string_view scheme = value_of_kind(values, given[0], Kind::kGlobal, "a scheme").text;
  const bool per_axis = scheme.find("channel") != std::string_view::npos;
  if (given.size() != (per_axis ? 4u : 3u)) bad_tensor("the pickle has a quantised tensor without its scales");
  if (!per_axis) {
    value_of_kind(values, given[1], Kind::kFloat, "a scale");
    value_of_kind(values, given[2], Kind::kInt, "a zero point");
    return;
  }
  const std::int64_t axis = value_of_kind(values, given[3], Kind::kInt, "an axis").number;
  if (axis < 0 || static_cast<std::size_t>(axis) >= tensor.sizes.size())
    bad_tensor("a quantised tensor lacks its axis");
  for (std::size_t i = 1; i <= 2; ++i) {
    const PickleValue& each = value_of_kind(values, given[i], Kind::kTensor, "scales");
    const PickledTensor& scales = before[static_cast<std::size_t>(each.number)];
    if (scales.sizes != std::vector<std::int64_t>{tensor.sizes[static_cast<std::size_t>(axis)]}) {
      bad_tensor("a quantised tensor has another number of scales than its axis has items");
    }
  }
}

// All that offset, sizes and strides describe is in the storage.
void check_extent(const PickledTensor& tensor) {
  const auto wrong = [&](const std::string& how) {
    bad_tensor("a tensor of the record '" + std::string(tensor.key) + "' " + how);
  };
  if (tensor.count > std::numeric_limits<std::int64_t>::max() / 16) wrong("is too large");
  const std::string problem = problem_of_view(tensor.sizes, tensor.strides, tensor.offset, tensor.count);
  if (!problem.empty()) wrong(problem);
}

}  // namespace

PickledTensor pickled_tensor(const PickleValues& values, const std::vector<PickledTensor>& before,
                             const std::vector<std::uint32_t>& given, bool quantised) {
  const std::size_t hooks = quantised ? 6 : 5;
  if (given.size() < hooks + 1 || given.size() > hooks + 2) bad_tensor("the pickle has a tensor with other arguments");
  const std::vector<std::uint32_t>& storage = value_of_kind(values, given[0], Kind::kStorage, "a storage").items;
  std::string_view type = values[storage[0]].text;
  type = type.substr(6, type.size() - 6 - 7);  // between "torch\n" and "Storage"
  PickledTensor tensor{type,
                       values[storage[1]].text,
                       values[storage[2]].number,
                       value_of_kind(values, given[1], Kind::kInt, "the offset of a tensor").number,
                       integers(values, given[2]),
                       integers(values, given[3])};
  value_of_kind(values, given[hooks - 1], Kind::kBool, "whether a tensor has gradients");
  if (type.starts_with('Q') != quantised)
    bad_tensor("the pickle has a quantised tensor in a plain storage, or a plain one");
  if (quantised) check_scales(values, before, tensor, given[4]);
  check_extent(tensor);
  return tensor;
}

std::int64_t item_size(std::string_view item) {
  for (const auto& [name, size] : kItems) {
    if (name == item) return size;
  }
  return 0;
}

}  // namespace torch2nnef
