// Dimension expressions as text, in the syntax that tract reads.
#include <cctype>
#include <charconv>
#include <utility>

#include "nnef/dim/dim.h"
#include "nnef/dim/dim_sum.h"

namespace nnef {
namespace {

using Kind = DimAtom::Kind;

constexpr int kMaxNesting = 200;

// True when the text needs no parentheses as the side of a division: a number or a name.
bool is_word(std::string_view text) { return text.find_first_of("+-*/(") == std::string_view::npos; }

std::string in_parentheses(const std::string& text) { return is_word(text) ? text : "(" + text + ")"; }

std::string atom_text(const DimAtom& atom, bool is_factor) {
  if (atom.kind != Kind::kFloorDiv) return atom.key;
  // A product under a division keeps its parentheses: tract's assertion grammar binds "/" tighter than "*".
  std::string text = in_parentheses(atom.operands[0].to_string()) + "/" + in_parentheses(atom.operands[1].to_string());
  return is_factor ? "(" + text + ")" : text;
}

// The text of |coefficient| * product.
std::string term_text(const DimProduct& product, std::int64_t coefficient) {
  std::string digits = std::to_string(coefficient);
  if (coefficient < 0) digits.erase(0, 1);
  if (product.atoms.empty()) return digits;
  const bool is_factor = product.atoms.size() > 1 || digits != "1";
  std::string text = digits == "1" ? "" : digits;
  for (const DimAtomPtr& atom : product.atoms) {
    if (!text.empty()) text += '*';
    text += atom_text(*atom, is_factor);
  }
  return text;
}

class DimReader {
 public:
  explicit DimReader(std::string_view text) : text_(text) {}

  Dim read_all() {
    Dim result = read_sum();
    skip_space();
    if (place_ != text_.size()) fail("unexpected text");
    return result;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw std::invalid_argument("dimension expression '" + std::string(text_) + "', column " +
                                std::to_string(place_ + 1) + ": " + std::string(what));
  }

  void skip_space() {
    while (place_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[place_])) != 0) ++place_;
  }

  bool take(char wanted) {
    skip_space();
    if (place_ >= text_.size() || text_[place_] != wanted) return false;
    ++place_;
    return true;
  }

  void expect(char wanted) {
    if (!take(wanted)) fail(std::string("expected '") + wanted + "'");
  }

  Dim read_sum() {
    if (++nesting_ > kMaxNesting) fail("nested too deeply");
    Dim result = read_product();
    while (true) {
      if (take('+')) {
        result += read_product();
      } else if (take('-')) {
        result -= read_product();
      } else {
        --nesting_;
        return result;
      }
    }
  }

  Dim read_product() {
    Dim result = read_atom();
    while (true) {
      if (take('*')) {
        result *= read_atom();
      } else if (take('/')) {
        Dim divisor = read_atom();
        if (divisor == Dim(0)) fail("division by zero");
        result = floor_div(result, divisor);
      } else {
        return result;
      }
    }
  }

  Dim read_atom() {
    int signs = 0;
    while (take('-')) ++signs;
    Dim result = read_unsigned();
    return signs % 2 == 1 ? -result : result;
  }

  Dim read_unsigned() {
    skip_space();
    if (take('(')) {
      Dim result = read_sum();
      expect(')');
      return result;
    }
    if (place_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[place_])) != 0) return read_number();
    std::string name = read_name();
    if (name.empty()) fail("expected a number, a name or '('");
    if ((name == "min" || name == "max") && take('(')) return read_extremum(name == "min");
    return Dim::symbol(name);
  }

  Dim read_number() {
    std::int64_t number = 0;
    const char* begin = text_.data() + place_;
    auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number);
    if (error != std::errc()) fail("the number does not fit in 64 bits");
    place_ += static_cast<std::size_t>(end - begin);
    return number;
  }

  std::string read_name() {
    std::size_t begin = place_;
    while (place_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[place_])) != 0 || text_[place_] == '_')) {
      ++place_;
    }
    return std::string(text_.substr(begin, place_ - begin));
  }

  Dim read_extremum(bool is_min) {
    Dim result = read_sum();
    while (take(',')) {
      Dim other = read_sum();
      result = is_min ? min(result, other) : max(result, other);
    }
    expect(')');
    return result;
  }

  std::string_view text_;
  std::size_t place_ = 0;
  int nesting_ = 0;
};

}  // namespace

std::string Dim::to_string() const {
  if (!sum_) return std::to_string(constant_);
  // A positive term goes first, since a name cannot carry a sign; where there is none the number carries it.
  auto first = sum_->terms.begin();
  while (first != sum_->terms.end() && first->second < 0) ++first;
  std::string text;
  if (first != sum_->terms.end()) {
    text = term_text(first->first, first->second);
  } else {
    first = sum_->terms.begin();
    text = first->second == -1 ? "-1*" + term_text(first->first, 1) : "-" + term_text(first->first, first->second);
    if (first->second == -1 && first->first.atoms.size() == 1) {
      text = "-1*" + atom_text(*first->first.atoms[0], true);
    }
  }
  for (auto term = sum_->terms.begin(); term != sum_->terms.end(); ++term) {
    if (term != first) text += (term->second < 0 ? "-" : "+") + term_text(term->first, term->second);
  }
  return text;
}

Dim Dim::parse(std::string_view text) { return DimReader(text).read_all(); }

}  // namespace nnef
