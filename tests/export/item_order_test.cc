// Chains of moves drawn by chance: the shortest way must move every item to the same place.
#include "export/simplify/item_order.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;

using Sizes = std::vector<std::int64_t>;
using Kind = ItemOrder::Step::Kind;

std::int64_t volume_of(const Sizes& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
}

struct Tensor {
  Sizes sizes;
  std::vector<std::int64_t> items;

  static Tensor counted(Sizes sizes) {
    std::vector<std::int64_t> items(static_cast<std::size_t>(volume_of(sizes)));
    std::iota(items.begin(), items.end(), 0);
    return {std::move(sizes), std::move(items)};
  }

  void reshape(const Sizes& to) {
    ASSERT_EQ(volume_of(to), volume_of(sizes));
    sizes = to;
  }

  // Of each place of the result, `from(places)` in the tensor.
  template <class From>
  void take(const Sizes& to, const From& from) {
    std::vector<std::int64_t> taken;
    for (std::int64_t place = 0; place < volume_of(to); ++place) {
      Sizes places(to.size());
      std::int64_t rest = place;
      for (std::size_t axis = to.size(); axis-- > 0; rest /= to[axis]) places[axis] = rest % to[axis];
      const Sizes source = from(places);
      std::int64_t at = 0;
      for (std::size_t axis = 0; axis < sizes.size(); ++axis) at = at * sizes[axis] + source[axis];
      taken.push_back(items.at(static_cast<std::size_t>(at)));
    }
    sizes = to;
    items = std::move(taken);
  }

  void transpose(const std::vector<std::int64_t>& permutation) {
    Sizes to;
    for (const std::int64_t axis : permutation) to.push_back(sizes[static_cast<std::size_t>(axis)]);
    take(to, [&](const Sizes& places) {
      Sizes source(places.size());
      for (std::size_t i = 0; i < places.size(); ++i) source[static_cast<std::size_t>(permutation[i])] = places[i];
      return source;
    });
  }

  void slice(std::size_t axis, std::int64_t begin, std::int64_t end) {
    Sizes to = sizes;
    to[axis] = end - begin;
    take(to, [&](Sizes places) {
      places[axis] += begin;
      return places;
    });
  }

  void follow(const std::vector<ItemOrder::Step>& steps) {
    for (const ItemOrder::Step& step : steps) {
      if (step.kind == Kind::kReshape) reshape(nnef::evaluate(step.shape, {}));
      if (step.kind == Kind::kTranspose) transpose({step.permutation.begin(), step.permutation.end()});
      if (step.kind == Kind::kSlice) slice(static_cast<std::size_t>(step.axis), step.begin, step.end);
    }
  }
};

class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(bound));
  }

  std::vector<std::int64_t> permutation(std::size_t rank) {
    std::vector<std::int64_t> axes(rank);
    std::iota(axes.begin(), axes.end(), 0);
    for (std::size_t i = rank; i > 1; --i)
      std::swap(axes[i - 1],
                axes[static_cast<std::size_t>(below(std::ssize(axes) - static_cast<std::int64_t>(rank - i)))]);
    return axes;
  }

  // Neighbours merged, axes split, and axes of 1 here and there.
  Sizes other_shape(const Sizes& sizes) {
    Sizes shape;
    for (std::int64_t size : sizes) {
      if (!shape.empty() && below(3) == 0) {
        shape.back() *= size;
        continue;
      }
      for (const std::int64_t factor : {2, 3, 5}) {
        if (size % factor == 0 && size > factor && below(2) == 0) {
          shape.push_back(factor);
          size /= factor;
        }
      }
      shape.push_back(size);
      if (below(5) == 0) shape.push_back(1);
    }
    if (below(6) == 0) std::erase(shape, 1);
    return shape;
  }

 private:
  std::mt19937 engine_;
};

// How many operations went into the order, and how many of them it could say.
struct Count {
  int all = 0, said = 0;
};

void move_by_chance(Chance& chance, ItemOrder& order, Tensor& source, Tensor& tensor, Count& count) {
  bool is_said = true;
  const std::int64_t kind = chance.below(5);
  if (kind < 2) {
    const Sizes shape = chance.other_shape(tensor.sizes);
    tensor.reshape(shape);
    is_said = order.reshape(nnef::make_shape(shape));
  } else if (kind < 4) {
    const auto permutation = chance.permutation(tensor.sizes.size());
    tensor.transpose(permutation);
    order.transpose(permutation);
  } else if (!tensor.sizes.empty()) {
    const auto axis = static_cast<std::size_t>(chance.below(std::ssize(tensor.sizes)));
    const std::int64_t begin = chance.below(tensor.sizes[axis]);
    const std::int64_t end = begin + 1 + chance.below(tensor.sizes[axis] - begin);
    tensor.slice(axis, begin, end);
    is_said = order.slice(axis, begin, end);
  }
  ++count.all;
  count.said += is_said;
  if (is_said) return;
  source = Tensor::counted(tensor.sizes);  // goes on from there
  tensor = source;
  order = ItemOrder(nnef::make_shape(source.sizes));
}

TEST(ItemOrder, ShortestWayMovesItemsAsTheChainDoes) {
  Count count;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    Chance chance(seed);
    const Sizes shapes[] = {{2, 3, 4}, {6, 1, 10}, {4, 6}, {1, 12, 5}, {3, 2, 2, 3}, {30}};
    Tensor source = Tensor::counted(shapes[seed % std::size(shapes)]), tensor = source;
    ItemOrder order(nnef::make_shape(source.sizes));
    for (std::int64_t i = 1 + chance.below(8); i > 0; --i) move_by_chance(chance, order, source, tensor, count);
    const auto steps = order.steps();
    std::size_t slices = 0;
    for (const auto& step : steps) slices += step.kind == Kind::kSlice;
    EXPECT_LE(steps.size(), slices + 3) << "seed " << seed;
    Tensor other = source;
    other.follow(steps);
    ASSERT_EQ(other.sizes, tensor.sizes) << "seed " << seed;
    ASSERT_EQ(other.items, tensor.items) << "seed " << seed;
    if (!order.keeps_last_axis()) continue;
    Sizes sizes = source.sizes;
    for (const auto& step : steps) {
      other = Tensor::counted(sizes);
      other.follow({step});
      sizes = other.sizes;
      EXPECT_EQ(sizes.back(), source.sizes.back()) << "seed " << seed;
    }
  }
  EXPECT_GT(count.said * 10, count.all * 8);  // most moves can be said
}

TEST(ItemOrder, SymbolsAreFactors) {
  const Dim b = Dim::symbol("B"), s = Dim::symbol("S");
  ItemOrder order({s, b, 12});
  EXPECT_TRUE(order.reshape({s, b * 3, 4}));
  order.transpose({1, 0, 2});
  EXPECT_TRUE(order.reshape({b, 3, s, 4}));
  const auto steps = order.steps();
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].shape, (Shape{s, b, 3, 4}));
  EXPECT_EQ(steps[1].permutation, (std::vector<int>{1, 2, 0, 3}));
  EXPECT_FALSE(order.reshape({s, b, 12}));  // the items of B and S stand the other way round
}

TEST(ItemOrder, WhatUndoesItselfTakesNoStep) {
  ItemOrder order({4, 6});
  order.transpose({1, 0});
  EXPECT_TRUE(order.reshape({2, 3, 4}));
  EXPECT_TRUE(order.reshape({6, 4}));
  order.transpose({1, 0});
  EXPECT_TRUE(order.steps().empty());
}

}  // namespace
}  // namespace torch2nnef
