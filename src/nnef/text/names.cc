#include "nnef/text/names.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "nnef/builder/builder.h"

namespace nnef {
namespace {

constexpr std::array<std::string_view, 19> kKeywords = {
    "version",   "extension", "graph", "fragment", "tensor", "integer", "scalar", "logical", "string", "shape_of",
    "length_of", "range_of",  "for",   "in",       "yield",  "if",      "else",   "true",    "false"};

// tract tries literals before names and does not look for the end of the word (T-NAME-LITERAL).
constexpr std::array<std::string_view, 3> kLiteralPrefixes = {"inf", "true", "false"};

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_letter_or_digit(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

bool is_keyword(std::string_view text) {
  return std::find(kKeywords.begin(), kKeywords.end(), text) != kKeywords.end();
}

bool is_misread(std::string_view text) {
  return std::any_of(kLiteralPrefixes.begin(), kLiteralPrefixes.end(),
                     [text](std::string_view prefix) { return text.starts_with(prefix); });
}

// Neither is NaN a literal, but it looks like one.
bool is_reserved(std::string_view text) { return is_keyword(text) || is_misread(text) || text.starts_with("nan"); }

}  // namespace

bool is_plain_name(std::string_view text) {
  return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), is_letter_or_digit);
}

bool is_identifier(std::string_view text) { return is_plain_name(text) && !is_reserved(text); }

bool is_name(std::string_view text, const Target& target) {
  if (is_plain_name(text)) return target.kind == Target::Kind::kKhronos ? !is_keyword(text) : !is_misread(text);
  return target.kind == Target::Kind::kTract && !text.empty() && text.find('\0') == std::string_view::npos;
}

std::string make_identifier(std::string_view text) {
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(), [](char c) { return !is_letter_or_digit(c); }, '_');
  if (result.empty()) return "v";
  if (!is_letter(result.front()) || is_reserved(result)) result.insert(0, "v_");
  return result;
}

}  // namespace nnef
