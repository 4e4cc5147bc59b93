#include "mutations.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "nnef/builder/builder.h"

namespace mutation_tests {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::DType;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;

Argument* argument_of(Operation& operation, std::string_view name) {
  for (nnef::NamedArgument& named : operation.arguments) {
    if (named.name == name) return &named.argument;
  }
  return nullptr;
}

void for_each_value(Argument& argument, const std::function<void(Value&)>& visit) {
  if (auto* value = std::get_if<Value>(&argument.is)) visit(*value);
  if (auto* array = std::get_if<Argument::Array>(&argument.is)) {
    for (Argument& item : array->items) for_each_value(item, visit);
  }
}

bool same_kind(const Graph& graph, Value a, Value b) {
  return graph.info(a).dtype == graph.info(b).dtype && graph.info(a).shape == graph.info(b).shape;
}

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph) {}

  std::vector<Mutation> find() {
    for (std::size_t i = 0; i < graph_.operations.size(); ++i) {
      const Operation& operation = graph_.operations[i];
      if (operation.op == "variable") {
        change_tensor(operation);
        continue;
      }
      if (operation.op.ends_with("external")) continue;
      swap_operands(i, operation);
      change_operator(i, operation);
      change_axes(i, operation);
      change_windows(i, operation);
      change_numbers(i, operation);
      flip_flags(i, operation);
      move_slice(i, operation);
      drop(i, operation);
    }
    return std::move(found_);
  }

 private:
  std::string statement(const Operation& operation) const {
    return graph_.info(operation.results.at(0)).name + " = " + operation.op;
  }

  // A change of one operation in its place.
  void edit(std::string kind, std::size_t index, std::function<void(Operation&)> change) {
    const Operation& operation = graph_.operations[index];
    found_.push_back({std::move(kind), statement(operation), operation.results,
                      [index, change = std::move(change)](Graph& graph) { change(graph.operations[index]); }});
  }

  void swap_operands(std::size_t i, const Operation& operation) {
    static const std::set<std::string> ordered = {"sub", "div", "pow", "lt", "gt", "le", "ge", "matmul", "tract_shl"};
    if (ordered.count(operation.op) > 0 && operation.arguments.size() >= 2) {
      edit("swapped operands", i, [](Operation& o) { std::swap(o.arguments[0].argument, o.arguments[1].argument); });
    }
    if (operation.op == "select") {
      edit("swapped operands", i, [](Operation& o) { std::swap(o.arguments[1].argument, o.arguments[2].argument); });
    }
    if (operation.op == "concat" || operation.op == "stack") {
      edit("swapped operands", i, [](Operation& o) {
        auto& items = std::get<Argument::Array>(o.arguments[0].argument.is).items;
        std::reverse(items.begin(), items.end());
      });
    }
  }

  void change_operator(std::size_t i, const Operation& operation) {
    static const std::map<std::string, std::string> others = {{"add", "sub"},
                                                              {"sub", "add"},
                                                              {"mul", "add"},
                                                              {"div", "mul"},
                                                              {"max", "min"},
                                                              {"min", "max"},
                                                              {"lt", "le"},
                                                              {"gt", "lt"},
                                                              {"ge", "le"},
                                                              {"eq", "ne"},
                                                              {"ne", "eq"},
                                                              {"and", "or"},
                                                              {"or", "and"},
                                                              {"sin", "cos"},
                                                              {"cos", "sin"},
                                                              {"floor", "ceil"},
                                                              {"sqrt", "rsqrt"},
                                                              {"rsqrt", "sqrt"},
                                                              {"max_reduce", "min_reduce"},
                                                              {"sum_reduce", "max_reduce"},
                                                              {"mean_reduce", "sum_reduce"},
                                                              {"argmax_reduce", "argmin_reduce"},
                                                              {"max_pool", "avg_pool"},
                                                              {"avg_pool", "max_pool"},
                                                              {"tanh", "sigmoid"},
                                                              {"sigmoid", "tanh"},
                                                              {"any_reduce", "all_reduce"}};
    const auto found = others.find(operation.op);
    if (found == others.end()) return;
    edit("wrong operator", i, [other = found->second](Operation& o) { o.op = other; });
  }

  void change_axes(std::size_t i, const Operation& operation) {
    const nnef::Shape& shape = graph_.info(operation.results.at(0)).shape;
    const auto rank = static_cast<std::int64_t>(shape.size());
    if (const Argument* axes = operation.find("axes"); axes != nullptr && operation.op == "transpose") {
      for (std::size_t a = 0; a + 1 < shape.size(); ++a) {
        if (shape[a] != shape[a + 1] || axes->array()->items.size() <= a + 1) continue;
        edit("wrong axis", i, [a](Operation& o) {
          auto& items = std::get<Argument::Array>(argument_of(o, "axes")->is).items;
          std::swap(items[a], items[a + 1]);
        });
      }
      return;
    }
    static const std::set<std::string> reducing = {
        "softmax",    "tract_core_log_softmax", "sum_reduce",   "mean_reduce", "max_reduce",
        "min_reduce", "argmax_reduce",          "argmin_reduce"};
    if (reducing.count(operation.op) > 0 && rank > 1) {
      const std::int64_t axis = operation.find("axes")->array()->items.at(0).dim()->value();
      edit("wrong axis", i, [axis, rank](Operation& o) {
        *argument_of(o, "axes") = Argument(std::vector<std::int64_t>{(axis + 1) % rank});
      });
    }
    static const std::set<std::string> along = {"tract_core_cumsum",
                                                "tract_core_topk",
                                                "tract_core_gather_elements",
                                                "tract_core_scatter_elements",
                                                "tract_core_gather",
                                                "tract_core_fft",
                                                "concat"};
    if (along.count(operation.op) > 0 && rank > 1) {
      const std::int64_t axis = operation.find("axis")->dim()->value();
      edit("wrong axis", i, [axis, rank](Operation& o) { *argument_of(o, "axis") = Argument((axis + 1) % rank); });
    }
  }

  // Windows that lie one item further on, with as many of them.
  void change_windows(std::size_t i, const Operation& operation) {
    const Argument* padding = operation.find("padding");
    if (padding == nullptr || padding->array() == nullptr) return;
    const auto& pairs = padding->array()->items;
    for (std::size_t axis = 0; axis < pairs.size(); ++axis) {
      const auto& pair = pairs[axis].array()->items;
      if (pair.at(1).dim()->constant().value_or(0) > 0) {
        edit("padding off by one", i, [axis](Operation& o) { shift(o, axis, 1); });
      } else if (pair.at(0).dim()->constant().value_or(0) > 0) {
        edit("padding off by one", i, [axis](Operation& o) { shift(o, axis, -1); });
      }
    }
    for (const char* name : {"stride", "dilation"}) {
      if (operation.find(name) == nullptr) continue;
      edit(std::string("wrong ") + name, i, [name](Operation& o) {
        for (Argument& item : std::get<Argument::Array>(argument_of(o, name)->is).items) {
          if (item.dim()->value() > 1) item = Argument(item.dim()->value() - 1);
        }
      });
    }
    if (operation.find("border") != nullptr && operation.op.ends_with("pool")) {
      edit("wrong border", i, [](Operation& o) {
        Argument& border = *argument_of(o, "border");
        border = Argument(std::get<std::string>(border.is) == "ignore" ? "constant" : "ignore");
      });
    }
  }

  static void shift(Operation& operation, std::size_t axis, std::int64_t by) {
    auto& pair =
        std::get<Argument::Array>(std::get<Argument::Array>(argument_of(operation, "padding")->is).items[axis].is);
    pair.items[0] = Argument(*pair.items[0].dim() + Dim(by));
    pair.items[1] = Argument(*pair.items[1].dim() - Dim(by));
  }

  void change_numbers(std::size_t i, const Operation& operation) {
    for (std::size_t k = 0; k < operation.arguments.size(); ++k) {
      const double* number = std::get_if<double>(&operation.arguments[k].argument.is);
      if (number == nullptr) continue;
      edit("changed constant", i,
           [k, changed = *number * 1.25 + 0.125](Operation& o) { o.arguments[k].argument = Argument(changed); });
    }
    static const std::set<std::string> counted = {"tract_core_trilu"};
    if (counted.count(operation.op) > 0 && operation.find("k")->dim() != nullptr) {
      const Dim k = *operation.find("k")->dim();
      edit("off by one", i, [k](Operation& o) { *argument_of(o, "k") = Argument(k + Dim(1)); });
    }
    if (operation.op == "tract_core_cast" && operation.find("input")->dim() != nullptr) {
      const Dim dim = *operation.find("input")->dim();
      edit("changed constant", i, [dim](Operation& o) { *argument_of(o, "input") = Argument(dim + Dim(1)); });
    }
  }

  void flip_flags(std::size_t i, const Operation& operation) {
    for (std::size_t k = 0; k < operation.arguments.size(); ++k) {
      const bool* flag = std::get_if<bool>(&operation.arguments[k].argument.is);
      if (flag == nullptr) continue;
      edit("wrong flag " + operation.arguments[k].name, i,
           [k, other = !*flag](Operation& o) { o.arguments[k].argument = Argument(other); });
    }
    if (const Argument* transformer = operation.find("coord_transformer"); transformer != nullptr) {
      const bool aligned = std::get<std::string>(transformer->is) == "align_corners";
      edit("wrong transformer", i, [aligned](Operation& o) {
        *argument_of(o, "coord_transformer") = Argument(aligned ? "half_pixel" : "align_corners");
      });
    }
  }

  // As many items, one place further on or back.
  void move_slice(std::size_t i, const Operation& operation) {
    if (operation.op != "slice") return;
    const Dim begin = *operation.find("begin")->array()->items.at(0).dim();
    const Dim end = *operation.find("end")->array()->items.at(0).dim();
    const auto axis = static_cast<std::size_t>(operation.find("axes")->array()->items.at(0).dim()->value());
    const Dim size = graph_.info(*operation.find("input")->value()).shape.at(axis);
    const std::int64_t by = begin.constant().value_or(1) > 0 ? -1 : (size - end).constant().value_or(1) > 0 ? 1 : 0;
    if (by != 0) {
      edit("slice off by one", i, [begin, end, by](Operation& o) {
        std::get<Argument::Array>(argument_of(o, "begin")->is).items[0] = Argument(begin + Dim(by));
        std::get<Argument::Array>(argument_of(o, "end")->is).items[0] = Argument(end + Dim(by));
      });
    }
    if (const Argument* stride = operation.find("stride");
        stride != nullptr && !stride->array()->items.empty() && stride->array()->items[0].dim()->value() == -1) {
      edit("wrong stride", i, [](Operation& o) { *argument_of(o, "stride") = Argument(std::vector<std::int64_t>{1}); });
    }
  }

  static Operation identity(Value input, DType dtype, const Operation& instead_of) {
    return {"tract_core_cast", {{"input", input}, {"to", std::string(nnef::to_string(dtype))}}, instead_of.results, ""};
  }

  // The result is the first operand of the same shape and dtype, as it is.
  void drop(std::size_t i, const Operation& operation) {
    if (operation.results.size() != 1 || operation.op == "copy") return;
    const Value result = operation.results[0];
    const DType dtype = graph_.info(result).dtype;
    for (const nnef::NamedArgument& named : operation.arguments) {
      const Value* operand = named.argument.value();
      if (operand == nullptr || !same_kind(graph_, *operand, result)) continue;
      edit("dropped operation", i, [input = *operand, dtype](Operation& o) { o = identity(input, dtype, o); });
      break;
    }
    // Two casts there and back, which cut off what lies between.
    if (operation.op != "tract_core_cast" || operation.find("input")->value() == nullptr) return;
    const Value between = *operation.find("input")->value();
    for (const Operation& before : graph_.operations) {
      if (before.op != "tract_core_cast" || before.results[0] != between) continue;
      const Value* origin = before.find("input")->value();
      if (origin == nullptr || !same_kind(graph_, *origin, result)) continue;
      edit("missing cast", i, [input = *origin, dtype](Operation& o) { o = identity(input, dtype, o); });
    }
  }

  // --- weights ---

  std::vector<Value> readers(Value value) const {
    std::vector<Value> result;
    for (const Operation& operation : graph_.operations) {
      bool reads = false;
      for (const nnef::NamedArgument& named : operation.arguments) {
        Argument argument = named.argument;
        for_each_value(argument, [&](Value& read) { reads = reads || read == value; });
      }
      if (reads) result.insert(result.end(), operation.results.begin(), operation.results.end());
    }
    return result;
  }

  void replace_tensor(std::string kind, const Operation& operation,
                      const std::function<void(std::vector<std::byte>&, const nnef::TensorData&)>& change) {
    const std::string label = std::get<std::string>(operation.find("label")->is);
    const nnef::TensorDataPtr data = graph_.variables.at(label);
    std::vector<std::byte> bytes;
    data->stream([&](const void* piece, std::size_t count) {
      const auto* begin = static_cast<const std::byte*>(piece);
      bytes.insert(bytes.end(), begin, begin + count);
    });
    const std::vector<std::byte> before = bytes;
    change(bytes, *data);
    if (bytes == before) return;
    auto changed = std::make_shared<nnef::OwnedTensor>(data->dtype(), data->shape(), std::move(bytes));
    found_.push_back({std::move(kind), statement(operation), readers(operation.results[0]),
                      [label, changed](Graph& graph) { graph.variables[label] = changed; }});
  }

  void change_tensor(const Operation& operation) {
    using Bytes = std::vector<std::byte>;
    replace_tensor("reversed weight", operation, [](Bytes& bytes, const nnef::TensorData& data) {
      const std::size_t size = nnef::item_size(data.dtype());
      const Bytes before = bytes;
      for (std::size_t i = 0; i < bytes.size(); i += size) {
        std::memcpy(bytes.data() + bytes.size() - size - i, before.data() + i, size);
      }
    });
    replace_tensor("transposed weight", operation, [](Bytes& bytes, const nnef::TensorData& data) {
      if (data.shape().size() < 2) return;
      const auto rows = static_cast<std::size_t>(data.shape()[0]), columns = static_cast<std::size_t>(data.shape()[1]);
      const std::size_t cell = bytes.size() / std::max<std::size_t>(rows * columns, 1);
      const Bytes before = bytes;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
          std::memcpy(bytes.data() + (c * rows + r) * cell, before.data() + (r * columns + c) * cell, cell);
        }
      }
    });
    replace_tensor("weight of another", operation, [](Bytes& bytes, const nnef::TensorData& data) {
      if (data.dtype() != DType::kF32) return;
      for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
        float item;
        std::memcpy(&item, bytes.data() + i, 4);
        item = item * 0.75F + 0.0625F;
        std::memcpy(bytes.data() + i, &item, 4);
      }
    });
  }

  const Graph& graph_;
  std::vector<Mutation> found_;
};

}  // namespace

std::vector<Mutation> mutations_of(const Graph& graph) { return Finder(graph).find(); }

bool mutate(const Mutation& mutation, const nnef::Dialect& dialect, Graph& graph) {
  std::vector<nnef::ValueInfo> before;
  for (Value output : graph.outputs) before.push_back(graph.info(output));
  mutation.apply(graph);
  try {
    for (const Operation& operation : graph.operations) {
      const nnef::OperatorDeclaration* declaration = dialect.find(operation.op);
      if (declaration == nullptr) return false;
      const std::vector<nnef::ValueInfo> infos = nnef::infer(graph, operation, *declaration);
      for (std::size_t i = 0; i < operation.results.size(); ++i) {
        nnef::ValueInfo& info = graph.info(operation.results[i]);
        info.dtype = infos.at(i).dtype;
        info.shape = infos.at(i).shape;
      }
    }
  } catch (const std::exception&) {
    return false;
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    const nnef::ValueInfo& after = graph.info(graph.outputs[i]);
    if (after.dtype != before[i].dtype || after.shape != before[i].shape) return false;
  }
  return true;
}

}  // namespace mutation_tests
