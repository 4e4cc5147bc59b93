#include "export/simplify/way_writer.h"

#include <utility>

#include "export/simplify/graph_facts.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

using nnef::Builder;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;

using Step = ItemOrder::Step;

class WayWriter {
 public:
  WayWriter(Graph& graph, const nnef::Dialect& dialect, const Ways& ways)
      : graph_(graph),
        ways_(ways),
        given_(std::exchange(graph.operations, {})),
        known_(graph.values.size()),
        builder_(graph, dialect),
        pinned_(pinned_values(graph)),
        replacement_(known_) {}

  std::vector<Value> run() {
    for (std::size_t place = 0; place < given_.size(); ++place) {
      Operation& operation = given_[place];
      replace_in(operation);
      const auto way = ways_.find(place);
      if (way == ways_.end() || !write(operation, way->second)) graph_.operations.push_back(std::move(operation));
    }
    return std::move(added_for_);
  }

 private:
  // False where the operation must stay.
  bool write(const Operation& operation, const Way& way) {
    const Value result = operation.results.front();
    const std::size_t before = graph_.operations.size();
    Value made = replaced(way.source);
    write_for(result, operation, [&] { made = moved(made, way.before); });
    if (way.product) {
      write_for(way.product->result, operation, [&] { made = product(made, *way.product); });
      write_for(result, operation, [&] { made = moved(made, way.after); });
    }
    replacement_.resize(graph_.values.size());
    const bool is_new = graph_.operations.size() > before && graph_.operations.back().results.front() == made;
    for (std::size_t i = before; i < graph_.operations.size(); ++i) replace_in(graph_.operations[i]);
    if (is_new) {  // its result takes the name of the one that it stands for
      graph_.operations.back().results = {result};
      replacement_[index_of(made)] = result;
      return true;
    }
    if (pinned_[index_of(result)]) return false;
    replacement_[index_of(result)] = replaced(made);
    return true;
  }

  // What is written is named after the result that it is for.
  template <class Write>
  void write_for(Value result, const Operation& operation, const Write& write) {
    builder_.set_scope("", graph_.info(result).name, operation.comment);
    write();
    added_for_.resize(graph_.values.size() - known_, result);
  }

  Value moved(Value x, const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      switch (step.kind) {
        case Step::Kind::kSlice:
          x = builder_.slice(x, step.axis, step.begin, step.end);
          break;
        case Step::Kind::kReshape:
          x = builder_.reshape(x, step.shape);
          break;
        case Step::Kind::kTranspose:
          x = builder_.transpose(x, step.permutation);
          break;
      }
    }
    return x;
  }

  Value product(Value x, const RowProduct& product) {
    const int rank = builder_.rank(x);
    const Value weight = builder_.align_rank(replaced(product.weight), rank);
    x = builder_.add("matmul", {x, weight}, {{"transposeA", false}, {"transposeB", product.transposes_weight}});
    return product.bias ? builder_.add("add", {x, builder_.align_rank(replaced(*product.bias), rank)}) : x;
  }

  void replace_in(Operation& operation) const {
    for (nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value& value) { value = replaced(value); });
    }
  }

  Value replaced(Value value) const {
    const std::size_t id = index_of(value);
    return id < replacement_.size() && replacement_[id] ? replacement_[id] : value;
  }

  Graph& graph_;
  const Ways& ways_;
  std::vector<Operation> given_;
  const std::size_t known_;
  Builder builder_;
  const std::vector<bool> pinned_;
  std::vector<Value> replacement_, added_for_;
};

}  // namespace

std::vector<Value> write_ways(Graph& graph, const nnef::Dialect& dialect, const Ways& ways) {
  return WayWriter(graph, dialect, ways).run();
}

}  // namespace torch2nnef
