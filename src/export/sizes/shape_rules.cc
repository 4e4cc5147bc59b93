#include "export/sizes/shape_rules.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "export/diagnostics.h"
#include "export/operators/operators.h"
#include "export/sizes/combined_shapes.h"
#include "export/sizes/fourier_sizes.h"
#include "export/sizes/moved_axes.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;
constexpr std::int64_t kLargestSize = std::int64_t{1} << 32;

using Arguments = std::vector<std::pair<std::string, TapeArgument>>;

class Explainer {
 public:
  Explainer(const Tape& tape, std::string op, const Arguments& arguments,
            const std::vector<std::vector<std::int64_t>>& sizes)
      : tape_(tape), op_(std::move(op)), arguments_(arguments), sizes_(sizes), rank_(sizes.front().size()) {
    for (const auto& [name, argument] : arguments) collect(argument);
  }

  Shape run() {
    Shape shape;
    for (axis_ = 0; axis_ < rank_; ++axis_) {
      std::optional<Dim> dim = explain();
      if (!dim) fail();
      shape.push_back(*dim);
    }
    return shape;
  }

 private:
  std::int64_t seen(std::size_t world) const { return sizes_[world][axis_]; }

  bool fits(const Dim& dim) const {
    try {
      for (std::size_t world = 0; world < sizes_.size(); ++world) {
        if (dim.evaluate(tape_.worlds[world]) != seen(world)) return false;
      }
    } catch (const std::domain_error&) {
      return false;
    }
    return true;
  }

  bool same_everywhere() const {
    for (std::size_t world = 1; world < sizes_.size(); ++world) {
      if (seen(world) != seen(0)) return false;
    }
    return true;
  }

  std::optional<Dim> explain() const {
    // Rules of operators come first: what they say is exact.
    if (auto dim = by_target()) return dim;
    if (auto dim = exact(moved())) return dim;
    if (auto dim = exact(combined_shape(tape_, op_, arguments_))) return dim;
    if (auto dim = by_window()) return dim;
    if (auto dim = by_unfold()) return dim;
    if (auto dim = fourier_size(tape_, op_, arguments_, axis_); dim && fits(*dim)) return dim;
    if (auto dim = by_im2col()) return dim;
    if (auto dim = by_scale()) return dim;
    if (auto dim = by_padding()) return dim;
    if (auto dim = by_alignment()) return dim;
    if (same_everywhere()) return Dim(seen(0));
    for (const Dim& dim : all_) {
      if (fits(dim)) return dim;
    }
    if (auto dim = by_shift()) return dim;
    if (auto dim = by_volume()) return dim;
    if (auto dim = by_sum()) return dim;
    if (auto dim = by_pairs()) return dim;
    return by_fit();
  }

  std::optional<Shape> moved() const {
    const Shape* self = shape_of({"self"});
    const auto larger =
        std::count_if(shapes_.begin(), shapes_.end(), [](const Shape& shape) { return !shape.empty(); });
    if (self && larger == 1 && shapes_.size() > 1) return moved_axes(op_, arguments_, *self);  // others are numbers
    return shapes_.size() == 1 ? moved_axes(op_, arguments_, shapes_.front()) : std::nullopt;
  }
  std::optional<Dim> exact(const std::optional<Shape>& shape) const {
    return shape && shape->size() == rank_ && fits((*shape)[axis_]) ? std::optional<Dim>((*shape)[axis_])
                                                                    : std::nullopt;
  }

  // The symbolic size of an argument's axis, aligned right as broadcasting does.
  std::optional<Dim> by_alignment() const {
    for (const Shape& shape : shapes_) {
      std::size_t back = rank_ - axis_;
      if (back > shape.size()) continue;
      const Dim& dim = shape[shape.size() - back];
      if (!dim.is_constant() && fits(dim)) return dim;
    }
    return std::nullopt;
  }

  // The size that an argument asks for (view, expand, zeros...), which may be the same at all recorded sizes by chance.
  std::optional<Dim> by_target() const {
    const TapeList* wanted = target_sizes();
    if (!wanted || wanted->size() != rank_) return std::nullopt;
    const Dim* dim = std::get_if<Dim>(&(*wanted)[axis_].is);
    if (!dim) return std::nullopt;
    if (*dim != Dim(-1)) return fits(*dim) ? std::optional<Dim>(*dim) : std::nullopt;
    return row_of(op_).shape != ShapeRule::kExpand && shapes_.size() == 1 ? rest_of(shapes_.front(), *wanted)
                                                                          : std::nullopt;
  }

  // What a view's -1 stands for: the items over the other sizes.
  std::optional<Dim> rest_of(const Shape& shape, const TapeList& wanted) const {
    Dim others(1);
    for (std::size_t i = 0; i < rank_; ++i) {
      const Dim* dim = std::get_if<Dim>(&wanted[i].is);
      if (i != axis_ && dim) others *= *dim;
    }
    return quotient(volume(shape), others);
  }

  // Convolution and pooling: (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1, kernels from the weight.
  std::optional<Dim> by_window() const {
    const Shape* input = shape_of({"input", "self", "x"});
    if (!input || input->size() != rank_ || axis_ < 1) return std::nullopt;
    const Shape* weight = shape_of({"weight"});
    std::vector<std::int64_t> kernel = integers("kernel_size"), stride = integers("stride"),
                              padding = integers("padding"), dilation = integers("dilation");
    std::size_t spatial = !kernel.empty() ? kernel.size() : weight && weight->size() > 2 ? weight->size() - 2 : 0;
    if (spatial == 0 || axis_ + spatial < rank_) return std::nullopt;
    std::size_t place = axis_ - (rank_ - spatial);
    auto at = [&](const std::vector<std::int64_t>& list, std::int64_t standard) {
      return list.empty() ? standard : list.size() == 1 ? list[0] : place < list.size() ? list[place] : standard;
    };
    Dim extent = kernel.empty() ? (*weight)[place + 2] : Dim(at(kernel, 1));
    Dim step(at(stride, kernel.empty() ? 1 : at(kernel, 1))), pad(at(padding, 0)), spread(at(dilation, 1));
    Dim size = (*input)[axis_];
    Dim room = size + Dim(2) * pad - spread * (extent - Dim(1)) - Dim(1);
    if (is_set("ceil_mode")) {
      Dim windows = ceil_div(room, step) + Dim(1);
      // A window that would begin in the padding behind the input is left out.
      Dim capped = min(windows, ceil_div(size + pad, step));
      bool may_begin_behind = step.value() + pad.value() > (spread * (extent - Dim(1)) + Dim(1)).value();
      Dim dim = may_begin_behind ? capped : windows;
      return fits(dim) ? std::optional<Dim>(dim) : std::nullopt;
    }
    if (Dim dim = floor_div(room, step) + Dim(1); fits(dim)) return dim;
    Dim transposed = (size - Dim(1)) * step - Dim(2) * pad + spread * (extent - Dim(1)) + Dim(1);
    Dim extra = Dim(seen(0) - transposed.evaluate(tape_.worlds[0]));
    return fits(transposed + extra) ? std::optional<Dim>(transposed + extra) : std::nullopt;
  }

  bool is_set(std::string_view name) const {
    const TapeArgument* argument = find(name);
    const bool* flag = argument ? std::get_if<bool>(&argument->is) : nullptr;
    return flag && *flag;
  }

  // aten::im2col: the number of windows is the product of those along both axes.
  std::optional<Dim> by_im2col() const {
    const Shape* input = shape_of({"self"});
    if (row_of(op_).shape != ShapeRule::kWindowColumns || !input || axis_ + 1 != rank_) return std::nullopt;
    std::vector<std::int64_t> kernel = integers("kernel_size"), stride = integers("stride"),
                              padding = integers("padding"), dilation = integers("dilation");
    Dim windows(1);
    for (std::size_t i = 0; i < 2; ++i) {
      if (i >= kernel.size() || i >= stride.size() || i >= padding.size() || i >= dilation.size()) return std::nullopt;
      Dim room = (*input)[input->size() - 2 + i] + Dim(2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1);
      windows *= floor_div(room, Dim(stride[i])) + Dim(1);
    }
    return fits(windows) ? std::optional<Dim>(windows) : std::nullopt;
  }

  // upsample_*: floor(size * factor), the factor a simple fraction.
  std::optional<Dim> by_scale() const {
    const Shape* input = shape_of({"input", "self"});
    const TapeArgument* factors = find("scale_factors");
    if (!input || input->size() != rank_ || !factors || !factors->list() || axis_ + factors->list()->size() < rank_) {
      return std::nullopt;
    }
    const TapeArgument& item = (*factors->list())[axis_ - (rank_ - factors->list()->size())];
    const double* factor = std::get_if<double>(&item.is);
    for (std::int64_t divisor = 1; factor && divisor <= 64; ++divisor) {
      double times = *factor * static_cast<double>(divisor);
      if (std::abs(times - std::round(times)) > 1e-9 * times) continue;
      Dim dim = floor_div((*input)[axis_] * Dim(static_cast<std::int64_t>(std::round(times))), Dim(divisor));
      return fits(dim) ? std::optional<Dim>(dim) : std::nullopt;
    }
    return std::nullopt;
  }

  // Pads: last axis first, before and after.
  std::optional<Dim> by_padding() const {
    const Shape* input = shape_of({"self", "input"});
    const TapeArgument* pads = find("pad");
    if (!pads) pads = find("padding");
    if (row_of(op_).shape != ShapeRule::kPad || !input || input->size() != rank_ || !pads || !pads->list())
      return std::nullopt;
    std::size_t place = 2 * (rank_ - 1 - axis_);
    if (place + 1 >= pads->list()->size())
      return fits((*input)[axis_]) ? std::optional<Dim>((*input)[axis_]) : std::nullopt;
    const Dim* before = std::get_if<Dim>(&(*pads->list())[place].is);
    const Dim* after = std::get_if<Dim>(&(*pads->list())[place + 1].is);
    if (!before || !after) return std::nullopt;
    Dim dim = (*input)[axis_] + *before + *after;
    return fits(dim) ? std::optional<Dim>(dim) : std::nullopt;
  }

  // Tensor.unfold: the windows along its axis.
  std::optional<Dim> by_unfold() const {
    const Shape* input = shape_of({"self"});
    std::vector<std::int64_t> axis = integers("dimension"), size = integers("size"), step = integers("step");
    if (row_of(op_).shape != ShapeRule::kUnfold || !input || axis.size() != 1 || size.size() != 1 || step.size() != 1)
      return std::nullopt;
    std::int64_t place = axis[0] < 0 ? axis[0] + static_cast<std::int64_t>(input->size()) : axis[0];
    if (place != static_cast<std::int64_t>(axis_)) return std::nullopt;
    Dim windows = floor_div((*input)[axis_] - Dim(size[0]), Dim(step[0])) + Dim(1);
    return fits(windows) ? std::optional<Dim>(windows) : std::nullopt;
  }

  // The same axis of an argument, longer or shorter by a constant, or a constant number of times as long.
  std::optional<Dim> by_shift() const {
    for (const Shape& shape : shapes_) {
      std::size_t back = rank_ - axis_;
      if (back > shape.size()) continue;
      const Dim& dim = shape[shape.size() - back];
      if (dim.is_constant()) continue;
      std::int64_t old = dim.evaluate(tape_.worlds[0]);
      if (Dim shifted = dim + Dim(seen(0) - old); fits(shifted)) return shifted;
      if (old != 0 && seen(0) % old == 0 && fits(dim * Dim(seen(0) / old))) return dim * Dim(seen(0) / old);
      if (seen(0) != 0 && old / seen(0) > 1) {
        for (const Dim& part : {floor_div(dim, Dim(old / seen(0))), ceil_div(dim, Dim(old / seen(0)))}) {
          if (fits(part)) return part;
        }
      }
    }
    return std::nullopt;
  }

  std::optional<Dim> by_volume() const {
    for (const Shape& shape : shapes_) {
      if (const TapeList* wanted = target_sizes(); wanted && wanted->size() == rank_) {
        if (auto dim = rest_of(shape, *wanted)) return dim;
      }
      // Flattened neighbours: products of consecutive sizes.
      for (std::size_t begin = 0; begin < shape.size(); ++begin) {
        Dim product = shape[begin];
        for (std::size_t end = begin + 1; end < shape.size(); ++end) {
          product *= shape[end];
          if (fits(product)) return product;
        }
      }
      // Split neighbours and quotients by what is constant.
      Dim constant(1);
      for (std::size_t i = 0; i < rank_; ++i) {
        if (i != axis_) constant *= Dim(sizes_[0][i]);
      }
      if (auto dim = quotient(volume(shape), constant)) return dim;
    }
    return std::nullopt;
  }

  std::optional<Dim> quotient(const Dim& volume, const Dim& by) const {
    if (by == Dim(0)) return std::nullopt;
    std::optional<Dim> dim = exact_div(volume, by);
    if (!dim) dim = floor_div(volume, by);
    return fits(*dim) ? dim : std::nullopt;
  }

  // Concatenation along this axis.
  std::optional<Dim> by_sum() const {
    Dim sum(0);
    for (const Shape& shape : shapes_) {
      if (shape.size() != rank_) return std::nullopt;
      sum += shape[axis_];
    }
    return fits(sum) ? std::optional<Dim>(sum) : std::nullopt;
  }

  // a+b, a-b, a*b, a/b of sizes and integer arguments, and those plus the paddings on both sides.
  std::optional<Dim> by_pairs() const {
    std::size_t count = std::min<std::size_t>(all_.size(), 24);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < count; ++j) {
        const Dim &a = all_[i], &b = all_[j];
        for (const Dim& dim : {a + b, a - b, a * b}) {
          if (fits(dim)) return dim;
        }
        if (b == Dim(0)) continue;
        for (const Dim& dim :
             {floor_div(a, b), ceil_div(a, b), floor_div(a - Dim(1), b) + Dim(1), min(a, b), max(a, b)}) {
          if (fits(dim)) return dim;
        }
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < count; ++j) {
        for (std::size_t k = 0; k < count && count <= 12; ++k) {
          const Dim &a = all_[i], &b = all_[j], &c = all_[k];
          for (const Dim& dim : {a + b + c, a + b - c, a - b - c, a * b + c, a * b * c}) {
            if (fits(dim)) return dim;
          }
          if (c == Dim(0)) continue;
          for (const Dim& dim : {floor_div(a - b, c), ceil_div(a - b, c), floor_div(a + b, c) + Dim(1)}) {
            if (fits(dim)) return dim;
          }
        }
      }
    }
    return std::nullopt;
  }

  // (p * s + q) / d of one size s, small p and d.
  std::optional<Dim> by_fit() const {
    for (const Dim& base : all_) {
      if (base.is_constant()) continue;
      std::vector<std::int64_t> at;
      for (const nnef::Bindings& world : tape_.worlds) at.push_back(base.evaluate(world));
      if (at.size() < 2 || at[0] == at[1]) continue;
      for (std::int64_t divisor : {1, 2, 4, 8, 16, 32, 64, 3, 5, 6, 7}) {
        std::int64_t rise = (seen(1) - seen(0)) * divisor, run = at[1] - at[0];
        if (run == 0) continue;
        std::int64_t factor = rise / run;
        for (std::int64_t p : {factor, factor + 1, factor - 1}) {
          if (p == 0) continue;
          std::int64_t offset = seen(0) * divisor - p * at[0];
          for (std::int64_t q = offset; q < offset + divisor; ++q) {
            Dim dim = floor_div(Dim(p) * base + Dim(q), Dim(divisor));
            if (fits(dim)) return dim;
          }
        }
      }
    }
    return std::nullopt;
  }

  [[noreturn]] void fail() const {
    std::string list;
    for (std::size_t world = 0; world < sizes_.size(); ++world) {
      list += (list.empty() ? "" : ", ") + std::to_string(seen(world));
    }
    throw Unsupported("axis " + std::to_string(axis_) + " of the result of " + op_ + " has the sizes " + list +
                          " at the recorded sizes of the dynamic axes, and no expression of them says so",
                      "make an axis static");
  }

  void collect(const TapeArgument& argument) {
    if (const TapeValue* value = argument.value()) {
      const Shape& shape = tape_.info(*value).shape;
      shapes_.push_back(shape);
      for (const Dim& dim : shape) add(dim);
    } else if (const Dim* dim = std::get_if<Dim>(&argument.is)) {
      add(*dim);
    } else if (const TapeList* list = argument.list()) {
      for (const TapeArgument& item : *list) collect(item);
    }
  }
  void add(const Dim& dim) {
    if (dim.is_constant() && std::abs(dim.value()) > kLargestSize) return;  // "to the end" of a slice
    if (std::find(all_.begin(), all_.end(), dim) == all_.end()) all_.push_back(dim);
  }

  const TapeArgument* find(std::string_view name) const {
    for (const auto& [key, argument] : arguments_) {
      if (key == name) return &argument;
    }
    return nullptr;
  }
  const Shape* shape_of(std::initializer_list<std::string_view> names) const {
    for (std::string_view name : names) {
      const TapeArgument* argument = find(name);
      if (argument && argument->value()) return &tape_.info(*argument->value()).shape;
    }
    return nullptr;
  }
  std::vector<std::int64_t> integers(std::string_view name) const {
    std::vector<std::int64_t> result;
    const TapeArgument* argument = find(name);
    if (!argument) return result;
    if (const Dim* dim = std::get_if<Dim>(&argument->is); dim && dim->is_constant()) return {dim->value()};
    if (const TapeList* list = argument->list()) {
      for (const TapeArgument& item : *list) {
        const Dim* dim = std::get_if<Dim>(&item.is);
        if (!dim || !dim->is_constant()) return {};
        result.push_back(dim->value());
      }
    }
    return result;
  }
  const TapeList* target_sizes() const {
    for (std::string_view name : {"size", "shape", "sizes"}) {
      const TapeArgument* argument = find(name);
      if (argument && argument->list()) return argument->list();
    }
    return nullptr;
  }

  const Tape& tape_;
  std::string op_;
  const Arguments& arguments_;
  const std::vector<std::vector<std::int64_t>>& sizes_;
  std::size_t rank_, axis_ = 0;
  std::vector<Shape> shapes_;
  std::vector<Dim> all_;
};

}  // namespace

Shape explain_shape(const Tape& tape, const std::string& op, const Arguments& arguments,
                    const std::vector<std::vector<std::int64_t>>& sizes) {
  if (sizes.size() == 1) return nnef::make_shape(sizes.front());
  return Explainer(tape, op, arguments, sizes).run();
}

}  // namespace torch2nnef
