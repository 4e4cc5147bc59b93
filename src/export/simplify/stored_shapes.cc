#include "export/simplify/stored_shapes.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "export/simplify/graph_facts.h"
#include "nnef/archive/item_type.h"
#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

// The same items in another shape.
class InShape final : public nnef::TensorData {
 public:
  InShape(nnef::TensorDataPtr data, std::vector<std::int64_t> shape)
      : data_(std::move(data)), shape_(std::move(shape)) {}
  nnef::DType dtype() const override { return data_->dtype(); }
  const std::vector<std::int64_t>& shape() const override { return shape_; }
  void stream(const nnef::ByteSink& sink) const override { data_->stream(sink); }

 private:
  nnef::TensorDataPtr data_;
  std::vector<std::int64_t> shape_;
};

// How a value is read: by unsqueezes that all give one shape, or otherwise.
struct Reading {
  std::optional<Shape> shape;
  bool is_otherwise = false;
};

class ShapeStore {
 public:
  explicit ShapeStore(Graph& graph)
      : graph_(graph),
        readings_(graph.values.size()),
        replacement_(graph.values.size()),
        is_stored_(graph.values.size(), false) {
    const std::vector<bool> pinned = pinned_values(graph);
    for (std::size_t i = 0; i < pinned.size(); ++i) readings_[i].is_otherwise = pinned[i];
  }

  void run() {
    for (const Operation& operation : graph_.operations) read(operation);
    for (Operation& operation : graph_.operations) {
      if (operation.op == "variable") store(operation);
    }
    for (Operation& operation : graph_.operations) {
      if (operation.op == "unsqueeze" && is_stored(operation)) {
        replacement_[index_of(operation.results.front())] = *operation.arguments.front().argument.value();
      }
      for (nnef::NamedArgument& named : operation.arguments) {
        nnef::for_each_value(named.argument, [&](Value& value) {
          if (replacement_[index_of(value)]) value = replacement_[index_of(value)];
        });
      }
    }
    std::erase_if(graph_.operations, [&](const Operation& operation) {
      return operation.op == "unsqueeze" && bool(replacement_[index_of(operation.results.front())]);
    });
  }

 private:
  Reading& reading_of(Value value) { return readings_[index_of(value)]; }

  void read(const Operation& operation) {
    const bool is_pinned = operation.results.size() != 1 || reading_of(operation.results.front()).is_otherwise;
    const Value* added_to =
        operation.op == "unsqueeze" && !is_pinned ? operation.arguments.front().argument.value() : nullptr;
    if (added_to == nullptr) {
      for (const nnef::NamedArgument& named : operation.arguments) {
        nnef::for_each_value(named.argument, [&](Value value) { reading_of(value).is_otherwise = true; });
      }
      return;
    }
    const Shape& shape = graph_.info(operation.results.front()).shape;
    Reading& reading = reading_of(*added_to);
    if (!reading.shape) reading.shape = shape;
    if (*reading.shape != shape) reading.is_otherwise = true;
  }

  void store(Operation& variable) {
    const Value value = variable.results.front();
    const Reading& reading = reading_of(value);
    const auto found = graph_.variables.find(std::get<std::string>(variable.find("label")->is));
    if (reading.is_otherwise || !reading.shape || found == graph_.variables.end()) return;
    if (nnef::item_type_of(*found->second) != nnef::ItemType::of(found->second->dtype())) return;
    std::vector<std::int64_t> sizes;
    for (const Dim& dim : *reading.shape) sizes.push_back(dim.value());
    found->second = std::make_shared<InShape>(found->second, sizes);
    graph_.info(value).shape = *reading.shape;
    for (nnef::NamedArgument& named : variable.arguments) {
      if (named.name == "shape") named.argument = Argument(*reading.shape);
    }
    is_stored_[index_of(value)] = true;
  }

  bool is_stored(const Operation& unsqueeze) const {
    const Value* value = unsqueeze.arguments.front().argument.value();
    return value != nullptr && is_stored_[index_of(*value)];
  }

  Graph& graph_;
  std::vector<Reading> readings_;
  std::vector<Value> replacement_;
  std::vector<bool> is_stored_;
};

}  // namespace

void store_in_shape(Graph& graph) { ShapeStore(graph).run(); }

}  // namespace torch2nnef
