// JSON as plain values. The only reader of it is json.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace torch2nnef {

struct Json {
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kFloat, kString, kList, kObject };
  Kind kind = Kind::kNull;
  bool flag = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<std::string> keys;  // of an object, one per item
  std::vector<Json> items;

  bool is_null() const { return kind == Kind::kNull; }
  // The value of a key, or null when there is none; a value that is null counts as none.
  const Json* find(std::string_view key) const;
  // The same; all of these throw nnef::FormatError for a key that is missing or a value of another kind.
  const Json& at(std::string_view key) const;
  const std::string& string() const;
  std::int64_t number() const;
  bool boolean() const;
  double floating() const;  // integers, and the texts "Infinity", "-Infinity" and "NaN", too
  const std::vector<Json>& list() const;
  const Json& object() const;
};

// Of objects that are the value of a key `within`, the keys in `skipped` are left out. The bare words Infinity and NaN,
// which torch 2.6 writes, are read as texts, and an integer of more than 64 bits, as which it writes 2^63 for "no
// bound", as a float. Throws nnef::FormatError for text that is not JSON or nested more than 200 levels deep.
Json parse_json(std::string_view text, std::string_view within = "", const std::vector<std::string_view>& skipped = {});

// Throws nnef::FormatError: the file holds something else than the format says.
[[noreturn]] void damaged(const std::string& text);

}  // namespace torch2nnef
