#include "dialect_bench.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "export/verify/float_cast.h"

namespace dialect_tests {
namespace {

std::vector<double> floats(std::size_t count, Fill fill, std::mt19937& random) {
  static const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  static const double special[] = {nan, inf,  -inf, 0,     -0.0,   0.5,  -0.5,  1.5,        -1.5,
                                   2.5, -2.5, 1e-3, 60000, -60000, 88.5, -88.5, 0.49999997, 3.5};
  std::vector<double> items(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(random() >> 5) * 0x1p-27;
    switch (fill) {
      case Fill::kPlain:
        items[i] = share * 4 - 2;
        break;
      case Fill::kPositive:
        items[i] = 0.1 + share * 2.9;
        break;
      case Fill::kUnit:
        items[i] = share * 1.9 - 0.95;
        break;
      case Fill::kSpecial:
        items[i] = special[i % std::size(special)];
        break;
      case Fill::kEqual:
        items[i] = std::floor(share * 3);
        break;
      case Fill::kDistinct:
        items[i] = 1 + 0.25 * static_cast<double>(i);
        break;
      case Fill::kIndex:
      case Fill::kLarge:
        items[i] = std::floor(share * 3);
        break;
    }
  }
  if (fill == Fill::kDistinct) std::shuffle(items.begin(), items.end(), random);
  return items;
}

std::vector<std::int64_t> integers(std::size_t count, Fill fill, DType dtype, std::mt19937& random) {
  std::vector<std::int64_t> items(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(n)); };
    if (fill == Fill::kLarge) {
      const auto end = static_cast<std::int64_t>(~std::uint64_t{0} >> (64 - 8 * nnef::item_size(dtype) + 1));
      items[i] = below(3) == 0 ? -end + below(5) : end - below(5);
    } else if (fill == Fill::kIndex || fill == Fill::kEqual) {
      items[i] = below(3);
    } else if (fill == Fill::kPositive) {
      items[i] = 1 + below(6);
    } else if (fill == Fill::kDistinct) {
      items[i] = static_cast<std::int64_t>(i) * 37 - 111;
    } else {
      items[i] = dtype == DType::kBool ? below(2) : dtype == DType::kU8 ? below(10) : below(10) - 4;
    }
  }
  if (fill == Fill::kDistinct) std::shuffle(items.begin(), items.end(), random);
  return items;
}

template <class T, class Items>
std::vector<std::byte> bytes_as(const Items& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(T));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const T item = static_cast<T>(items[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &item, sizeof(T));
  }
  return bytes;
}

nnef::TensorDataPtr tensor_of(const Axes& sizes, DType dtype, Fill fill, std::mt19937& random) {
  std::size_t count = 1;
  for (std::int64_t size : sizes) count *= static_cast<std::size_t>(size);
  const auto make = [&](DType type, std::vector<std::byte> bytes) {
    return std::make_shared<nnef::OwnedTensor>(type, sizes, std::move(bytes));
  };
  if (dtype == DType::kF64) return make(dtype, bytes_as<double>(floats(count, fill, random)));
  if (nnef::is_float(dtype)) {
    const auto single = make(DType::kF32, bytes_as<float>(floats(count, fill, random)));
    return dtype == DType::kF32 ? nnef::TensorDataPtr(single) : torch2nnef::cast_float(*single, dtype);
  }
  const std::vector<std::int64_t> items = integers(count, fill, dtype, random);
  switch (dtype) {
    case DType::kI32:
      return make(dtype, bytes_as<std::int32_t>(items));
    case DType::kI16:
      return make(dtype, bytes_as<std::int16_t>(items));
    case DType::kI8:
      return make(dtype, bytes_as<std::int8_t>(items));
    case DType::kU8:
    case DType::kBool:
      return make(dtype, bytes_as<std::uint8_t>(items));
    default:
      return make(DType::kI64, bytes_as<std::int64_t>(items));
  }
}

}  // namespace

Value Bench::input(const Shape& shape, DType dtype, Fill fill, int number) {
  std::string name = "x_" + std::string(nnef::to_string(dtype)) + "_" + std::to_string(static_cast<int>(fill)) + "_" +
                     std::to_string(number);
  for (const Dim& dim : shape) name += "_" + dim.to_string();
  name = nnef::make_identifier(name);
  for (Value known : graph_.inputs) {
    if (graph_.info(known).name == name) return known;
  }
  std::mt19937 random(static_cast<std::uint32_t>(std::hash<std::string>{}(name)));
  inputs_.push_back({name, tensor_of(nnef::evaluate(shape, {{"S", kSizeOfS}}), dtype, fill, random)});
  return builder_.external(name, dtype, shape);
}

void Cases::unary(const std::string& op, const Shape& shape, DType dtype, Fill fill,
                  const std::vector<NamedArgument>& attributes) {
  add(op, std::string(nnef::to_string(dtype)) + nnef::to_string(shape), [=](Bench& bench) -> std::vector<Value> {
    return {bench.add(op, {bench.input(shape, dtype, fill)}, attributes)};
  });
}

}  // namespace dialect_tests
