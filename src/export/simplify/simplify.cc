#include "export/simplify/simplify.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "export/simplify/graph_facts.h"
#include "nnef/arguments.h"
#include "nnef/builder/narrow_reshape.h"
#include "nnef/makers.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::DType;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;

// --- variables with the same bytes ---

using Digest = std::pair<std::uint64_t, std::uint64_t>;

constexpr std::size_t kBeginning = 4096;

struct EnoughRead {};

// 128 bits over the first `limit` bytes.
Digest digest(const nnef::TensorData& tensor, std::size_t limit) {
  Digest hash{0x9e3779b97f4a7c15, 0xcbf29ce484222325};
  std::uint64_t word = 0;
  std::size_t filled = 0;
  const auto mix = [&] {
    hash.first = std::rotl((hash.first ^ word) * 0x9fb21c651e98df25, 29);
    hash.second = std::rotl((hash.second + word) * 0xd6e8feb86659fd93, 37) ^ word;
    word = 0;
    filled = 0;
  };
  try {
    tensor.stream([&](const void* bytes, std::size_t count) {
      const char* data = static_cast<const char*>(bytes);
      std::size_t left = std::min(count, limit);
      limit -= left;
      while (left > 0) {
        const std::size_t step = std::min(sizeof(word) - filled, left);
        std::memcpy(reinterpret_cast<char*>(&word) + filled, data, step);
        filled += step;
        data += step;
        left -= step;
        if (filled == sizeof(word)) mix();
      }
      if (limit == 0) throw EnoughRead{};
    });
  } catch (const EnoughRead&) {
    // the rest does not matter
  }
  if (filled > 0) mix();
  return hash;
}

// By label, the first variable (in the order of the operations) that has the same dtype, shape and bytes.
std::map<std::string, std::string> first_of_equals(const Graph& graph, const std::vector<std::string>& labels) {
  using Kind = std::tuple<DType, std::vector<std::int64_t>, Digest>;
  std::map<Kind, std::vector<std::string>> similar;
  for (const std::string& label : labels) {
    const nnef::TensorData& data = *graph.variables.at(label);
    similar[{data.dtype(), data.shape(), digest(data, kBeginning)}].push_back(label);
  }
  std::map<std::string, std::string> first;
  for (const auto& [kind, group] : similar) {
    std::map<Digest, std::string> known;
    for (const std::string& label : group) {
      const Digest whole = group.size() == 1 ? Digest{} : digest(*graph.variables.at(label), SIZE_MAX);
      first[label] = known.emplace(whole, label).first->second;
    }
  }
  return first;
}

void share_variables(Graph& graph) {
  std::vector<std::string> labels;
  std::map<std::string, Value> holders;
  for (const Operation& operation : graph.operations) {
    const std::string* label = operation.op == "variable" ? nnef::text_of(operation, "label") : nullptr;
    if (label == nullptr || graph.variables.count(*label) == 0) continue;
    if (holders.emplace(*label, operation.results.at(0)).second) labels.push_back(*label);
  }
  const std::vector<bool> pinned = pinned_values(graph);
  std::vector<Value> replacement(graph.values.size());
  for (const auto& [label, first] : first_of_equals(graph, labels)) {
    if (label != first && !pinned[index_of(holders.at(label))])
      replacement[index_of(holders.at(label))] = holders.at(first);
  }
  for (Operation& operation : graph.operations) {
    for (nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value& value) {
        if (replacement[index_of(value)]) value = replacement[index_of(value)];
      });
    }
  }
}

// --- chains ---

// True when every value of `from` is one of `to` and comes back the same.
bool is_widening(DType from, DType to) {
  if (from == to || from == DType::kBool) return true;
  const std::size_t a = nnef::item_size(from), b = nnef::item_size(to);
  if (nnef::is_float(from)) return nnef::is_float(to) && b > a;
  if (nnef::is_integer(to)) return b > a && (nnef::is_signed(to) || !nnef::is_signed(from));
  return to == DType::kF64 ? a <= 4 : to == DType::kF32 ? a <= 2 : to == DType::kF16 && a <= 1;
}

// A reshape that says the whole new shape: nothing in it refers to the shape that it is given.
bool is_plain_reshape(const Graph& graph, const Operation& operation) {
  if (operation.op != "reshape" || operation.find("axis_start") || operation.find("axis_count")) return false;
  const Argument* shape = operation.find("shape");
  if (shape == nullptr || shape->array() == nullptr) return false;
  const nnef::Shape& result = graph.info(operation.results.at(0)).shape;
  const auto& items = shape->array()->items;
  return items.size() == result.size() &&
         std::equal(items.begin(), items.end(), result.begin(), [](const auto& a, const auto& b) {
           return a.dim() != nullptr && *a.dim() == b && b != nnef::Dim(0);
         });
}

class ChainFolder {
 public:
  explicit ChainFolder(Graph& graph)
      : graph_(graph), pinned_(pinned_values(graph)), makers_(graph), replacement_(graph.values.size()) {}

  void run() {
    for (Operation& operation : graph_.operations) {
      for (nnef::NamedArgument& named : operation.arguments) {
        nnef::for_each_value(named.argument, [this](Value& value) {
          if (replacement_[index_of(value)]) value = replacement_[index_of(value)];
        });
      }
      if (operation.results.size() == 1) {
        fold(operation);
        merge_with_equal(operation);
      }
    }
  }

 private:
  static Value* input_of(Operation& operation) {
    return operation.arguments.empty() ? nullptr : std::get_if<Value>(&operation.arguments[0].argument.is);
  }

  bool is_pinned(const Operation& operation) const { return pinned_[index_of(operation.results[0])]; }

  // The operation that makes the value, when that may be passed over.
  Operation* maker(Value value) const {
    const std::size_t place = pinned_[index_of(value)] ? nnef::Makers::kNone : makers_.place(value);
    return place == nnef::Makers::kNone ? nullptr : &graph_.operations[place];
  }

  // The result is the value: whoever reads it reads the value instead.
  void stand_for(const Operation& operation, Value value) {
    const Value result = operation.results[0];
    const nnef::ValueInfo &a = graph_.info(result), &b = graph_.info(value);
    if (gives_sizes(makers_.of(value))) return;
    if (!is_pinned(operation) && a.dtype == b.dtype && a.shape == b.shape) replacement_[index_of(result)] = value;
  }

  void fold(Operation& operation) {
    Value* input = input_of(operation);
    if (input == nullptr) return;
    if (operation.op == "transpose") fold_transpose(operation, *input);
    if (operation.op == "reshape") fold_reshape(operation, *input);
    if (operation.op == "squeeze" || operation.op == "unsqueeze") fold_squeeze(operation, *input);
    if (operation.op == "tract_core_cast") fold_cast(operation, *input);
  }

  void fold_transpose(Operation& operation, Value& input) {
    std::optional<std::vector<std::int64_t>> outer = permutation(operation);
    Operation* before = maker(input);
    if (!outer) return;
    if (before != nullptr && before->op == "transpose" && input_of(*before) != nullptr) {
      const std::optional<std::vector<std::int64_t>> inner = permutation(*before);
      if (!inner || inner->size() != outer->size()) return;
      for (std::int64_t& axis : *outer) axis = (*inner)[static_cast<std::size_t>(axis)];
      // An output needs an operation that does something: engines pass over others, and with them the name.
      if (is_pinned(operation) && std::is_sorted(outer->begin(), outer->end())) return;
      input = *input_of(*before);
      for (nnef::NamedArgument& named : operation.arguments) {
        if (named.name == "axes") named.argument = *outer;
      }
    }
    if (std::is_sorted(outer->begin(), outer->end())) stand_for(operation, input);
  }

  // The axes written out for every axis of the result.
  std::optional<std::vector<std::int64_t>> permutation(const Operation& operation) const {
    std::optional<std::vector<std::int64_t>> axes = nnef::numbers_of(operation, "axes");
    const std::size_t rank = graph_.info(operation.results[0]).shape.size();
    while (axes && axes->size() < rank) axes->push_back(static_cast<std::int64_t>(axes->size()));
    return axes;
  }

  void fold_reshape(Operation& operation, Value& input) {
    if (!is_plain_reshape(graph_, operation)) return;
    Operation* before = maker(input);
    const bool moves_nothing = before != nullptr && before->results.size() == 1 &&
                               (before->op == "reshape" || before->op == "squeeze" || before->op == "unsqueeze");
    if (moves_nothing && input_of(*before) != nullptr) {
      const Value origin = *input_of(*before);
      if (is_pinned(operation) && graph_.info(origin).shape == graph_.info(operation.results[0]).shape) return;
      input = origin;
    }
    stand_for(operation, input);
  }

  void fold_squeeze(Operation& operation, Value& input) {
    Operation* before = maker(input);
    if (before == nullptr || input_of(*before) == nullptr) return;
    if (operation.op == "unsqueeze" && before->op == "unsqueeze") return merge_unsqueezes(operation, input, *before);
    if (before->op != (operation.op == "squeeze" ? "unsqueeze" : "squeeze")) return;
    const auto axes = nnef::numbers_of(operation, "axes");
    if (axes && axes == nnef::numbers_of(*before, "axes")) stand_for(operation, *input_of(*before));
  }

  // The axes that both add, as axes of the result.
  void merge_unsqueezes(Operation& operation, Value& input, Operation& before) {
    const auto outer = nnef::numbers_of(operation, "axes"), inner = nnef::numbers_of(before, "axes");
    if (!outer || !inner) return;
    std::vector<std::int64_t> axes = *outer;
    std::int64_t axis_before = 0;  // of the value between the two
    for (std::int64_t axis = 0; axis < std::ssize(graph_.info(operation.results[0]).shape); ++axis) {
      if (std::find(outer->begin(), outer->end(), axis) != outer->end()) continue;
      if (std::find(inner->begin(), inner->end(), axis_before++) != inner->end()) axes.push_back(axis);
    }
    std::sort(axes.begin(), axes.end());
    input = *input_of(before);
    for (nnef::NamedArgument& named : operation.arguments) {
      if (named.name == "axes") named.argument = axes;
    }
  }

  void fold_cast(const Operation& operation, const Value& input) {
    const std::string* to = nnef::text_of(operation, "to");
    if (to == nullptr || !nnef::dtype_from_string(*to)) return;  // a quantised type
    stand_for(operation, input);
    Operation* before = maker(input);
    if (before == nullptr || before->op != "tract_core_cast" || input_of(*before) == nullptr) return;
    const std::string* through = text_of(*before, "to");
    const Value origin = *input_of(*before);
    if (through == nullptr || !nnef::dtype_from_string(*through)) return;
    if (is_widening(graph_.info(origin).dtype, graph_.info(input).dtype)) stand_for(operation, origin);
  }

  // Of two operations that are alike the later one goes.
  void merge_with_equal(const Operation& operation) {
    static const std::set<std::string_view> kOwn{"variable", "external", "tract_core_external", "tract_core_scan"};
    constexpr std::string_view kOfOnnx = "tract_onnx_";
    if (kOwn.count(operation.op) != 0 || operation.op.starts_with(kOfOnnx)) return;
    std::string text = operation.op;
    for (const nnef::NamedArgument& named : operation.arguments) append(named, text);
    const Value first = known_.emplace(std::move(text), operation.results[0]).first->second;
    if (first != operation.results[0]) stand_for(operation, replaced(first));
  }

  Value replaced(Value value) const { return replacement_[index_of(value)] ? replacement_[index_of(value)] : value; }

  static void append(const nnef::NamedArgument& named, std::string& text) {
    text += "," + named.name + "=";
    append(named.argument, text);
  }

  static void append(const Argument& argument, std::string& text) {
    if (const Value* value = argument.value()) text += "%" + std::to_string(value->id);
    if (const nnef::Dim* dim = argument.dim()) text += dim->to_string();
    if (const double* number = std::get_if<double>(&argument.is)) {
      text += "f" + std::to_string(std::bit_cast<std::uint64_t>(*number));
    }
    if (const bool* flag = std::get_if<bool>(&argument.is)) text += *flag ? "true" : "false";
    if (const std::string* string = std::get_if<std::string>(&argument.is)) text += "'" + *string + "'";
    if (const Argument::Array* array = argument.array()) {
      text += array->is_tuple ? "(" : "[";
      for (const Argument& item : array->items) append(item, text += ",");
      text += "]";
    }
  }

  Graph& graph_;
  const std::vector<bool> pinned_;
  const nnef::Makers makers_;
  std::vector<Value> replacement_;
  std::unordered_map<std::string, Value> known_;  // by the text of the operation
};

// --- what no output needs ---

void remove_dead(Graph& graph) {
  std::vector<bool> live(graph.values.size(), false);
  for (Value output : graph.outputs) live[index_of(output)] = true;
  for (Value input : graph.inputs) live[index_of(input)] = true;
  std::vector<Operation> kept;
  for (auto operation = graph.operations.rbegin(); operation != graph.operations.rend(); ++operation) {
    const auto& results = operation->results;
    if (std::none_of(results.begin(), results.end(), [&](Value value) { return live[index_of(value)]; })) continue;
    for (Value result : results) live[index_of(result)] = true;
    for (const nnef::NamedArgument& named : operation->arguments) {
      nnef::for_each_value(named.argument, [&](const Value& value) { live[index_of(value)] = true; });
    }
    kept.push_back(std::move(*operation));
  }
  std::reverse(kept.begin(), kept.end());
  graph.operations = std::move(kept);
  std::unordered_set<std::string> dead_names;
  for (std::size_t i = 0; i < live.size() && !graph.quant.empty(); ++i) {
    if (!live[i]) dead_names.insert(graph.values[i].name);
  }
  std::erase_if(graph.quant, [&](const auto& entry) { return dead_names.count(entry.first) != 0; });
}

// The labels and the fragments that a body names.
void collect_names(const Graph& graph, std::set<std::string>& labels, std::vector<std::string>& fragments) {
  for (const Operation& operation : graph.operations) {
    const bool is_variable = operation.op == "variable";
    if (!is_variable && operation.op != "tract_core_scan") continue;
    const std::string* name = nnef::text_of(operation, is_variable ? "label" : "body");
    if (name == nullptr) continue;
    if (is_variable) {
      labels.insert(*name);
    } else {
      fragments.push_back(*name);
    }
  }
}

void remove_unnamed(Graph& graph) {
  std::set<std::string> labels, used;
  std::vector<std::string> pending;
  collect_names(graph, labels, pending);
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    if (!used.insert(name).second) continue;
    for (const nnef::Fragment& fragment : graph.fragments) {
      if (fragment.body.name == name) collect_names(fragment.body, labels, pending);
    }
  }
  std::erase_if(graph.fragments, [&](const nnef::Fragment& fragment) { return used.count(fragment.body.name) == 0; });
  std::erase_if(graph.variables, [&](const auto& variable) { return labels.count(variable.first) == 0; });
}

}  // namespace

void simplify(nnef::Graph& graph) {
  share_variables(graph);
  ChainFolder(graph).run();
  remove_dead(graph);
  nnef::narrow_reshapes(graph);
  for (nnef::Fragment& fragment : graph.fragments) {
    ChainFolder(fragment.body).run();
    remove_dead(fragment.body);
    nnef::narrow_reshapes(fragment.body);
  }
  remove_unnamed(graph);
}

}  // namespace torch2nnef
