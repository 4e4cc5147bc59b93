// Operators that work item by item.

#include <set>

#include "dialect_bench.h"

namespace dialect_tests {
namespace {

constexpr DType kFloats[] = {DType::kF32, DType::kF16, DType::kF64};
constexpr DType kHalfSingle[] = {DType::kF32, DType::kF16};
constexpr DType kIntegers[] = {DType::kI64, DType::kI32, DType::kI16, DType::kI8, DType::kU8};

const std::vector<std::string> kOfFloats = {"exp",   "log",   "sin",      "cos",  "tan",    "sinh", "cosh",
                                            "asinh", "recip", "floor",    "ceil", "round",  "sqrt", "rsqrt",
                                            "tanh",  "atan",  "abs",      "neg",  "sign",   "relu", "rsqr",
                                            "log2",  "elu",   "softplus", "copy", "square", "sqr"};
const std::vector<std::string> kOfHalfSingle = {"sigmoid",         "tract_core_round_even", "tract_core_erf",
                                                "tract_core_silu", "tract_core_hard_swish", "tract_transformers_silu"};

// Where a function is defined.
Fill domain_of(const std::string& op) {
  static const std::set<std::string> positive = {"log", "sqrt", "rsqrt", "log2", "recip", "rsqr"};
  return positive.count(op) > 0 ? Fill::kPositive : Fill::kPlain;
}

void add_unary(Cases& cases) {
  for (const std::string& op : kOfFloats) {
    for (DType dtype : kFloats) {
      cases.unary(op, {2, 3}, dtype, domain_of(op));
      cases.unary(op, {kS, 1, 2}, dtype, domain_of(op));
    }
    cases.unary(op, {}, DType::kF32, domain_of(op));
    cases.unary(op, {18}, DType::kF32, Fill::kSpecial);
  }
  for (const std::string& op : kOfHalfSingle) {
    for (DType dtype : kHalfSingle) cases.unary(op, {kS, 4}, dtype);
    cases.unary(op, {18}, DType::kF32, Fill::kSpecial);
  }
  for (const char* op : {"asin", "acos", "atanh"}) {
    for (DType dtype : kFloats) cases.unary(op, {kS, 3}, dtype, Fill::kUnit);
  }
  cases.unary("acosh", {2, 3}, DType::kF32, Fill::kDistinct);
  for (DType dtype : kIntegers) {
    for (const char* op : {"floor", "ceil", "round", "relu", "tract_core_bitnot", "copy"})
      cases.unary(op, {kS, 3}, dtype);
    if (dtype == DType::kU8) continue;
    for (const char* op : {"abs", "neg", "sign"}) cases.unary(op, {kS, 3}, dtype);
  }
  for (const char* op : {"square", "sqr"}) cases.unary(op, {kS, 3}, DType::kI32);
  for (const char* op : {"not", "copy", "tract_core_bitnot"}) cases.unary(op, {kS, 3}, DType::kBool);
}

void add_attributes(Cases& cases) {
  for (DType dtype : kHalfSingle) {
    cases.unary("leaky_relu", {kS, 3}, dtype, Fill::kPlain, {{"alpha", 0.125}});
    cases.unary("tract_core_pow_const", {kS, 3}, dtype, Fill::kPositive, {{"exponent", 1.5}});
    cases.unary("tract_core_gelu_approx", {kS, 3}, dtype, Fill::kPlain, {{"fast_impl", false}});
    cases.unary("tract_transformers_gelu_approx", {kS, 3}, dtype, Fill::kPlain, {{"fast_impl", false}});
  }
  for (DType dtype : kFloats) cases.unary("softabs", {kS, 3}, dtype, Fill::kPlain, {{"epsilon", 0.25}});
  for (DType dtype : kHalfSingle) {
    cases.unary("tract_core_is_nan", {18}, dtype, Fill::kSpecial);
    for (bool above : {false, true}) {
      for (bool below : {false, true}) {
        cases.unary("tract_core_is_inf", {18}, dtype, Fill::kSpecial,
                    {{"detect_positive", above}, {"detect_negative", below}});
      }
    }
  }
}

// Two inputs: equal shapes, broadcasting on either side, a number on either side.
void add_binary(Cases& cases, const std::string& op, DType dtype, Fill left, Fill right, bool literals) {
  const std::string name(nnef::to_string(dtype));
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{2, 3}, {2, 3}}, {{kS, 3}, {1, 3}}, {{kS, 1}, {kS, 3}}, {{2, 1, kS}, {1, 3, 1}}, {{}, {kS, 3}}};
  for (const auto& [a, b] : shapes) {
    cases.add(op, name + nnef::to_string(a) + nnef::to_string(b), [=](Bench& bench) -> std::vector<Value> {
      return {bench.add(op, {bench.input(a, dtype, left), bench.input(b, dtype, right, 1)})};
    });
  }
  if (!literals) return;
  cases.add(op, name + " with a number", [=](Bench& bench) -> std::vector<Value> {
    const Value x = bench.input({kS, 3}, dtype, left);
    return {bench.builder().binary(op, x, 1.5), bench.builder().binary(op, 0.75, x)};
  });
}

void add_binaries(Cases& cases) {
  for (const char* op : {"add", "sub", "mul", "min", "max", "eq", "ne", "lt", "gt", "le", "ge"}) {
    for (DType dtype : kFloats) add_binary(cases, op, dtype, Fill::kPlain, Fill::kPlain, dtype != DType::kF64);
    for (DType dtype : kIntegers) add_binary(cases, op, dtype, Fill::kPlain, Fill::kPlain, false);
    add_binary(cases, op, DType::kI64, Fill::kEqual, Fill::kEqual, false);
  }
  for (const char* op : {"min", "max", "add", "mul", "lt", "eq"}) {
    cases.add(op, "special", [=](Bench& bench) -> std::vector<Value> {
      const Value x = bench.input({18}, DType::kF32, Fill::kSpecial), y = bench.input({18}, DType::kF32);
      return {bench.add(op, {x, y}), bench.add(op, {y, x})};
    });
  }
  for (DType dtype : kFloats) add_binary(cases, "div", dtype, Fill::kPlain, Fill::kPositive, dtype != DType::kF64);
  for (DType dtype : kIntegers) add_binary(cases, "div", dtype, Fill::kPlain, Fill::kPositive, false);
  for (DType dtype : kFloats) add_binary(cases, "pow", dtype, Fill::kPositive, Fill::kPlain, dtype != DType::kF64);
  for (DType dtype : {DType::kI64, DType::kI32}) {
    add_binary(cases, "pow", dtype, Fill::kPlain, Fill::kPositive, false);
    add_binary(cases, "tract_shl", dtype, Fill::kPlain, Fill::kIndex, false);
    add_binary(cases, "tract_shr", dtype, Fill::kPlain, Fill::kIndex, false);
  }
  for (DType dtype : {DType::kF32, DType::kF16}) add_binary(cases, "prelu", dtype, Fill::kPlain, Fill::kUnit, false);
  for (const char* op : {"and", "or", "tract_core_xor"}) {
    add_binary(cases, op, DType::kBool, Fill::kPlain, Fill::kPlain, false);
  }
  for (const char* op : {"tract_core_bitand", "tract_core_bitor", "tract_core_bitxor"}) {
    for (DType dtype : kIntegers) add_binary(cases, op, dtype, Fill::kPlain, Fill::kPlain, false);
  }
}

void add_choices(Cases& cases) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kF64, DType::kI64, DType::kI32, DType::kU8, DType::kBool}) {
    cases.add("select", std::string(nnef::to_string(dtype)), [=](Bench& bench) -> std::vector<Value> {
      const Value c = bench.input({kS, 1}, DType::kBool), a = bench.input({kS, 3}, dtype);
      const Value b = bench.input({1, 3}, dtype, Fill::kPositive);
      return {bench.add("select", {c, a, b}), bench.add("select", {c, b, a})};
    });
  }
  cases.add("select", "numbers", [](Bench& bench) -> std::vector<Value> {
    const Value c = bench.input({kS, 3}, DType::kBool), x = bench.input({kS, 3});
    return {bench.add("select", {c, x, 0.5}), bench.add("select", {c, -0.5, x}), bench.add("select", {c, 1.0, 0.0})};
  });
  for (DType dtype : kFloats) {
    cases.add("clamp", std::string(nnef::to_string(dtype)), [=](Bench& bench) -> std::vector<Value> {
      const Value x = bench.input({kS, 3}, dtype), low = bench.input({1, 3}, dtype, Fill::kUnit);
      const Value high = bench.input({1, 3}, dtype, Fill::kPositive);
      return {bench.add("clamp", {x, low, high}), bench.add("clamp", {x, -0.5, 0.75})};
    });
  }
  cases.add("clamp", "special", [](Bench& bench) -> std::vector<Value> {
    return {bench.add("clamp", {bench.input({18}, DType::kF32, Fill::kSpecial), -0.5, 0.75})};
  });
}

// Every pair of types, with values that do not fit.
void add_casts(Cases& cases) {
  const std::vector<DType> types = {DType::kF32, DType::kF16, DType::kF64, DType::kI64, DType::kI32,
                                    DType::kI16, DType::kI8,  DType::kU8,  DType::kBool};
  for (DType from : types) {
    for (DType to : types) {
      const std::string what = std::string(nnef::to_string(from)) + " to " + std::string(nnef::to_string(to));
      cases.add("tract_core_cast", what, [=](Bench& bench) -> std::vector<Value> {
        const std::vector<NamedArgument> attributes = {{"to", std::string(nnef::to_string(to))}};
        std::vector<Value> results = {bench.add("tract_core_cast", {bench.input({kS, 3}, from)}, attributes)};
        if (nnef::is_float(from)) {
          results.push_back(bench.add("tract_core_cast", {bench.input({18}, from, Fill::kSpecial)}, attributes));
        } else if (from != DType::kBool) {
          results.push_back(bench.add("tract_core_cast", {bench.input({9}, from, Fill::kDistinct)}, attributes));
        }
        return results;
      });
    }
  }
}

}  // namespace

void add_elementwise_cases(Cases& cases) {
  add_unary(cases);
  add_attributes(cases);
  add_binaries(cases);
  add_choices(cases);
  add_casts(cases);
}

}  // namespace dialect_tests
