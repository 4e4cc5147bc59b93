#include "nnef/khronos/to_khronos.h"

#include <algorithm>
#include <cmath>

#include "nnef/archive/item_type.h"
#include "nnef/arguments.h"
#include "nnef/khronos/khronos_rules.h"
#include "nnef/khronos/khronos_writer.h"

namespace nnef {
namespace {

// The type that stands for the class of item types.
DType class_type(DType dtype) {
  if (dtype == DType::kBool) return dtype;
  return is_float(dtype) ? DType::kF32 : DType::kI64;
}

// What has another name in the standard, with the names of its parameters.
struct Renamed {
  const char* op;
  const char* parameter;
};
const std::map<std::string_view, Renamed> kRenamed = {
    {"recip", {"rcp", "x"}},
    {"square", {"sqr", "x"}},
    {"tract_core_silu", {"silu", "x"}},
    {"tract_transformers_silu", {"silu", "x"}},
    {"tract_core_softmax", {"softmax", "x"}},
    {"tract_core_gather", {"gather", "input"}},
};

}  // namespace

const std::map<std::string, KhronosWriter::Rule, std::less<>>& KhronosWriter::rules() {
  using W = KhronosWriter;
  static const std::map<std::string, Rule, std::less<>> table = {
      {"external", &W::external},
      {"tract_core_external", &W::external},
      {"tract_core_cast", &W::cast},
      {"tract_core_shape_of", &W::sizes},
      {"tract_core_range", &W::sizes},
      {"conv", &W::convolution},
      {"deconv", &W::convolution},
      {"pad", &W::pad},
      {"max_pool", &W::pool},
      {"max_pool_with_index", &W::pool},
      {"slice", &W::slice},
      {"tract_core_broadcast", &W::broadcast},
      {"tract_core_xor", &W::exclusive_or},
      {"tract_core_is_nan", &W::is_nan},
      {"tract_core_pow_const", &W::power},
      {"tract_core_log_softmax", &W::log_softmax},
      {"tract_core_rms_norm", &W::rms_norm},
      {"tract_transformers_rms_norm", &W::rms_norm},
      {"tract_core_hard_swish", &W::hard_swish},
      {"tract_core_erf", &W::error_function},
      {"tract_core_gelu_approx", &W::gelu},
      {"tract_transformers_gelu_approx", &W::gelu},
      {"tract_transformers_sdpa", &W::attention},
      {"tract_core_resize", &W::resize},
  };
  return table;
}

KhronosWriter::KhronosWriter(const Graph& source) : source_(source), khronos_(*Target::parse("khronos")) {
  outputs_.insert(source.outputs.begin(), source.outputs.end());
  used_ = outputs_;
  for (const Operation& operation : source.operations) {
    for (const NamedArgument& named : operation.arguments)
      for_each_value(named.argument, [&](Value v) { used_.insert(v); });
  }
  for (const ValueInfo& info : source.values) names_.insert(info.name);
}

// --- adding operations ---

Argument KhronosWriter::mapped(const Argument& argument) const {
  if (const Value* value = argument.value()) return values_.at(*value);
  if (const Dim* dim = argument.dim(); dim && !dim->is_constant()) {
    refuse("Khronos NNEF has no symbolic size such as " + dim->to_string());
  }
  const Argument::Array* array = argument.array();
  if (!array) return argument;
  Argument::Array result;
  result.is_tuple = array->is_tuple;
  for (const Argument& item : array->items) result.items.push_back(mapped(item));
  return result;
}

Argument KhronosWriter::given(const Operation& operation, std::string_view name) const {
  const Argument* argument = operation.find(name);
  if (!argument) refuse("'" + std::string(name) + "' is missing");
  return mapped(*argument);
}

// A tensor, also where the source has a literal.
Value KhronosWriter::value(const Operation& operation, std::string_view name) {
  const Argument argument = given(operation, name);
  if (argument.value()) return *argument.value();
  Argument::Array items;
  items.items.push_back(argument);
  const DType dtype = argument.dim()                              ? DType::kI64
                      : std::holds_alternative<bool>(argument.is) ? DType::kBool
                                                                  : DType::kF32;
  return add("constant", {{"shape", Argument::Array{}}, {"value", items}}, dtype);
}

std::int64_t KhronosWriter::number(const Operation& operation, std::string_view name) const {
  const Argument argument = given(operation, name);
  if (!argument.dim()) refuse("'" + std::string(name) + "' is not a number");
  return argument.dim()->value();
}

std::vector<Value> KhronosWriter::add_all(std::string_view op, std::vector<NamedArgument> arguments,
                                          const std::vector<std::string>& names, DType class_of_cast) {
  Operation operation{std::string(op), std::move(arguments), {}, source_.operations[at_].comment};
  const OperatorDeclaration* declaration = khronos_.find(op);
  if (!declaration || !khronos_.why_not(*declaration).empty()) refuse("it is not in Khronos NNEF 1.0.5");
  std::vector<ValueInfo> infos = infer(graph_, operation, *declaration);
  if (infos.size() != names.size()) refuse("it has another number of results");
  const bool says_class = op == "cast" || op == "constant" || op == "external" || op == "variable";
  for (std::size_t i = 0; i < infos.size(); ++i) {
    infos[i].name = names[i];
    infos[i].dtype = class_type(says_class ? class_of_cast : infos[i].dtype);
    graph_.values.push_back(std::move(infos[i]));
    operation.results.push_back(Value{static_cast<std::int32_t>(graph_.values.size()) - 1});
  }
  std::vector<Value> results = operation.results;
  graph_.operations.push_back(std::move(operation));
  origins_.push_back(at_);
  return results;
}

Value KhronosWriter::add(std::string_view op, std::vector<NamedArgument> arguments, DType class_of_cast) {
  const Operation& source = source_.operations[at_];
  const std::string base = source_.info(source.results[0]).name + "_" + std::string(op);
  std::string name = base;
  for (int i = 1; !names_.insert(name).second; ++i) name = base + "_" + std::to_string(i);
  return add_all(op, std::move(arguments), {name}, class_of_cast).at(0);
}

void KhronosWriter::finish(const Operation& operation, std::string_view op, std::vector<NamedArgument> arguments,
                           DType class_of_cast) {
  std::vector<std::string> names;
  for (Value result : operation.results) names.push_back(source_.info(result).name);
  const std::vector<Value> results = add_all(op, std::move(arguments), names, class_of_cast);
  for (std::size_t i = 0; i < results.size(); ++i) values_.insert_or_assign(operation.results[i], Argument(results[i]));
}

// The result is its operand; an output needs a name of its own, and so does what graph.quant names.
void KhronosWriter::alias(const Operation& operation, const Argument& argument) {
  const Value result = operation.results.at(0);
  if (outputs_.count(result) != 0 || source_.quant.count(source_.info(result).name) != 0)
    return finish(operation, "copy", {{"x", argument}});
  values_.insert_or_assign(result, argument);
}

Value KhronosWriter::variable(const std::string& label, TensorDataPtr data) {
  std::string unique = label;
  for (int i = 1; !graph_.variables.emplace(unique, data).second; ++i) unique = label + "_" + std::to_string(i);
  return add("variable", {{"shape", data->shape()}, {"label", unique}}, data->dtype());
}

Value KhronosWriter::align(Value x, std::size_t rank) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = shape(x).size(); i < rank; ++i) axes.push_back(static_cast<std::int64_t>(axes.size()));
  return axes.empty() ? x : add("unsqueeze", {{"input", x}, {"axes", axes}});
}

// --- rules ---

void KhronosWriter::same(const Operation& operation) {
  std::vector<NamedArgument> arguments;
  for (const NamedArgument& named : operation.arguments) arguments.push_back({named.name, mapped(named.argument)});
  const DType dtype = source_.info(operation.results.at(0)).dtype;
  if (operation.op == "variable") {
    const std::string& label = std::get<std::string>(operation.find("label")->is);
    const TensorDataPtr& data = source_.variables.at(label);
    if (item_type_of(*data).is_block()) refuse("Khronos NNEF has no block-quantised tensors");
    graph_.variables.emplace(label, data);
  }
  finish(operation, operation.op, std::move(arguments), dtype);
}

void KhronosWriter::external(const Operation& operation) {
  const Value result = operation.results.at(0);
  finish(operation, "external", {{"shape", given(operation, "shape")}}, source_.info(result).dtype);
}

void KhronosWriter::renamed(const Operation& operation) {
  const Renamed& other = kRenamed.find(operation.op)->second;
  std::vector<NamedArgument> arguments;
  for (const NamedArgument& named : operation.arguments) {
    if (named.name == "datum_type" || named.name == "exp") continue;
    arguments.push_back({arguments.empty() ? other.parameter : named.name, mapped(named.argument)});
  }
  finish(operation, other.op, std::move(arguments));
}

void KhronosWriter::cast(const Operation& operation) {
  const Argument* input = operation.find("input");
  const DType to = source_.info(operation.results.at(0)).dtype;
  const std::string* name = operation.find("to") ? std::get_if<std::string>(&operation.find("to")->is) : nullptr;
  if (!name || dtype_from_string(*name) != to) refuse("Khronos NNEF has no casts to quantised types");
  if (!input->value()) {  // a literal
    Argument number = mapped(*input);
    if (number.dim() && is_float(to)) number = static_cast<double>(number.dim()->value());
    if (number.dim() && to == DType::kBool) number = number.dim()->value() != 0;
    Argument::Array items;
    items.items.push_back(number);
    return finish(operation, "constant", {{"shape", Argument::Array{}}, {"value", items}}, to);
  }
  const DType from = source_.info(*input->value()).dtype;
  const Argument x = mapped(*input);
  if (class_type(from) == class_type(to)) {
    const bool narrows = is_integer(to) && (item_size(to) < item_size(from) || is_signed(to) != is_signed(from));
    if (narrows && to != DType::kI64) {
      refuse("Khronos NNEF has no integers of " + std::string(to_string(to)) + " whose values wrap");
    }
    return alias(operation, x);
  }
  if (to != DType::kBool) return finish(operation, "cast", {{"input", x}}, to);
  const Argument number = is_float(from) ? x : Argument(add("cast", {{"input", x}}, DType::kF32));
  finish(operation, "ne", {{"x", number}, {"y", 0.0}});
}

// Numbers that are known.
void KhronosWriter::sizes(const Operation& operation) {
  std::vector<std::int64_t> items;
  if (operation.op == "tract_core_shape_of") {
    for (const Dim& extent : source_.info(*operation.find("input")->value()).shape) {
      items.push_back(mapped(extent).dim()->value());
    }
  } else {
    const std::int64_t end = number(operation, "end"), step = number(operation, "step");
    if (step == 0) refuse("its step is zero");
    for (std::int64_t i = number(operation, "start"); step > 0 ? i < end : i > end; i += step) items.push_back(i);
  }
  if (items.empty()) refuse("it has no items");
  const auto count = static_cast<std::int64_t>(items.size());
  finish(operation, "constant", {{"shape", std::vector<std::int64_t>{count}}, {"value", items}}, DType::kI64);
}

// The standard's bias is [1, channels], its transposed filter [inputs, outputs / groups, ..], its output_shape whole.
void KhronosWriter::convolution(const Operation& operation) {
  std::vector<NamedArgument> arguments;
  const bool up = operation.op == "deconv";
  const Shape& result = source_.info(operation.results.at(0)).shape;
  for (const NamedArgument& named : operation.arguments) {
    Argument argument = mapped(named.argument);
    if (named.name == "bias" && argument.value() && !shape(*argument.value()).empty()) {
      const Dim channels = volume(shape(*argument.value()));
      if (shape(*argument.value()) != Shape{1, channels}) {
        argument = add("reshape", {{"input", argument}, {"shape", Shape{1, channels}}});
      }
    }
    if (up && named.name == "filter") {
      const Value filter = value(operation, "filter");
      const std::int64_t groups = operation.find("groups") ? number(operation, "groups") : 1;
      const Shape k(shape(filter).begin() + 2, shape(filter).end());
      const Dim outputs = floor_div(shape(filter)[0], groups), inputs = shape(filter)[1];
      Shape grouped{groups, outputs, inputs}, flat{inputs * groups, outputs};
      grouped.insert(grouped.end(), k.begin(), k.end());
      flat.insert(flat.end(), k.begin(), k.end());
      if (groups == 1) {
        argument = add("transpose", {{"input", filter}, {"axes", std::vector<std::int64_t>{1, 0}}});
      } else {
        const Value split = add("reshape", {{"input", filter}, {"shape", grouped}});
        const Value turned = add("transpose", {{"input", split}, {"axes", std::vector<std::int64_t>{0, 2, 1}}});
        argument = add("reshape", {{"input", turned}, {"shape", flat}});
      }
    }
    if (named.name == "output_shape") argument = mapped(Argument(result));
    arguments.push_back({named.name, argument});
  }
  finish(operation, operation.op, std::move(arguments));
}

void KhronosWriter::pad(const Operation& operation) {
  std::vector<NamedArgument> arguments;
  for (const NamedArgument& named : operation.arguments) {
    Argument argument = mapped(named.argument);
    const std::string* text = std::get_if<std::string>(&argument.is);
    if (text && *text == "replicated") argument = "replicate";
    arguments.push_back({named.name, argument});
  }
  finish(operation, "pad", std::move(arguments));
}

// tract never lets padding win; in the standard that is the border 'ignore'. Its indices are places in the window.
void KhronosWriter::pool(const Operation& operation) {
  if (operation.results.size() > 1 && used_.count(operation.results[1]) != 0) {
    refuse("the indices of Khronos NNEF are places inside a window");
  }
  std::vector<NamedArgument> arguments;
  for (const NamedArgument& named : operation.arguments) {
    if (named.name != "border") arguments.push_back({named.name, mapped(named.argument)});
  }
  arguments.push_back({"border", "ignore"});
  Operation one = operation;
  one.results.resize(1);
  finish(one, "max_pool", std::move(arguments));
}

// With a negative stride tract takes begin .. end and walks it backwards.
void KhronosWriter::slice(const Operation& operation) {
  const Argument* stride = operation.find("stride");
  const auto first = [&](const char* name) { return given(operation, name).array()->items.at(0).dim()->value(); };
  if (!stride || first("stride") > 0) return same(operation);
  if (given(operation, "axes").array()->items.size() != 1) refuse("it walks several axes backwards");
  const std::int64_t axis = first("axes"), begin = first("begin"), end = first("end");
  const std::int64_t extent = shape(value(operation, "input")).at(static_cast<std::size_t>(axis)).value();
  const std::int64_t stop = begin > 0 ? begin - 1 : -extent - 1;
  finish(operation, "slice",
         {{"input", given(operation, "input")},
          {"axes", given(operation, "axes")},
          {"begin", std::vector<std::int64_t>{end - 1}},
          {"end", std::vector<std::int64_t>{stop}},
          {"stride", given(operation, "stride")}});
}

void KhronosWriter::translate(const Operation& operation) {
  const auto rule = rules().find(operation.op);
  if (rule != rules().end()) return (this->*rule->second)(operation);
  if (kRenamed.count(operation.op) != 0) return renamed(operation);
  same(operation);
}

Graph KhronosWriter::run(std::vector<Untranslated>& problems) {
  graph_.name = source_.name;
  graph_.quant = source_.quant;
  std::set<Value> lost;  // results of what could not be said
  for (const Operation& operation : source_.operations) {
    at_ = static_cast<std::size_t>(&operation - source_.operations.data());
    bool depends = false;
    for (const NamedArgument& named : operation.arguments) {
      for_each_value(named.argument, [&](Value v) { depends = depends || lost.count(v) != 0; });
    }
    try {
      if (!depends) {
        translate(operation);
        continue;
      }
    } catch (const BuildError& error) {
      std::string reason = error.what();
      if (reason.ends_with('.')) reason.pop_back();
      problems.push_back({at_, "The operator " + operation.op + " cannot be expressed: " + reason + "."});
    }
    lost.insert(operation.results.begin(), operation.results.end());
  }
  if (!problems.empty()) return {};
  for (Value input : source_.inputs) graph_.inputs.push_back(*values_.at(input).value());
  for (Value output : source_.outputs) graph_.outputs.push_back(*values_.at(output).value());
  for (const Problem& problem : khronos_graph_problems(graph_, khronos_)) {
    const std::size_t origin = origins_.at(static_cast<std::size_t>(std::max(problem.operation, 0)));
    problems.push_back({origin, "The operator " + problem.text});
  }
  return std::move(graph_);
}

Graph to_khronos(const Graph& graph, std::vector<Untranslated>& problems) { return KhronosWriter(graph).run(problems); }

}  // namespace nnef
