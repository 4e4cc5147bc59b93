// Khronos NNEF 1.0.5: rules of the graph.
#include "nnef/khronos/khronos_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

namespace nnef {
namespace {

// The values of border and method parameters (sections 4.3.4 and 4.3.6).
bool is_border(const std::string& op, const std::string& border) {
  constexpr std::array<std::string_view, 5> kBorders = {"constant", "replicate", "reflect", "reflect-even", "ignore"};
  if (std::find(kBorders.begin(), kBorders.end(), border) == kBorders.end()) return false;
  if (border != "ignore") return op != "desample" || border == "constant";
  return op.find("conv") == std::string::npos && op != "sample" && op != "pad" && op != "multilinear_upsample";
}

bool is_method(const std::string& method) {
  return method == "symmetric" || method == "asymmetric" || method == "aligned";
}

bool is_label(const std::string& label) {
  return !label.empty() && std::all_of(label.begin(), label.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '.' || c == '/' || c == '-' || c == '\\');
  });
}

std::string_view class_of(DType dtype) {
  return dtype == DType::kBool ? "logical" : is_integer(dtype) ? "integer" : "scalar";
}

class GraphRules {
 public:
  GraphRules(const Graph& graph, const Dialect& dialect) : graph_(graph), dialect_(dialect) {}

  std::vector<Problem> run() {
    for (const Operation& operation : graph_.operations) {
      ++at_;
      if (operation.results.empty()) continue;
      what_ = operation.op + " of '" + graph_.info(operation.results[0]).name + "'";
      if (const OperatorDeclaration* declaration = dialect_.find(operation.op)) check_classes(operation, *declaration);
      check_words(operation);
      const bool source = operation.op == "external" || operation.op == "variable" || operation.op == "constant";
      if (source) check_extents(operation);
      if (operation.op == "variable") check_label(operation);
    }
    return std::move(problems_);
  }

 private:
  void say(const std::string& text) { problems_.push_back({what_ + ": " + text + ".", -1, at_}); }

  // tensor<scalar>, tensor<integer>, tensor<logical> as declared; all tensor<?> of a call alike.
  void check_class(const Argument& argument, const Parameter& parameter, std::string_view& generic) {
    if (const Argument::Array* array = argument.array()) {
      for (const Argument& item : array->items) check_class(item, parameter, generic);
      return;
    }
    if (!argument.value()) return;  // literals are checked in the text
    const std::string_view found = class_of(graph_.info(*argument.value()).dtype);
    std::string_view wanted = std::string_view(parameter.type).substr(7);
    wanted = wanted.substr(0, wanted.find('>'));
    if (wanted.empty()) return;
    if (wanted == "?") {
      if (generic.empty()) generic = found;
      wanted = generic;
    }
    if (found == wanted) return;
    say("'" + parameter.name + "' is given a tensor of " + std::string(found) + " items, " + std::string(wanted) +
        " ones are needed");
  }

  void check_classes(const Operation& operation, const OperatorDeclaration& declaration) {
    std::string_view generic;
    for (const NamedArgument& named : operation.arguments) {
      const Parameter* parameter = declaration.find(named.name);
      if (parameter && parameter->is_tensor) check_class(named.argument, *parameter, generic);
    }
  }

  void check_words(const Operation& operation) {
    const auto word = [&](std::string_view name) {
      const Argument* argument = operation.find(name);
      return argument ? std::get_if<std::string>(&argument->is) : nullptr;
    };
    if (const std::string* border = word("border"); border && !is_border(operation.op, *border)) {
      say("'" + *border + "' is not a border of Khronos NNEF");
    }
    for (const char* name : {"method", "resize_method"}) {
      if (const std::string* method = word(name); method && !is_method(*method)) {
        say("'" + *method + "' is not a method");
      }
    }
  }

  void check_extents(const Operation& operation) {
    for (const Dim& extent : graph_.info(operation.results[0]).shape) {
      if (!extent.is_constant() || extent.value() <= 0) say("the extent " + extent.to_string() + " is not above zero");
    }
  }

  void check_label(const Operation& operation) {
    const Argument* argument = operation.find("label");
    const std::string* label = argument ? std::get_if<std::string>(&argument->is) : nullptr;
    if (!label) return;
    if (!is_label(*label)) say("the label '" + *label + "' holds other characters than letters, digits and _.-/\\");
    std::string lower = *label;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto [place, is_new] = labels_.emplace(lower, *label);
    if (!is_new && place->second != *label) {
      say("the labels '" + place->second + "' and '" + *label + "' differ in case only");
    }
  }

  const Graph& graph_;
  const Dialect& dialect_;
  int at_ = -1;
  std::string what_;
  std::map<std::string, std::string> labels_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> khronos_graph_problems(const Graph& graph, const Dialect& dialect) {
  return GraphRules(graph, dialect).run();
}

}  // namespace nnef
