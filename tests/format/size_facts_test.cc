#include "nnef/dim/size_facts.h"

#include <gtest/gtest.h>

#include "nnef/dim/dim_parts.h"

namespace nnef {
namespace {

const Dim S = Dim::symbol("S");
const Dim T = Dim::symbol("T");

TEST(SizeFacts, WhatHoldsAtAllSizesIsKnown) {
  const SizeFacts facts(SizeRanges{{"S", {}}, {"T", {}}});
  EXPECT_TRUE(facts.is_at_least(S - 1, 0));
  EXPECT_FALSE(facts.is_at_least(S - 2, 0));
  EXPECT_TRUE(facts.is_at_least(S * T, 1));
  EXPECT_TRUE(facts.is_at_least(ceil_div(S, 2) * 2 - S, 0));
  EXPECT_TRUE(facts.is_at_least(Dim(3), 3));
  EXPECT_FALSE(facts.is_at_least(Dim(3), 4));
}

TEST(SizeFacts, BoundsOfSymbolsCount) {
  const SizeFacts facts(SizeRanges{{"S", {5, std::nullopt}}, {"T", {1, 12}}});
  EXPECT_TRUE(facts.is_at_least(S - 5, 0));
  EXPECT_FALSE(facts.is_at_least(S - 6, 0));
  EXPECT_TRUE(facts.is_at_least(12 - T, 0));
  EXPECT_TRUE(facts.is_at_least(S + 12 - T, 5));
  EXPECT_FALSE(facts.is_at_least(11 - T, 0));
  EXPECT_TRUE(facts.is_sign_exact(T - 13));
}

TEST(SizeFacts, SignsAreExactOrThoseOfTheRecordedSizes) {
  const SizeFacts facts(SizeRanges{{"S", {}}}, {{{"S", 20}}, {{"S", 30}}});
  EXPECT_EQ(facts.is_negative(-S), true);
  EXPECT_TRUE(facts.is_sign_exact(-S));
  EXPECT_EQ(facts.is_negative(S - 10), false);
  EXPECT_FALSE(facts.is_sign_exact(S - 10));
  EXPECT_EQ(facts.is_negative(S - 40), true);
  EXPECT_EQ(facts.is_negative(S - 25), std::nullopt);
}

TEST(SizeFacts, EqualityIsStructuralOrTriedAtTheAgreedSizes) {
  const SizeFacts facts(SizeRanges{{"S", {}}, {"T", {2, 9}}});
  EXPECT_TRUE(facts.are_equal(2 * S + 1, S + S + 1));
  EXPECT_TRUE(facts.are_equal(min(S, 4) + max(S - 4, 0), S));
  EXPECT_FALSE(facts.are_equal(min(S, 4), S));
  EXPECT_FALSE(facts.are_equal(S, T));
  EXPECT_TRUE(facts.are_equal(min(T, 9), T));
  EXPECT_FALSE(facts.are_equal(min(T, 8), T));
  EXPECT_FALSE(facts.are_equal(Dim(2), Dim(3)));
}

TEST(SizeFacts, TheAgreedSizesHoldTheEndsAndTheRecordedOnes) {
  SizeFacts facts({{"S", {3, 7}}}, {{{"S", 5}}});
  EXPECT_EQ(facts.sizes().at(0), (Bindings{{"S", 5}}));
  EXPECT_EQ(facts.sizes().at(1), (Bindings{{"S", 3}}));
  EXPECT_EQ(facts.sizes().at(2), (Bindings{{"S", 7}}));
  facts.require_items({S - 4});
  EXPECT_EQ(facts.sizes().at(0), (Bindings{{"S", 5}}));
  EXPECT_EQ(facts.sizes().at(1), (Bindings{{"S", 7}}));
  for (const Bindings& sizes : facts.sizes()) EXPECT_GE(sizes.at("S"), 5);
}

TEST(SizeFacts, PartsOfAnExpression) {
  EXPECT_TRUE(is_rounded(floor_div(S, 2) + 1));
  EXPECT_TRUE(is_rounded(min(floor_div(S, 2), T)));
  EXPECT_FALSE(is_rounded(2 * S + T));
  EXPECT_EQ(differences_of_sides(S - min(S, 32)).size(), 1U);
  EXPECT_TRUE(differences_of_sides(S * T).empty());
  const Dim difference = differences_of_sides(2 * min(S, 32)).at(0);
  EXPECT_EQ(difference.evaluate({{"S", 32}}), 0);
  EXPECT_NE(difference.evaluate({{"S", 31}}), 0);
}

}  // namespace
}  // namespace nnef
