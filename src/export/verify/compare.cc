#include "export/verify/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "export/verify/float_cast.h"
#include "nnef/inspect/sub_graph.h"
#include "nnef/number_at.h"

namespace torch2nnef {

using nnef::DType;

namespace {

constexpr double kNearZero = 1e-3;  // of the root mean square; relative errors of such values say nothing

constexpr std::array<std::pair<std::string_view, Tolerance>, 6> kLevels = {{
    {"exact", Tolerance::kExact},
    {"close", Tolerance::kClose},
    {"approximate", Tolerance::kApproximate},
    {"very", Tolerance::kVery},
    {"super", Tolerance::kSuper},
    {"ultra", Tolerance::kUltra},
}};

std::vector<std::int64_t> index_of(std::int64_t position, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = position % shape[axis];
    position /= shape[axis];
  }
  return index;
}

// The items of one tensor, each as the type that it is.
class Items {
 public:
  explicit Items(const nnef::TensorData& tensor)
      : dtype_(tensor.dtype()), size_(nnef::item_size(dtype_)), bytes_(bytes_of(tensor)) {
    if (dtype_ == DType::kBool) {
      for (std::byte& item : bytes_) item = std::byte{item != std::byte{0}};
    }
  }
  std::int64_t count() const { return static_cast<std::int64_t>(bytes_.size() / size_); }
  bool same_bytes(std::int64_t i, const Items& other) const {
    return std::memcmp(place(i), other.place(i), size_) == 0;
  }
  double number(std::int64_t i) const { return nnef::number_at<double>(dtype_, place(i)); }
  // As a person would write it; integers with all digits.
  std::string text(std::int64_t i) const {
    if (dtype_ == DType::kBool) return number(i) != 0 ? "true" : "false";
    if (dtype_ == DType::kI64) return fmt::format("{}", nnef::item_at<std::int64_t>(place(i)));
    if (dtype_ == DType::kU64) return fmt::format("{}", nnef::item_at<std::uint64_t>(place(i)));
    if (dtype_ == DType::kF32) return fmt::format("{}", nnef::item_at<float>(place(i)));
    if (dtype_ == DType::kF16) return fmt::format("{:.5g}", number(i));
    return fmt::format("{}", number(i));
  }

 private:
  const std::byte* place(std::int64_t i) const { return bytes_.data() + static_cast<std::size_t>(i) * size_; }

  DType dtype_;
  std::size_t size_;
  std::vector<std::byte> bytes_;
};

bool holds_only_halves(const Items& items) {
  for (std::int64_t i = 0; i < items.count(); ++i) {
    const double number = items.number(i);
    if (!std::isnan(number) && nnef::half_value(nnef::half_bits(number)) != number) return false;
  }
  return true;
}

// Why the two cannot be compared at all, or "".
std::string kind_difference(const nnef::TensorData& expected, const nnef::TensorData& actual, const Items& items) {
  if (expected.shape() != actual.shape()) {
    return fmt::format("shape [{}] instead of [{}]", fmt::join(actual.shape(), ", "),
                       fmt::join(expected.shape(), ", "));
  }
  if (expected.dtype() == actual.dtype()) return "";
  const bool widened = expected.dtype() == DType::kF16 && actual.dtype() == DType::kF32;
  if (widened && holds_only_halves(items)) return "";
  return fmt::format("dtype {} instead of {}{}", nnef::to_string(actual.dtype()), nnef::to_string(expected.dtype()),
                     widened ? " (it holds values that f16 does not have)" : "");
}

// How far outside of its bound a pair of values is, relative to the bound's unit; nullopt when it is inside.
std::optional<double> excess(double expected, double actual, const ToleranceBounds& bounds) {
  if (expected == actual || (std::isnan(expected) && std::isnan(actual))) return std::nullopt;
  if (!std::isfinite(expected) || !std::isfinite(actual)) return HUGE_VAL;
  const double over = std::fabs(actual - expected) - (bounds.absolute + bounds.relative * std::fabs(expected));
  return over > 0 ? std::optional(over) : std::nullopt;
}

}  // namespace

std::optional<Tolerance> tolerance_from_string(std::string_view text) {
  for (const auto& [name, tolerance] : kLevels) {
    if (name == text) return tolerance;
  }
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || !(number > 0 && number < 1)) return std::nullopt;
  return Tolerance::of(number);
}

std::string to_string(const Tolerance& tolerance) {
  for (const auto& [name, level] : kLevels) {
    if (level == tolerance) return std::string(name);
  }
  return fmt::format("{}", tolerance.wide.absolute);
}

ToleranceBounds tolerance_bounds(const Tolerance& tolerance, DType dtype) {
  if (!nnef::is_float(dtype)) return {};
  return dtype == DType::kF16 ? tolerance.half : tolerance.wide;
}

namespace {

double root_mean_square(const Items& items) {
  double sum = 0;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < items.count(); ++i) {
    const double value = items.number(i);
    if (!std::isfinite(value)) continue;
    sum += value * value;
    ++count;
  }
  return count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
}

}  // namespace

double root_mean_square(const nnef::TensorData& tensor) { return root_mean_square(Items(tensor)); }

Tolerance in_half(const Tolerance& tolerance) { return {tolerance.half, tolerance.half}; }

Tolerance in_bfloat16(const Tolerance& tolerance) {
  ToleranceBounds bounds = tolerance.half;
  bounds.absolute *= 8;
  bounds.relative *= 8;
  return {bounds, bounds};
}

Range range_of(const nnef::TensorData& tensor) {
  const Items items(tensor);
  Range range;
  range.count = items.count();
  bool is_first = true;
  for (std::int64_t i = 0; i < items.count(); ++i) {
    const double value = items.number(i);
    range.has_others = range.has_others || !std::isfinite(value);
    if (!std::isfinite(value)) continue;
    range.low = is_first ? value : std::min(range.low, value);
    range.high = is_first ? value : std::max(range.high, value);
    is_first = false;
  }
  return range;
}

Comparison compare_tensors(const nnef::TensorData& expected, const nnef::TensorData& actual, const Tolerance& tolerance,
                           double least_size) {
  Comparison result;
  const Items wanted(expected), got(actual);
  result.detail = kind_difference(expected, actual, got);
  if (!result.detail.empty()) {
    result.agrees = false;
    return result;
  }
  const bool floats = nnef::is_float(expected.dtype());
  ToleranceBounds bounds = tolerance_bounds(tolerance, expected.dtype());
  const double size = root_mean_square(wanted), near_zero = kNearZero * size;
  if (floats) bounds.absolute *= std::max(least_size, size);
  std::int64_t worst_at = -1;
  double worst = -1;
  for (std::int64_t i = 0; i < wanted.count(); ++i) {
    if (!floats && wanted.same_bytes(i, got)) continue;
    const double e = wanted.number(i), a = got.number(i);
    const double difference = std::fabs(a - e);
    if (std::isfinite(difference)) {
      result.max_abs = std::max(result.max_abs, difference);
      if (std::fabs(e) > near_zero) result.max_rel = std::max(result.max_rel, difference / std::fabs(e));
    }
    // Integers that are too large for a double may differ although their difference as doubles is 0.
    const std::optional<double> over = floats ? excess(e, a, bounds) : std::optional(difference);
    if (!over) continue;
    ++result.outside;
    if (*over > worst) worst = *over, worst_at = i;
  }
  if (worst_at >= 0) {
    result.where = index_of(worst_at, expected.shape());
    result.detail = fmt::format("{} of {} values differ{}, the most at [{}]: {} instead of {}", result.outside,
                                wanted.count(), floats ? " by more than the tolerance" : "",
                                fmt::join(result.where, ", "), got.text(worst_at), wanted.text(worst_at));
  }
  result.agrees = static_cast<double>(result.outside) <= bounds.outliers * static_cast<double>(wanted.count());
  if (result.agrees) result.detail.clear();
  return result;
}

std::vector<CheckReport::Output> compare_outputs(const std::vector<nnef::NamedTensor>& expected,
                                                 const std::vector<nnef::NamedTensor>& actual,
                                                 const Tolerance& tolerance, const ToleranceOf& coarser) {
  std::vector<CheckReport::Output> outputs;
  for (const nnef::NamedTensor& wanted : expected) {
    CheckReport::Output& output = outputs.emplace_back();
    output.name = wanted.name;
    const auto found = std::find_if(actual.begin(), actual.end(),
                                    [&](const nnef::NamedTensor& tensor) { return tensor.name == wanted.name; });
    if (found == actual.end()) {
      output.detail = "is not among the engine's results";
      continue;
    }
    const auto own = coarser.find(wanted.name);
    const Comparison comparison =
        compare_tensors(*wanted.data, *found->data, own == coarser.end() ? tolerance : own->second, 0);
    output.max_abs = comparison.max_abs;
    output.max_rel = comparison.max_rel;
    output.agrees = comparison.agrees;
    output.detail = comparison.detail;
  }
  return outputs;
}

namespace {

bool only_moves(std::string_view op) {
  static constexpr std::array kMoving = {"tract_core_gather", "slice", "concat", "transpose", "reshape", "unsqueeze"};
  return std::find(kMoving.begin(), kMoving.end(), op) != kMoving.end();
}

}  // namespace

std::set<std::string> outputs_through_half(const nnef::Graph& graph) {
  std::vector<bool> through(graph.values.size(), false);  // by Value::id
  const auto is_through = [&](nnef::Value value) { return through[static_cast<std::size_t>(value.id)]; };
  for (const nnef::Operation& operation : graph.operations) {
    if (nnef::is_source(operation)) continue;
    const std::vector<nnef::Value> read = nnef::values_read_by(operation);
    const bool reads_half = std::any_of(read.begin(), read.end(), is_through), moves = only_moves(operation.op);
    for (nnef::Value result : operation.results) {
      const bool is_rounded = !moves && graph.info(result).dtype == DType::kF16;
      through[static_cast<std::size_t>(result.id)] = reads_half || is_rounded;
    }
  }
  std::set<std::string> names;
  for (nnef::Value output : graph.outputs) {
    if (is_through(output)) names.insert(graph.info(output).name);
  }
  return names;
}

}  // namespace torch2nnef
