// The operator table: reads the embedded declarations once and answers what a target has.
#include "nnef/dialect/dialect.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>
#include <unordered_map>

#include "nnef/embedded.h"

namespace nnef {
namespace {

struct Annotation {
  std::string registry;
  Version since;
  bool khronos = false;
  bool tract = true;
  std::vector<std::string> optional;
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

[[noreturn]] void malformed(std::string_view line) {
  throw std::logic_error("malformed operator declaration: " + std::string(line));
}

Annotation read_annotation(std::string_view line) {
  Annotation annotation;
  for (const std::string& word : split(line.substr(2), ' ')) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "registry") {
      annotation.registry = value;
    } else if (key == "since") {
      std::optional<Version> since = Version::parse(value);
      if (!since) malformed(line);
      annotation.since = *since;
    } else if (key == "opt") {
      annotation.optional = split(value, ',');
    } else if (key == "khronos") {
      annotation.khronos = true;
    } else if (key == "notract" || key == "broken") {
      annotation.tract = false;
    } else if (key != "standard") {
      malformed(line);
    }
  }
  return annotation;
}

// Splits one declaration into its lists: name, parameters, results.
class DeclarationScanner {
 public:
  explicit DeclarationScanner(std::string_view line) : line_(line), rest_(line) {}

  OperatorDeclaration read() {
    OperatorDeclaration declaration;
    if (!take("fragment ")) malformed(line_);
    declaration.name = word();
    if (take("<")) rest_.remove_prefix(std::min(rest_.find('>') + 1, rest_.size()));
    expect("(");
    while (!take(")")) {
      declaration.parameters.push_back(parameter());
      take(",");
    }
    expect("->");
    expect("(");
    while (!take(")")) {
      Parameter result = parameter();
      if (result.is_tensor_array) declaration.result_is_array = true;
      declaration.results.push_back(result.name);
      take(",");
    }
    expect(";");
    return declaration;
  }

 private:
  void skip_space() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }

  bool take(std::string_view text) {
    skip_space();
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  void expect(std::string_view text) {
    if (!take(text)) malformed(line_);
  }

  std::string word() {
    skip_space();
    std::size_t end = 0;
    while (end < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[end])) != 0 || rest_[end] == '_')) {
      ++end;
    }
    if (end == 0) malformed(line_);
    std::string result(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return result;
  }

  // Everything up to a comma, an equals sign or a parenthesis of the level that it begins on.
  std::string balanced() {
    skip_space();
    int depth = 0;
    char quote = 0;
    std::string result;
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (quote == 0 && depth == 0 && (c == ',' || c == '=' || c == ')')) break;
      if (c == quote) {
        quote = 0;
      } else if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (quote == 0) {
        depth += (c == '(' || c == '[' || c == '<') ? 1 : (c == ')' || c == ']' || c == '>') ? -1 : 0;
      }
      if (quote != 0 || c != ' ') result += c;
      rest_.remove_prefix(1);
    }
    if (rest_.empty() || result.empty()) malformed(line_);
    return result;
  }

  Parameter parameter() {
    Parameter result;
    result.name = word();
    expect(":");
    result.type = balanced();
    result.is_tensor = result.type.starts_with("tensor<");
    result.is_tensor_array = result.is_tensor && result.type.ends_with("[]");
    if (take("=")) result.default_text = balanced();
    return result;
  }

  std::string_view line_, rest_;
};

OperatorDeclaration declare(std::string_view line, const Annotation& annotation) {
  OperatorDeclaration declaration = DeclarationScanner(line).read();
  declaration.registry = annotation.registry;
  declaration.since = annotation.since;
  declaration.khronos = annotation.khronos;
  declaration.tract = annotation.tract;
  for (const std::string& name : annotation.optional) {
    bool found = false;
    for (Parameter& parameter : declaration.parameters) {
      if (parameter.name != name) continue;
      parameter.default_text = "";
      found = true;
    }
    if (!found) malformed(line);
  }
  return declaration;
}

// Owns the names that the tables are keyed by: the list is complete before the keys are made.
struct Declarations {
  using Table = std::unordered_map<std::string_view, const OperatorDeclaration*>;
  std::vector<OperatorDeclaration> list;
  Table by_name;
  Table khronos;  // what Khronos NNEF has alone, or in a form of its own
};

Declarations read_declarations() {
  Declarations result;
  std::size_t shared = 0;  // declarations of the first file
  for (const torch2nnef_embedded::File& file : torch2nnef_embedded::dialect_files()) {
    std::optional<Annotation> annotation;
    for (const std::string& line : split(file.text, '\n')) {
      if (line.starts_with("#@")) {
        annotation = read_annotation(line);
      } else if (line.starts_with("fragment ")) {
        if (!annotation) malformed(line);
        result.list.push_back(declare(line, *annotation));
        annotation.reset();
      }
    }
    if (shared == 0) shared = result.list.size();
  }
  for (const OperatorDeclaration& declaration : result.list) {
    const bool is_shared = static_cast<std::size_t>(&declaration - result.list.data()) < shared;
    Declarations::Table& table = is_shared ? result.by_name : result.khronos;
    if (!table.emplace(declaration.name, &declaration).second) malformed(declaration.name);
  }
  return result;
}

const Declarations& declarations() {
  static const Declarations instance = read_declarations();
  return instance;
}

}  // namespace

std::optional<Version> Version::parse(std::string_view text) {
  Version version;
  int* const fields[] = {&version.major, &version.minor, &version.patch};
  std::size_t count = 0;
  while (true) {
    if (count == 3) return std::nullopt;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *fields[count]);
    if (error != std::errc() || *fields[count] < 0) return std::nullopt;
    ++count;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) return version;
    if (text.front() != '.') return std::nullopt;
    text.remove_prefix(1);
  }
}

std::string Version::to_string() const {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::optional<Target> Target::parse(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view kind = text.substr(0, at);
  Target target;
  if (kind == "khronos") {
    target.kind = Kind::kKhronos;
    target.version = Version{1, 0, 5};
  } else if (kind != "tract") {
    return std::nullopt;
  }
  if (at == std::string_view::npos) return target;
  const std::optional<Version> version = Version::parse(text.substr(at + 1));
  if (!version) return std::nullopt;
  if (target.kind == Kind::kKhronos && *version != target.version) return std::nullopt;
  target.version = *version;
  return target;
}

std::string Target::to_string() const { return (kind == Kind::kTract ? "tract@" : "khronos@") + version.to_string(); }

const Parameter* OperatorDeclaration::find(std::string_view parameter) const {
  for (const Parameter& candidate : parameters) {
    if (candidate.name == parameter) return &candidate;
  }
  return nullptr;
}

Dialect::Dialect(Target target) : target_(target) {}

const OperatorDeclaration* Dialect::find(std::string_view op) const {
  const bool khronos = target_.kind == Target::Kind::kKhronos;
  const Declarations& all = declarations();
  for (const Declarations::Table* table :
       {khronos ? &all.khronos : &all.by_name, khronos ? &all.by_name : &all.khronos}) {
    const auto place = table->find(op);
    if (place != table->end()) return place->second;
  }
  return nullptr;
}

std::string Dialect::why_not(const OperatorDeclaration& declaration) const {
  if (target_.kind == Target::Kind::kKhronos) return declaration.khronos ? "" : "is not in Khronos NNEF 1.0.5";
  if (!declaration.tract) return "is not usable with tract";
  if (declaration.since > target_.version) return "needs tract >= " + declaration.since.to_string();
  return "";
}

bool Dialect::has(std::string_view op) const {
  const OperatorDeclaration* declaration = find(op);
  return declaration != nullptr && why_not(*declaration).empty();
}

}  // namespace nnef
