#include "export/simplify/known_forms.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "export/simplify/constant_forms.h"
#include "export/simplify/graph_facts.h"
#include "export/simplify/graph_so_far.h"
#include "export/simplify/narrow_form.h"
#include "export/simplify/rotary_form.h"
#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::DType;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

// Whether a name is in a list of names with a space between.
bool is_among(std::string_view name, std::string_view names) {
  const std::size_t at = names.find(name), end = at + name.size();
  if (at == std::string_view::npos) return false;
  return (at == 0 || names[at - 1] == ' ') && (end == names.size() || names[end] == ' ');
}

// --- numbers that change nothing ---

// The operand that the result equals; floats keep the sign of a zero, which adding 0 would take.
std::optional<Value> without_neutral(GraphSoFar& graph, const Operation& operation, double neutral, bool is_symmetric) {
  const Value result = operation.results.front();
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const Value* kept = GraphSoFar::operand(operation, place);
    if (kept == nullptr || (place == 1 && !is_symmetric)) continue;
    if (graph.number(operation.arguments.at(1 - place).argument) != neutral) continue;
    if (graph.info(*kept).dtype != graph.info(result).dtype) continue;
    if (graph.shape(*kept) == graph.shape(result)) return *kept;
    if (graph.shape(*kept).empty()) graph.set_narrower(result, *kept);
  }
  return std::nullopt;
}

std::optional<Value> without_zero(GraphSoFar& graph, const Operation& operation) {
  if (!nnef::is_integer(graph.info(operation.results.front()).dtype)) return std::nullopt;
  return without_neutral(graph, operation, 0, operation.op == "add");
}

std::optional<Value> without_one(GraphSoFar& graph, const Operation& operation) {
  return without_neutral(graph, operation, 1, operation.op == "mul");
}

// --- what bounds decide ---

// select(index < 0, index + size, index), as negative indices are counted from the end.
std::optional<Value> without_wrapping(GraphSoFar& graph, const Operation& operation) {
  const Value* condition = GraphSoFar::operand(operation, 0);
  const Value* otherwise = GraphSoFar::operand(operation, 2);
  const Operation* less = condition == nullptr ? nullptr : graph.maker(*condition, "lt");
  if (less == nullptr || otherwise == nullptr) return std::nullopt;
  const Value* index = GraphSoFar::operand(*less, 0);
  const auto bound = graph.number(less->arguments.at(1).argument);
  if (index == nullptr || !bound || *bound > 0 || !nnef::is_integer(graph.info(*index).dtype)) return std::nullopt;
  if (graph.shape(*otherwise) != graph.shape(operation.results.front())) return std::nullopt;
  return graph.is_never_negative(*index) ? std::optional(*otherwise) : std::nullopt;
}

// Whether a condition holds everywhere.
bool is_true(GraphSoFar& graph, Value condition) {
  if (const Value* narrow = graph.narrower(condition)) condition = *narrow;
  if (graph.number(condition) == 1.0 || graph.is_constant_true(condition)) return true;
  const Operation* made = graph.maker(condition);
  const Value* x = made == nullptr ? nullptr : GraphSoFar::operand(*made, 0);
  if (x == nullptr) return false;
  static constexpr std::string_view kKeepTruth =
      "unsqueeze squeeze reshape transpose slice tract_core_broadcast any_reduce";
  if (is_among(made->op, kKeepTruth)) return is_true(graph, *x);
  if (made->op == "and") return is_true(graph, *x) && is_true(graph, *GraphSoFar::operand(*made, 1));
  const auto bound = made->arguments.size() > 1 ? graph.number(made->arguments.at(1).argument) : std::nullopt;
  if ((made->op != "ge" && made->op != "gt") || !bound || !nnef::is_integer(graph.info(*x).dtype)) return false;
  return (made->op == "ge" ? *bound <= 0 : *bound < 0) && graph.is_never_negative(*x);
}

// select(true, a, b): a, or a number that is repeated.
std::optional<Value> with_known_condition(GraphSoFar& graph, const Operation& operation) {
  const Value *condition = GraphSoFar::operand(operation, 0), *kept = GraphSoFar::operand(operation, 1);
  if (condition == nullptr || !is_true(graph, *condition)) return std::nullopt;
  const Value result = operation.results.front();
  const double* number = std::get_if<double>(&operation.arguments.at(1).argument.is);
  if (kept != nullptr && graph.shape(*kept) == graph.shape(result)) return *kept;
  if (kept != nullptr && graph.shape(*kept).empty()) graph.set_narrower(result, *kept);
  if (number != nullptr) graph.set_narrower(result, graph.builder().constant(*number, graph.info(result).dtype));
  return std::nullopt;
}

// softmax(x + 0), for which it does not matter whether a zero has a sign.
std::optional<Value> without_zero_mask(GraphSoFar& graph, const Operation& operation) {
  const Value* x = GraphSoFar::operand(operation, 0);
  const Operation* sum = x == nullptr ? nullptr : graph.maker(*x, "add");
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const Value* kept = sum == nullptr ? nullptr : GraphSoFar::operand(*sum, place);
    if (kept == nullptr || graph.shape(*kept) != graph.shape(*x)) continue;
    if (graph.number(sum->arguments.at(1 - place).argument) != 0.0) continue;
    return graph.builder().add("softmax", {*kept}, {{"axes", *operation.find("axes")}});
  }
  return std::nullopt;
}

std::optional<Value> without_truth(GraphSoFar& graph, const Operation& operation) {
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const Value *kept = GraphSoFar::operand(operation, place), *other = GraphSoFar::operand(operation, 1 - place);
    if (kept == nullptr || other == nullptr || !is_true(graph, *other)) continue;
    if (graph.shape(*kept) == graph.shape(operation.results.front())) return *kept;
    if (graph.shape(*kept).size() == graph.shape(*other).size()) {
      graph.set_narrower(operation.results.front(), *kept);
      return std::nullopt;
    }
  }
  return std::nullopt;
}

// select(not(c), a, b)
std::optional<Value> with_condition_turned(GraphSoFar& graph, const Operation& operation) {
  const Value* condition = GraphSoFar::operand(operation, 0);
  const Operation* negation = condition == nullptr ? nullptr : graph.maker(*condition, "not");
  const Value* turned = negation == nullptr ? nullptr : GraphSoFar::operand(*negation, 0);
  if (turned == nullptr) return std::nullopt;
  return graph.builder().add("select",
                             {*turned, operation.arguments.at(2).argument, operation.arguments.at(1).argument});
}

// --- root mean square ---

struct Squares {
  std::int64_t axis;
  Value x;
};

// sum(x * x) over one axis, divided by its length; or the mean.
std::optional<Squares> mean_of_squares(const GraphSoFar& graph, Value mean) {
  const Operation* reduction = graph.maker(mean, "mean_reduce");
  if (const Operation* quotient = graph.maker(mean, "div")) {
    const Value* sum = GraphSoFar::operand(*quotient, 0);
    const auto count = graph.number(quotient->arguments.at(1).argument);
    reduction = sum == nullptr ? nullptr : graph.maker(*sum, "sum_reduce");
    const auto axes = reduction == nullptr ? std::nullopt : nnef::numbers_of(*reduction, "axes");
    if (!axes || axes->size() != 1 || !count) return std::nullopt;
    const Dim& length = graph.shape(*GraphSoFar::operand(*reduction, 0)).at(static_cast<std::size_t>(axes->front()));
    if (!length.is_constant() || static_cast<double>(length.value()) != *count) return std::nullopt;
  }
  const Value* squares = reduction == nullptr ? nullptr : GraphSoFar::operand(*reduction, 0);
  const auto axes = reduction == nullptr ? std::nullopt : nnef::numbers_of(*reduction, "axes");
  const Operation* square = squares == nullptr ? nullptr : graph.maker(*squares);
  if (square == nullptr || !axes || axes->size() != 1) return std::nullopt;
  const Value* x = GraphSoFar::operand(*square, 0);
  const bool is_product = square->op == "mul" && x != nullptr && GraphSoFar::operand(*square, 1) != nullptr &&
                          *x == *GraphSoFar::operand(*square, 1);
  if (x == nullptr || (!is_product && square->op != "square")) return std::nullopt;
  return Squares{axes->front(), *x};
}

// The operand of 1 / sqrt(..).
const Value* under_inverse_root(const GraphSoFar& graph, Value value) {
  if (const Operation* root = graph.maker(value, "rsqrt")) return GraphSoFar::operand(*root, 0);
  const Operation* inverse = graph.maker(value, "recip");
  const Value* root = inverse == nullptr ? nullptr : GraphSoFar::operand(*inverse, 0);
  const Operation* made = root == nullptr ? nullptr : graph.maker(*root, "sqrt");
  return made == nullptr ? nullptr : GraphSoFar::operand(*made, 0);
}

// x / sqrt(mean(x * x) + eps). The engine's optimiser makes its operator of these itself.
std::optional<Value> as_rms_norm(GraphSoFar& graph, const Operation& operation) {
  if (!graph.builder().dialect().has("tract_core_rms_norm")) return std::nullopt;
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const Value *x = GraphSoFar::operand(operation, place), *scale = GraphSoFar::operand(operation, 1 - place);
    if (x == nullptr || scale == nullptr || graph.info(*x).dtype != DType::kF32) continue;
    const Value* shifted = under_inverse_root(graph, *scale);
    const Operation* sum = shifted == nullptr ? nullptr : graph.maker(*shifted, "add");
    const Value* mean = sum == nullptr ? nullptr : GraphSoFar::operand(*sum, 0);
    const double* eps = sum == nullptr ? nullptr : std::get_if<double>(&sum->arguments.at(1).argument.is);
    const auto squares = mean == nullptr ? std::nullopt : mean_of_squares(graph, *mean);
    if (!squares || eps == nullptr || squares->x != *x) continue;
    return graph.builder().add("tract_core_rms_norm", {*x}, {{"axis", squares->axis}, {"eps", *eps}});
  }
  return std::nullopt;
}

// --- products ---

// The operand of a transpose that swaps the last two axes only.
const Value* with_axes_swapped(const GraphSoFar& graph, const Value* value) {
  const Operation* transpose = value == nullptr ? nullptr : graph.maker(*value, "transpose");
  auto axes = transpose == nullptr ? std::nullopt : nnef::numbers_of(*transpose, "axes");
  if (!axes || axes->size() < 2 || axes->size() != graph.shape(*value).size()) return nullptr;
  std::swap(axes->back(), (*axes)[axes->size() - 2]);
  return std::is_sorted(axes->begin(), axes->end()) ? GraphSoFar::operand(*transpose, 0) : nullptr;
}

std::optional<Value> with_flipped_factors(GraphSoFar& graph, const Operation& operation) {
  const Value *a = GraphSoFar::operand(operation, 0), *b = GraphSoFar::operand(operation, 1);
  if (a == nullptr || b == nullptr) return std::nullopt;
  const Value *plain_a = with_axes_swapped(graph, a), *plain_b = with_axes_swapped(graph, b);
  if (plain_a == nullptr && plain_b == nullptr) return std::nullopt;
  const Value left = plain_a ? *plain_a : *a, right = plain_b ? *plain_b : *b;
  const bool flips_a = flag(operation, "transposeA") != (plain_a != nullptr);
  const bool flips_b = flag(operation, "transposeB") != (plain_b != nullptr);
  return graph.builder().add("matmul", {left, right}, {{"transposeA", flips_a}, {"transposeB", flips_b}});
}

// --- products with repeated heads ---

// A tensor whose axis -3 has every item of another's several times, one after the other.
struct Repeated {
  Value each;
  std::int64_t times;
};

bool are_repeats(const std::vector<std::int64_t>& places, std::int64_t times) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] != static_cast<std::int64_t>(i) / times) return false;
  }
  return true;
}

std::optional<Repeated> repeated_by_index(GraphSoFar& graph, const Operation& gather, std::int64_t axis) {
  const Value *each = GraphSoFar::operand(gather, 0), *index = GraphSoFar::operand(gather, 1);
  const Argument* along = gather.find("axis");
  if (each == nullptr || index == nullptr || along == nullptr || along->dim() == nullptr) return std::nullopt;
  const auto places = graph.constant_items(*index);
  const Dim count = graph.shape(*each).at(static_cast<std::size_t>(axis));
  if (*along->dim() != Dim(axis) || !places || !count.is_constant() || count.value() == 0) return std::nullopt;
  const std::int64_t times = static_cast<std::int64_t>(places->size()) / count.value();
  if (times * count.value() != static_cast<std::int64_t>(places->size())) return std::nullopt;
  return are_repeats(*places, times) ? std::optional(Repeated{*each, times}) : std::nullopt;
}

// [.., heads, 1, T, D] repeated to [.., heads, times, T, D], then made [.., heads * times, T, D].
std::optional<Repeated> repeated_by_tile(GraphSoFar& graph, const Operation& reshape, std::int64_t axis) {
  const Value* wide = GraphSoFar::operand(reshape, 0);
  const Operation* tile = wide == nullptr ? nullptr : graph.maker(*wide);
  // A gather along an axis of 1 repeats its only item, too.
  const bool repeats =
      tile != nullptr && (tile->op == "tile" || tile->op == "tract_core_broadcast" || tile->op == "tract_core_gather");
  if (!repeats) return std::nullopt;
  const Value* narrow = GraphSoFar::operand(*tile, 0);
  const Shape& result = graph.shape(reshape.results.front());
  const auto at = static_cast<std::size_t>(axis);
  if (narrow == nullptr || graph.shape(*narrow).size() != result.size() + 1) return std::nullopt;
  Shape each = graph.shape(*narrow), merged = graph.shape(*wide);
  const Dim times = merged.at(at + 1);
  if (each.at(at + 1) != Dim(1) || !times.is_constant() || !each.at(at).is_constant()) return std::nullopt;
  each[at + 1] = times;
  if (each != merged) return std::nullopt;
  merged[at] = merged[at] * times;
  merged.erase(merged.begin() + axis + 1);
  if (merged != result) return std::nullopt;
  const Value source = *narrow;
  return Repeated{graph.builder().squeeze(source, {static_cast<int>(axis) + 1}), times.value()};
}

std::optional<Repeated> repeated_heads(GraphSoFar& graph, Value value) {
  const std::int64_t axis = std::ssize(graph.shape(value)) - 3;
  const Operation* made = axis < 0 ? nullptr : graph.maker(value);
  if (made == nullptr) return std::nullopt;
  if (made->op == "tract_core_gather") return repeated_by_index(graph, *made, axis);
  return made->op == "reshape" ? repeated_by_tile(graph, *made, axis) : std::nullopt;
}

// The heads of queries that share one of keys or values become rows of one product, and nothing is repeated.
std::optional<Value> as_grouped_product(GraphSoFar& graph, const Operation& operation) {
  const Value *x = GraphSoFar::operand(operation, 0), *y = GraphSoFar::operand(operation, 1);
  if (x == nullptr || y == nullptr || flag(operation, "transposeA")) return std::nullopt;
  Shape rows = graph.shape(*x), result = graph.shape(operation.results.front());
  const std::size_t rank = rows.size();
  if (rank < 3 || graph.shape(*y).size() != rank || !is_number_or_symbol(rows[rank - 2])) return std::nullopt;
  if (!std::equal(rows.begin(), rows.end() - 2, graph.shape(*y).begin())) return std::nullopt;
  const Value left = *x;
  const bool is_flipped = flag(operation, "transposeB");
  const std::optional<Repeated> heads = repeated_heads(graph, *y);
  if (!heads || heads->times == 1) return std::nullopt;
  rows[rank - 3] = graph.shape(heads->each)[rank - 3];
  rows[rank - 2] = rows[rank - 2] * heads->times;
  nnef::Builder& b = graph.builder();
  const Value product =
      b.add("matmul", {b.reshape(left, rows), heads->each}, {{"transposeA", false}, {"transposeB", is_flipped}});
  return b.reshape(product, result);
}

// --- reading every item in its place ---

// Places that are row * width + column, row and column counted along two axes.
struct Grid {
  std::size_t rows, columns;  // the axes
  Dim width;
};

std::optional<Grid> grid_of(const GraphSoFar& graph, Value places) {
  const Operation* sum = graph.maker(places, "add");
  const Value* starts = sum == nullptr ? nullptr : GraphSoFar::operand(*sum, 0);
  const Value* column = sum == nullptr ? nullptr : GraphSoFar::operand(*sum, 1);
  const Operation* product = starts == nullptr ? nullptr : graph.maker(*starts, "mul");
  const Value* row = product == nullptr ? nullptr : GraphSoFar::operand(*product, 0);
  if (row == nullptr || column == nullptr) return std::nullopt;
  const auto width = graph.size(product->arguments.at(1).argument);
  const auto rows = graph.counted_axis(*row), columns = graph.counted_axis(*column);
  if (!width || !rows || !columns || *rows >= *columns) return std::nullopt;
  if (graph.shape(*row).size() != graph.shape(places).size()) return std::nullopt;
  return graph.shape(*column).size() == graph.shape(places).size() ? std::optional(Grid{*rows, *columns, *width})
                                                                   : std::nullopt;
}

// x[rows, columns] with all of both: x with axes of 1 between.
std::optional<Value> without_index(GraphSoFar& graph, const Operation& operation) {
  const Value *flat = GraphSoFar::operand(operation, 0), *places = GraphSoFar::operand(operation, 1);
  const Operation* reshape = flat == nullptr ? nullptr : graph.maker(*flat, "reshape");
  const Value* x = reshape == nullptr ? nullptr : GraphSoFar::operand(*reshape, 0);
  if (x == nullptr || places == nullptr || graph.shape(*flat).size() != 1) return std::nullopt;
  const auto grid = grid_of(graph, *places);
  const Shape &shape = graph.shape(*x), &result = graph.shape(operation.results.front());
  if (!grid || shape.size() != 2 || result != graph.shape(*places) || shape[1] != grid->width) return std::nullopt;
  if (result[grid->rows] != shape[0] || result[grid->columns] != shape[1]) return std::nullopt;
  std::vector<int> axes;
  for (std::size_t axis = 0; axis < result.size(); ++axis) {
    if (axis != grid->rows && axis != grid->columns) axes.push_back(static_cast<int>(axis));
  }
  const Value whole = *x;
  return graph.builder().unsqueeze(whole, axes);
}

// --- the table ---

struct Rule {
  std::string_view name, ops;  // names of operators, with a space between
  // A value that equals the operation's result: one that was there or the last that it adds.
  std::optional<Value> (*rewrite)(GraphSoFar&, const Operation&);
};

constexpr std::string_view kNarrowed =
    "add sub mul div max min eq ne lt le gt ge and or not select any_reduce tract_core_bitand tract_core_cast";

constexpr std::array<Rule, 18> kRules = {{
    {"plus-zero", "add", without_zero},
    {"minus-zero", "sub", without_zero},
    {"times-one", "mul", without_one},
    {"over-one", "div", without_one},
    {"constant-arithmetic", "add sub mul", as_constant},
    {"index-not-negative", "select", without_wrapping},
    {"select-not", "select", with_condition_turned},
    {"select-true", "select", with_known_condition},
    {"softmax-of-sum", "softmax", without_zero_mask},
    {"and-true", "and", without_truth},
    {"rotary", "add", as_rotated},
    {"repeated", "tract_core_broadcast unsqueeze squeeze reshape transpose slice", note_broadcast},
    {"narrow", kNarrowed, with_narrow_operands},
    {"rms-norm", "mul", as_rms_norm},
    {"flipped-factor", "matmul", with_flipped_factors},
    {"grouped-product", "matmul", as_grouped_product},
    {"index-of-all", "tract_core_gather", without_index},
    {"index-in-order", "tract_core_gather", without_order},
}};

class Rewriter {
 public:
  Rewriter(nnef::Graph& graph, const nnef::Dialect& dialect)
      : given_(std::exchange(graph.operations, {})),
        known_(graph.values.size()),
        graph_(graph, dialect),
        replacement_(known_),
        pinned_(pinned_values(graph)) {}

  std::vector<Value> run() {
    for (Operation& operation : given_) {
      const Value result = operation.results.empty() ? Value{} : operation.results.front();
      replace_in(operation);
      write(std::move(operation));
      graph_.update();
      added_for_.resize(graph_.graph().values.size() - known_, result);
    }
    return std::move(added_for_);
  }

 private:
  enum class Outcome { kAsItIs, kWrittenAnew, kGone };

  void replace_in(Operation& operation) const {
    for (nnef::NamedArgument& named : operation.arguments) replace(named.argument);
  }

  void replace(Argument& argument) const {
    if (auto* value = std::get_if<Value>(&argument.is)) {
      const auto id = static_cast<std::size_t>(value->id);
      if (id < replacement_.size() && replacement_[id]) *value = replacement_[id];
    } else if (auto* array = std::get_if<Argument::Array>(&argument.is)) {
      for (Argument& item : array->items) replace(item);
    }
  }

  // What a rule wrote may fit another one.
  void write(Operation operation) {
    std::vector<Operation>& operations = graph_.graph().operations;
    for (std::size_t round = 0; round < kRules.size() && operation.results.size() == 1; ++round) {
      const Outcome outcome = rewrite(operation);
      if (outcome == Outcome::kGone) return;
      if (outcome == Outcome::kAsItIs) break;
      operation = std::move(operations.back());
      operations.pop_back();
      graph_.update();
    }
    operations.push_back(std::move(operation));
  }

  Outcome rewrite(const Operation& operation) {
    std::vector<Operation>& operations = graph_.graph().operations;
    const Value result = operation.results.front();
    for (const Rule& rule : kRules) {
      if (!is_among(operation.op, rule.ops)) continue;
      const std::size_t before = operations.size();
      graph_.builder().set_scope("", graph_.info(result).name, operation.comment);
      std::optional<Value> made = rule.rewrite(graph_, operation);
      replacement_.resize(graph_.graph().values.size());
      for (std::size_t i = before; i < operations.size(); ++i) replace_in(operations[i]);
      if (!made) continue;
      const bool is_new = operations.size() > before && operations.back().results == std::vector<Value>{*made};
      if (is_new) {  // its result takes the name of the one that it stands for
        operations.back().results = {result};
        set_replacement(*made, result);
        return Outcome::kWrittenAnew;
      }
      if (const Value known = replacement_[static_cast<std::size_t>(made->id)]) made = known;
      if (pinned_[index_of(result)] || gives_sizes(graph_.maker(*made))) continue;
      set_replacement(result, *made);
      return Outcome::kGone;
    }
    return Outcome::kAsItIs;
  }

  void set_replacement(Value of, Value by) { replacement_[index_of(of)] = by; }

  std::vector<Operation> given_;
  const std::size_t known_;
  GraphSoFar graph_;
  std::vector<Value> replacement_, added_for_;
  const std::vector<bool> pinned_;
};

}  // namespace

std::vector<Value> use_known_forms(nnef::Graph& graph, const nnef::Dialect& dialect) {
  return Rewriter(graph, dialect).run();
}

std::vector<std::string_view> known_form_names() {
  std::vector<std::string_view> names;
  for (const Rule& rule : kRules) names.push_back(rule.name);
  return names;
}

}  // namespace torch2nnef
