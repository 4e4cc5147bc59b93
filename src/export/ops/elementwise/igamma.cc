// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P, in double precision: the power series below
// x = a + 1, Lentz's continued fraction above. 200 rounds of both hold to 4e-10 up to a = 1000, and to 1e-13 up to 300.

#include <limits>

#include "export/lower/sub_call.h"
#include "export/ops/networks/iteration.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kRounds = 200;
constexpr DType kWide = DType::kF64;

Value log_gamma(Call& call, Value x) {
  SubCall sub(call, "aten::lgamma");
  sub.argument("self", {sub.tensor(x)});
  sub.expect(ScalarType::kFloat64, call.builder().shape(x));
  return sub.run().at(0);
}

// states: n, the series' last term and sum; the fraction's c, d and value.
std::vector<Value> next_terms(Builder& b, Value one, Value a, Value x, const std::vector<Value>& states) {
  Value n = b.binary("add", states[0], one), two = body_number(b, 2, kWide);
  Value term = b.binary("div", b.binary("mul", states[1], x), b.binary("add", a, n));
  Value sum = b.binary("add", states[2], term);
  Value numerator = b.binary("mul", n, b.binary("sub", a, n));
  // x + 1 - a + 2 n
  Value denominator =
      b.binary("add", b.binary("add", b.binary("sub", x, a), body_number(b, 1, kWide)), b.binary("mul", n, two));
  Value d = b.unary("recip", b.binary("add", b.binary("mul", numerator, states[4]), denominator));
  Value c = b.binary("add", denominator, b.binary("div", numerator, states[3]));
  Value fraction = b.binary("mul", states[5], b.binary("mul", c, d));
  return {n, term, sum, c, d, fraction};
}

struct Operands {
  Value a, x;
};

Operands operands_of(Call& call) {
  Builder& b = call.builder();
  auto wide = [&](std::string_view name) { return b.broadcast_to(call.tensor_as(name, kWide), call.result_shape()); };
  return {wide("self"), wide("other")};
}

void lower_igamma(Call& call, bool is_complement) {
  Builder& b = call.builder();
  auto [a, x] = operands_of(call);
  Argument zero = b.literal(0.0, kWide), one = b.literal(1.0, kWide);
  Value is_series = b.binary("lt", x, b.binary("add", a, one));
  // Where the fraction is not used it starts at a harmless place.
  Value start = b.unary("recip", b.select(is_series, one, b.binary("sub", b.binary("add", x, one), a)));
  Value first = b.unary("recip", a);
  Iteration iteration{"igamma_round", kRounds, {{"a", a}, {"x", x}}, {}};
  iteration.states = {
      {"n", filled(call, b.constant(0.0, kWide), call.result_shape())},   {"term", first}, {"sum", first},
      {"c", filled(call, b.constant(1e300, kWide), call.result_shape())}, {"d", start},    {"fraction", start}};
  std::vector<Value> last = iterate(call, iteration, b.binary("add", a, x),
                                    [](Builder& body, Value unit, std::vector<Value> fixed, std::vector<Value> states) {
                                      return next_terms(body, unit, fixed[0], fixed[1], states);
                                    });
  Value exponent = b.binary("sub", b.binary("sub", b.binary("mul", a, b.unary("log", x)), x), log_gamma(call, a));
  Value factor = b.unary("exp", exponent);
  Value lower = b.binary("mul", factor, last[2]), upper = b.binary("mul", factor, last[5]);
  Value y = is_complement ? b.select(is_series, b.binary("sub", one, lower), upper)
                          : b.select(is_series, lower, b.binary("sub", one, upper));
  Argument none = is_complement ? one : zero, all = is_complement ? zero : one;
  Argument infinity = b.literal(std::numeric_limits<double>::infinity(), kWide);
  y = b.select(b.binary("eq", a, infinity), none, y);
  y = b.select(b.binary("eq", x, infinity), all, y);
  y = b.select(b.binary("eq", x, zero), none, y);
  y = b.select(b.binary("eq", a, zero), all, y);
  // Negative arguments, two zeros, two infinities, NaN.
  Value is_valid = b.binary("and", b.binary("ge", a, zero), b.binary("ge", x, zero));
  is_valid = b.binary("and", is_valid, b.binary("gt", b.binary("add", a, x), zero));
  Value both = b.binary("min", a, x);
  is_valid = b.binary("and", is_valid, b.binary("ne", both, infinity));
  y = b.select(is_valid, y, b.literal(std::numeric_limits<double>::quiet_NaN(), kWide));
  call.result(b.cast(y, call.result_dtype()));
}

}  // namespace

void register_igamma(Registry& registry) {
  static constexpr char kLimits[] = "first argument up to 1000";
  registry.add(
      "aten::igamma aten::special_gammainc", [](Call& call) { lower_igamma(call, false); }, kLimits);
  registry.add(
      "aten::igammac aten::special_gammaincc", [](Call& call) { lower_igamma(call, true); }, kLimits);
}

}  // namespace torch2nnef
