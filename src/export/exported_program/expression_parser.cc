// The two readers of expressions: each a recursive descent over a small grammar.

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "export/exported_program/expression.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Op = Expression::Op;

constexpr int kDeepestExpression = 100;
constexpr std::size_t kLongest = 20000;  // chains of operators nest without brackets

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    if (text.size() > kLongest) fail("it is too long");
  }

 protected:
  [[noreturn]] void fail(const std::string& what) const {
    throw nnef::FormatError("the expression '" + std::string(text_.substr(0, 200)) + "': " + what);
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }
  bool accept(std::string_view token) {
    skip_space();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail("there is no '" + std::string(token) + "' at character " + std::to_string(at_));
  }
  std::string word() {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  std::string quoted() {
    expect("'");
    const std::size_t end = text_.find('\'', at_);
    if (end == std::string_view::npos) fail("a text does not end");
    const std::string result(text_.substr(at_, end - at_));
    at_ = end + 1;
    return result;
  }
  Expression number() {
    skip_space();
    const char *const begin = text_.data() + at_, *const end = text_.data() + text_.size();
    Expression result;
    const auto whole = std::from_chars(begin, end, result.integer);
    auto stop = whole.ptr;
    if (whole.ec == std::errc() && (stop == end || (*stop != '.' && *stop != 'e'))) {
      at_ += static_cast<std::size_t>(stop - begin);
      return result;
    }
    const auto real = std::from_chars(begin, end, result.real);
    if (real.ec != std::errc()) fail("there is no number at character " + std::to_string(at_));
    at_ += static_cast<std::size_t>(real.ptr - begin);
    result.op = Op::kReal;
    return result;
  }

  struct Level {
    explicit Level(Reader& reader) : reader_(reader) {
      if (++reader_.depth_ > kDeepestExpression) reader_.fail("it is nested too deeply");
    }
    ~Level() { --reader_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Reader& reader_;
  };

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// The functions of srepr; the number of operands, 0 for one or more.
struct Function {
  std::string_view name;
  Op op;
  std::size_t operands;
};
constexpr std::array<Function, 34> kFunctions = {{
    {"Add", Op::kAdd, 0},
    {"Mul", Op::kMul, 0},
    {"Pow", Op::kPow, 2},
    {"FloatPow", Op::kPow, 2},
    {"PowByNatural", Op::kPow, 2},
    {"FloorDiv", Op::kFloorDiv, 2},
    {"CleanDiv", Op::kFloorDiv, 2},
    {"Mod", Op::kMod, 2},
    {"PythonMod", Op::kMod, 2},
    {"Max", Op::kMax, 0},
    {"Min", Op::kMin, 0},
    {"IntTrueDiv", Op::kTrueDiv, 2},
    {"FloatTrueDiv", Op::kTrueDiv, 2},
    {"Rational", Op::kTrueDiv, 2},
    {"ToFloat", Op::kToFloat, 1},
    {"Identity", Op::kToFloat, 1},
    {"TruncToInt", Op::kTrunc, 1},
    {"TruncToFloat", Op::kTrunc, 1},
    {"FloorToInt", Op::kFloor, 1},
    {"floor", Op::kFloor, 1},
    {"CeilToInt", Op::kCeil, 1},
    {"ceiling", Op::kCeil, 1},
    {"OpaqueUnaryFn_sqrt", Op::kSqrt, 1},
    {"Equality", Op::kEqual, 2},
    {"Unequality", Op::kNotEqual, 2},
    {"StrictLessThan", Op::kLess, 2},
    {"LessThan", Op::kLessEqual, 2},
    {"StrictGreaterThan", Op::kGreater, 2},
    {"GreaterThan", Op::kGreaterEqual, 2},
    {"And", Op::kAnd, 0},
    {"Or", Op::kOr, 0},
    {"Not", Op::kNot, 1},
    {"Eq", Op::kEqual, 2},
    {"Ne", Op::kNotEqual, 2},
}};

class SreprReader : private Reader {
 public:
  using Reader::Reader;

  Expression run() {
    Expression result = value();
    if (!at_end()) fail("there is more text behind it");
    return result;
  }

 private:
  Expression value() {
    const Level level(*this);
    const std::string name = word();
    if (name == "Symbol") return symbol();
    if (name == "Integer" || name == "Float") {
      expect("(");
      const bool is_quoted = accept("'");
      Expression result = number();
      if (is_quoted) expect("'");
      if (accept(",")) {
        expect("precision=");
        number();
      }
      expect(")");
      return result;
    }
    return function(name);
  }
  Expression symbol() {
    expect("(");
    Expression result;
    result.op = Op::kSymbol;
    result.symbol = quoted();
    while (accept(",")) {  // what sympy may take for granted of it
      word();
      expect("=");
      word();
    }
    expect(")");
    return result;
  }
  Expression function(const std::string& name) {
    const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                    [&](const Function& function) { return function.name == name; });
    if (found == kFunctions.end()) fail("the function '" + name + "' is not known");
    expect("(");
    std::vector<Expression> operands;
    do {
      operands.push_back(name == "Rational" ? number() : value());
    } while (accept(","));
    expect(")");
    if (found->operands > 0 && operands.size() != found->operands) fail("'" + name + "' has other operands");
    return Expression::of(found->op, std::move(operands));
  }
};

class PythonReader : private Reader {
 public:
  using Reader::Reader;

  Expression run() {
    Expression result = alternatives();
    if (!at_end()) fail("there is more text at character " + std::to_string(at_));
    return result;
  }

 private:
  bool accept_word(std::string_view name) {
    skip_space();
    const std::size_t before = at_;
    if (word() == name) return true;
    at_ = before;
    return false;
  }
  Expression alternatives() {
    const Level level(*this);
    std::vector<Expression> sides{conjunction()};
    while (accept_word("or")) sides.push_back(conjunction());
    return sides.size() == 1 ? std::move(sides[0]) : Expression::of(Op::kOr, std::move(sides));
  }
  Expression conjunction() {
    std::vector<Expression> sides{negation()};
    while (accept_word("and")) sides.push_back(negation());
    return sides.size() == 1 ? std::move(sides[0]) : Expression::of(Op::kAnd, std::move(sides));
  }
  Expression negation() {
    const Level level(*this);
    if (accept_word("not")) return Expression::of(Op::kNot, {negation()});
    return comparison();
  }
  // a < b <= c is both of them.
  Expression comparison() {
    constexpr std::array<std::pair<std::string_view, Op>, 6> kSigns = {{{"==", Op::kEqual},
                                                                        {"!=", Op::kNotEqual},
                                                                        {"<=", Op::kLessEqual},
                                                                        {">=", Op::kGreaterEqual},
                                                                        {"<", Op::kLess},
                                                                        {">", Op::kGreater}}};
    Expression left = sum();
    std::vector<Expression> all;
    for (bool found = true; found;) {
      found = false;
      for (const auto& [sign, op] : kSigns) {
        if (found || !accept(sign)) continue;
        found = true;
        Expression right = sum();
        all.push_back(Expression::of(op, {left, right}));
        left = std::move(right);
      }
    }
    if (all.empty()) return left;
    return all.size() == 1 ? std::move(all[0]) : Expression::of(Op::kAnd, std::move(all));
  }
  Expression sum() {
    std::vector<Expression> terms{product()};
    for (;;) {
      if (accept("+")) {
        terms.push_back(product());
      } else if (accept("-")) {
        terms.push_back(Expression::of(Op::kMul, {Expression::number(-1), product()}));
      } else {
        return terms.size() == 1 ? std::move(terms[0]) : Expression::of(Op::kAdd, std::move(terms));
      }
    }
  }
  Expression product() {
    Expression left = sign();
    for (;;) {
      if (accept("//")) {
        left = Expression::of(Op::kFloorDiv, {std::move(left), sign()});
      } else if (accept("/")) {
        left = Expression::of(Op::kTrueDiv, {std::move(left), sign()});
      } else if (accept("%")) {
        left = Expression::of(Op::kMod, {std::move(left), sign()});
      } else if (accept("*")) {
        left = Expression::of(Op::kMul, {std::move(left), sign()});
      } else {
        return left;
      }
    }
  }
  Expression sign() {
    const Level level(*this);
    if (accept("-")) return Expression::of(Op::kMul, {Expression::number(-1), sign()});
    Expression base = atom();
    if (accept("**")) return Expression::of(Op::kPow, {std::move(base), sign()});
    return base;
  }
  Expression atom() {
    if (accept("(")) {
      Expression inner = alternatives();
      expect(")");
      return inner;
    }
    skip_space();
    if (at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '.')) {
      return number();
    }
    const std::size_t begin = at_;
    std::string name = word();
    if (name.empty()) fail("there is no value at character " + std::to_string(at_));
    if (name == "L") return place(begin);
    while (accept(".")) name += "." + word();
    if (accept("(")) return function(name);
    Expression result;
    result.op = Op::kSymbol;
    result.symbol = name;
    return result;
  }
  // L['x'][0].field.size()[1], as it is.
  Expression place(std::size_t begin) {
    std::size_t place_end = at_;  // accept() passes blanks
    for (;; place_end = at_) {
      if (accept("[")) {
        const std::size_t end = text_.find(']', at_);
        if (end == std::string_view::npos) fail("a bracket does not end");
        at_ = end + 1;
      } else if (text_.substr(at_, 1) == ".") {
        ++at_;
        word();
      } else if (!accept("()")) {
        break;
      }
    }
    Expression result;
    result.op = Op::kSymbol;
    result.symbol = text_.substr(begin, place_end - begin);
    return result;
  }
  Expression function(const std::string& name) {
    constexpr std::array<std::pair<std::string_view, Op>, 13> kNames = {{{"torch.sym_max", Op::kMax},
                                                                         {"torch.sym_min", Op::kMin},
                                                                         {"Max", Op::kMax},
                                                                         {"Min", Op::kMin},
                                                                         {"max", Op::kMax},
                                                                         {"min", Op::kMin},
                                                                         {"torch.sym_float", Op::kToFloat},
                                                                         {"math.trunc", Op::kTrunc},
                                                                         {"math.floor", Op::kFloor},
                                                                         {"math.ceil", Op::kCeil},
                                                                         {"math.sqrt", Op::kSqrt},
                                                                         {"torch._sym_sqrt", Op::kSqrt},
                                                                         {"torch.sym_not", Op::kNot}}};
    const auto found =
        std::find_if(kNames.begin(), kNames.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == kNames.end()) fail("the function '" + name + "' is not known");
    std::vector<Expression> operands;
    do {
      operands.push_back(alternatives());
    } while (accept(","));
    expect(")");
    return Expression::of(found->second, std::move(operands));
  }
};

}  // namespace

Expression parse_srepr(std::string_view text) { return SreprReader(text).run(); }

Expression parse_python(std::string_view text) { return PythonReader(text).run(); }

}  // namespace torch2nnef
