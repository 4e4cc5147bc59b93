#include "quant/graph_edit.h"

#include <algorithm>
#include <utility>

#include "nnef/arguments.h"

namespace torch2nnef {

GraphEdit::GraphEdit(nnef::Graph& graph)
    : graph_(graph),
      before_(graph.operations.size()),
      after_(graph.operations.size()),
      may_go_(graph.operations.size(), false) {
  for (const nnef::ValueInfo& info : graph.values) names_.insert(info.name);
}

nnef::Value GraphEdit::add_value(const std::string& base, nnef::DType dtype, nnef::Shape shape, nnef::Value for_value) {
  std::string name = base;
  for (int i = 2; !names_.insert(name).second; ++i) name = base + "_" + std::to_string(i);
  const nnef::Value value{static_cast<std::int32_t>(graph_.values.size())};
  graph_.values.push_back({std::move(name), dtype, std::move(shape)});
  added_for_.push_back(for_value);
  return value;
}

void GraphEdit::add_after(std::size_t operation, nnef::Operation added) {
  after_.at(operation).push_back(std::move(added));
}

void GraphEdit::add_before(std::size_t operation, nnef::Operation added) {
  before_.at(operation).push_back(std::move(added));
}

void GraphEdit::may_go(std::size_t operation) { may_go_.at(operation) = true; }

// Backwards, so that an operation is seen after all that read its results.
void GraphEdit::take_out_unread() {
  std::vector<bool> is_read(graph_.values.size(), false);
  const auto read = [&](const nnef::Value& value) { is_read[static_cast<std::size_t>(value.id)] = true; };
  for (nnef::Value output : graph_.outputs) read(output);
  std::vector<nnef::Operation> kept;
  const auto keep = [&](nnef::Operation& operation) {
    for (const nnef::NamedArgument& named : operation.arguments) nnef::for_each_value(named.argument, read);
    kept.push_back(std::move(operation));
  };
  for (std::size_t i = before_.size(); i-- > 0;) {
    std::for_each(after_[i].rbegin(), after_[i].rend(), keep);
    nnef::Operation& operation = graph_.operations[i];
    const bool is_unread = std::none_of(operation.results.begin(), operation.results.end(), [&](nnef::Value result) {
      return is_read[static_cast<std::size_t>(result.id)];
    });
    if (!may_go_[i] || !is_unread) keep(operation);
    std::for_each(before_[i].rbegin(), before_[i].rend(), keep);
  }
  std::reverse(kept.begin(), kept.end());
  graph_.operations = std::move(kept);
}

std::vector<nnef::Value> GraphEdit::finish() {
  take_out_unread();
  return std::move(added_for_);
}

}  // namespace torch2nnef
