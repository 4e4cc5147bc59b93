#include "export/simplify/item_order.h"

#include <algorithm>

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;

using Kind = ItemOrder::Step::Kind;

std::vector<std::size_t> all_of(const std::vector<std::vector<std::size_t>>& axes) {
  std::vector<std::size_t> factors;
  for (const auto& axis : axes) factors.insert(factors.end(), axis.begin(), axis.end());
  return factors;
}

std::size_t place_of(std::size_t factor, const std::vector<std::size_t>& in) {
  return static_cast<std::size_t>(std::find(in.begin(), in.end(), factor) - in.begin());
}

std::vector<int> inverse(const std::vector<int>& order) {
  std::vector<int> inverse(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) inverse[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  return inverse;
}

ItemOrder::Step reshape_to(Shape shape) { return {Kind::kReshape, std::move(shape), {}}; }
ItemOrder::Step transpose_by(std::vector<int> permutation) { return {Kind::kTranspose, {}, std::move(permutation)}; }

}  // namespace

ItemOrder::ItemOrder(const Shape& source) {
  for (const Dim& dim : source) {
    source_.emplace_back();
    if (dim == Dim(1)) continue;
    source_.back().push_back(sizes_.size());
    sizes_.push_back(dim);
  }
  axes_ = source_;
}

Dim ItemOrder::product(const Factors& factors) const {
  Dim result(1);
  for (const std::size_t factor : factors) result *= sizes_[factor];
  return result;
}

Shape ItemOrder::shape_of(const Axes& axes) const {
  Shape shape;
  for (const Factors& factors : axes) shape.push_back(product(factors));
  return shape;
}

// The inner one of the two, which is new.
std::size_t ItemOrder::split(std::size_t factor, const Dim& outer, const Dim& inner) {
  sizes_[factor] = outer;
  sizes_.push_back(inner);
  for (Factors& factors : source_) {
    const auto at = std::find(factors.begin(), factors.end(), factor);
    if (at != factors.end()) factors.insert(at + 1, sizes_.size() - 1);
  }
  return sizes_.size() - 1;
}

bool ItemOrder::reshape(const Shape& to) {
  ItemOrder made = *this;
  made.axes_.clear();
  Factors rest = all_of(axes_);
  std::reverse(rest.begin(), rest.end());
  for (const Dim& dim : to) {
    Factors axis;
    for (Dim left = dim; left != Dim(1);) {
      if (rest.empty() || left == Dim(0) || made.sizes_[rest.back()] == Dim(0)) return false;
      const std::size_t factor = rest.back();
      const Dim size = made.sizes_[factor];
      rest.pop_back();
      axis.push_back(factor);
      if (const auto more = exact_div(left, size)) {
        left = *more;
        continue;
      }
      const auto inner = exact_div(size, left);
      if (!inner) return false;
      rest.push_back(made.split(factor, left, *inner));
      break;
    }
    made.axes_.push_back(std::move(axis));
  }
  if (!rest.empty()) return false;
  *this = std::move(made);
  return true;
}

void ItemOrder::transpose(const std::vector<std::int64_t>& permutation) {
  Axes axes;
  for (const std::int64_t axis : permutation) axes.push_back(axes_.at(static_cast<std::size_t>(axis)));
  axes_ = std::move(axes);
}

bool ItemOrder::slice(std::size_t axis, std::int64_t begin, std::int64_t end) {
  const Factors& factors = axes_.at(axis);
  if (factors.empty()) return begin == 0 && end == 1;
  const std::size_t outer = factors.front();
  const auto owner = std::find_if(source_.begin(), source_.end(), [&](const Factors& candidate) {
    return !candidate.empty() && candidate.front() == outer;
  });
  if (owner == source_.end()) return false;
  const auto count = sizes_[outer].constant();
  const auto each = product({factors.begin() + 1, factors.end()}).constant();
  const auto width = product({owner->begin() + 1, owner->end()}).constant();
  if (!count || !each || !width || *each == 0 || begin % *each != 0 || end % *each != 0) return false;
  begin /= *each;
  end /= *each;
  if (begin < 0 || begin >= end || end > *count) return false;
  if (begin == 0 && end == *count) return true;
  const auto at = static_cast<std::size_t>(owner - source_.begin());
  const auto known = slices_.find(at);
  const std::int64_t before = known == slices_.end() ? 0 : known->second.first;
  slices_[at] = {before + begin * *width, before + end * *width};
  sizes_[outer] = Dim(end - begin);
  if (end - begin == 1) {
    owner->erase(owner->begin());
    axes_[axis].erase(axes_[axis].begin());
  }
  return true;
}

bool ItemOrder::keeps_last_axis() const {
  return !source_.empty() && !axes_.empty() && !source_.back().empty() && source_.back() == axes_.back() &&
         slices_.count(source_.size() - 1) == 0;
}

// Axes of 1 are taken in their order.
std::optional<std::vector<int>> ItemOrder::as_permutation() const {
  if (source_.size() != axes_.size()) return std::nullopt;
  std::vector<int> permutation;
  std::vector<bool> used(source_.size(), false);
  for (const Factors& factors : axes_) {
    std::size_t axis = 0;
    while (axis < source_.size() && (used[axis] || source_[axis] != factors)) ++axis;
    if (axis == source_.size()) return std::nullopt;
    used[axis] = true;
    permutation.push_back(static_cast<int>(axis));
  }
  return permutation;
}

std::optional<std::vector<int>> ItemOrder::order_in(const Axes& axes, const Factors& all) const {
  std::vector<std::size_t> firsts;  // by axis: behind its first factor; 0 for none
  std::vector<int> order;
  for (const Factors& factors : axes) {
    const std::size_t first = factors.empty() ? 0 : place_of(factors.front(), all);
    for (std::size_t i = 0; i < factors.size(); ++i) {
      if (first + i >= all.size() || all[first + i] != factors[i]) return std::nullopt;
    }
    firsts.push_back(factors.empty() ? 0 : first + 1);
    order.push_back(static_cast<int>(order.size()));
  }
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return firsts[static_cast<std::size_t>(a)] < firsts[static_cast<std::size_t>(b)];
  });
  return order;
}

// Runs of factors that stand side by side in the source and in the result.
ItemOrder::Axes ItemOrder::blocks() const {
  const Factors from = all_of(source_), to = all_of(axes_);
  Axes blocks;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const bool goes_on = i > 0 && place_of(from[i], to) == place_of(from[i - 1], to) + 1;
    const bool is_last_axis = keeps_last_axis() && from[i] == source_.back().front();
    if (!goes_on || is_last_axis) blocks.emplace_back();
    blocks.back().push_back(from[i]);
  }
  return blocks;
}

std::vector<ItemOrder::Step> ItemOrder::reordered() const {
  const Factors from = all_of(source_), to = all_of(axes_);
  const Shape shape = shape_of(axes_);
  if (from == to) {
    return shape == shape_of(source_) ? std::vector<Step>{} : std::vector<Step>{reshape_to(shape)};
  }
  if (const auto permutation = as_permutation()) return {transpose_by(*permutation)};
  if (const auto order = order_in(axes_, from)) {
    Shape before;
    for (const int axis : *order) before.push_back(shape[static_cast<std::size_t>(axis)]);
    return {reshape_to(before), transpose_by(inverse(*order))};
  }
  if (const auto order = order_in(source_, to)) return {transpose_by(*order), reshape_to(shape)};
  const Axes parts = blocks();
  return {reshape_to(shape_of(parts)), transpose_by(*order_in(parts, to)), reshape_to(shape)};
}

bool ItemOrder::follow(const std::vector<Step>& steps, const std::optional<Dim>& last) {
  for (const Step& step : steps) {
    if (step.kind == Kind::kSlice) {
      if (!slice(static_cast<std::size_t>(step.axis), step.begin, step.end)) return false;
    } else if (step.kind == Kind::kTranspose) {
      transpose({step.permutation.begin(), step.permutation.end()});
    } else {
      Shape shape = step.shape;
      if (last) shape.back() = *last;
      if (!reshape(shape)) return false;
    }
  }
  return true;
}

Shape ItemOrder::parts_of(std::size_t axis) const {
  Shape parts;
  for (const std::size_t factor : axes_.at(axis)) parts.push_back(sizes_[factor]);
  return parts;
}

std::vector<ItemOrder::Step> ItemOrder::steps() const {
  std::vector<Step> steps;
  for (const auto& [axis, range] : slices_) {
    steps.push_back({Kind::kSlice, {}, {}, static_cast<int>(axis), range.first, range.second});
  }
  const std::vector<Step> others = reordered();
  steps.insert(steps.end(), others.begin(), others.end());
  return steps;
}

}  // namespace torch2nnef
