#include "op_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

namespace op_tests {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char letter) { return letter == ' ' || letter == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream stream{std::string(text)};
  while (std::getline(stream, part, separator)) {
    if (separator != ' ' || !part.empty()) parts.push_back(part);
  }
  return parts;
}

std::int64_t integer(const std::string& text) {
  std::size_t end = 0;
  const long long number = std::stoll(text, &end);
  if (end != text.size()) throw std::runtime_error(fmt::format("'{}' is no integer", text));
  return number;
}

// name:DTYPES[SIZES]=FILL
CaseTensor parse_tensor(const std::string& text) {
  const std::size_t mark = text.find_first_of(":@"), open = text.find('['), close = text.find(']', open);
  if (mark == std::string::npos || open == std::string::npos || close == std::string::npos || open < mark) {
    throw std::runtime_error(fmt::format("'{}' is no tensor: name:DTYPE[SIZES]", text));
  }
  CaseTensor tensor;
  tensor.name = text.substr(0, mark);
  tensor.is_parameter = text[mark] == '@';
  tensor.dtypes = split(text.substr(mark + 1, open - mark - 1), '/');
  for (const std::string& size : split(text.substr(open + 1, close - open - 1), ',')) {
    tensor.sizes.push_back(integer(size));
  }
  if (close + 1 < text.size()) {
    if (text[close + 1] != '=') throw std::runtime_error(fmt::format("'{}' has more after its sizes", text));
    tensor.fill = text.substr(close + 2);
  }
  return tensor;
}

nnef::Bindings parse_bindings(const std::string& text) {
  nnef::Bindings bindings;
  for (const std::string& one : split(text, ',')) {
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos) throw std::runtime_error(fmt::format("'{}' is no SYMBOL=SIZE", one));
    bindings[one.substr(0, equals)] = integer(one.substr(equals + 1));
  }
  return bindings;
}

nnef::Version parse_version(const std::string& text) {
  const auto version = nnef::Version::parse(text);
  if (!version) throw std::runtime_error(fmt::format("'{}' is no release", text));
  return *version;
}

torch2nnef::Tolerance parse_tolerance(const std::string& text) {
  const auto level = torch2nnef::tolerance_from_string(text);
  if (!level) throw std::runtime_error(fmt::format("'{}' is no tolerance", text));
  return *level;
}

// x:0=S
torch2nnef::DynamicAxis parse_axis(const std::string& word) {
  const std::size_t colon = word.find(':'), equals = word.find('=');
  return {word.substr(0, colon), static_cast<int>(integer(word.substr(colon + 1, equals - colon - 1))),
          nnef::Dim::parse(word.substr(equals + 1))};
}

// S=2..9
torch2nnef::Symbol parse_bounds(const std::string& word) {
  const std::size_t equals = word.find('='), dots = word.find("..");
  torch2nnef::Symbol symbol;
  symbol.name = word.substr(0, equals);
  const std::string low = word.substr(equals + 1, dots - equals - 1), high = word.substr(dots + 2);
  if (!low.empty()) symbol.minimum = integer(low);
  if (!high.empty()) symbol.maximum = integer(high);
  return symbol;
}

void parse_option(OpCase& result, const std::string& word) {
  const std::size_t colon = word.find(':'), equals = word.find('=');
  if (word.starts_with("at:") || word.starts_with("only:")) {
    result.other_sizes.push_back(parse_bindings(word.substr(colon + 1)));
    result.only_these_sizes |= word[0] == 'o';
  } else if (word.starts_with("error:")) {
    result.largest_error = std::stod(word.substr(colon + 1));
  } else if (word == "integer") {
    result.is_integer = true;
  } else if (word.starts_with("needs:")) {
    result.needs = parse_version(word.substr(colon + 1));
  } else if (word[0] == '~') {
    result.tolerance = parse_tolerance(word.substr(1));
  } else if (word == "where-known") {
    result.where_known = true;
  } else if (word.starts_with("native-f16:")) {
    result.native_half = parse_tolerance(word.substr(colon + 1));
  } else if (colon < equals && equals != std::string::npos) {
    result.dynamic_axes.push_back(parse_axis(word));
  } else if (equals != std::string::npos && word.find("..") != std::string::npos) {
    result.bounds.push_back(parse_bounds(word));
  } else {
    throw std::runtime_error(fmt::format("'{}' is no option", word));
  }
}

void parse_options(OpCase& result, std::string_view text) {
  const std::size_t refused = text.find("refused");
  if (refused != std::string_view::npos) {
    result.is_refused = true;
    result.refusal = trimmed(text.substr(refused + 7));
    text = text.substr(0, refused);
  }
  const std::size_t as_written = text.find("as-written");
  if (as_written != std::string_view::npos) {
    result.as_written = trimmed(text.substr(as_written + 10));
    if (result.as_written.empty()) throw std::runtime_error("as-written wants a reason");
    text = text.substr(0, as_written);
  }
  const std::size_t before_torch = text.find("torch<");
  if (before_torch != std::string_view::npos) {
    const std::string_view condition = text.substr(before_torch + 6);
    const std::size_t space = std::min(condition.find(' '), condition.size());
    result.before_torch = parse_version(std::string(condition.substr(0, space)));
    result.only_before = trimmed(condition.substr(space));
    if (result.only_before.empty()) throw std::runtime_error("torch< wants a reason");
    text = text.substr(0, before_torch);
  }
  for (const std::string& word : split(text, ' ')) parse_option(result, word);
}

void check_names(const OpCase& one) {
  for (const CaseTensor& tensor : one.tensors) {
    if (tensor.dtypes.size() != 1 && tensor.dtypes.size() != one.variants()) {
      throw std::runtime_error(
          fmt::format("{} has {} dtypes, another tensor {}", tensor.name, tensor.dtypes.size(), one.variants()));
    }
  }
  for (const torch2nnef::DynamicAxis& axis : one.dynamic_axes) {
    const auto tensor = std::find_if(one.tensors.begin(), one.tensors.end(),
                                     [&](const CaseTensor& candidate) { return candidate.name == axis.input; });
    if (tensor == one.tensors.end() || axis.axis < 0 || static_cast<std::size_t>(axis.axis) >= tensor->sizes.size()) {
      throw std::runtime_error(fmt::format("{}:{} is no axis of a tensor", axis.input, axis.axis));
    }
  }
}

}  // namespace

OpCase OpCase::for_target(const nnef::Target& target) const {
  OpCase expected = *this;
  if (target.version >= needs) return expected;
  expected.is_refused = true;
  expected.refusal = "needs tract >= " + needs.to_string();
  return expected;
}

std::vector<OpCase> OpCase::in_other_dtypes() const {
  static const std::regex named(R"(\b(b?f16|f32|f64|quantized)\b|\.(float|half|double)\()");
  const auto is_single = [](const CaseTensor& tensor) { return tensor.dtypes == std::vector<std::string>{"f32"}; };
  if (is_refused || !as_written.empty() || largest_error > 0 || variants() > 1 ||
      std::none_of(tensors.begin(), tensors.end(), is_single) || std::regex_search(expression, named)) {
    return {};
  }
  std::vector<OpCase> others;
  for (const char* dtype : {"f16", "f64"}) {
    OpCase& other = others.emplace_back(*this);
    other.derived_dtype = dtype;
    other.other_sizes.clear();
    other.only_these_sizes = true;
    for (CaseTensor& tensor : other.tensors) {
      if (is_single(tensor)) tensor.dtypes = {dtype};
    }
  }
  return others;
}

std::size_t OpCase::variants() const {
  std::size_t most = 1;
  for (const CaseTensor& tensor : tensors) most = std::max(most, tensor.dtypes.size());
  return most;
}

const std::string& OpCase::dtype(const CaseTensor& tensor, std::size_t variant) const {
  return tensor.dtypes[tensor.dtypes.size() == 1 ? 0 : variant];
}

nnef::Bindings OpCase::sample_bindings() const {
  nnef::Bindings bindings;
  for (const torch2nnef::DynamicAxis& axis : dynamic_axes) {
    const std::set<std::string> symbols = axis.expression.symbols();
    if (symbols.size() != 1 || bindings.count(*symbols.begin()) > 0) continue;
    const auto tensor = std::find_if(tensors.begin(), tensors.end(),
                                     [&](const CaseTensor& candidate) { return candidate.name == axis.input; });
    const std::int64_t size = tensor->sizes[static_cast<std::size_t>(axis.axis)];
    for (std::int64_t value = 1; value <= size; ++value) {
      if (axis.expression.evaluate({{*symbols.begin(), value}}) == size) bindings[*symbols.begin()] = value;
    }
  }
  return bindings;
}

std::vector<std::int64_t> OpCase::sizes_at(const CaseTensor& tensor, const nnef::Bindings& bindings) const {
  std::vector<std::int64_t> sizes = tensor.sizes;
  for (const torch2nnef::DynamicAxis& axis : dynamic_axes) {
    if (axis.input == tensor.name) sizes[static_cast<std::size_t>(axis.axis)] = axis.expression.evaluate(bindings);
  }
  return sizes;
}

std::vector<nnef::Bindings> OpCase::all_bindings() const {
  const nnef::Bindings sample = sample_bindings();
  std::vector<nnef::Bindings> all = {sample};
  if (!sample.empty() && !only_these_sizes) {
    // Every symbol grows by another number, so that sizes that were equal are not any more.
    nnef::Bindings larger = sample, much_larger = sample;
    std::int64_t step = 1;
    for (auto& [name, size] : larger) {
      size += step;
      much_larger[name] += 3 * step + 1;
      ++step;
    }
    all.push_back(larger);
    all.push_back(much_larger);
  }
  all.insert(all.end(), other_sizes.begin(), other_sizes.end());
  return all;
}

OpCase parse_case(std::string_view line, int number) {
  const std::vector<std::string> fields = split(line, '|');
  if (fields.size() < 2 || fields.size() > 3) throw std::runtime_error("a case is EXPRESSION | TENSORS | OPTIONS");
  OpCase result;
  result.line = number;
  result.expression = trimmed(fields[0]);
  for (const std::string& word : split(trimmed(fields[1]), ' ')) result.tensors.push_back(parse_tensor(word));
  if (fields.size() == 3) parse_options(result, trimmed(fields[2]));
  check_names(result);
  return result;
}

std::vector<OpCase> read_cases(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error(fmt::format("{} cannot be read", file.string()));
  std::vector<OpCase> cases;
  std::string line, as_written;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (line.starts_with("#! as-written ")) as_written = trimmed(std::string_view(line).substr(14));
    if (trimmed(line).empty() || trimmed(line).front() == '#') continue;
    try {
      cases.push_back(parse_case(line, number));
      if (cases.back().as_written.empty()) cases.back().as_written = as_written;
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", file.filename().string(), number, error.what()));
    }
  }
  return cases;
}

}  // namespace op_tests
