#include "quantised_mutations.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "export/verify/float_cast.h"
#include "nnef/arguments.h"
#include "nnef/io.h"

namespace mutation_tests {
namespace {

using nnef::Argument;
using nnef::DType;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;

constexpr double kRounds = 12582912.0;

bool is_number(const Argument& argument, double number) {
  const double* known = std::get_if<double>(&argument.is);
  return known != nullptr && *known == number;
}

Argument& named(Operation& operation, std::string_view name) {
  return std::find_if(operation.arguments.begin(), operation.arguments.end(),
                      [&](const nnef::NamedArgument& one) { return one.name == name; })
      ->argument;
}

Argument& operand(Operation& operation, std::size_t index) { return operation.arguments.at(index).argument; }

std::string label_of(const Operation& variable) { return std::get<std::string>(variable.find("label")->is); }

// A variable of f32 or i8 with other items.
template <class T>
nnef::TensorDataPtr changed(const nnef::TensorData& tensor, const std::function<void(std::vector<T>&)>& change) {
  const std::vector<std::byte> bytes = torch2nnef::bytes_of(tensor);
  std::vector<T> items(bytes.size() / sizeof(T));
  std::memcpy(items.data(), bytes.data(), bytes.size());
  change(items);
  std::vector<std::byte> result(bytes.size());
  std::memcpy(result.data(), items.data(), result.size());
  return std::make_shared<nnef::OwnedTensor>(tensor.dtype(), tensor.shape(), std::move(result));
}

// Puts an operation before the one at `index`, which then reads its result in the place of its first operand.
void insert_before(Graph& graph, std::size_t index, Operation operation) {
  const Value input = *operand(graph.operations.at(index), 0).value();
  const Value added{static_cast<std::int32_t>(graph.values.size())};
  nnef::ValueInfo info = graph.info(input);
  info.name = "mutant_" + info.name;
  graph.values.push_back(info);
  operation.results = {added};
  operand(graph.operations.at(index), 0) = added;
  graph.operations.insert(graph.operations.begin() + static_cast<std::ptrdiff_t>(index), std::move(operation));
}

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph) {}

  std::vector<Mutation> find() {
    for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
      const Operation& operation = graph_.operations[i];
      if (operation.op == "add") change_rounding(i, operation);
      if (operation.op == "conv") change_conv(i, operation);
      if (operation.op == "tract_core_qconv") change_integer_conv(i, operation);
      if (operation.op == "pad") change_border(i, operation);
      if (operation.op == "mul") change_scale(i, operation);
      if (operation.op == "max" || operation.op == "min") change_clamp(i, operation);
      if (operation.op == "variable") change_items(operation);
      if (operation.op == "add" || operation.op == "concat") change_operands(i, operation);
    }
    return std::move(found_);
  }

 private:
  void edit(std::string kind, std::size_t index, std::function<void(Graph&)> apply) {
    const Operation& operation = graph_.operations[index];
    found_.push_back({std::move(kind), graph_.info(operation.results.at(0)).name + " = " + operation.op,
                      operation.results, std::move(apply)});
  }

  std::vector<Value> readers_of(Value value) const {
    std::vector<Value> readers;
    for (const Operation& operation : graph_.operations) {
      for (const nnef::NamedArgument& named : operation.arguments) {
        nnef::for_each_value(named.argument, [&](Value read) {
          if (read == value) readers.push_back(operation.results.at(0));
        });
      }
    }
    return readers;
  }

  // t + 12582912 - 12582912, in other ways.
  void change_rounding(std::size_t i, const Operation& operation) {
    if (!is_number(operation.arguments.at(1).argument, kRounds)) return;
    const auto sum = [&](const char* kind, double added, double taken, bool is_floor) {
      edit(kind, i, [=](Graph& graph) {
        operand(graph.operations[i], 1) = added;
        Operation& next = graph.operations.at(i + 1);
        operand(next, 1) = taken;
        if (!is_floor) return;
        next.op = "floor";
        next.arguments.erase(next.arguments.begin() + 1, next.arguments.end());
        next.arguments[0].name = "x";
      });
    };
    sum("half-up rounding", 0.5, 0, true);
    sum("truncated", 0, 0, true);
    sum("not rounded", 0, 0, false);
    sum("magic number off by one", kRounds + 1, kRounds, false);
    sum("magic number twice as large", 2 * kRounds, 2 * kRounds, false);
  }

  void change_conv(std::size_t i, const Operation& operation) {
    if (operation.arguments.size() > 2 && operation.arguments[2].name == "bias") {
      edit("lost bias", i, [i](Graph& graph) { operand(graph.operations[i], 2) = 0.0; });
    }
    edit("wrong zero point of the input", i, [i](Graph& graph) {
      const Value input = *operand(graph.operations[i], 0).value();
      insert_before(graph, i, {"add", {{"x", input}, {"y", 1.0}}, {}, ""});
    });
    const Argument* padding = operation.find("padding");
    if (padding == nullptr || padding->array() == nullptr || padding->array()->items.empty()) return;
    edit("wrong zero point in the padding", i, [i](Graph& graph) {
      Operation& conv = graph.operations[i];
      const auto place = std::find_if(conv.arguments.begin(), conv.arguments.end(),
                                      [](const nnef::NamedArgument& one) { return one.name == "padding"; });
      auto& spatial = std::get<Argument::Array>(place->argument.is).items;
      Argument::Array all;
      for (int axis = 0; axis < 2; ++axis) all.items.push_back(Argument::tuple({0, 0}));
      for (Argument& one : spatial) {
        all.items.push_back(one);
        one = Argument::tuple({0, 0});
      }
      const Value input = *operand(conv, 0).value();
      insert_before(graph, i,
                    {"pad", {{"input", input}, {"padding", all}, {"border", "constant"}, {"value", 3.0}}, {}, ""});
    });
    edit("padding on one side", i, [i](Graph& graph) {
      for (nnef::NamedArgument& named : graph.operations[i].arguments) {
        if (named.name == "padding") std::get<Argument::Array>(named.argument.is).items.at(0) = Argument::tuple({2, 0});
      }
    });
  }

  void change_integer_conv(std::size_t i, const Operation& operation) {
    const double scale = std::get<double>(operation.find("a_scale")->is);
    if (scale != 1) {
      edit("scale 2 % too large", i, [=](Graph& graph) { named(graph.operations[i], "a_scale") = 1.02 * scale; });
      edit("zero point off by one", i, [i](Graph& graph) {
        Argument& zero = named(graph.operations[i], "c0");
        zero = zero.dim()->value() + 1;
      });
    }
    edit("wrong zero point of the input", i, [i](Graph& graph) { named(graph.operations[i], "b0") = 1; });
    edit("wrong zero point of the weight", i, [i](Graph& graph) { named(graph.operations[i], "a0") = 1; });
  }

  void change_border(std::size_t i, const Operation& operation) {
    const Argument* value = operation.find("value");
    if (value == nullptr || value->dim() == nullptr) return;
    edit("wrong zero point in the padding", i, [i](Graph& graph) { named(graph.operations[i], "value") = 0; });
    edit("padding on one side", i, [i](Graph& graph) {
      auto& pairs = std::get<Argument::Array>(named(graph.operations[i], "padding").is).items;
      for (Argument& pair : pairs) {
        const auto both = pair.array()->items.at(0).dim()->value() + pair.array()->items.at(1).dim()->value();
        pair = Argument::tuple({both, 0});
      }
    });
  }

  void change_scale(std::size_t i, const Operation& operation) {
    const double* scale = std::get_if<double>(&operation.arguments.at(1).argument.is);
    if (scale == nullptr) return;
    edit("scale 2 % too large", i,
         [i, value = *scale](Graph& graph) { operand(graph.operations[i], 1) = 1.02 * value; });
    edit("inverted scale", i, [i, value = *scale](Graph& graph) { operand(graph.operations[i], 1) = 1 / value; });
    for (std::size_t j = i + 1; j < graph_.operations.size(); ++j) {
      const Operation& other = graph_.operations[j];
      const double* second = other.op == "mul" ? std::get_if<double>(&other.arguments.at(1).argument.is) : nullptr;
      if (second == nullptr || *second == *scale) continue;
      edit("swapped scales", i,
           [i, j](Graph& graph) { std::swap(operand(graph.operations[i], 1), operand(graph.operations[j], 1)); });
      return;
    }
  }

  void change_clamp(std::size_t i, const Operation& operation) {
    const double* bound = std::get_if<double>(&operation.arguments.at(1).argument.is);
    if (bound == nullptr) return;
    const bool is_low = operation.op == "max";
    edit("clamped one code early", i,
         [i, value = *bound + (is_low ? 1 : -1)](Graph& graph) { operand(graph.operations[i], 1) = value; });
    if (is_low && *bound != 0) {
      edit("relu that is none", i, [i](Graph& graph) { operand(graph.operations[i], 1) = 0.0; });
    } else if (is_low) {
      edit("lost relu", i, [i](Graph& graph) { operand(graph.operations[i], 1) = -300.0; });
    }
  }

  // Weights, their scales and the bias.
  void change_items(const Operation& variable) {
    const std::string label = label_of(variable);
    const nnef::ValueInfo& info = graph_.info(variable.results.at(0));
    const std::vector<Value> readers = readers_of(variable.results.at(0));
    const auto change = [&](const char* kind, std::function<nnef::TensorDataPtr(const nnef::TensorData&)> other) {
      found_.push_back({kind, label, readers, [label, other](Graph& graph) {
                          nnef::TensorDataPtr& data = graph.variables.at(label);
                          data = other(*data);
                        }});
    };
    if (info.dtype == DType::kI8) {
      change("one weight off by 4", [](const nnef::TensorData& tensor) {
        return changed<std::int8_t>(tensor, [](auto& items) { items[0] = static_cast<std::int8_t>(items[0] / 2 + 4); });
      });
    }
    if (info.dtype == DType::kI32) {
      change("sums of the next channel", [](const nnef::TensorData& tensor) {
        return changed<std::int32_t>(tensor,
                                     [](auto& items) { std::rotate(items.begin(), items.begin() + 1, items.end()); });
      });
      change("lost sums", [](const nnef::TensorData& tensor) {
        return changed<std::int32_t>(tensor, [](auto& items) { items.assign(items.size(), 0); });
      });
    }
    if (info.dtype != DType::kF32) return;
    change("of the next channel", [](const nnef::TensorData& tensor) {
      return changed<float>(tensor, [](auto& items) { std::rotate(items.begin(), items.begin() + 1, items.end()); });
    });
    if (info.shape.size() != 1) return;
    change("bias of one channel off by a step",
           [](const nnef::TensorData& tensor) { return changed<float>(tensor, [](auto& items) { items[0] += 1; }); });
  }

  void change_operands(std::size_t i, const Operation& operation) {
    if (operation.op == "concat") {
      edit("swapped operands", i, [i](Graph& graph) {
        auto& items = std::get<Argument::Array>(operand(graph.operations[i], 0).is).items;
        std::reverse(items.begin(), items.end());
      });
      return;
    }
    if (operation.arguments.at(1).argument.value() == nullptr) return;
    edit("subtracted", i, [i](Graph& graph) { graph.operations[i].op = "sub"; });
  }

  const Graph& graph_;
  std::vector<Mutation> found_;
};

}  // namespace

std::vector<Mutation> quantised_mutations_of(const nnef::Graph& graph) { return Finder(graph).find(); }

}  // namespace mutation_tests
