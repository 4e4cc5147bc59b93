#include "quant/half_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>

#include "nnef/arguments.h"
#include "nnef/half.h"
#include "quant/graph_edit.h"
#include "quant/reduced.h"

namespace torch2nnef {
namespace {

using nnef::DType;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;

const std::unordered_set<std::string_view>& products() {
  static const std::unordered_set<std::string_view> names = {"matmul", "conv", "deconv", "tract_core_einsum"};
  return names;
}

// What takes the type of its operands.
const std::unordered_set<std::string_view>& followers() {
  static const std::unordered_set<std::string_view> names = {"reshape",
                                                             "transpose",
                                                             "concat",
                                                             "slice",
                                                             "squeeze",
                                                             "unsqueeze",
                                                             "stack",
                                                             "unstack",
                                                             "tile",
                                                             "pad",
                                                             "tract_core_broadcast",
                                                             "tract_core_gather",
                                                             "tract_core_gather_elements",
                                                             "tract_core_gather_nd",
                                                             "select",
                                                             "add",
                                                             "sub",
                                                             "mul",
                                                             "div",
                                                             "min",
                                                             "max",
                                                             "neg",
                                                             "abs",
                                                             "relu",
                                                             "leaky_relu",
                                                             "sigmoid",
                                                             "tanh",
                                                             "tract_core_silu",
                                                             "tract_transformers_silu",
                                                             "tract_core_hard_swish",
                                                             "max_pool"};
  return names;
}

bool fits_half(double number) {
  const double magnitude = std::fabs(number);
  return !std::isfinite(number) || magnitude == 0 || (magnitude < 65520 && magnitude >= 0x1p-24);
}

// Of literals beside tensors: one that f16 does not have, or any of a choice, which tract takes for f32
// (T-SELECT-LITERAL).
bool needs_single(const Operation& operation) {
  return std::any_of(operation.arguments.begin(), operation.arguments.end(), [&](const nnef::NamedArgument& named) {
    const double* number = std::get_if<double>(&named.argument.is);
    return number != nullptr && (operation.op == "select" || !fits_half(*number));
  });
}

bool has_large_item(const nnef::TensorData& tensor) {
  bool result = false;
  tensor.stream([&](const void* bytes, std::size_t count) {
    const char* at = static_cast<const char*>(bytes);
    for (std::size_t i = 0; i + sizeof(float) <= count && !result; i += sizeof(float)) {
      float item;
      std::memcpy(&item, at + i, sizeof item);
      result = std::isfinite(item) && std::fabs(item) >= 65520;
    }
  });
  return result;
}

class Caster {
 public:
  Caster(Graph& graph, const std::function<bool(Value)>& keeps_single)
      : graph_(graph),
        keeps_single_(keeps_single),
        edit_(graph),
        kind_(graph.values.size(), Kind::kOther),
        maker_(graph.values.size(), 0),
        casts_(graph.values.size()) {
    for (const nnef::Fragment& fragment : graph.fragments) {
      for (const auto& operation : fragment.body.operations) {
        if (const std::string* label = nnef::text_of(operation, "label")) in_loops_.insert(*label);
      }
    }
  }

  HalfGraph run() {
    const std::size_t count = graph_.operations.size();
    is_half_.assign(count, false);
    for (std::size_t i = 0; i < count; ++i) decide(i);
    is_output_.insert(graph_.outputs.begin(), graph_.outputs.end());
    read_single_ = is_output_;
    for (std::size_t i = count; i-- > 0;) decide_constants(i);
    for (std::size_t i = 0; i < count; ++i) type_results(i);
    for (std::size_t i = 0; i < count; ++i) cast_operands(i);
    result_.added_for = edit_.finish();
    return std::move(result_);
  }

 private:
  // Of an f32 value. A constant depends on no input; its type follows from what reads it.
  enum class Kind : std::uint8_t { kOther, kConstant, kHalf, kSingle };

  Kind& kind(Value value) { return kind_[static_cast<std::size_t>(value.id)]; }
  bool is_single(Value value) const { return graph_.info(value).dtype == DType::kF32; }

  std::vector<Value> floats_read(const Operation& operation) const {
    std::vector<Value> read;
    for (const nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value value) {
        if (is_single(value)) read.push_back(value);
      });
    }
    return read;
  }

  bool gives_float(const Operation& operation) const {
    return std::any_of(operation.results.begin(), operation.results.end(), [&](Value v) { return is_single(v); });
  }

  void decide(std::size_t index) {
    const Operation& operation = graph_.operations[index];
    for (Value result : operation.results) maker_[static_cast<std::size_t>(result.id)] = index;
    if (!gives_float(operation)) return;  // reads in f32 what it reads
    const Kind made = kind_of(operation);
    is_half_[index] = made == Kind::kHalf;
    for (Value result : operation.results) {
      if (is_single(result)) kind(result) = made;
    }
    if (made == Kind::kConstant || operation.op == "tract_core_external") return;
    ++(is_half_[index] ? result_.in_half : result_.in_single);
    result_.has_filters = result_.has_filters || (is_half_[index] && operation.op.ends_with("conv"));
  }

  Kind kind_of(const Operation& operation) {
    if (operation.op == "variable") return kind_of_variable(operation);
    const std::vector<Value> read = floats_read(operation);
    const bool is_product = products().count(operation.op) > 0;
    const auto has = [&](Kind wanted) {
      return std::any_of(read.begin(), read.end(), [&](Value value) { return kind(value) == wanted; });
    };
    const bool is_known = is_product || followers().count(operation.op) > 0;
    if (!is_known || needs_single(operation) || keeps_single_(operation.results.front())) return Kind::kSingle;
    const bool has_large_constant =
        std::any_of(read.begin(), read.end(), [&](Value value) { return large_.count(value) > 0; });
    if (has_large_constant) return Kind::kSingle;
    if (is_product) return has(Kind::kSingle) || has(Kind::kHalf) ? Kind::kHalf : Kind::kSingle;
    if (has(Kind::kSingle)) return Kind::kSingle;
    if (has(Kind::kHalf) || reads_others(operation)) return Kind::kHalf;
    return Kind::kConstant;
  }

  // Rows of a table, by an input; a choice between constants.
  bool reads_others(const Operation& operation) const {
    bool result = false;
    for (const nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value value) { result = result || !is_single(value); });
    }
    return result;
  }

  Kind kind_of_variable(const Operation& operation) {
    const std::string* label = nnef::text_of(operation, "label");
    const auto found = label == nullptr ? graph_.variables.end() : graph_.variables.find(*label);
    if (found == graph_.variables.end() || in_loops_.count(*label) > 0) return Kind::kSingle;
    if (!has_large_item(*found->second)) return Kind::kConstant;
    large_.insert(operation.results.front());
    return Kind::kSingle;
  }

  // Backwards: a constant is of f16 where everything that reads it is, and something does.
  void decide_constants(std::size_t index) {
    const Operation& operation = graph_.operations[index];
    const bool is_constant = !operation.results.empty() && kind(operation.results.front()) == Kind::kConstant;
    if (is_constant) {
      is_half_[index] = std::all_of(operation.results.begin(), operation.results.end(), [&](Value result) {
        return read_half_.count(result) > 0 && read_single_.count(result) == 0;
      });
    }
    for (Value value : floats_read(operation)) (is_half_[index] ? read_half_ : read_single_).insert(value);
  }

  // Results of f16, and what of an output was f32 again.
  void type_results(std::size_t index) {
    Operation& operation = graph_.operations[index];
    if (!is_half_[index]) return;
    for (nnef::NamedArgument& named : operation.arguments) {
      auto* text = std::get_if<std::string>(&named.argument.is);
      if (text != nullptr && *text == "f32" && (named.name == "acc" || named.name == "datum_type")) *text = "f16";
    }
    if (operation.op == "variable") {
      nnef::TensorDataPtr& data = graph_.variables.at(*nnef::text_of(operation, "label"));
      if (data->dtype() == DType::kF32) data = half_of(data);
    }
    for (Value& result : operation.results) {
      if (!is_single(result)) continue;
      if (is_output_.count(result) == 0) {
        graph_.info(result).dtype = DType::kF16;
        continue;
      }
      const nnef::ValueInfo info = graph_.info(result);
      const Value half = edit_.add_value(info.name + "_f16", DType::kF16, info.shape, result);
      edit_.add_after(index, {"tract_core_cast", {{"input", half}, {"to", "f32"}}, {result}, ""});
      casts_[static_cast<std::size_t>(result.id)] = half;
      result = half;
    }
  }

  void cast_operands(std::size_t index) {
    const DType wanted = is_half_[index] ? DType::kF16 : DType::kF32;
    for (nnef::NamedArgument& named : graph_.operations[index].arguments) {
      nnef::for_each_value(named.argument, [&](Value& value) {
        const bool is_ours = static_cast<std::size_t>(value.id) < kind_.size() && kind(value) != Kind::kOther;
        if (is_ours && graph_.info(value).dtype != wanted) value = cast(value, wanted);
      });
    }
  }

  // Made once, right after the value.
  Value cast(Value value, DType to) {
    Value& made = casts_[static_cast<std::size_t>(value.id)];
    if (made) return made;
    const nnef::ValueInfo info = graph_.info(value);
    const std::string name(nnef::to_string(to));
    made = edit_.add_value(info.name + "_" + name, to, info.shape, value);
    edit_.add_after(maker_[static_cast<std::size_t>(value.id)],
                    {"tract_core_cast", {{"input", value}, {"to", name}}, {made}, ""});
    return made;
  }

  Graph& graph_;
  const std::function<bool(Value)>& keeps_single_;
  GraphEdit edit_;
  std::vector<Kind> kind_;          // by Value::id
  std::vector<std::size_t> maker_;  // by Value::id
  std::vector<Value> casts_;        // by Value::id, in the other type
  std::vector<bool> is_half_;       // by operation
  std::set<std::string> in_loops_;  // labels
  std::set<Value> large_, read_half_, read_single_, is_output_;
  HalfGraph result_;
};

}  // namespace

HalfGraph compute_in_half(Graph& graph, const std::function<bool(Value)>& keeps_single) {
  return Caster(graph, keeps_single).run();
}

}  // namespace torch2nnef
