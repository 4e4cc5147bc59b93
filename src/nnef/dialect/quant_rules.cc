#include "nnef/dialect/quant_rules.h"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace nnef {
namespace {

enum class Kind { kInteger, kScalar, kLogical };

struct QuantParameter {
  std::string_view name;
  Kind kind;
  bool is_tensor;  // a number, or an array of one for each channel
};

struct Function {
  std::string_view name;
  std::array<QuantParameter, 5> parameters;
  std::size_t count;
  bool tract;
};

constexpr QuantParameter kBits{"bits", Kind::kInteger, false};
constexpr QuantParameter kSigned{"signed", Kind::kLogical, false};
constexpr QuantParameter kSymmetric{"symmetric", Kind::kLogical, false};
constexpr QuantParameter kMin{"min", Kind::kScalar, true};
constexpr QuantParameter kMax{"max", Kind::kScalar, true};
constexpr QuantParameter kZeroPoint{"zero_point", Kind::kInteger, true};
constexpr QuantParameter kScale{"scale", Kind::kScalar, true};

constexpr std::array kFunctions = {
    Function{"linear_quantize", {kMin, kMax, kBits}, 3, true},
    Function{"zero_point_linear_quantize", {kZeroPoint, kScale, kBits, kSigned, kSymmetric}, 5, true},
    Function{"min_max_linear_quantize", {kMin, kMax, kBits, kSigned, kSymmetric}, 5, false},
    Function{"logarithmic_quantize", {kMax, kBits}, 2, false},
};

bool is_of(const Argument& argument, Kind kind) {
  if (kind == Kind::kInteger) return argument.dim() != nullptr && argument.dim()->is_constant();
  return kind == Kind::kScalar ? std::holds_alternative<double>(argument.is)
                               : std::holds_alternative<bool>(argument.is);
}

bool are_of(const Argument& argument, Kind kind) {
  const Argument::Array* array = argument.array();
  if (!array) return is_of(argument, kind);
  return std::all_of(array->items.begin(), array->items.end(),
                     [&](const Argument& item) { return are_of(item, kind); });
}

class EntryCheck {
 public:
  EntryCheck(const std::string& name, const QuantEntry& entry, bool khronos, std::vector<QuantProblem>& problems)
      : name_(name), entry_(entry), khronos_(khronos), problems_(problems) {}

  void run() {
    const auto function = std::find_if(kFunctions.begin(), kFunctions.end(),
                                       [&](const Function& candidate) { return candidate.name == entry_.function; });
    if (function == kFunctions.end()) return say("unknown quantisation function '" + entry_.function + "'");
    if (!khronos_ && !function->tract) return say("tract does not read " + entry_.function);
    std::unordered_set<std::string_view> given;
    for (const NamedArgument& argument : entry_.arguments) {
      if (!given.insert(argument.name).second) say("'" + argument.name + "' is given twice");
      check_argument(*function, argument);
    }
    for (std::size_t i = 0; i < function->count; ++i) {
      const QuantParameter& parameter = function->parameters[i];
      if (given.count(parameter.name) != 0 || (!khronos_ && parameter.name == kSymmetric.name)) continue;
      say(entry_.function + " needs '" + std::string(parameter.name) + "'");
    }
    check_bits();
  }

 private:
  void say(const std::string& text) { problems_.push_back({name_, "'" + name_ + "': " + text, false}); }

  void check_argument(const Function& function, const NamedArgument& argument) {
    const auto end = function.parameters.begin() + static_cast<std::ptrdiff_t>(function.count);
    const auto parameter = std::find_if(function.parameters.begin(), end, [&](const QuantParameter& candidate) {
      return candidate.name == argument.name;
    });
    if (parameter == end) return say(entry_.function + " has no parameter '" + argument.name + "'");
    const bool arrays = khronos_ && parameter->is_tensor;
    if (arrays ? are_of(argument.argument, parameter->kind) : is_of(argument.argument, parameter->kind)) return;
    constexpr const char* kNames[] = {"an integer", "a scalar such as 1.0", "a logical"};
    say("'" + argument.name + "' must be " + kNames[static_cast<int>(parameter->kind)] +
        (arrays ? ", or an array of them" : ""));
  }

  void check_bits() {
    for (const NamedArgument& argument : entry_.arguments) {
      if (argument.name != kBits.name || !is_of(argument.argument, Kind::kInteger)) continue;
      const std::int64_t bits = argument.argument.dim()->value();
      const bool good = khronos_ ? bits >= 1 && bits <= 64 : bits == 8 || bits == 32;
      if (!good) say(std::to_string(bits) + " bits are not possible" + (khronos_ ? "" : ": tract has 8 and 32"));
    }
  }

  const std::string& name_;
  const QuantEntry& entry_;
  const bool khronos_;
  std::vector<QuantProblem>& problems_;
};

}  // namespace

std::vector<QuantProblem> quant_problems(const Graph& graph, const Dialect& dialect) {
  std::vector<QuantProblem> problems;
  std::unordered_set<std::string_view> names;
  for (const ValueInfo& info : graph.values) names.insert(info.name);
  for (const auto& [name, entry] : graph.quant) {
    if (names.count(name) == 0) {
      problems.push_back({name, "The quantisation entry '" + name + "' names no value", true});
    }
    EntryCheck(name, entry, dialect.target().kind == Target::Kind::kKhronos, problems).run();
  }
  return problems;
}

}  // namespace nnef
