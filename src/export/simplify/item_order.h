// Where the items of a tensor stand in another one that has the same items, or a range of them, in another order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "nnef/dim/dim.h"

namespace torch2nnef {

// What reshapes, transposes and slices make of a tensor, one after the other. The axes are taken apart into factors:
// [T, 12] that was reshaped to [T, 3, 4] has the factors T, 3 and 4. An operation that cannot be said in factors leaves
// the object as it was and returns false.
class ItemOrder {
 public:
  explicit ItemOrder(const nnef::Shape& source);

  bool reshape(const nnef::Shape& to);
  void transpose(const std::vector<std::int64_t>& permutation);  // of as many axes as there are
  bool slice(std::size_t axis, std::int64_t begin, std::int64_t end);

  // Whether the last axis is the source's, whole, and longer than 1.
  bool keeps_last_axis() const;

  // One operation of the shortest way from the source to the result.
  struct Step {
    enum class Kind { kSlice, kReshape, kTranspose };
    Kind kind;
    nnef::Shape shape;                // kReshape
    std::vector<int> permutation;     // kTranspose
    int axis = 0;                     // kSlice
    std::int64_t begin = 0, end = 0;  // kSlice
  };
  // Slices first, then at most one transpose between two reshapes. Where the last axis is kept, each step keeps it.
  std::vector<Step> steps() const;
  // The same steps behind what there is, on a tensor whose last axis, which they keep then, has another length.
  bool follow(const std::vector<Step>& steps, const std::optional<nnef::Dim>& last = std::nullopt);
  nnef::Shape shape() const { return shape_of(axes_); }
  // What an axis of the result is made of, the outermost first.
  nnef::Shape parts_of(std::size_t axis) const;

 private:
  using Factors = std::vector<std::size_t>;  // places in sizes_, the outermost first; none for an axis of 1
  using Axes = std::vector<Factors>;

  nnef::Dim product(const Factors& factors) const;
  nnef::Shape shape_of(const Axes& axes) const;
  std::size_t split(std::size_t factor, const nnef::Dim& outer, const nnef::Dim& inner);
  std::optional<std::vector<int>> as_permutation() const;
  // The axes in the order in which their factors stand in `all`, those of 1 first; nothing where those of one axis do
  // not stand side by side.
  std::optional<std::vector<int>> order_in(const Axes& axes, const Factors& all) const;
  Axes blocks() const;
  std::vector<Step> reordered() const;

  std::vector<nnef::Dim> sizes_;                                         // of the factors
  Axes source_, axes_;                                                   // of the source behind its slices; the result
  std::map<std::size_t, std::pair<std::int64_t, std::int64_t>> slices_;  // by axis of the source: first, past the last
};

}  // namespace torch2nnef
