#include "export/exported_program/json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Kind = Json::Kind;

constexpr std::size_t kDeepest = 200;

const char* name_of(Kind kind) {
  constexpr const char* kNames[] = {"null", "a bool", "an integer", "a float", "a text", "a list", "an object"};
  return kNames[static_cast<std::size_t>(kind)];
}

void expect(const Json& value, Kind kind) {
  if (value.kind != kind)
    damaged(std::string("there is ") + name_of(value.kind) + " where " + name_of(kind) + " belongs");
}

// Builds the tree while nlohmann's parser walks the text.
class JsonBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonBuilder(std::string_view within, const std::vector<std::string_view>& skipped)
      : within_(within), skipped_(skipped) {}

  Json take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

  bool null() override { return add({}); }
  bool boolean(bool value) override {
    Json json;
    json.kind = Kind::kBool;
    json.flag = value;
    return add(std::move(json));
  }
  bool number_integer(number_integer_t value) override {
    Json json;
    json.kind = Kind::kInt;
    json.integer = value;
    return add(std::move(json));
  }
  bool number_unsigned(number_unsigned_t value) override {
    // No longer an integer, so that it is refused wherever one belongs.
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return number_float(static_cast<double>(value), {});
    }
    return number_integer(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    Json json;
    json.kind = Kind::kFloat;
    json.real = value;
    return add(std::move(json));
  }
  bool string(string_t& value) override {
    Json json;
    json.kind = Kind::kString;
    json.text = std::move(value);
    return add(std::move(json));
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Kind::kObject); }
  bool start_array(std::size_t) override { return open(Kind::kList); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    if (ignored_ == 0) key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    problem_ = "it is not JSON (at byte " + std::to_string(position) + ")";
    return false;
  }

 private:
  bool is_skipped() const {
    return !open_.empty() && open_.back().kind == Kind::kObject && names_.back() == within_ &&
           std::find(skipped_.begin(), skipped_.end(), key_) != skipped_.end();
  }
  bool add(Json json) {
    if (ignored_ > 0 || is_skipped()) return true;
    if (open_.empty()) {
      root_ = std::move(json);
      return true;
    }
    if (open_.back().kind == Kind::kObject) open_.back().keys.push_back(std::move(key_));
    open_.back().items.push_back(std::move(json));
    return true;
  }
  bool open(Kind kind) {
    if (ignored_ > 0 || is_skipped()) {
      ++ignored_;
      return true;
    }
    if (open_.size() >= kDeepest) {
      problem_ = "it is nested more than " + std::to_string(kDeepest) + " levels deep";
      return false;
    }
    names_.push_back(std::move(key_));
    open_.emplace_back();
    open_.back().kind = kind;
    return true;
  }
  bool close() {
    if (ignored_ > 0) {
      --ignored_;
      return true;
    }
    Json json = std::move(open_.back());
    open_.pop_back();
    key_ = std::move(names_.back());
    names_.pop_back();
    return add(std::move(json));
  }

  std::string_view within_;
  const std::vector<std::string_view>& skipped_;
  std::vector<Json> open_;
  std::vector<std::string> names_;  // the keys that the open values have
  std::string key_, problem_;
  std::size_t ignored_ = 0;  // levels of a value that is skipped
  Json root_;
};

// The words of Python's json that JSON does not have, in quotes; nothing else is changed.
std::string with_quoted_words(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool in_text = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (in_text && text[at] == '\\') {
      result += text.substr(at, 2);
      ++at;
      continue;
    }
    if (text[at] == '"') in_text = !in_text;
    std::string_view word;
    for (const std::string_view candidate : {"-Infinity", "Infinity", "NaN"}) {
      if (!in_text && word.empty() && text.substr(at, candidate.size()) == candidate) word = candidate;
    }
    if (word.empty()) {
      result += text[at];
    } else {
      result += '"' + std::string(word) + '"';
      at += word.size() - 1;
    }
  }
  return result;
}

}  // namespace

const Json* Json::find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return items[i].is_null() ? nullptr : &items[i];
  }
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  expect(*this, Kind::kObject);
  if (const Json* value = find(key)) return *value;
  damaged("there is no '" + std::string(key) + "'");
}

const std::string& Json::string() const {
  expect(*this, Kind::kString);
  return text;
}

std::int64_t Json::number() const {
  expect(*this, Kind::kInt);
  return integer;
}

bool Json::boolean() const {
  expect(*this, Kind::kBool);
  return flag;
}

double Json::floating() const {
  if (kind == Kind::kInt) return static_cast<double>(integer);
  if (kind == Kind::kString) {
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  }
  expect(*this, Kind::kFloat);
  return real;
}

const std::vector<Json>& Json::list() const {
  expect(*this, Kind::kList);
  return items;
}

const Json& Json::object() const {
  expect(*this, Kind::kObject);
  return *this;
}

Json parse_json(std::string_view text, std::string_view within, const std::vector<std::string_view>& skipped) {
  std::string repaired;
  if (text.find("Infinity") != std::string_view::npos || text.find("NaN") != std::string_view::npos) {
    repaired = with_quoted_words(text);
    text = repaired;
  }
  JsonBuilder builder(within, skipped);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    damaged(builder.problem().empty() ? "it is not JSON" : builder.problem());
  }
  return builder.take();
}

void damaged(const std::string& text) { throw nnef::FormatError(text); }

}  // namespace torch2nnef
