// Names, labels and keys: how a builder keeps things apart and finds equal ones.
#include "nnef/builder/builder_state.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstring>

namespace nnef {
namespace {

constexpr std::size_t kLongestComponent = 200;  // file systems stop at 255, and a suffix must still fit

// A number as a name of four letters of the alphabet of keys: kind, then the exact value.
void append_key(const Argument& argument, std::string& key) {
  if (const Value* value = argument.value()) {
    key += '%' + std::to_string(value->id);
  } else if (const Dim* dim = argument.dim()) {
    key += dim->to_string();
  } else if (const double* number = std::get_if<double>(&argument.is)) {
    key += '#' + std::to_string(std::bit_cast<std::uint64_t>(*number));
  } else if (const bool* logical = std::get_if<bool>(&argument.is)) {
    key += *logical ? "!t" : "!f";
  } else if (const std::string* text = std::get_if<std::string>(&argument.is)) {
    key += '"' + std::to_string(text->size()) + ':' + *text;
  } else {
    const Argument::Array& array = *argument.array();
    key += array.is_tuple ? '(' : '[';
    for (const Argument& item : array.items) {
      append_key(item, key);
      key += ',';
    }
    key += ']';
  }
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Letters, digits and _.- stay; components are not empty, hidden, "..", too long, and do not end with a dot.
std::string portable_label(std::string_view wanted) {
  std::string result;
  std::size_t begin = 0;
  while (begin <= wanted.size()) {
    const std::size_t end = std::min(wanted.find('/', begin), wanted.size());
    std::string part(wanted.substr(begin, std::min(end - begin, kLongestComponent)));
    begin = end + 1;
    if (part.empty()) continue;
    for (char& c : part) {
      const bool portable = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
      if (!portable || static_cast<unsigned char>(c) >= 0x80) c = '_';
    }
    if (part.front() == '.' || part.front() == '-') part.front() = '_';
    if (part.back() == '.') part.back() = '_';
    if (!result.empty()) result += '/';
    result += part;
  }
  return result.empty() ? "tensor" : result;
}

std::uint64_t digest(const TensorData& tensor) {
  std::uint64_t hash = 0xcbf29ce484222325;
  std::string pending;  // pieces may end anywhere, so words are cut from their concatenation
  auto mix = [&hash](std::uint64_t word) { hash = std::rotl((hash ^ word) * 0x9e3779b97f4a7c15, 29); };
  tensor.stream([&](const void* bytes, std::size_t count) {
    const char* data = static_cast<const char*>(bytes);
    while (count > 0) {
      if (pending.empty() && count >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, data, 8);
        mix(word);
        data += 8;
        count -= 8;
        continue;
      }
      pending += *data++;
      --count;
      if (pending.size() < 8) continue;
      std::uint64_t word = 0;
      std::memcpy(&word, pending.data(), 8);
      mix(word);
      pending.clear();
    }
  });
  for (char c : pending) mix(static_cast<unsigned char>(c));
  return hash;
}

}  // namespace

std::string operation_key(const Operation& operation) {
  std::string key = operation.op;
  for (const NamedArgument& named : operation.arguments) {
    key += ' ' + named.name + '=';
    append_key(named.argument, key);
  }
  return key;
}

bool same_contents(const TensorData& a, const TensorData& b) {
  if (&a == &b) return true;
  return a.dtype() == b.dtype() && a.shape() == b.shape() && digest(a) == digest(b);
}

std::string Builder::State::unique_name(const std::string& base) {
  if (!holders.contains(base)) return base;
  std::int64_t& next = counters.try_emplace(base, 1).first->second;
  while (true) {
    std::string name = base + "_" + std::to_string(next++);
    if (!holders.contains(name)) return name;
  }
}

std::string Builder::State::next_name(const Graph& graph, std::string_view op) {
  for (const std::string& symbol : graph.symbols) holders.try_emplace(symbol, kReserved);
  if (naming == Naming::kNumeric) {
    std::string name;
    do {
      name = "v" + std::to_string(next_number++);
    } while (holders.contains(name));
    return name;
  }
  std::string base = hint.empty() ? std::string(op) : hint;
  if (naming == Naming::kNaturalVerbose && !path.empty()) base = path + "_" + base;
  return unique_name(make_identifier(base));
}

std::string Builder::State::unique_label(std::string_view wanted) {
  const std::string base = portable_label(wanted);
  std::string label = base;
  for (int suffix = 1; !labels.insert(lower(label)).second; ++suffix) label = base + "_" + std::to_string(suffix);
  return label;
}

}  // namespace nnef
