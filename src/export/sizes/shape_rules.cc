#include "export/sizes/shape_rules.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "export/diagnostics.h"
#include "export/operators/operators.h"
#include "export/sizes/axis_argument.h"
#include "export/sizes/combined_shapes.h"
#include "export/sizes/fourier_sizes.h"
#include "export/sizes/moved_axes.h"
#include "export/sizes/window_sizes.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;
constexpr std::int64_t kLargestSize = std::int64_t{1} << 32;

using Arguments = std::vector<std::pair<std::string, TapeArgument>>;

class Explainer {
 public:
  Explainer(const Tape& tape, std::string op, const Arguments& arguments,
            const std::vector<std::vector<std::int64_t>>& sizes, ResultPlace place)
      : tape_(tape),
        op_(std::move(op)),
        arguments_(arguments),
        sizes_(sizes),
        place_(place),
        rank_(sizes.front().size()) {
    for (const auto& [name, argument] : arguments) collect(argument);
  }

  ExplainedShape run() {
    ExplainedShape result;
    for (axis_ = 0; axis_ < rank_; ++axis_) {
      std::optional<Dim> dim = explain();
      if (!dim) {
        dim = guess();
        result.guessed.push_back(axis_);
      }
      if (!dim) fail();
      result.shape.push_back(*dim);
    }
    return result;
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

  // By the rule of the operator, which is exact, or by broadcasting.
  std::optional<Dim> explain() const {
    if (auto dim = by_target()) return dim;
    if (auto dim = exact(moved())) return dim;
    if (auto dim = exact(piece())) return dim;
    if (auto dim = exact(combined_shape(tape_, op_, arguments_))) return dim;
    for (const Dim& dim : window_sizes(tape_, op_, arguments_, rank_, axis_)) {
      if (fits(dim)) return dim;
    }
    if (auto dim = fourier_size(tape_, op_, arguments_, axis_); dim && fits(*dim)) return dim;
    if (auto dim = by_range()) return dim;
    if (row_of(op_).shape == ShapeRule::kSlice && shapes_.size() == 1) {
      if (auto dim = exact(clamped_slice(arguments_, shapes_.front()))) return dim;
    }
    if (auto dim = by_alignment()) return dim;
    if (same_everywhere()) return Dim(seen(0));
    return std::nullopt;
  }

  // Expressions that have the sizes that were seen, and no rule of the operator says so.
  std::optional<Dim> guess() const {
    for (const Dim& dim : all_) {
      if (fits(dim)) return dim;
    }
    if (auto dim = by_shift()) return dim;
    return by_volume();
  }

  std::optional<Shape> moved() const {
    const TapeArgument* given = find_argument(arguments_, "self");
    const Shape* self = given && given->value() ? &tape_.info(*given->value()).shape : nullptr;
    const auto larger =
        std::count_if(shapes_.begin(), shapes_.end(), [](const Shape& shape) { return !shape.empty(); });
    if (self && larger == 1 && shapes_.size() > 1) return moved_axes(op_, arguments_, *self);  // others are numbers
    return shapes_.size() == 1 ? moved_axes(op_, arguments_, shapes_.front()) : std::nullopt;
  }
  std::optional<Shape> piece() const {
    return shapes_.size() == 1 ? shape_of_piece(op_, arguments_, shapes_.front(), place_) : std::nullopt;
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

  // arange of integers.
  std::optional<Dim> by_range() const {
    const TapeArgument *start = find("start"), *end = find("end"), *step = find("step");
    const auto number = [](const TapeArgument* argument, std::int64_t otherwise) -> std::optional<Dim> {
      if (!argument) return Dim(otherwise);
      const Dim* dim = std::get_if<Dim>(&argument->is);
      return dim ? std::optional(*dim) : std::nullopt;
    };
    const auto from = number(start, 0), to = number(end, 0), by = number(step, 1);
    if (row_of(op_).shape != ShapeRule::kRange || !from || !to || !by || *by == Dim(0)) return std::nullopt;
    const Dim items = ceil_div(*to - *from, *by);
    return fits(items) ? std::optional(items) : std::nullopt;
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

  [[noreturn]] void fail() const {
    std::string list;
    for (std::size_t world = 0; world < sizes_.size(); ++world) {
      list += (list.empty() ? "" : ", ") + std::to_string(seen(world));
    }
    throw Unsupported("axis " + std::to_string(axis_) + " of the result of " + op_ + " has the sizes " + list +
                          " at the recorded sizes of the dynamic axes, and no expression of those for it was found",
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
  ResultPlace place_;
  std::size_t rank_, axis_ = 0;
  std::vector<Shape> shapes_;
  std::vector<Dim> all_;
};

}  // namespace

ExplainedShape explain_shape(const Tape& tape, const std::string& op, const Arguments& arguments,
                             const std::vector<std::vector<std::int64_t>>& sizes, ResultPlace place) {
  if (sizes.size() == 1) return {nnef::make_shape(sizes.front()), {}};
  return Explainer(tape, op, arguments, sizes, place).run();
}

}  // namespace torch2nnef
