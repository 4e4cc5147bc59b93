// Finds the inference function of an operation, and the access to its arguments that these functions share.
#include <algorithm>
#include <charconv>

#include "nnef/dim/size_facts.h"
#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

InferTable make_table() {
  InferTable table;
  add_elementwise_inference(table);
  add_shape_inference(table);
  add_window_inference(table);
  add_reduce_inference(table);
  add_index_inference(table);
  add_linear_inference(table);
  add_misc_inference(table);
  return table;
}

unsigned type_bit(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return types::kLogical;
    case DType::kF16:
    case DType::kF32:
      return types::kHalfSingle;
    case DType::kF64:
      return types::kDouble;
    case DType::kI8:
      return types::kInt8;
    case DType::kI16:
      return types::kOtherSigned;
    case DType::kI32:
      return types::kInt32;
    case DType::kI64:
      return types::kInt64;
    default:
      return types::kUnsigned;
  }
}

std::string unquoted(const std::string& text) {
  return text.size() >= 2 && (text.front() == '\'' || text.front() == '"') ? text.substr(1, text.size() - 2) : text;
}

// The literal of a declaration's default: only the forms that the table uses.
Argument default_argument(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  if (!text.empty() && (text.front() == '\'' || text.front() == '"')) return unquoted(text);
  if (text == "[]") return Argument::Array{};
  if (text.size() > 2 && text.front() == '[') {
    return Argument(std::vector<Dim>{Dim::parse(std::string_view(text).substr(1, text.size() - 2))});
  }
  if (text.find('.') != std::string::npos) return std::stod(text);
  return Dim::parse(text);
}

}  // namespace

std::vector<ValueInfo> infer(const Graph& graph, const Operation& operation, const OperatorDeclaration& declaration) {
  static const InferTable table = make_table();
  const Call call(graph, operation, declaration);
  auto place = table.find(operation.op);
  if (place == table.end()) call.fail("the shape of its result is not known to this program");
  try {
    return place->second(call);
  } catch (const std::overflow_error& error) {
    call.fail(error.what());
  } catch (const std::domain_error& error) {
    call.fail(error.what());
  }
}

Results one_result(DType dtype, Shape shape) { return {ValueInfo{"", dtype, std::move(shape)}}; }

bool may_be_equal(const Dim& a, const Dim& b) {
  return a == b || SizeFacts(ranges_of((a - b).symbols())).are_equal(a, b);
}

Shape broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    Dim& dim = result[offset + i];
    if (dim == shorter[i] || shorter[i] == Dim(1)) continue;
    if (dim != Dim(1)) {
      throw BuildError("the shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast: " + dim.to_string() +
                       " against " + shorter[i].to_string());
    }
    dim = shorter[i];
  }
  return result;
}

void Call::fail(const std::string& message) const { throw BuildError(operation_.op + ": " + message + "."); }

const Argument& Call::given(std::string_view name) const {
  const Argument* argument = operation_.find(name);
  if (argument == nullptr) fail("the argument '" + std::string(name) + "' is missing");
  return *argument;
}

Fact Call::fact(const Argument& argument) const {
  Fact fact;
  if (const Value* value = argument.value()) {
    const ValueInfo& info = graph_.info(*value);
    fact.dtype = info.dtype;
    fact.shape = info.shape;
  } else if (argument.dim() != nullptr) {
    fact.dtype = DType::kI64;
    fact.literal = Fact::Literal::kInteger;
  } else if (const double* number = std::get_if<double>(&argument.is)) {
    require(*number == *number, "a NaN cannot be written as a literal");
    fact.literal = Fact::Literal::kFloat;
    fact.number = *number;
  } else if (std::holds_alternative<bool>(argument.is)) {
    fact.dtype = DType::kBool;
    fact.literal = Fact::Literal::kLogical;
  } else {
    fail("a tensor was expected where a list or a string stands");
  }
  return fact;
}

Fact Call::tensor(std::string_view name) const {
  if (const Argument* argument = operation_.find(name)) return fact(*argument);
  const Parameter* parameter = declaration_.find(name);
  if (parameter == nullptr || !parameter->default_text || parameter->default_text->empty()) given(name);
  return fact(default_argument(*parameter->default_text));
}

Fact Call::tensor_at(std::size_t position) const {
  for (const Parameter& parameter : declaration_.parameters) {
    if (parameter.is_tensor && position-- == 0) return tensor(parameter.name);
  }
  fail("it takes fewer tensors");
}

std::vector<Fact> Call::tensors(std::string_view name) const {
  const Argument::Array* array = given(name).array();
  require(array != nullptr, "'" + std::string(name) + "' must be a list of tensors");
  require(!array->items.empty(), "'" + std::string(name) + "' is empty");
  std::vector<Fact> facts;
  for (const Argument& item : array->items) facts.push_back(fact(item));
  return facts;
}

namespace {

Argument argument_or_default(const Call& call, std::string_view name) {
  if (const Argument* argument = call.operation().find(name)) return *argument;
  const Parameter* parameter = call.declaration().find(name);
  if (parameter == nullptr || !parameter->default_text || parameter->default_text->empty()) {
    call.fail("the argument '" + std::string(name) + "' is missing");
  }
  return default_argument(*parameter->default_text);
}

[[noreturn]] void wrong_kind(const Call& call, std::string_view name, std::string_view wanted) {
  call.fail("'" + std::string(name) + "' must be " + std::string(wanted));
}

}  // namespace

Dim Call::dim(std::string_view name) const {
  const Argument argument = argument_or_default(*this, name);
  if (const bool* flag = std::get_if<bool>(&argument.is)) return *flag ? 1 : 0;
  if (argument.dim() == nullptr) wrong_kind(*this, name, "an integer");
  return *argument.dim();
}

std::int64_t Call::integer(std::string_view name) const {
  const Dim value = dim(name);
  if (!value.is_constant()) fail("'" + std::string(name) + "' must be a number, not " + value.to_string());
  return value.value();
}

std::vector<Dim> Call::dims(std::string_view name) const {
  const Argument argument = argument_or_default(*this, name);
  if (argument.array() == nullptr) wrong_kind(*this, name, "a list of integers");
  std::vector<Dim> result;
  for (const Argument& item : argument.array()->items) {
    if (item.dim() == nullptr) wrong_kind(*this, name, "a list of integers");
    result.push_back(*item.dim());
  }
  return result;
}

std::vector<std::int64_t> Call::integers(std::string_view name) const {
  std::vector<std::int64_t> result;
  for (const Dim& item : dims(name)) {
    if (!item.is_constant()) fail("'" + std::string(name) + "' must hold numbers, not " + item.to_string());
    result.push_back(item.value());
  }
  return result;
}

std::vector<std::pair<Dim, Dim>> Call::pairs(std::string_view name) const {
  const Argument argument = argument_or_default(*this, name);
  if (argument.array() == nullptr) wrong_kind(*this, name, "a list of pairs");
  std::vector<std::pair<Dim, Dim>> result;
  for (const Argument& item : argument.array()->items) {
    const Argument::Array* pair = item.array();
    if (pair == nullptr || pair->items.size() != 2 || pair->items[0].dim() == nullptr ||
        pair->items[1].dim() == nullptr) {
      wrong_kind(*this, name, "a list of pairs of integers");
    }
    result.emplace_back(*pair->items[0].dim(), *pair->items[1].dim());
  }
  return result;
}

bool Call::logical(std::string_view name) const {
  const Argument argument = argument_or_default(*this, name);
  if (const bool* flag = std::get_if<bool>(&argument.is)) return *flag;
  if (argument.dim() != nullptr && argument.dim()->is_constant()) return argument.dim()->value() != 0;
  wrong_kind(*this, name, "true or false");
}

std::string Call::text(std::string_view name) const {
  const Argument argument = argument_or_default(*this, name);
  if (const std::string* value = std::get_if<std::string>(&argument.is)) return *value;
  wrong_kind(*this, name, "a string");
}

DType Call::dtype(std::string_view name) const {
  const std::string spelled = text(name);
  const std::optional<DType> result = dtype_from_string(spelled);
  if (!result) fail("'" + spelled + "' is not a type");
  return *result;
}

int Call::axis(std::string_view name, int rank) const {
  const std::int64_t value = integer(name);
  if (value < 0 || value >= rank) {
    fail("axis " + std::to_string(value) + " is not in 0.." + std::to_string(rank - 1));
  }
  return static_cast<int>(value);
}

std::vector<int> Call::axes(std::string_view name, int rank) const {
  std::vector<int> result;
  for (std::int64_t value : integers(name)) {
    if (value < 0 || value >= rank) {
      fail("axis " + std::to_string(value) + " is not in 0.." + std::to_string(rank - 1));
    }
    require(result.empty() || result.back() < value, "axes must be ascending and distinct");
    result.push_back(static_cast<int>(value));
  }
  return result;
}

void Call::require_type(const Fact& fact, unsigned allowed) const {
  if ((type_bit(fact.dtype) & allowed) == 0) fail("does not take " + std::string(to_string(fact.dtype)));
}

DType Call::common_type(std::initializer_list<Fact> facts) const {
  std::optional<DType> common;
  for (const Fact& fact : facts) {
    if (fact.literal != Fact::Literal::kNone) continue;
    if (common && *common != fact.dtype) {
      fail("operands of " + std::string(to_string(*common)) + " and " + std::string(to_string(fact.dtype)) +
           " do not go together");
    }
    common = fact.dtype;
  }
  for (const Fact& fact : facts) {
    if (fact.literal == Fact::Literal::kNone) continue;
    if (!common) common = fact.dtype;
    const std::string name(to_string(*common));
    if (fact.literal == Fact::Literal::kLogical) require(*common == DType::kBool, "a logical is combined with " + name);
    if (fact.literal == Fact::Literal::kInteger)
      fail("an integer literal is combined with " + name + ": it needs a cast");
    if (fact.literal != Fact::Literal::kFloat) continue;
    require(is_float(*common), "a float literal is combined with " + name);
    require(*common != DType::kF64 || static_cast<double>(static_cast<float>(fact.number)) == fact.number,
            "a float literal beside f64 has the precision of f32 only");
  }
  return *common;
}

Shape Call::common_shape(std::initializer_list<Fact> facts) const {
  Shape result;
  for (const Fact& fact : facts) {
    if (fact.shape.empty()) continue;
    if (!result.empty() && result.size() != fact.shape.size()) {
      fail("operands of shapes " + to_string(result) + " and " + to_string(fact.shape) + " differ in rank");
    }
    try {
      result = result.empty() ? fact.shape : broadcast(result, fact.shape);
    } catch (const BuildError& error) {
      fail(error.what());
    }
  }
  return result;
}

}  // namespace nnef
