#include "export/simplify/linear_form.h"

#include <optional>
#include <utility>
#include <vector>

#include "export/simplify/graph_facts.h"
#include "nnef/makers.h"

namespace torch2nnef {
namespace {

using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

// One number for each column.
bool is_bias(const Shape& bias, const Shape& result) {
  if (bias.size() != result.size() || bias.back() != result.back()) return false;
  return nnef::volume(bias) == bias.back();
}

class LinearForms {
 public:
  explicit LinearForms(Graph& graph)
      : graph_(graph), makers_(graph), read_once_(values_read_once(graph)), goes_(graph.operations.size(), false) {}

  void run() {
    for (Operation& operation : graph_.operations) {
      if (operation.op == "add") use_in(operation);
    }
    std::size_t place = 0;
    std::erase_if(graph_.operations, [&](const Operation&) { return goes_[place++]; });
  }

 private:
  void use_in(Operation& add) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{1}}) {
      const Value *product = add.arguments.at(at).argument.value(), *bias = add.arguments.at(1 - at).argument.value();
      if (product == nullptr || bias == nullptr || makers_.of(*bias, "variable") == nullptr) continue;
      const Operation* matmul = makers_.of(*product, "matmul");
      if (matmul == nullptr || !is_layer(*matmul, *product, *bias)) continue;
      goes_[makers_.place(*product)] = true;
      add.op = "linear";
      add.arguments = {
          {"input", matmul->arguments.at(0).argument}, {"filter", matmul->arguments.at(1).argument}, {"bias", *bias}};
      return;
    }
  }

  bool is_layer(const Operation& matmul, Value product, Value bias) const {
    if (!read_once_[index_of(product)]) return false;
    if (flag(matmul, "transposeA") || !flag(matmul, "transposeB")) return false;
    const Value *input = matmul.find("A")->value(), *filter = matmul.find("B")->value();
    if (input == nullptr || filter == nullptr || makers_.of(*filter, "variable") == nullptr) return false;
    const Shape& result = graph_.info(product).shape;
    return graph_.info(*input).shape.size() == result.size() && graph_.info(*filter).shape.size() == result.size() &&
           is_bias(graph_.info(bias).shape, result);
  }

  Graph& graph_;
  const nnef::Makers makers_;
  const std::vector<bool> read_once_;
  std::vector<bool> goes_;  // by operation
};

}  // namespace

void use_linear(Graph& graph) { LinearForms(graph).run(); }

}  // namespace torch2nnef
