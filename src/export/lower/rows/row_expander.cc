// Statements and expressions of a row. What operators do is in row_apply.cc.

#include "export/lower/rows/row_expander.h"

#include <array>
#include <charconv>
#include <limits>
#include <stdexcept>

namespace torch2nnef {
namespace {

using nnef::Expression;
using Kind = Expression::Kind;

constexpr int kDeepestCall = 160;

[[noreturn]] void fail(const Row& row, const Expression& at, const std::string& message) {
  throw std::logic_error(row.file + ":" + std::to_string(at.line) + ": " + message);
}

// The dialect's operator behind a symbol.
std::string operator_of(const std::string& symbol) {
  static const std::map<std::string, std::string> table = {
      {"+", "add"}, {"-", "sub"}, {"*", "mul"}, {"/", "div"}, {"^", "pow"},  {"<", "lt"},  {"<=", "le"},
      {">", "gt"},  {">=", "ge"}, {"==", "eq"}, {"!=", "ne"}, {"&&", "and"}, {"||", "or"},
  };
  auto found = table.find(symbol);
  return found == table.end() ? "" : found->second;
}

double parse_float(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  double number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Counts open calls of rows, whatever way they end.
class DepthGuard {
 public:
  explicit DepthGuard(int& depth) : depth_(depth) { ++depth_; }
  ~DepthGuard() { --depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  int& depth_;
};

}  // namespace

const std::vector<std::shared_ptr<const Row>>* RowTable::find(const std::string& name) const {
  if (auto found = rows.find(name); found != rows.end()) return &found->second;
  return parent ? parent->find(name) : nullptr;
}

bool is_row_name(std::string_view name) { return name.find("__") != std::string_view::npos; }

std::vector<RowOperand> RowExpander::expand(const Row& row, RowBindings bindings) {
  const DepthGuard guard(depth_);
  if (depth_ > kDeepestCall) throw std::logic_error("row " + row.syntax.name + " calls itself without end");
  Frame frame{row, std::move(bindings)};
  for (const nnef::AssignmentSyntax& assignment : row.syntax.body) assign(frame, assignment);
  std::vector<RowOperand> results;
  for (const nnef::ParameterSyntax& result : row.syntax.results) {
    auto found = frame.names.find(result.name);
    if (found == frame.names.end()) throw std::logic_error("row " + row.syntax.name + " sets no " + result.name);
    results.push_back(found->second);
  }
  return results;
}

RowOperand RowExpander::evaluate_default(const Row& row, const Expression& expression) {
  Frame frame{row, {}};
  return evaluate(frame, expression);
}

void RowExpander::assign(Frame& frame, const nnef::AssignmentSyntax& assignment) {
  const Expression& value = *assignment.value;
  if (assignment.results.size() == 1) {
    frame.names[assignment.results[0]] = evaluate(frame, value);
    return;
  }
  if (value.kind != Kind::kInvocation) fail(frame.row, value, "several results need a call");
  std::vector<RowOperand> results = invoke(frame, value, assignment.results.size());
  if (results.size() < assignment.results.size()) fail(frame.row, value, value.text + " has fewer results");
  for (std::size_t i = 0; i < assignment.results.size(); ++i) frame.names[assignment.results[i]] = results[i];
}

RowOperand RowExpander::evaluate(Frame& frame, const Expression& expression) {
  switch (expression.kind) {
    case Kind::kInteger:
      return RowOperand::number(Dim(static_cast<std::int64_t>(std::stoll(expression.text))));
    case Kind::kFloat:
      return RowOperand::number(parse_float(expression.text));
    case Kind::kString:
      return RowOperand::text(expression.text);
    case Kind::kLogical:
      return RowOperand::logical(expression.text == "true");
    case Kind::kIdentifier:
      return evaluate_identifier(frame, expression);
    case Kind::kArray:
    case Kind::kTuple: {
      RowOperand::List items;
      for (const nnef::ExpressionPtr& child : expression.children) items.push_back(evaluate(frame, *child));
      return RowOperand::list(std::move(items));
    }
    case Kind::kUnary: {
      RowOperand operand = evaluate(frame, *expression.children.at(0));
      if (expression.text == "+") return operand;
      return apply_unary(expression.text == "-" ? "neg" : "not", operand);
    }
    case Kind::kBinary:
      return evaluate_binary(frame, expression);
    case Kind::kIfElse: {
      const bool chosen = is_true(frame, *expression.children.at(1));
      return evaluate(frame, *expression.children.at(chosen ? 0 : 2));
    }
    case Kind::kSubscript:
    case Kind::kSlice:
      return evaluate_subscript(frame, expression);
    case Kind::kComprehension:
      return evaluate_comprehension(frame, expression);
    case Kind::kInvocation:
      return invoke(frame, expression, 1).at(0);
  }
  fail(frame.row, expression, "an expression of an unknown kind");
}

RowOperand RowExpander::evaluate_identifier(Frame& frame, const Expression& expression) {
  auto found = frame.names.find(expression.text);
  if (found == frame.names.end()) fail(frame.row, expression, "the name " + expression.text + " is not defined");
  return found->second;
}

// Rows ask for special cases (`alpha == 1`): a number that the model computes is none of them.
bool RowExpander::is_true(Frame& frame, const Expression& condition) {
  RowOperand operand;
  const bool is_binary = condition.kind == Kind::kBinary;
  if (is_binary && condition.text == "||") {
    return is_true(frame, *condition.children.at(0)) || is_true(frame, *condition.children.at(1));
  }
  if (is_binary && condition.text == "&&") {
    return is_true(frame, *condition.children.at(0)) && is_true(frame, *condition.children.at(1));
  }
  if (is_binary && (condition.text == "==" || condition.text == "!=")) {
    const RowOperand left = evaluate(frame, *condition.children.at(0)),
                     right = evaluate(frame, *condition.children.at(1));
    if (left.tensor() || right.tensor()) return condition.text == "!=";
    operand = combined(frame, condition, left, right);
  } else {
    operand = evaluate(frame, condition);
  }
  if (!operand.number()) {
    throw DoesNotApply(frame.row.syntax.name + " needs a number that is known at export (line " +
                       std::to_string(condition.line) + ")");
  }
  return operand.number()->to_double() != 0;
}

RowOperand RowExpander::evaluate_binary(Frame& frame, const Expression& expression) {
  RowOperand left = evaluate(frame, *expression.children.at(0));
  // Known at expansion: the right side need not make sense when the left one decides.
  if (const RowNumber* number = left.number(); number && !number->is_symbolic()) {
    if (expression.text == "&&" && number->to_double() == 0) return RowOperand::logical(false);
    if (expression.text == "||" && number->to_double() != 0) return RowOperand::logical(true);
  }
  return combined(frame, expression, left, evaluate(frame, *expression.children.at(1)));
}

RowOperand RowExpander::combined(const Frame& frame, const Expression& expression, const RowOperand& left,
                                 const RowOperand& right) {
  if (left.text() && right.text()) {
    if (expression.text == "==") return RowOperand::logical(*left.text() == *right.text());
    if (expression.text == "!=") return RowOperand::logical(*left.text() != *right.text());
  }
  std::string op = operator_of(expression.text);
  if (op.empty()) fail(frame.row, expression, "rows have no operator " + expression.text);
  return apply_binary(op, left, right);
}

RowOperand RowExpander::evaluate_subscript(Frame& frame, const Expression& expression) {
  RowOperand array = evaluate(frame, *expression.children.at(0));
  if (!array.list()) fail(frame.row, expression, "only lists have subscripts");
  auto size = static_cast<std::int64_t>(array.list()->size());
  auto index = [&](std::size_t child, std::int64_t otherwise) {
    const nnef::ExpressionPtr& at = expression.children.at(child);
    if (!at) return otherwise;
    RowOperand operand = evaluate(frame, *at);
    if (!operand.number()) fail(frame.row, expression, "a subscript must be known at export");
    std::int64_t number = operand.number()->to_dim().value();
    return number < 0 ? number + size : number;
  };
  if (expression.kind == Kind::kSubscript) {
    std::int64_t place = index(1, 0);
    if (place < 0 || place >= size) fail(frame.row, expression, "a subscript is out of range");
    return array.list()->at(static_cast<std::size_t>(place));
  }
  RowOperand::List items;
  std::int64_t end = std::min(index(2, size), size);
  for (std::int64_t place = std::max(index(1, 0), std::int64_t{0}); place < end; ++place) {
    items.push_back(array.list()->at(static_cast<std::size_t>(place)));
  }
  return RowOperand::list(std::move(items));
}

RowOperand RowExpander::evaluate_comprehension(Frame& frame, const Expression& expression) {
  std::vector<RowOperand> sources;
  std::size_t size = std::numeric_limits<std::size_t>::max();
  for (const nnef::ExpressionPtr& child : expression.children) {
    sources.push_back(evaluate(frame, *child));
    if (!sources.back().list()) fail(frame.row, expression, "a comprehension goes over lists");
    size = std::min(size, sources.back().list()->size());
  }
  RowBindings outer = frame.names;
  RowOperand::List items;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t source = 0; source < sources.size(); ++source) {
      frame.names[expression.names.at(source)] = sources[source].list()->at(i);
    }
    if (expression.condition && !is_true(frame, *expression.condition)) continue;
    items.push_back(evaluate(frame, *expression.value));
  }
  frame.names = std::move(outer);
  return RowOperand::list(std::move(items));
}

std::vector<RowOperand> RowExpander::invoke(Frame& frame, const Expression& expression, std::size_t results) {
  Named arguments;
  for (std::size_t i = 0; i < expression.children.size(); ++i) {
    arguments.emplace_back(expression.names.at(i), evaluate(frame, *expression.children[i]));
  }
  try {
    if (is_row_builtin(expression.text)) return {builtin(expression.text, arguments)};
    if (is_row_name(expression.text)) return call_row(expression.text, arguments);
    return apply_operator(expression.text, arguments, results);
  } catch (const std::logic_error& error) {
    fail(frame.row, expression, error.what());
  }
}

std::vector<RowOperand> RowExpander::call_row(const std::string& name, const Named& arguments) {
  const std::vector<std::shared_ptr<const Row>>* rows = table_.find(name);
  if (!rows) throw std::logic_error("no row is named " + name);
  std::string reason;
  for (const std::shared_ptr<const Row>& row : *rows) {
    try {
      return expand(*row, bind_row(*row, arguments));
    } catch (const DoesNotApply& error) {
      if (reason.empty()) reason = error.what();
    }
  }
  throw DoesNotApply(reason);
}

RowBindings RowExpander::bind_row(const Row& row, const Named& arguments) {
  RowBindings bindings;
  std::size_t position = 0;
  for (const auto& [name, operand] : arguments) {
    if (position >= row.syntax.parameters.size()) throw std::logic_error("too many arguments for " + row.syntax.name);
    bindings[name.empty() ? row.syntax.parameters[position].name : name] = operand;
    ++position;
  }
  std::vector<const RowOperand*> scalars;
  for (const nnef::ParameterSyntax& parameter : row.syntax.parameters) {
    auto found = bindings.find(parameter.name);
    if (found == bindings.end() || found->second.is_none()) {
      if (!parameter.default_value) throw DoesNotApply(row.syntax.name + " needs argument " + parameter.name);
      found = bindings.insert_or_assign(parameter.name, evaluate_default(row, *parameter.default_value)).first;
    }
    if (parameter.type == "tensor<scalar>" && !found->second.is_none()) scalars.push_back(&found->second);
  }
  if (scalars.empty()) return bindings;
  DType dtype = floating_dtype(common_dtype(scalars));
  for (const nnef::ParameterSyntax& parameter : row.syntax.parameters) {
    RowOperand& operand = bindings.at(parameter.name);
    if (parameter.type == "tensor<scalar>" && operand.tensor()) {
      operand = RowOperand::tensor(b_.cast(*operand.tensor(), dtype));
    }
  }
  return bindings;
}

}  // namespace torch2nnef
