#include "export/record/numbers/size_math.h"

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace torch2nnef {
namespace {

constexpr std::int64_t kLargestDenominator = 1 << 20;
constexpr double kRounding = 3e-7;  // of float32, in which a model may compute with sizes

Ratio reduced(Ratio ratio) {
  if (ratio.denominator < 0) {
    ratio.denominator = -ratio.denominator;
    ratio.numerator = -ratio.numerator;
  }
  if (ratio.denominator == 1) return ratio;
  if (auto whole = nnef::exact_div(ratio.numerator, ratio.denominator)) return {*whole, 1};
  if (auto number = ratio.numerator.constant()) {
    std::int64_t common = std::gcd(*number, ratio.denominator);
    return {nnef::Dim(*number / common), ratio.denominator / common};
  }
  return ratio;
}

nnef::Dim floor_of(const Ratio& ratio) { return floor_div(ratio.numerator, nnef::Dim(ratio.denominator)); }

std::optional<Ratio> divided(const Ratio& a, const Ratio& b) {
  if (auto divisor = b.numerator.constant()) {
    if (*divisor == 0) return std::nullopt;
    return reduced({a.numerator * nnef::Dim(b.denominator), a.denominator * *divisor});
  }
  if (a.denominator != 1 || b.denominator != 1) return std::nullopt;
  if (auto whole = nnef::exact_div(a.numerator, b.numerator)) return Ratio{*whole, 1};
  return std::nullopt;
}

std::optional<Ratio> floor_divided(const Ratio& a, const Ratio& b) {
  if (b.numerator == nnef::Dim(0)) return std::nullopt;
  return Ratio{floor_div(a.numerator * nnef::Dim(b.denominator), b.numerator * nnef::Dim(a.denominator)), 1};
}

// To a small power that is a number.
std::optional<Ratio> power(const Ratio& base, const Ratio& exponent) {
  constexpr std::int64_t kLargestPower = 8;
  const std::int64_t times = exponent.denominator == 1 ? exponent.numerator.constant().value_or(-1) : -1;
  if (times < 0 || times > kLargestPower) return std::nullopt;
  Ratio result{nnef::Dim(1), 1};
  for (std::int64_t i = 0; i < times; ++i) {
    result = {result.numerator * base.numerator, result.denominator * base.denominator};
    if (result.denominator > kLargestDenominator) return std::nullopt;
  }
  return reduced(result);
}

// Halves go to the even neighbour. Above an even number the nearest integer of a half, rounded up, is odd: one too
// many.
nnef::Dim rounded(const Ratio& ratio) {
  const nnef::Dim twice = ratio.numerator * nnef::Dim(2) + nnef::Dim(ratio.denominator);
  const std::int64_t d = ratio.denominator;
  const nnef::Dim nearest = floor_div(twice, nnef::Dim(2 * d));
  if (d % 2 != 0) return nearest;
  return nearest - floor_div(twice + nnef::Dim(2 * d), nnef::Dim(4 * d)) +
         floor_div(twice + nnef::Dim(2 * d - 1), nnef::Dim(4 * d));
}

std::optional<Ratio> shifted(const Ratio& a, const Ratio& b, bool is_left) {
  const std::int64_t places = b.denominator == 1 ? b.numerator.constant().value_or(-1) : -1;
  if (a.denominator != 1 || places < 0 || places > 30) return std::nullopt;
  const nnef::Dim factor(std::int64_t{1} << places);
  return Ratio{is_left ? a.numerator * factor : floor_div(a.numerator, factor), 1};
}

// size & mask: the sum of the bits that are set in the mask. Of a negative mask, the bits that it clears.
nnef::Dim common_bits(const nnef::Dim& size, std::int64_t mask) {
  if (mask < 0) return size - common_bits(size, ~mask);
  nnef::Dim sum;
  for (std::int64_t bit = 1; bit != 0 && bit <= mask; bit *= 2) {
    if ((mask & bit) != 0) sum += nnef::Dim(bit) * remainder(floor_div(size, nnef::Dim(bit)), nnef::Dim(2));
  }
  return sum;
}

// Bit by bit, with a number of not too many bits.
std::optional<Ratio> bitwise(NumberOp op, const Ratio& a, const Ratio& b) {
  constexpr std::int64_t kLargestMask = 1 << 16;
  if (a.denominator != 1 || b.denominator != 1) return std::nullopt;
  const auto left = a.numerator.constant(), right = b.numerator.constant();
  const auto mask = right ? right : left;
  if (!mask || *mask >= kLargestMask || *mask < -kLargestMask) return std::nullopt;
  const nnef::Dim& size = right ? a.numerator : b.numerator;
  const nnef::Dim common = common_bits(size, *mask);
  if (op == NumberOp::kAnd) return Ratio{common, 1};
  const nnef::Dim all = size + nnef::Dim(*mask) - common;
  return Ratio{op == NumberOp::kOr ? all : all - common, 1};
}

std::int64_t numbers_without_common_divisor(std::int64_t with) {
  std::int64_t count = 0;
  for (std::int64_t i = 1; i <= with; ++i) count += std::gcd(i, with) == 1 ? 1 : 0;
  return count;
}

// gcd(size, n) is the sum over the divisors d of n of phi(d), where d divides the size too.
std::optional<Ratio> common_divisor(const Ratio& a, const Ratio& b) {
  constexpr std::int64_t kLargest = 256;
  if (a.denominator != 1 || b.denominator != 1) return std::nullopt;
  const auto left = a.numerator.constant(), right = b.numerator.constant();
  const std::int64_t number = std::abs(right ? *right : left.value_or(0));
  if (number == 0 || number > kLargest) return std::nullopt;
  const nnef::Dim& size = right ? a.numerator : b.numerator;
  nnef::Dim sum;
  for (std::int64_t d = 1; d <= number; ++d) {
    if (number % d != 0) continue;
    const nnef::Dim divides = floor_div(size, nnef::Dim(d)) - floor_div(size - nnef::Dim(1), nnef::Dim(d));
    sum += nnef::Dim(numbers_without_common_divisor(d)) * divides;
  }
  return Ratio{sum, 1};
}

}  // namespace

std::optional<NumberOp> number_op(std::string_view op) {
  const NumberOp number = row_of(op).number;
  return number == NumberOp::kNone || number > NumberOp::kSame ? std::nullopt : std::optional(number);
}

std::optional<NumberOp> number_op_of_all(NumberOp op) {
  if (op == NumberOp::kSum) return NumberOp::kAdd;
  return op == NumberOp::kProduct ? std::optional(NumberOp::kMul) : std::nullopt;
}

bool takes_one_number(NumberOp op) { return op >= NumberOp::kNeg && op <= NumberOp::kSame; }

std::optional<Ratio> apply(NumberOp op, const Ratio& a, const Ratio& b) {
  nnef::Dim left = a.numerator * nnef::Dim(b.denominator), right = b.numerator * nnef::Dim(a.denominator);
  std::int64_t common = a.denominator * b.denominator;
  if (common > kLargestDenominator) return std::nullopt;
  switch (op) {
    case NumberOp::kAdd:
      return reduced({left + right, common});
    case NumberOp::kSub:
      return reduced({left - right, common});
    case NumberOp::kMul:
      return reduced({a.numerator * b.numerator, common});
    case NumberOp::kTrueDiv:
      return divided(a, b);
    case NumberOp::kFloorDiv:
      return floor_divided(a, b);
    case NumberOp::kRemainder:
      if (common != 1 || b.numerator == nnef::Dim(0)) return std::nullopt;
      return Ratio{remainder(a.numerator, b.numerator), 1};
    case NumberOp::kPower:
      return power(a, b);
    case NumberOp::kShiftLeft:
    case NumberOp::kShiftRight:
      return shifted(a, b, op == NumberOp::kShiftLeft);
    case NumberOp::kCommonDivisor:
      return common_divisor(a, b);
    case NumberOp::kAnd:
    case NumberOp::kOr:
    case NumberOp::kXor:
      return bitwise(op, a, b);
    case NumberOp::kNeg:
      return Ratio{-a.numerator, a.denominator};
    case NumberOp::kAbs:
      return nnef::is_never_negative(a.numerator) ? a : reduced({max(a.numerator, -a.numerator), a.denominator});
    case NumberOp::kRound:
      return Ratio{rounded(a), 1};
    case NumberOp::kMin:
      return reduced({min(left, right), common});
    case NumberOp::kMax:
      return reduced({max(left, right), common});
    case NumberOp::kFloor:
    case NumberOp::kTrunc:
      return Ratio{floor_of(a), 1};
    case NumberOp::kCeil:
      return Ratio{-floor_of({-a.numerator, a.denominator}), 1};
    case NumberOp::kSame:
      return a;
    default:
      return std::nullopt;
  }
}

namespace {

// The fraction of small numbers that a float stands for: 0.7 is 7/10, whatever its last bits are. What is computed with
// it is compared with what was seen.
std::optional<Ratio> simple_fraction(double number) {
  constexpr double kFloatError = 1e-7;
  for (std::int64_t denominator = 3; denominator <= 1000; ++denominator) {
    double scaled = number * static_cast<double>(denominator), nearest = std::round(scaled);
    if (std::abs(scaled - nearest) <= kFloatError * std::abs(scaled)) {
      return Ratio{nnef::Dim(static_cast<std::int64_t>(nearest)), denominator};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Ratio> ratio_of(double number) {
  if (!std::isfinite(number) || std::abs(number) > 1e15) return std::nullopt;
  for (std::int64_t denominator = 1; denominator <= kLargestDenominator; denominator *= 2) {
    double scaled = number * static_cast<double>(denominator);
    if (std::abs(scaled) > 1e15) break;
    if (std::trunc(scaled) == scaled) return Ratio{nnef::Dim(static_cast<std::int64_t>(scaled)), denominator};
  }
  return simple_fraction(number);
}

std::optional<Ratio> ratio_of(const c10::IValue& number) {
  if (number.isInt()) return Ratio{nnef::Dim(number.toInt()), 1};
  if (number.isBool()) return Ratio{nnef::Dim(number.toBool() ? 1 : 0), 1};
  if (number.isDouble()) return ratio_of(number.toDouble());
  return std::nullopt;
}

std::string to_string(const Ratio& ratio) {
  if (ratio.denominator == 1) return ratio.numerator.to_string();
  return "(" + ratio.numerator.to_string() + ")/" + std::to_string(ratio.denominator);
}

bool holds(const Ratio& ratio, const std::vector<double>& seen, const std::vector<nnef::Bindings>& worlds) {
  for (std::size_t world = 0; world < worlds.size(); ++world) {
    try {
      if (std::abs(ratio.evaluate(worlds[world]) - seen.at(world)) > kRounding * (1 + std::abs(seen.at(world))))
        return false;
    } catch (const std::domain_error&) {
      return false;
    }
  }
  return true;
}

namespace {

bool compare(double left, const std::string& sign, double right) {
  if (sign == "==") return left == right;
  if (sign == "!=") return left != right;
  if (sign == "<") return left < right;
  if (sign == "<=") return left <= right;
  return sign == ">" ? left > right : left >= right;
}

std::string opposite_sign(const std::string& sign) {
  static const std::map<std::string, std::string> kOpposite = {{"==", "!="}, {"!=", "=="}, {"<", ">="},
                                                               {"<=", ">"},  {">", "<="},  {">=", "<"}};
  return kOpposite.at(sign);
}

Note condition(std::string text, std::string opposite, std::set<std::string> symbols,
               std::function<bool(const nnef::Bindings&)> test) {
  Note note;
  note.kind = Note::Kind::kSizes;
  note.text = std::move(text);
  note.opposite = std::move(opposite);
  note.symbols = std::move(symbols);
  note.test = std::move(test);
  return note;
}

// A bool as a condition: one that does not follow from sizes always, or never, holds.
Note as_condition(const Slot& slot) {
  if (slot.note) return slot.note;
  const bool value = slot.sample().toBool();
  return condition(value ? "true" : "false", value ? "false" : "true", {},
                   [value](const nnef::Bindings&) { return value; });
}

// As one side of "and" or "or".
std::string side(const std::string& text) {
  const bool is_joined = text.find(" and ") != std::string::npos || text.find(" or ") != std::string::npos;
  return is_joined ? "(" + text + ")" : text;
}

}  // namespace

const char* comparison_sign(NumberOp op) {
  switch (op) {
    case NumberOp::kEqual:
      return "==";
    case NumberOp::kNotEqual:
      return "!=";
    case NumberOp::kLess:
      return "<";
    case NumberOp::kLessEqual:
      return "<=";
    case NumberOp::kGreater:
      return ">";
    case NumberOp::kGreaterEqual:
      return ">=";
    default:
      return nullptr;
  }
}

Note comparison_note(const Ratio& a, const std::string& sign, const Ratio& b) {
  std::set<std::string> symbols = a.numerator.symbols();
  symbols.merge(b.numerator.symbols());
  const std::string left = to_string(a) + " ", right = " " + to_string(b);
  Note note = condition(
      left + sign + right, left + opposite_sign(sign) + right, std::move(symbols),
      [a, sign, b](const nnef::Bindings& sizes) { return compare(a.evaluate(sizes), sign, b.evaluate(sizes)); });
  if (std::optional<Ratio> difference = apply(NumberOp::kSub, a, b)) {
    note.ratio = std::move(*difference);
    note.sign = sign;
  }
  return note;
}

Note negated(const Note& note) {
  return condition(note.opposite, note.text, note.symbols,
                   [test = note.test](const nnef::Bindings& sizes) { return !test(sizes); });
}

Note combined(NumberOp op, const Slot& a, const Slot& b) {
  const bool either = op == NumberOp::kOr;
  const Note left = as_condition(a), right = as_condition(b);
  std::set<std::string> symbols = left.symbols;
  symbols.insert(right.symbols.begin(), right.symbols.end());
  return condition(side(left.text) + (either ? " or " : " and ") + side(right.text),
                   side(left.opposite) + (either ? " and " : " or ") + side(right.opposite), std::move(symbols),
                   [left = left.test, right = right.test, either](const nnef::Bindings& sizes) {
                     return either ? left(sizes) || right(sizes) : left(sizes) && right(sizes);
                   });
}

namespace {

// Of a number that is computed with another, in a way that is not followed.
Note without_value(const Note& note) {
  return note.kind == Note::Kind::kData ? Note::data({}, note.text) : Note::unexplained(note.text);
}

}  // namespace

Note list_comparison(NumberOp op, const Slot& a, const Slot& b, const ContainerNotes& notes) {
  const std::vector<c10::IValue> left = items_of(a.sample()), right = items_of(b.sample());
  if (left.size() != right.size()) return {};
  std::vector<Note> left_notes = notes.get(a.sample()), right_notes = notes.get(b.sample());
  left_notes.resize(left.size());
  right_notes.resize(right.size());
  Note all;
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::vector<Ratio> pair;
    for (const auto& [value, note] : {std::pair(left[i], left_notes[i]), std::pair(right[i], right_notes[i])}) {
      if (note && note.kind != Note::Kind::kSizes) return without_value(note);
      const std::optional<Ratio> ratio = note ? note.ratio : ratio_of(value);
      if (!ratio || (note && value.isBool())) return Note::unexplained("a comparison of lists");
      pair.push_back(*ratio);
    }
    const std::optional<Ratio> difference = apply(NumberOp::kSub, pair[0], pair[1]);
    if (difference && difference->numerator.is_constant()) {
      if (difference->numerator.value() != 0) return {};  // no size makes them equal
      continue;
    }
    const Note equal = comparison_note(pair[0], "==", pair[1]);
    all = all ? combined(NumberOp::kAnd, {{true}, all}, {{true}, equal}) : equal;
  }
  return all && op == NumberOp::kNotEqual ? negated(all) : all;
}

Note list_number(const std::string& op, const std::vector<c10::IValue>& items, std::vector<Note> notes) {
  const NumberOp number = row_of(op).number;
  const bool is_extreme = number == NumberOp::kMax || number == NumberOp::kMin;
  const std::optional<NumberOp> combines = is_extreme ? std::optional(number) : number_op_of_all(number);
  notes.resize(items.size());
  const Note unknown = Note::unexplained("a number that went through " + op);
  std::optional<Ratio> all;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (notes[i] && notes[i].kind != Note::Kind::kSizes) return without_value(notes[i]);
    const bool is_no_bound = number == NumberOp::kMin && items[i].isInt() &&
                             items[i].toInt() == std::numeric_limits<std::int64_t>::max();  // enumerate(list)
    if (is_no_bound && items.size() > 1) continue;
    const std::optional<Ratio> ratio = notes[i] ? notes[i].ratio : ratio_of(items[i]);
    if (!combines || !ratio || items[i].isBool()) return unknown;
    all = all ? apply(*combines, *all, *ratio) : ratio;
    if (!all) return unknown;
  }
  if (!all) return unknown;
  return all->numerator.is_constant() ? Note{} : Note::sizes(*all);
}

}  // namespace torch2nnef
