// The values of flags: each parser refuses what it does not understand, and says what it would take.

#include "cli_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "cli_options.h"
#include "nnef/builder/builder.h"
#include "nnef/dtype.h"
#include "quant/path_pattern.h"

namespace torch2nnef::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(std::string_view value, std::string_view problem, std::string_view accepted) {
  std::string text = fmt::format("'{}' {}", value, problem);
  if (!accepted.empty()) text += fmt::format("; accepted: {}", accepted);
  throw UsageError(text);
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// torch's dtypes under both spellings.
const std::vector<std::pair<std::string_view, std::string_view>> kDTypes = {
    {"bool", "bool"}, {"u8", "uint8"},    {"i8", "int8"},       {"i16", "int16"},   {"i32", "int32"},
    {"i64", "int64"}, {"f16", "float16"}, {"bf16", "bfloat16"}, {"f32", "float32"}, {"f64", "float64"}};

bool is_dtype(std::string_view text) {
  return std::any_of(kDTypes.begin(), kDTypes.end(),
                     [&](const auto& row) { return row.first == text || row.second == text; });
}

std::string dtype_names() {
  std::vector<std::string_view> names;
  for (const auto& row : kDTypes) names.push_back(row.first);
  return fmt::format("{} (or torch's names, as in {})", fmt::join(names, ", "), "float32");
}

constexpr std::string_view kInputForm = "NAME:DTYPE:DIMS[=FILL] as in x:f32:1,3,224,224 or ids:i64:1,16=randint(0,100)";
constexpr std::string_view kFills = "zeros, ones, randint(LOW,HIGH) or FILE.npy";

void check_fill(std::string_view fill, std::string_view whole) {
  if (fill == "zeros" || fill == "ones") return;
  if (fill.starts_with("randint(") && fill.ends_with(")")) {
    const auto bounds = split(fill.substr(8, fill.size() - 9), ',');
    const auto low = integer(bounds[0]), high = bounds.size() == 2 ? integer(bounds[1]) : std::nullopt;
    if (low && high && *low < *high) return;
    refuse(whole, "has a range that is not two integers LOW < HIGH", "randint(LOW,HIGH), HIGH excluded");
  }
  if (!fill.ends_with(".npy")) refuse(whole, fmt::format("has an unknown fill '{}'", fill), kFills);
  std::error_code error;
  if (!fs::exists(fs::path(fill), error)) refuse(whole, fmt::format("names a file that does not exist, {}", fill), "");
}

// A value of a fixed set, or a message that lists the set.
template <class T>
T one_of(std::string_view text, std::string_view what, const std::vector<std::pair<std::string_view, T>>& set) {
  std::vector<std::string> names;
  for (const auto& [name, value] : set) {
    if (name == text) return value;
    names.emplace_back(name);
  }
  const std::string near = nearest(text, names);
  refuse(text, fmt::format("is no {}{}", what, near.empty() ? "" : fmt::format(" (did you mean {}?)", near)),
         fmt::format("{}", fmt::join(names, ", ")));
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

bool ends_with_any(std::string_view text, const std::vector<std::string_view>& endings) {
  return endings.empty() ||
         std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return text.ends_with(ending); });
}

}  // namespace

InputSpec input_spec(std::string_view text) {
  InputSpec spec;
  std::string_view facts = text;
  if (const std::size_t equals = text.find('='); equals != std::string_view::npos) {
    spec.fill = text.substr(equals + 1);
    facts = text.substr(0, equals);
    check_fill(spec.fill, text);
  }
  const auto parts = split(facts, ':');
  if (parts.size() != 3) refuse(text, "is not an input", kInputForm);
  if (!is_dtype(parts[1])) refuse(text, fmt::format("has an unknown dtype '{}'", parts[1]), dtype_names());
  if (!parts[2].empty()) {
    for (std::string_view dim : split(parts[2], ',')) {
      const auto size = integer(dim);
      if (!size || *size < 0) {
        refuse(text, fmt::format("has a size '{}' that is not a number", dim), "sizes as in 1,3,224,224");
      }
    }
  }
  spec.name = parts[0];
  spec.dtype = parts[1];
  spec.dims = parts[2];
  return spec;
}

DynamicAxis dynamic_axis(std::string_view text) {
  constexpr std::string_view kForm = "NAME:AXIS=EXPR as in input:2=S or cache:-1=P+S";
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) refuse(text, "names no symbol", kForm);
  const std::size_t colon = text.substr(0, equals).rfind(':');
  if (colon == std::string_view::npos || colon == 0) refuse(text, "names no input and axis", kForm);
  const auto axis = integer(text.substr(colon + 1, equals - colon - 1));
  if (!axis || *axis < -64 || *axis > 63) refuse(text, "has an axis that is not a number", kForm);
  DynamicAxis result;
  result.input = text.substr(0, colon);
  result.axis = static_cast<int>(*axis);
  try {
    result.expression = nnef::Dim::parse(text.substr(equals + 1));
  } catch (const std::exception& error) {
    refuse(text, fmt::format("has an expression that cannot be read ({})", error.what()), kForm);
  }
  if (result.expression.is_constant()) refuse(text, "has an expression without a symbol", kForm);
  return result;
}

Symbol symbol_bounds(std::string_view text) {
  constexpr std::string_view kForm = "NAME=MIN..MAX as in S=16..4096, S=2.. or S=..128";
  const std::size_t equals = text.find('='), dots = text.find("..");
  if (equals == std::string_view::npos || dots == std::string_view::npos || dots < equals) {
    refuse(text, "gives no bounds of a symbol", kForm);
  }
  Symbol symbol;
  symbol.name = text.substr(0, equals);
  if (!nnef::is_identifier(symbol.name)) refuse(text, "has no proper name of a symbol", kForm);
  const std::string_view low = text.substr(equals + 1, dots - equals - 1), high = text.substr(dots + 2);
  symbol.minimum = integer(low);
  symbol.maximum = integer(high);
  if ((!symbol.minimum && !low.empty()) || (!symbol.maximum && !high.empty()) || (low.empty() && high.empty())) {
    refuse(text, "has a bound that is not a number", kForm);
  }
  if (symbol.minimum.value_or(0) < 0) refuse(text, "has a negative bound", kForm);
  if (symbol.maximum && symbol.minimum.value_or(0) > *symbol.maximum) refuse(text, "has MIN above MAX", kForm);
  return symbol;
}

StreamSpec stream_spec(std::string_view text) {
  constexpr std::string_view kForm = "NAME or NAME=PULSE as in T=8";
  StreamSpec stream;
  const std::size_t equals = std::min(text.find('='), text.size());
  stream.symbol = text.substr(0, equals);
  if (!nnef::is_identifier(stream.symbol)) refuse(text, "has no proper name of a symbol", kForm);
  if (equals == text.size()) return stream;
  const std::optional<std::int64_t> pulse = integer(text.substr(equals + 1));
  if (!pulse || *pulse < 1) refuse(text, "has a pulse that is not a number of frames", kForm);
  stream.pulse = *pulse;
  return stream;
}

std::vector<std::string> tensor_names(std::string_view text) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (std::string_view name : split(text, ',')) {
    if (!nnef::is_identifier(name)) {
      refuse(text, fmt::format("has a name '{}' that NNEF's readers do not take", name),
             "letters, digits and _, beginning with a letter or _, and no keyword");
    }
    if (!seen.insert(name).second) refuse(text, fmt::format("has the name '{}' twice", name), "distinct names");
    names.emplace_back(name);
  }
  return names;
}

std::int64_t integer_in(std::string_view text, std::int64_t low, std::int64_t high) {
  const auto number = integer(text);
  if (!number || *number < low || *number > high) {
    refuse(text, "is out of range or no number", fmt::format("{} to {}", low, high));
  }
  return *number;
}

Check check_level(std::string_view text) {
  return one_of<Check>(text, "way to check",
                       {{"tract", Check::kTract}, {"reference", Check::kReference}, {"none", Check::kNone}});
}

bool state_handling(std::string_view text) {
  return one_of<bool>(text, "way to handle state", {{"io", true}, {"refuse", false}});
}

BatchForm batch_form(std::string_view text) {
  return one_of<BatchForm>(text, "form of a batch", {{"scan", BatchForm::kScan}, {"plain", BatchForm::kPlain}});
}

bool complex_outputs(std::string_view text) {
  return one_of<bool>(text, "way to handle complex outputs", {{"pairs", true}, {"refuse", false}});
}

Tolerance tolerance_level(std::string_view text) {
  if (const auto tolerance = tolerance_from_string(text)) return *tolerance;
  return one_of<Tolerance>(text, "tolerance",
                           {{"a number between 0 and 1", Tolerance::kDefault},
                            {"exact", Tolerance::kExact},
                            {"close", Tolerance::kClose},
                            {"approximate", Tolerance::kApproximate},
                            {"very", Tolerance::kVery},
                            {"super", Tolerance::kSuper},
                            {"ultra", Tolerance::kUltra}});
}

WeightRule weight_rule(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  WeightRule rule;
  rule.form = one_of<WeightForm>(
      text.substr(0, colon), "form of weights",
      {{"f16", WeightForm::kF16}, {"q4_0", WeightForm::kQ4_0}, {"int8_dynamic", WeightForm::kInt8Dynamic}});
  rule.pattern = path_pattern(colon < text.size() ? text.substr(colon + 1) : "");
  return rule;
}

std::string path_pattern(std::string_view text) {
  try {
    PathPattern{text};
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  return std::string(text);
}

bool arithmetic(std::string_view text) {
  return one_of<bool>(text, "arithmetic of quantised layers", {{"integer", true}, {"float", false}});
}

bool cast_type(std::string_view text) { return one_of<bool>(text, "type to cast to", {{"f16", true}}); }

nnef::Target target_name(std::string_view text) {
  const auto target = nnef::Target::parse(text);
  if (!target) refuse(text, "is not a target", "tract, tract@VERSION as in tract@0.23.9, khronos");
  const nnef::Version newest = nnef::Target{}.version;
  if (target->kind == nnef::Target::Kind::kTract && target->version > newest) {
    refuse(text, "is newer than what this program knows", "tract@VERSION up to " + newest.to_string());
  }
  constexpr nnef::Version kOldest{0, 21, 19};  // that exports are tested with
  if (target->kind == nnef::Target::Kind::kTract && target->version < kOldest) {
    refuse(text, "is older than what this program knows", "tract@VERSION from " + kOldest.to_string() + " on");
  }
  return *target;
}

nnef::Naming naming_scheme(std::string_view text) {
  return one_of<nnef::Naming>(text, "naming scheme",
                              {{"natural", nnef::Naming::kNatural},
                               {"natural_verbose", nnef::Naming::kNaturalVerbose},
                               {"numeric", nnef::Naming::kNumeric}});
}

std::string step_name(std::string_view text) {
  return one_of<std::string>(text, "step", {{"record", "record"}, {"lower", "lower"}, {"simplify", "simplify"}});
}

std::string missing(std::string_view name, const fs::file_status& status, const std::error_code& error) {
  if (status.type() == fs::file_type::not_found || !error) return fmt::format("'{}' does not exist", name);
  return fmt::format("'{}' cannot be read: {}", name, error.message());
}

fs::path existing(std::string_view text) {
  const fs::path path(text);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw UsageError(missing(text, status, error));
  return path;
}

fs::path file_to_read(std::string_view text, const std::vector<std::string_view>& endings) {
  const fs::path path = existing(text);
  std::error_code error;
  if (fs::is_directory(path, error)) refuse(text, "is a folder", "a file");
  if (!ends_with_any(text, endings)) {
    refuse(text, "is not of a kind that can be read here", fmt::format("FILE{}", fmt::join(endings, ", FILE")));
  }
  return path;
}

fs::path file_to_write(std::string_view text, const std::vector<std::string_view>& endings) {
  const fs::path path(text);
  if (text.empty()) refuse(text, "is not a name", "a file");
  if (!ends_with_any(text, endings)) {
    refuse(text, "has no ending that is known here", fmt::format("FILE{}", fmt::join(endings, ", FILE")));
  }
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code error;
  if (!fs::is_directory(folder, error)) refuse(text, "lies in a folder that does not exist", "");
  return path;
}

std::string nearest(std::string_view text, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t distance = std::max<std::size_t>(2, text.size() / 4) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t one = edit_distance(text, candidate);
    if (one < distance && one < candidate.size()) std::tie(distance, best) = std::pair(one, candidate);
  }
  return best;
}

}  // namespace torch2nnef::cli
