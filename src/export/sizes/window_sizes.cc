#include "export/sizes/window_sizes.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "export/operators/operators.h"
#include "export/sizes/axis_argument.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;
using Numbers = std::vector<std::int64_t>;

class Axis {
 public:
  Axis(const Tape& tape, const std::string& op, const NamedArguments& arguments, std::size_t rank, std::size_t axis)
      : tape_(tape), op_(op), arguments_(arguments), rank_(rank), axis_(axis) {}

  std::vector<Dim> run() {
    add_windows();
    add(unfolded());
    add(windows_in_columns());
    add(asked());
    add(scaled());
    add(padded());
    return std::move(sizes_);
  }

 private:
  void add(const std::optional<Dim>& size) {
    if (size) sizes_.push_back(*size);
  }

  const TapeArgument* find(std::string_view name) const { return find_argument(arguments_, name); }

  const Shape* shape_of(std::initializer_list<std::string_view> names) const {
    for (std::string_view name : names) {
      const TapeArgument* argument = find(name);
      if (argument && argument->value()) return &tape_.info(*argument->value()).shape;
    }
    return nullptr;
  }

  // The input when the result has its rank.
  const Shape* input_of_rank() const {
    const Shape* input = shape_of({"input", "self", "x"});
    return input && input->size() == rank_ ? input : nullptr;
  }

  Numbers integers(std::string_view name) const {
    Numbers result;
    const TapeArgument* argument = find(name);
    if (!argument) return result;
    if (const Dim* dim = std::get_if<Dim>(&argument->is); dim && dim->is_constant()) return {dim->value()};
    for (const TapeArgument& item : argument->list() ? *argument->list() : TapeList{}) {
      const Dim* dim = std::get_if<Dim>(&item.is);
      if (!dim || !dim->is_constant()) return {};
      result.push_back(dim->value());
    }
    return result;
  }

  bool is_set(std::string_view name) const {
    const TapeArgument* argument = find(name);
    const bool* flag = argument ? std::get_if<bool>(&argument->is) : nullptr;
    return flag && *flag;
  }

  // Convolution and pooling: (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1, kernels from the weight.
  void add_windows() {
    const Shape *input = input_of_rank(), *weight = shape_of({"weight"});
    if (!input || axis_ < 1) return;
    const Numbers kernel = integers("kernel_size"), stride = integers("stride");
    const std::size_t spatial = !kernel.empty() ? kernel.size() : weight && weight->size() > 2 ? weight->size() - 2 : 0;
    if (spatial == 0 || axis_ + spatial < rank_) return;
    const std::size_t place = axis_ - (rank_ - spatial);
    const auto at = [&](const Numbers& list, std::int64_t standard) {
      return list.empty() ? standard : list.size() == 1 ? list[0] : place < list.size() ? list[place] : standard;
    };
    const Dim extent = kernel.empty() ? (*weight)[place + 2] : Dim(at(kernel, 1));
    const Dim step(at(stride, kernel.empty() ? 1 : at(kernel, 1))), pad(at(integers("padding"), 0));
    const Dim size = (*input)[axis_], reach = Dim(at(integers("dilation"), 1)) * (extent - 1) + 1;
    const Dim room = size + Dim(2) * pad - reach;
    if (is_set("ceil_mode")) {
      const Dim windows = ceil_div(room, step) + 1;
      // A window that would begin in the padding behind the input is left out.
      const bool may_begin_behind = step.value() + pad.value() > reach.value();
      return add(may_begin_behind ? min(windows, ceil_div(size + pad, step)) : windows);
    }
    add(floor_div(room, step) + 1);
    add((size - 1) * step - Dim(2) * pad + reach + at(integers("output_padding"), 0));
  }

  // Tensor.unfold: the windows along its axis.
  std::optional<Dim> unfolded() const {
    const Shape* input = shape_of({"self"});
    const Numbers size = integers("size"), step = integers("step");
    if (row_of(op_).shape != ShapeRule::kUnfold || !input || size.size() != 1 || step.size() != 1) return std::nullopt;
    if (axis_ == input->size()) return Dim(size[0]);
    if (axis_of(arguments_, "dimension", input->size()) != axis_) return (*input)[axis_];
    return floor_div((*input)[axis_] - Dim(size[0]), Dim(step[0])) + 1;
  }

  // aten::im2col: the number of windows is the product of those along both axes.
  std::optional<Dim> windows_in_columns() const {
    const Shape* input = shape_of({"self"});
    if (row_of(op_).shape != ShapeRule::kWindowColumns || !input || input->size() < 2) return std::nullopt;
    if (axis_ + 2 < rank_) return input->front();
    if (axis_ + 1 < rank_) return std::nullopt;  // channels times the items of a window, which are numbers
    const Numbers kernel = integers("kernel_size"), stride = integers("stride"), padding = integers("padding"),
                  dilation = integers("dilation");
    if (std::min({kernel.size(), stride.size(), padding.size(), dilation.size()}) < 2) return std::nullopt;
    Dim windows(1);
    for (std::size_t i = 0; i < 2; ++i) {
      const Dim room = (*input)[input->size() - 2 + i] + Dim(2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1);
      windows *= floor_div(room, Dim(stride[i])) + 1;
    }
    return windows;
  }

  // upsample_*: the size that is asked for, other axes as they are.
  std::optional<Dim> asked() const {
    const Shape* input = input_of_rank();
    const TapeArgument* sizes = find("output_size");
    if (!input || !sizes || !sizes->list() || sizes->list()->size() > rank_) return std::nullopt;
    const std::size_t leading = rank_ - sizes->list()->size();
    if (axis_ < leading) return (*input)[axis_];
    const Dim* size = std::get_if<Dim>(&(*sizes->list())[axis_ - leading].is);
    return size ? std::optional(*size) : std::nullopt;
  }

  // upsample_*: floor(size * factor), the factor a simple fraction.
  std::optional<Dim> scaled() const {
    const Shape* input = input_of_rank();
    const TapeArgument* factors = find("scale_factors");
    if (!input || !factors || !factors->list() || axis_ + factors->list()->size() < rank_) return std::nullopt;
    const TapeArgument& item = (*factors->list())[axis_ - (rank_ - factors->list()->size())];
    const double* factor = std::get_if<double>(&item.is);
    for (std::int64_t divisor = 1; factor && divisor <= 64; ++divisor) {
      const double times = *factor * static_cast<double>(divisor);
      if (std::abs(times - std::round(times)) > 1e-9 * times) continue;
      return floor_div((*input)[axis_] * Dim(static_cast<std::int64_t>(std::round(times))), Dim(divisor));
    }
    return std::nullopt;
  }

  // Pads: last axis first, before and after.
  std::optional<Dim> padded() const {
    const Shape* input = input_of_rank();
    const TapeArgument* pads = find("pad");
    if (!pads) pads = find("padding");
    if (row_of(op_).shape != ShapeRule::kPad || !input || !pads || !pads->list()) return std::nullopt;
    const std::size_t place = 2 * (rank_ - 1 - axis_);
    if (place + 1 >= pads->list()->size()) return (*input)[axis_];
    const Dim* before = std::get_if<Dim>(&(*pads->list())[place].is);
    const Dim* after = std::get_if<Dim>(&(*pads->list())[place + 1].is);
    if (!before || !after) return std::nullopt;
    return (*input)[axis_] + *before + *after;
  }

  const Tape& tape_;
  const std::string& op_;
  const NamedArguments& arguments_;
  std::size_t rank_, axis_;
  std::vector<Dim> sizes_;
};

}  // namespace

std::vector<Dim> window_sizes(const Tape& tape, const std::string& op, const NamedArguments& arguments,
                              std::size_t rank, std::size_t axis) {
  return Axis(tape, op, arguments, rank, axis).run();
}

}  // namespace torch2nnef
