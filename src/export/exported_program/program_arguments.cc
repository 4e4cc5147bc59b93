#include "export/exported_program/program_arguments.h"

#include <unordered_set>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Kind = ProgramArgument::Kind;

// The one member of a union: its name and value. Older files have all members, but for one null.
std::pair<std::string_view, const Json*> member_of(const Json& json) {
  json.object();
  const Json* found = nullptr;
  std::string_view name;
  for (std::size_t i = 0; i < json.items.size(); ++i) {
    if (json.items[i].is_null()) continue;
    if (found != nullptr) damaged("a value is '" + std::string(name) + "' and '" + json.keys[i] + "' at once");
    found = &json.items[i];
    name = json.keys[i];
  }
  if (found == nullptr) damaged("a value is nothing");
  return {name, found};
}

ProgramArgument plain(Kind kind, std::int64_t number) {
  ProgramArgument argument;
  argument.kind = kind;
  argument.number = number;
  return argument;
}

ProgramArgument named(const Json& json, bool is_tensor) {
  ProgramArgument argument;
  argument.kind = Kind::kName;
  argument.text = json.at("name").string();
  argument.is_tensor = is_tensor;
  return argument;
}

ProgramArgument text(Kind kind, const Json& json) {
  ProgramArgument argument;
  argument.kind = kind;
  argument.text = json.string();
  return argument;
}

ProgramArgument real(const Json& json) {
  ProgramArgument argument;
  argument.kind = Kind::kFloat;
  argument.real = json.floating();
  return argument;
}

ProgramArgument complex(const Json& json) {
  ProgramArgument argument;
  argument.kind = Kind::kComplex;
  argument.real = json.at("real").floating();
  argument.imaginary = json.at("imag").floating();
  return argument;
}

// {"as_name": "sym_size_int"} or {"as_int": 3}.
ProgramArgument symbolic(const Json& json) {
  const auto [name, value] = member_of(json);
  if (name == "as_int") return plain(Kind::kInt, value->number());
  if (name == "as_bool") return plain(Kind::kBool, value->boolean());
  if (name == "as_float") return real(*value);
  if (name != "as_name") damaged("a number of the kind '" + std::string(name) + "' is not known");
  ProgramArgument argument = text(Kind::kName, *value);
  return argument;
}

template <typename Read>
ProgramArgument list(const Json& json, Read read) {
  ProgramArgument argument;
  argument.kind = Kind::kList;
  for (const Json& item : json.list()) argument.items.push_back(read(item));
  return argument;
}

// An item of a list of optional tensors.
ProgramArgument optional(const Json& json) {
  const auto [name, value] = member_of(json);
  if (name == "as_none") return {};
  if (name != "as_tensor") damaged("a tensor of the kind '" + std::string(name) + "' is not known");
  return named(*value, true);
}

ProgramArgument graph_of(const Json& json) {
  ProgramArgument argument;
  argument.kind = Kind::kGraph;
  argument.text = json.at("name").string();
  argument.graph = std::make_shared<ProgramGraph>(parse_graph(json.at("graph")));
  return argument;
}

ProgramArgument integer(const Json& json) { return plain(Kind::kInt, json.number()); }
ProgramArgument boolean(const Json& json) { return plain(Kind::kBool, json.boolean()); }
ProgramArgument tensor(const Json& json) { return named(json, true); }
ProgramArgument string(const Json& json) { return text(Kind::kString, json); }

class NameCheck {
 public:
  void graph(const ProgramGraph& graph) {
    for (const ProgramArgument& input : graph.inputs) define(input);
    for (const ProgramNode& node : graph.nodes) {
      for (const NamedProgramArgument& input : node.inputs) use(input.value);
      for (const ProgramArgument& output : node.outputs) define(output);
    }
    for (const ProgramArgument& output : graph.outputs) use(output);
  }

 private:
  void define(const ProgramArgument& argument) {
    for (const ProgramArgument& item : argument.items) define(item);
    if (argument.kind == Kind::kName && !known_.insert(argument.text).second) {
      damaged("the value '" + argument.text + "' is defined twice");
    }
  }
  void use(const ProgramArgument& argument) {
    for (const ProgramArgument& item : argument.items) use(item);
    if (argument.kind == Kind::kGraph) NameCheck().graph(*argument.graph);
    if (argument.kind == Kind::kName && known_.count(argument.text) == 0) {
      damaged("the value '" + argument.text + "' is used before it is defined");
    }
  }

  std::unordered_set<std::string> known_;
};

}  // namespace

ProgramArgument parse_argument(const Json& json) {
  const auto [name, value] = member_of(json);
  if (name == "as_tensor") return named(*value, true);
  if (name == "as_int") return integer(*value);
  if (name == "as_float") return real(*value);
  if (name == "as_bool") return boolean(*value);
  if (name == "as_string") return string(*value);
  if (name == "as_none") return {};
  if (name == "as_scalar_type") return plain(Kind::kDtype, value->number());
  if (name == "as_layout") return plain(Kind::kLayout, value->number());
  if (name == "as_memory_format") return plain(Kind::kMemoryFormat, value->number());
  if (name == "as_device") return plain(Kind::kDevice, 0);
  if (name == "as_ints") return list(*value, integer);
  if (name == "as_floats") return list(*value, real);
  if (name == "as_bools") return list(*value, boolean);
  if (name == "as_strings") return list(*value, string);
  if (name == "as_tensors") return list(*value, tensor);
  if (name == "as_optional_tensors") return list(*value, optional);
  if (name == "as_optional_tensor") return optional(*value);
  if (name == "as_sym_int" || name == "as_sym_float" || name == "as_sym_bool") return symbolic(*value);
  if (name == "as_sym_ints" || name == "as_sym_floats" || name == "as_sym_bools") return list(*value, symbolic);
  if (name == "as_int_lists") return list(*value, [](const Json& item) { return list(item, integer); });
  if (name == "as_float_lists") return list(*value, [](const Json& item) { return list(item, real); });
  if (name == "as_nested_tensors") return list(*value, [](const Json& item) { return list(item, tensor); });
  if (name == "as_complex") return complex(*value);
  if (name == "as_graph") return graph_of(*value);
  if (name == "as_operator") return text(Kind::kOperator, *value);
  damaged("an argument of the kind '" + std::string(name) + "' is not read");
}

Expression parse_size(const Json& json) {
  const auto [name, value] = member_of(json);
  if (name == "as_int") return Expression::number(value->number());
  if (name != "as_expr") damaged("a size of the kind '" + std::string(name) + "' is not known");
  return parse_srepr(value->at("expr_str").string());
}

ProgramGraph parse_graph(const Json& json) {
  ProgramGraph graph;
  for (const Json& input : json.at("inputs").list()) graph.inputs.push_back(parse_argument(input));
  for (const Json& output : json.at("outputs").list()) graph.outputs.push_back(parse_argument(output));
  for (const Json& from : json.at("nodes").list()) {
    ProgramNode node;
    node.target = from.at("target").string();
    for (const Json& input : from.at("inputs").list()) {
      node.inputs.push_back({input.at("name").string(), parse_argument(input.at("arg"))});
    }
    for (const Json& output : from.at("outputs").list()) node.outputs.push_back(parse_argument(output));
    if (const Json* metadata = from.find("metadata")) {
      if (const Json* trace = metadata->find("stack_trace")) node.stack_trace = trace->string();
      if (const Json* stack = metadata->find("nn_module_stack")) node.module_stack = stack->string();
    }
    graph.nodes.push_back(std::move(node));
  }
  const Json& values = json.at("tensor_values").object();
  for (std::size_t i = 0; i < values.items.size(); ++i) {
    graph.dtypes[values.keys[i]] = static_cast<int>(values.items[i].at("dtype").number());
  }
  for (const ProgramArgument& input : graph.inputs) {
    if (input.kind != Kind::kName || !input.is_tensor) continue;
    ProgramShape shape;
    for (const Json& size : values.at(input.text).at("sizes").list()) shape.push_back(parse_size(size));
    graph.shapes[input.text] = std::move(shape);
  }
  if (const Json* single = json.find("is_single_tensor_return")) graph.is_single_return = single->boolean();
  return graph;
}

void check_names(const ProgramGraph& graph) { NameCheck().graph(graph); }

}  // namespace torch2nnef
