// Adding operations: binding arguments to declarations, sharing equal operations, inputs, variables, literals, outputs.
#include "nnef/builder/builder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "nnef/builder/builder_state.h"
#include "nnef/dialect/target_rules.h"

namespace nnef {
namespace {

// In the order in which the extension lines are written.
constexpr std::array<std::string_view, 6> kRegistries = {"tract_core", "tract_transformers", "tract_extra",
                                                         "tract_onnx", "tract_pulse",        "tract_resource"};

// Equal calls of these do not give equal results, or must stay apart.
bool is_shareable(std::string_view op) {
  return op != "tract_onnx_random" && op != "tract_onnx_multinomial" && op != "tract_core_scan" &&
         op != "tract_core_submodel" && op.find("kv_cache") == std::string_view::npos;
}

// tract's symbolic integers, which pass for i64 only after a cast (T-SHAPE-TYPE).
bool gives_sizes(std::string_view op) { return op == "tract_core_range" || op == "tract_core_shape_of"; }

[[noreturn]] void refuse(std::string_view op, const std::string& message) {
  throw BuildError(std::string(op) + ": " + message + ".");
}

[[noreturn]] void refuse_for_target(const std::string& op, const std::string& reason, const Dialect& dialect) {
  throw TargetError("The operator " + op + " " + reason + " (target " + dialect.target().to_string() + ").");
}

const OperatorDeclaration& declaration_of(const Dialect& dialect, std::string_view op) {
  const OperatorDeclaration* declaration = dialect.find(op);
  if (declaration == nullptr) throw BuildError("Unknown operator '" + std::string(op) + "'.");
  const std::string reason = dialect.why_not(*declaration);
  if (!reason.empty()) refuse_for_target(declaration->name, reason, dialect);
  return *declaration;
}

// T-SIZE-BY-SIZE
void require_divisions_by_numbers(std::string_view op, const Argument& argument) {
  if (const Dim* dim = argument.dim(); dim != nullptr && divides_by_symbols(*dim)) {
    refuse(op, "the size " + dim->to_string() + " has a divisor that is not a number");
  }
  if (argument.array() == nullptr) return;
  for (const Argument& item : argument.array()->items) require_divisions_by_numbers(op, item);
}

// The arguments in the order of the declaration.
Operation bind(const OperatorDeclaration& declaration, std::vector<Argument> tensors,
               std::vector<NamedArgument> attributes) {
  std::vector<std::optional<Argument>> slots(declaration.parameters.size());
  std::size_t next = 0;
  for (Argument& tensor : tensors) {
    while (next < slots.size() && !declaration.parameters[next].is_tensor) ++next;
    if (next == slots.size()) refuse(declaration.name, "it takes fewer tensors");
    if (declaration.parameters[next].is_tensor_array && tensor.array() == nullptr) {
      refuse(declaration.name, "'" + declaration.parameters[next].name + "' must be a list of tensors");
    }
    slots[next++] = std::move(tensor);
  }
  for (NamedArgument& attribute : attributes) {
    const Parameter* parameter = declaration.find(attribute.name);
    if (parameter == nullptr) refuse(declaration.name, "it has no parameter '" + attribute.name + "'");
    std::optional<Argument>& slot = slots[static_cast<std::size_t>(parameter - declaration.parameters.data())];
    if (slot) refuse(declaration.name, "the argument '" + attribute.name + "' is given twice");
    slot = std::move(attribute.argument);
  }
  Operation operation;
  operation.op = declaration.name;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Parameter& parameter = declaration.parameters[i];
    if (slots[i]) {
      require_divisions_by_numbers(declaration.name, *slots[i]);
      operation.arguments.push_back({parameter.name, std::move(*slots[i])});
    } else if (parameter.is_required()) {
      refuse(declaration.name, "the argument '" + parameter.name + "' is missing");
    }
  }
  return operation;
}

// 0.1 becomes 0_1, -1e-05 becomes m1em05: one legal label for each number.
std::string number_label(double value) {
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  std::string text(buffer.data(), end);
  std::replace(text.begin(), text.end(), '.', '_');
  std::replace(text.begin(), text.end(), '-', 'm');
  std::replace(text.begin(), text.end(), '+', 'p');
  return text;
}

// What older releases compute wrongly, in operations that they compute right; nothing when the target needs none.
//   div of integers by a constant power of two rounds down before 0.23.9 (T-DIV-POWER-OF-TWO), also that of sizes
//   sign of an integer fails (T-SIGN-I64) or gives 1 for 0 (T-SIGN-I32) before 0.23.5
//   abs of f64 fails before 0.23.5 (T-ABS-F64; 0.23.0 does not have it)
std::optional<Value> older_form(Builder& b, std::string_view op, const std::vector<Argument>& tensors) {
  const Target& target = b.dialect().target();
  if (target.kind != Target::Kind::kTract || tensors.empty() || !tensors[0].value()) return std::nullopt;
  const Value x = *tensors[0].value();
  const DType dtype = b.dtype(x);
  if (op == "abs" && dtype == DType::kF64 && target.version < Version{0, 23, 5}) {
    const Value zero = b.constant(0.0, dtype);  // taken from it, -0.0 becomes 0.0
    return b.select(b.binary("le", x, zero), b.binary("sub", zero, x), x);
  }
  if (!is_integer(dtype) || !is_signed(dtype)) return std::nullopt;
  const auto than_zero = [&](std::string_view comparison) {
    return b.binary(comparison, x, b.literal(std::int64_t{0}, dtype));
  };
  if (op == "div" && target.version < Version{0, 23, 9}) {
    const Value quotient = b.add("div", {b.unary("abs", x), tensors[1]});
    return b.select(than_zero("lt"), b.unary("neg", quotient), quotient);
  }
  if (op == "sign" && target.version < Version{0, 23, 5}) {
    return b.binary("sub", b.cast(than_zero("gt"), dtype), b.cast(than_zero("lt"), dtype));
  }
  return std::nullopt;
}

Value append_value(Graph& graph, ValueInfo info) {
  graph.values.push_back(std::move(info));
  return Value{static_cast<std::int32_t>(graph.values.size() - 1)};
}

}  // namespace

Builder::Builder(Graph& graph, const Dialect& dialect, Naming naming)
    : graph_(graph), dialect_(dialect), state_(std::make_shared<State>()) {
  state_->naming = naming;
  for (std::size_t id = 0; id < graph.values.size(); ++id) {
    state_->hold(graph.values[id].name, static_cast<std::int32_t>(id));
  }
  for (const auto& [label, data] : graph.variables) state_->unique_label(label);
  for (Value output : graph.outputs) state_->outputs.insert(output.id);
}

void Builder::set_scope(std::string module_path, std::string hint, std::string comment) {
  state_->path = std::move(module_path);
  state_->hint = std::move(hint);
  state_->comment = std::move(comment);
}

Value Builder::parameter(std::string_view name, DType dtype, Shape shape) {
  if (!is_identifier(name)) throw BuildError("'" + std::string(name) + "' cannot be the name of an input.");
  const bool is_symbol = std::find(graph_.symbols.begin(), graph_.symbols.end(), name) != graph_.symbols.end();
  if (is_symbol || state_->holders.contains(std::string(name))) {
    throw BuildError("The name '" + std::string(name) + "' is taken and cannot be an input.");
  }
  const Value value = append_value(graph_, ValueInfo{std::string(name), dtype, std::move(shape)});
  state_->hold(std::string(name), value.id);
  graph_.inputs.push_back(value);
  return value;
}

Value Builder::external(std::string_view name, DType dtype, Shape shape) {
  const bool khronos = dialect_.target().kind == Target::Kind::kKhronos;
  std::vector<NamedArgument> arguments{{"shape", Argument(shape)}};
  if (!khronos) arguments.push_back({"datum_type", Argument(std::string(to_string(dtype)))});
  Operation operation =
      bind(declaration_of(dialect_, khronos ? "external" : "tract_core_external"), {}, std::move(arguments));
  const Value value = parameter(name, dtype, std::move(shape));
  operation.results = {value};
  operation.comment = state_->comment;
  graph_.operations.push_back(std::move(operation));
  return value;
}

Value Builder::variable(std::string_view label, TensorDataPtr data, DType dtype) {
  std::string wanted(label);
  for (int copy = 1;; ++copy) {
    auto place = state_->by_label.find(wanted);
    if (place == state_->by_label.end()) break;
    const Operation& known =
        graph_.operations[static_cast<std::size_t>(state_->variable_operation.at(place->second.id))];
    const std::string& stored = std::get<std::string>(known.find("label")->is);
    const bool is_known =
        graph_.info(place->second).dtype == dtype && same_contents(*graph_.variables.at(stored), *data);
    if (is_known) return place->second;
    wanted = std::string(label) + "_" + std::to_string(copy);
  }
  const std::string stored = state_->unique_label(wanted);
  const Shape shape = make_shape(data->shape());
  Operation operation = bind(declaration_of(dialect_, "variable"), {}, {{"shape", Argument(shape)}, {"label", stored}});
  for (const std::string& symbol : graph_.symbols) state_->holders.try_emplace(symbol, State::kReserved);
  const std::string name = state_->naming == Naming::kNumeric ? state_->next_name(graph_, "variable")
                                                              : state_->unique_name(make_identifier(stored));
  const Value value = append_value(graph_, ValueInfo{name, dtype, shape});
  state_->hold(name, value.id);
  state_->by_label.emplace(wanted, value);
  state_->variable_operation.emplace(value.id, static_cast<std::int64_t>(graph_.operations.size()));
  operation.results = {value};
  graph_.variables.emplace(stored, std::move(data));
  graph_.operations.push_back(std::move(operation));
  return value;
}

std::vector<Value> Builder::add_multi(std::string_view op, std::vector<Argument> tensors,
                                      std::vector<NamedArgument> attributes) {
  const OperatorDeclaration& declaration = declaration_of(dialect_, op);
  if (!state_->is_older_form) {
    const auto end = [](bool* flag) { *flag = false; };
    const std::unique_ptr<bool, decltype(end)> inside(&(state_->is_older_form = true), end);
    if (const std::optional<Value> form = older_form(*this, op, tensors)) return {*form};
  }
  if (is_product(op) && dialect_.has("tract_core_gather")) {
    for (Argument& tensor : tensors) tensor = state_->item_by_item(*this, tensor);
  }
  Operation operation = bind(declaration, std::move(tensors), std::move(attributes));
  const std::string reason = why_wrong(graph_, operation, dialect_.target());
  if (!reason.empty()) refuse_for_target(declaration.name, reason, dialect_);
  std::string key;
  if (is_shareable(op)) {
    key = operation_key(operation);
    auto place = state_->known.find(key);
    if (place != state_->known.end()) return place->second;
  }
  std::vector<ValueInfo> results = infer(graph_, operation, declaration);
  for (ValueInfo& result : results) {
    result.name = state_->next_name(graph_, op);
    const std::string name = result.name;
    operation.results.push_back(append_value(graph_, std::move(result)));
    state_->hold(name, operation.results.back().id);
  }
  operation.comment = state_->comment;
  graph_.operations.push_back(std::move(operation));
  std::vector<Value> values = graph_.operations.back().results;
  if (gives_sizes(op) && dtype(values[0]) == DType::kI64) {
    values = {add("tract_core_cast", {values[0]}, {{"to", std::string(to_string(DType::kI64))}})};
    if (op == "tract_core_range") values = {unfolded_range(values[0])};
  }
  if (!key.empty()) state_->known.emplace(std::move(key), values);
  return values;
}

// tract follows the items of a range of symbolic length through comparisons and replaces a selection by such a mask: by
// a wrong one where two ranges are compared along different axes (T-MASK-OF-RANGES). It does not look through this.
Value Builder::unfolded_range(Value range) {
  const bool is_symbolic =
      std::any_of(shape(range).begin(), shape(range).end(), [](const Dim& dim) { return !dim.is_constant(); });
  if (!is_symbolic || !dialect_.has("tract_core_bitand")) return range;
  return add("tract_core_bitand", {range, constant(std::int64_t{-1}, DType::kI64)});
}

Value Builder::add(std::string_view op, std::vector<Argument> tensors, std::vector<NamedArgument> attributes) {
  const std::vector<Value> values = add_multi(op, std::move(tensors), std::move(attributes));
  if (values.size() != 1) refuse(op, "it has " + std::to_string(values.size()) + " results where one was expected");
  return values.front();
}

// Literals are numbers of f32, or sizes: what stands next to another type is a tensor file. T-F64-LITERAL,
// T-FLOAT-LITERAL-I64, T-INTEGER-LITERAL, T-LIST-LITERAL.
Argument Builder::literal(double value, DType dtype) {
  if (!is_float(dtype)) {
    if (value != std::trunc(value) || std::fabs(value) >= 9223372036854775808.0) {
      throw BuildError("The number " + std::to_string(value) + " is not of type " + std::string(to_string(dtype)) +
                       ".");
    }
    return literal(static_cast<std::int64_t>(value), dtype);
  }
  const double largest = dtype == DType::kF16 ? 65519.0 : 3.4028235677973366e38;
  if (dtype != DType::kF64 && std::fabs(value) <= largest) return value;
  return constant(value, dtype);
}

Argument Builder::literal(std::int64_t value, DType dtype) {
  if (is_float(dtype)) return literal(static_cast<double>(value), dtype);
  return constant(value, dtype);
}

Value Builder::constant(double value, DType dtype) {
  if (!is_float(dtype)) return *literal(value, dtype).value();
  const std::string label = "literal/" + std::string(to_string(dtype)) + "_" + number_label(value);
  auto place = state_->by_label.find(label);
  if (place != state_->by_label.end()) return place->second;
  try {
    return variable(label, scalar_tensor(dtype, value));
  } catch (const std::range_error& error) {
    throw BuildError(std::string("A literal cannot be written: ") + error.what() + ".");
  }
}

Value Builder::constant(std::int64_t value, DType dtype) {
  if (is_float(dtype)) return constant(static_cast<double>(value), dtype);
  TensorDataPtr data;
  try {
    data = scalar_tensor(dtype, value);
  } catch (const std::range_error& error) {
    throw BuildError(std::string("A literal cannot be written: ") + error.what() + ".");
  }
  if (!dialect_.has("tract_core_cast")) {
    std::string digits = std::to_string(value);
    if (value < 0) digits.front() = 'm';
    return variable("literal/" + std::string(to_string(dtype)) + "_" + digits, std::move(data));
  }
  const Value made = add("tract_core_cast", {Dim(value)}, {{"to", std::string(to_string(dtype))}});
  state_->integers.insert(made.id);
  return made;
}

Value Builder::identity(Value x) {
  const bool tract = dialect_.has("tract_core_cast");
  std::vector<NamedArgument> attributes;
  if (tract) attributes.push_back({"to", std::string(to_string(dtype(x)))});
  Operation operation = bind(declaration_of(dialect_, tract ? "tract_core_cast" : "copy"), {x}, std::move(attributes));
  ValueInfo result{state_->next_name(graph_, "identity"), dtype(x), shape(x)};
  const std::string name = result.name;
  const Value value = append_value(graph_, std::move(result));
  state_->hold(name, value.id);
  operation.results = {value};
  operation.comment = state_->comment;
  graph_.operations.push_back(std::move(operation));
  return value;
}

Value Builder::name_output(Value value, std::string_view name) {
  const std::string wanted(name);
  if (!is_identifier(wanted)) throw BuildError("'" + wanted + "' cannot be the name of an output.");
  for (const std::string& symbol : graph_.symbols) state_->holders.try_emplace(symbol, State::kReserved);
  const bool is_input = std::find(graph_.inputs.begin(), graph_.inputs.end(), value) != graph_.inputs.end();
  if (is_input || state_->variable_operation.contains(value.id) || state_->outputs.contains(value.id)) {
    value = identity(value);
  }
  auto holder = state_->holders.find(wanted);
  if (holder != state_->holders.end() && holder->second != value.id) {
    const Value other{holder->second};
    const bool fixed = other.id == State::kReserved || state_->outputs.contains(other.id) ||
                       std::find(graph_.inputs.begin(), graph_.inputs.end(), other) != graph_.inputs.end();
    if (fixed) throw BuildError("The name '" + wanted + "' is taken and cannot be an output.");
    const std::string moved = state_->unique_name(wanted);
    graph_.info(other).name = moved;
    state_->hold(moved, other.id);
  }
  if (graph_.info(value).name != wanted) state_->holders.erase(graph_.info(value).name);
  graph_.info(value).name = wanted;
  state_->hold(wanted, value.id);
  state_->outputs.insert(value.id);
  graph_.outputs.push_back(value);
  return value;
}

void Builder::finish() { set_registries(graph_, dialect_); }

void set_registries(Graph& graph, const Dialect& dialect) {
  std::vector<std::string_view> used;
  auto collect = [&](const Graph& part) {
    for (const Operation& operation : part.operations) used.push_back(declaration_of(dialect, operation.op).registry);
  };
  collect(graph);
  for (const Fragment& fragment : graph.fragments) collect(fragment.body);
  graph.registries.clear();
  if (dialect.target().kind == Target::Kind::kKhronos) return;
  for (std::string_view registry : kRegistries) {
    if (std::find(used.begin(), used.end(), registry) != used.end()) graph.registries.emplace_back(registry);
  }
}

}  // namespace nnef
