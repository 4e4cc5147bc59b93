#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "export/simplify/graph_facts.h"
#include "export/simplify/graph_rewriting.h"
#include "export/simplify/move_chains.h"
#include "export/simplify/moves.h"
#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Builder;
using nnef::Dim;
using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

using Steps = std::vector<ItemOrder::Step>;

// matmul(input, weight), maybe with a bias for each column.
struct RowProduct {
  Value input, rows, result;  // the rows before the bias is added
  Value weight;               // a variable of rank 2
  std::optional<Value> bias;  // a variable of rank 1
  bool transposes_weight;
};

// How an operation's result is made instead.
struct Way {
  Value source;
  Steps before;
  RowProduct product;
  Steps after;
};
using Ways = std::map<std::size_t, Way>;  // by the operation's place

// The variable of that rank behind an unsqueeze, if there is one.
std::optional<Value> variable_of_rank(const Graph& graph, const MoveChains& chains, const Argument& argument,
                                      std::size_t rank) {
  const Value* value = argument.value();
  const Operation* made = value == nullptr ? nullptr : chains.maker(*value);
  if (made != nullptr && made->op == "unsqueeze") {
    const Shape& shape = graph.info(*value).shape;
    const bool leads =
        shape.size() >= rank && std::all_of(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(rank),
                                            [](const Dim& dim) { return dim == Dim(1); });
    value = leads ? made->arguments.front().argument.value() : nullptr;
    made = value == nullptr ? nullptr : chains.maker(*value);
  }
  const bool is_it = made != nullptr && made->op == "variable" && graph.info(*value).shape.size() == rank;
  return is_it ? std::optional(*value) : std::nullopt;
}

std::optional<RowProduct> product_of(const Graph& graph, const MoveChains& chains, const Operation& matmul) {
  const Value* input = matmul.op == "matmul" ? matmul.find("A")->value() : nullptr;
  if (input == nullptr || flag(matmul, "transposeA")) return std::nullopt;
  const auto weight = variable_of_rank(graph, chains, *matmul.find("B"), 2);
  if (!weight || graph.info(*input).shape.size() < 2) return std::nullopt;
  const Value rows = matmul.results.front();
  return RowProduct{*input, rows, rows, *weight, std::nullopt, flag(matmul, "transposeB")};
}

// The product whose result a value is, its bias included.
std::optional<RowProduct> product_behind(const Graph& graph, const MoveChains& chains, Value value) {
  const Operation* made = chains.maker(value);
  if (made == nullptr) return std::nullopt;
  if (made->op != "add") return product_of(graph, chains, *made);
  for (const std::size_t place : {std::size_t{0}, std::size_t{1}}) {
    const Value* rows = made->arguments.at(place).argument.value();
    const Operation* matmul = rows == nullptr ? nullptr : chains.maker(*rows);
    auto product = matmul == nullptr ? std::nullopt : product_of(graph, chains, *matmul);
    if (!product || chains.reads(*rows) != 1 || chains.is_pinned(*rows)) continue;
    product->bias = variable_of_rank(graph, chains, made->arguments.at(1 - place).argument, 1);
    if (!product->bias || graph.info(*rows).shape != graph.info(value).shape) return std::nullopt;
    product->result = value;
    return product;
  }
  return std::nullopt;
}

bool was_merged(const Dim& dim) {
  if (is_number_or_symbol(dim)) return false;
  Dim left = dim;
  for (const std::string& symbol : dim.symbols()) {
    const auto other = exact_div(left, Dim::symbol(symbol));
    if (!other) return false;
    left = *other;
  }
  return true;
}

// tract moves a reshape that merged an axis (16*B) through the matrix product, and trips over the weight, which has a 1
// there (T-SPLIT-PRODUCT).
bool is_tripped_over(const Shape& rows) {
  return rows.size() >= 3 && std::any_of(rows.begin(), rows.end() - 2, was_merged);
}

class RowMoves {
 public:
  explicit RowMoves(const Graph& graph) : graph_(graph), chains_(graph) {
    for (std::size_t place = 0; place < graph.operations.size(); ++place) {
      const auto chain = chains_.ending_in(graph.operations[place]);
      if (!chain) continue;
      if (chain->length > 0 && chain->own == chain->length) ends_[chain->source].push_back({place, *chain});
    }
  }

  // Moves behind a product that go before it.
  Ways before_products() {
    Ways ways;
    for (const auto& [source, ends] : ends_) {
      const auto product = product_behind(graph_, chains_, source);
      if (!product || chains_.is_pinned(source) || chains_.reads(source) != 1 || ends.size() != 1) continue;
      const MoveChain& behind = ends.front().chain;
      if (!behind.order.keeps_last_axis()) continue;
      MoveChain whole = chains_.leading_to(product->input);
      const std::size_t now = behind.length + (chains_.reads(product->input) == 1 ? whole.own : 0);
      if (!whole.order.follow(behind.order.steps(), graph_.info(product->input).shape.back())) continue;
      Steps steps = whole.order.steps();
      if (steps.size() < now && whole.order.shape().size() >= 2 && !is_tripped_over(whole.order.shape()))
        ways[ends.front().place] = {whole.source, std::move(steps), *product, {}};
    }
    return ways;
  }

  // Moves before products that go behind them.
  Ways behind_products() {
    std::map<Value, std::vector<RowProduct>> by_input;
    for (const auto& [source, ends] : ends_) {
      const auto product = product_behind(graph_, chains_, source);
      if (product && !chains_.is_pinned(source) && chains_.reads(source) == ends.size())
        by_input[product->input].push_back(*product);
    }
    Ways ways;
    for (const auto& [input, products] : by_input) {
      const MoveChain before = chains_.leading_to(input);
      if (before.own == 0 || before.own != before.length || !before.order.keeps_last_axis()) continue;
      const Shape& rows = graph_.info(before.source).shape;
      if (rows.size() < 2 || is_tripped_over(rows)) continue;
      if (chains_.is_pinned(input) || chains_.reads(input) != products.size()) continue;
      move_behind(before, products, ways);
    }
    return ways;
  }

 private:
  struct End {
    std::size_t place;  // of the last operation
    MoveChain chain;
  };

  void move_behind(const MoveChain& before, const std::vector<RowProduct>& products, Ways& ways) const {
    std::size_t now = before.length, then = 0;
    Ways found;
    for (const RowProduct& product : products) {
      const Dim width = graph_.info(product.result).shape.back();
      Shape rows = graph_.info(before.source).shape;
      rows.back() = width;
      for (const End& end : ends_.at(product.result)) {
        ItemOrder order(rows);
        if (!order.follow(before.order.steps(), width)) return;
        if (!order.follow(end.chain.order.steps())) return;
        Steps steps = order.steps();
        now += end.chain.length;
        then += steps.size();
        found[end.place] = {before.source, {}, product, std::move(steps)};
      }
    }
    if (then < now) ways.merge(found);
  }

  const Graph& graph_;
  const MoveChains chains_;
  std::map<Value, std::vector<End>> ends_;  // by the source of the chains that nothing else needs
};

Ways rows_in_one_axis(const Graph& graph) {
  const MoveChains chains(graph);
  Ways ways;
  std::set<Value> with_bias;  // products that are part of another
  for (std::size_t place = graph.operations.size(); place-- > 0;) {
    const Operation& operation = graph.operations[place];
    if (operation.op != "add" && operation.op != "matmul") continue;
    const Value result = operation.results.front();
    const auto product = with_bias.count(result) > 0 ? std::nullopt : product_behind(graph, chains, result);
    if (!product) continue;
    if (product->bias) with_bias.insert(product->rows);
    Shape shape = graph.info(product->input).shape;
    if (!is_tripped_over(shape)) continue;
    const Shape flat = {nnef::volume({shape.begin(), shape.end() - 1}), shape.back()};
    ways[place] = {product->input, {{ItemOrder::Step::Kind::kReshape, flat, {}}}, *product, {}};
    ways[place].after.push_back({ItemOrder::Step::Kind::kReshape, graph.info(result).shape, {}});
  }
  return ways;
}

Value written_product(GraphRewriting& graph, Value x, const RowProduct& product) {
  Builder& b = graph.builder();
  const Value weight = b.align_rank(graph.replaced(product.weight), b.rank(x));
  x = b.add("matmul", {x, weight}, {{"transposeA", false}, {"transposeB", product.transposes_weight}});
  return product.bias ? b.add("add", {x, b.align_rank(graph.replaced(*product.bias), b.rank(x))}) : x;
}

std::vector<Value> write(Graph& graph, const nnef::Dialect& dialect, const Ways& ways) {
  GraphRewriting rewriting(graph, dialect);
  return rewriting.run([&](const Operation& operation, std::size_t place) {
    const auto found = ways.find(place);
    if (found == ways.end()) return false;
    const Way& way = found->second;
    const Value result = operation.results.front();
    const std::size_t before = graph.operations.size();
    Value made = rewriting.replaced(way.source);
    made = rewriting.make_for(result, operation, [&] { return rewriting.moved(made, way.before); });
    made = rewriting.make_for(way.product.result, operation,
                              [&] { return written_product(rewriting, made, way.product); });
    made = rewriting.make_for(result, operation, [&] { return rewriting.moved(made, way.after); });
    return rewriting.stand_for(operation, made, before);
  });
}

}  // namespace

std::vector<Value> put_rows_in_one_axis(Graph& graph, const nnef::Dialect& dialect) {
  const Ways ways = rows_in_one_axis(graph);
  return write(graph, dialect, ways);
}

std::vector<Value> move_rows_before_products(Graph& graph, const nnef::Dialect& dialect) {
  const Ways ways = RowMoves(graph).before_products();
  return write(graph, dialect, ways);
}

std::vector<Value> move_rows_behind_products(Graph& graph, const nnef::Dialect& dialect) {
  const Ways ways = RowMoves(graph).behind_products();
  return write(graph, dialect, ways);
}

}  // namespace torch2nnef
