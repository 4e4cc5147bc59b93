#include "nnef/dim/dim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace nnef {
namespace {

const Dim S = Dim::symbol("S");
const Dim T = Dim::symbol("T");

TEST(Dim, Numbers) {
  EXPECT_EQ(Dim(), Dim(0));
  EXPECT_TRUE(Dim(3).is_constant());
  EXPECT_EQ((Dim(3) + 4 * Dim(5) - 1).value(), 22);
  EXPECT_EQ(floor_div(-7, 2).value(), -4);
  EXPECT_EQ(ceil_div(-7, 2).value(), -3);
  EXPECT_EQ(remainder(-7, 3).value(), 2);
  EXPECT_EQ(remainder(7, -3).value(), -2);
  EXPECT_EQ(min(3, 4).value(), 3);
  EXPECT_EQ(max(3, 4).value(), 4);
  EXPECT_FALSE(S.is_constant());
  EXPECT_EQ(S.constant(), std::nullopt);
  EXPECT_THROW(S.value(), SymbolicDimError);
  EXPECT_THROW(floor_div(S, 0), std::domain_error);
  EXPECT_THROW(Dim(INT64_MAX) + 1, std::overflow_error);
  EXPECT_THROW(Dim(INT64_MAX) * 2, std::overflow_error);
}

TEST(Dim, SumsAndProductsAreCanonical) {
  EXPECT_EQ(S + T, T + S);
  EXPECT_EQ((S + 1) * (S - 1), S * S - 1);
  EXPECT_EQ(S - S, Dim(0));
  EXPECT_EQ((S + T) * 2 - T - T, 2 * S);
  EXPECT_NE(S, T);
  EXPECT_NE(S, S + 1);
  EXPECT_EQ((2 * S + 1 - 2 * S).value(), 1);
}

TEST(Dim, DivisionsAreCanonical) {
  EXPECT_EQ(floor_div(6 * S, 3), 2 * S);
  EXPECT_EQ(floor_div(2 * S + 1, 2), S);
  EXPECT_EQ(floor_div(4 * S + 6, 8), floor_div(2 * S + 3, 4));
  EXPECT_EQ(floor_div(S - 1, 2) + 1, floor_div(S + 1, 2));
  EXPECT_EQ(floor_div(floor_div(S, 2), 2), floor_div(S, 4));
  EXPECT_EQ(floor_div(floor_div(S - 1, 2) + 1 - 1, 2) + 1, floor_div(S + 3, 4));
  EXPECT_EQ(floor_div(S * T, T), S);
  EXPECT_EQ(floor_div(S * S + S, S + 1), S);
  EXPECT_EQ(floor_div(S * T * 3, T * 2), floor_div(3 * S, 2));
  EXPECT_EQ(ceil_div(S, 2), floor_div(S + 1, 2));
  EXPECT_EQ(ceil_div(S, 3), floor_div(S + 2, 3));
  EXPECT_EQ(-floor_div(-S, 2), ceil_div(S, 2));
  EXPECT_EQ(-floor_div(-S, 3), ceil_div(S, 3));
  EXPECT_EQ(ceil_div(S * T, T), S);
  EXPECT_EQ(remainder(4 * S + 3, 4), Dim(3));
}

// tract reads S-S/2 as S/2, so such sums must not be written.
TEST(Dim, HalvesHavePositiveCoefficients) {
  EXPECT_EQ((S - floor_div(S, 2)).to_string(), "(S+1)/2");
  EXPECT_EQ((S + 1 - floor_div(S + 1, 2)).to_string(), "S/2+1");
  EXPECT_EQ((3 * S - 3 * floor_div(S, 2)).to_string(), "3*((S+1)/2)");
  EXPECT_EQ((S + T - floor_div(S + T, 2)).to_string(), "(S+T+1)/2");
  EXPECT_EQ((S * T - T * floor_div(S, 2)), T * floor_div(S + 1, 2));
  EXPECT_EQ(floor_div(S, 2) + floor_div(S + 1, 2), S);
  EXPECT_EQ(S - floor_div(S, 2) - S, -floor_div(S, 2));
  EXPECT_EQ(S - floor_div(S, 2) + floor_div(S, 2), S);
  EXPECT_EQ(max(S, T) - floor_div(max(S, T), 2), floor_div(max(S, T) + 1, 2));
}

// What is rounded up to a multiple reads so, whichever way it was computed.
TEST(Dim, RoundedUp) {
  EXPECT_EQ(S + remainder(-S, 32), 32 * ceil_div(S, 32));
  EXPECT_EQ(S + remainder(32 - remainder(S, 32), 32), 32 * ceil_div(S, 32));
  EXPECT_EQ((S + remainder(7 - remainder(S, 7), 7)).to_string(), "7*((S+6)/7)");
  EXPECT_EQ(floor_div(31 * S, 32).to_string(), "S-(S+31)/32");
  EXPECT_EQ(floor_div(3 * S, 5).to_string(), "(3*S)/5");
  EXPECT_EQ(max(floor_div(2 * S, 3), 0), floor_div(2 * S, 3));
  EXPECT_EQ(max(remainder(-S, 32), 0), remainder(-S, 32));
}

TEST(Dim, ExtremaAreCanonical) {
  EXPECT_EQ(min(S, T), min(T, S));
  EXPECT_EQ(min(S, S + 1), S);
  EXPECT_EQ(max(S, S + 1), S + 1);
  EXPECT_EQ(max(S, 0), S);
  EXPECT_EQ(min(min(S, 3), T), min(3, min(T, S)));
  EXPECT_EQ(min(min(S, 5), 3), min(S, 3));
  EXPECT_EQ(min(3, min(S, T)).to_string(), "min(min(3,S),T)");  // calls of two: what NNEF's operators take
}

TEST(Dim, Texts) {
  const std::pair<Dim, const char*> kCases[] = {
      {3, "3"},
      {S, "S"},
      {2 * S + 1, "2*S+1"},
      {S - 1, "S-1"},
      {1 - S, "1-S"},
      {-S, "-1*S"},
      {-2 * S, "-2*S"},
      {floor_div(S - 1, 3) + 1, "(S+2)/3"},
      {min(S, 3), "min(3,S)"},
      {S * T - 2, "S*T-2"},
      {floor_div(S * T, 4) * 3, "3*((S*T)/4)"},
      {floor_div(S, T + 1), "S/(T+1)"},
      {remainder(S, 3), "S-3*(S/3)"},
  };
  for (const auto& [dim, text] : kCases) {
    EXPECT_EQ(dim.to_string(), text);
    EXPECT_EQ(Dim::parse(text), dim) << text;
  }
  EXPECT_EQ(Dim::parse(" ( S + 1 ) * 2 "), 2 * S + 2);
  EXPECT_EQ(Dim::parse("--S"), S);
  EXPECT_EQ(Dim::parse("min"), Dim::symbol("min"));
  for (const char* text : {"", "S+", "(S", "S)", "S T", "1.5", "min(S", "S/0", "99999999999999999999", "S%2"}) {
    EXPECT_THROW(Dim::parse(text), std::invalid_argument) << text;
  }
  EXPECT_THROW(Dim::parse(std::string(100000, '(')), std::invalid_argument);
}

TEST(Dim, ExactDivision) {
  EXPECT_EQ(exact_div(6 * S, 6), S);
  EXPECT_EQ(exact_div(S * T + S, T + 1), S);
  EXPECT_EQ(exact_div(0, S), Dim(0));
  EXPECT_EQ(exact_div(S, 2), std::nullopt);
  EXPECT_EQ(exact_div(S + 1, S), std::nullopt);
  EXPECT_EQ(exact_div(S, 0), std::nullopt);
  EXPECT_EQ(exact_div(7, 2), std::nullopt);
}

TEST(Dim, SymbolsAndSubstitution) {
  EXPECT_EQ((S * T + min(Dim::symbol("U"), 4)).symbols(), (std::set<std::string>{"S", "T", "U"}));
  EXPECT_EQ(floor_div(S + 1, 2).substitute({{"S", 2 * T + 1}}), T + 1);
  EXPECT_EQ(min(S, T).substitute({{"S", 2}, {"T", 5}}), Dim(2));
  EXPECT_EQ(S.substitute({{"T", 5}}), S);
  EXPECT_THROW(S.evaluate({{"T", 1}}), std::out_of_range);
}

TEST(Dim, Shapes) {
  EXPECT_EQ(volume({}), Dim(1));
  EXPECT_EQ(volume({2, S, 3}), 6 * S);
  EXPECT_EQ(to_string(Shape{1, 3, 2 * S}), "[1,3,2*S]");
  EXPECT_EQ(evaluate(Shape{S, S + 1}, {{"S", 4}}), (std::vector<std::int64_t>{4, 5}));
  EXPECT_EQ(make_shape({1, 2}), (Shape{1, 2}));
}

// A random expression, and the same one computed on numbers.
struct Sample {
  Dim dim;
  std::vector<std::int64_t> values;  // at each binding
};

TEST(Dim, AgreesWithArithmeticOnNumbers) {
  std::mt19937 random(7);
  const auto below = [&random](std::size_t count) { return static_cast<std::size_t>(random()) % count; };
  const std::vector<Bindings> bindings = {
      {{"S", 1}, {"T", 1}}, {{"S", 5}, {"T", 2}}, {{"S", 2}, {"T", 9}}, {{"S", 12}, {"T", 7}}, {{"S", 33}, {"T", 64}}};
  const auto floor_of = [](std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); };
  for (int round = 0; round < 60; ++round) {
    std::vector<Sample> pool = {{S, {}}, {T, {}}};
    for (const Bindings& at : bindings) {
      pool[0].values.push_back(at.at("S"));
      pool[1].values.push_back(at.at("T"));
    }
    for (int step = 0; step < 40; ++step) {
      const Sample a = pool[below(pool.size())], b = pool[below(pool.size())];
      const auto number = static_cast<std::int64_t>(below(6) + 1);
      const std::size_t kind = below(10);
      const Dim made[] = {a.dim + b.dim,
                          a.dim - b.dim,
                          a.dim * number,
                          -a.dim,
                          floor_div(a.dim, number),
                          ceil_div(a.dim, number),
                          remainder(a.dim, number),
                          min(a.dim, b.dim),
                          max(a.dim, b.dim),
                          a.dim + number};
      Sample result{made[kind], {}};
      for (std::size_t i = 0; i < bindings.size(); ++i) {
        const std::int64_t x = a.values[i], y = b.values[i];
        const std::int64_t computed[] = {x + y,
                                         x - y,
                                         x * number,
                                         -x,
                                         floor_of(x, number),
                                         -floor_of(-x, number),
                                         x - floor_of(x, number) * number,
                                         std::min(x, y),
                                         std::max(x, y),
                                         x + number};
        result.values.push_back(computed[kind]);
        ASSERT_EQ(result.dim.evaluate(bindings[i]), computed[kind]) << result.dim.to_string();
      }
      const std::string text = result.dim.to_string();
      if (text.size() > 150) continue;
      ASSERT_EQ(Dim::parse(text), result.dim) << text << " against " << Dim::parse(text).to_string();
      ASSERT_EQ(result.dim - result.dim, Dim(0));
      ASSERT_EQ(result.dim + b.dim - b.dim, result.dim) << text << " and " << b.dim.to_string();
      pool.push_back(std::move(result));
    }
  }
}

}  // namespace
}  // namespace nnef
