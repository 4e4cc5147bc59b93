#include "quant/reduce_weights.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "nnef/archive/item_type.h"
#include "nnef/arguments.h"
#include "nnef/builder/builder.h"
#include "nnef/makers.h"
#include "quant/block.h"
#include "quant/graph_edit.h"
#include "quant/reduced.h"
#include "quant/weight_rules.h"
#include "quant/weight_uses.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::DType;
using nnef::Graph;
using nnef::Operation;
using nnef::Value;
using Kind = WeightUse::Kind;

// Earlier releases multiply f32 by f16 up to 60 times slower than f32 by f32.
constexpr nnef::Version kMultipliesMixed{0, 23, 9};

void require_target(const nnef::Target& target, const std::vector<WeightRule>& rules) {
  if (target.kind != nnef::Target::Kind::kTract) {
    throw nnef::TargetError("weights are stored as " + std::string(to_string(rules.front().form)) + " for tract only");
  }
}

std::string why_not_in_blocks(const UsedWeight& weight, const std::vector<std::int64_t>& shape) {
  if (!fits_blocks(shape)) {
    std::int64_t row = 1;
    for (std::size_t axis = 1; axis < shape.size(); ++axis) row *= shape[axis];
    return "its rows of " + std::to_string(row) + " items are not whole blocks of 32";
  }
  for (const WeightUse& use : weight.uses) {
    if (use.kind == Kind::kOther) return "it is used by " + use.name;
    // T-BLOCK-FLIPPED
    if (use.kind == Kind::kFlipped) return "its product contracts the first axis, and blocks lie along the last one";
    if (use.kind == Kind::kFilter && shape[1] == 1) return "it is a depthwise filter";
    if (use.kind != Kind::kFilter && shape.size() != 2) return "it is used by " + use.name + " with more axes than 2";
  }
  return "";
}

// Results of convolutions that constants scale: tract makes the scale part of the filter, which blocks cannot be
// (T-BLOCK-SCALED-FILTER).
std::vector<bool> scaled_by_constants(const Graph& graph) {
  std::vector<bool> depends(graph.values.size(), false), result(graph.values.size(), false);
  for (Value input : graph.inputs) depends[static_cast<std::size_t>(input.id)] = true;
  for (const Operation& operation : graph.operations) {
    std::vector<Value> read;
    for (const nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value value) { read.push_back(value); });
    }
    const auto is_constant = [&](Value value) { return !depends[static_cast<std::size_t>(value.id)]; };
    const bool is_made_of_inputs = !std::all_of(read.begin(), read.end(), is_constant);
    for (Value made : operation.results) depends[static_cast<std::size_t>(made.id)] = is_made_of_inputs || read.empty();
    if (operation.op == "variable") depends[static_cast<std::size_t>(operation.results.front().id)] = false;
    const bool is_scale = (operation.op == "mul" || operation.op == "div") && read.size() == 2 && is_made_of_inputs;
    if (!is_scale || !std::any_of(read.begin(), read.end(), is_constant)) continue;
    for (Value value : read) result[static_cast<std::size_t>(value.id)] = true;
  }
  return result;
}

// How the axis that a product or a convolution contracts came about. Where it is joined of several axes, some of whose
// lengths are not whole blocks (heads of 8 items), tract multiplies by the parts and takes the wrong codes; where it is
// a concatenation, tract cuts the weight, which blocks do not allow (T-BLOCK-CONCAT).
class JoinedAxes {
 public:
  explicit JoinedAxes(const Graph& graph) : graph_(graph), makers_(graph) {}

  // Seen through what keeps the shape or moves axes, a few operations far. `axis` is the contracted one.
  bool cut_blocks(Value value, std::size_t axis, int far = 6) const {
    constexpr std::int64_t kBlock = 32;
    const Operation* maker = makers_.of(value);
    if (far == 0 || maker == nullptr) return false;
    const Operation& operation = *maker;
    const nnef::Shape& shape = graph_.info(value).shape;
    if (operation.op == "concat") {
      const Argument* along = operation.find("axis");
      return along != nullptr && along->dim() != nullptr && *along->dim() == nnef::Dim(static_cast<std::int64_t>(axis));
    }
    bool cuts = false;
    for (const nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value read) {
        const nnef::Shape& before = graph_.info(read).shape;
        if (operation.op == "reshape") {
          const bool is_joined = !before.empty() && !shape.empty() && before.back() != shape.back();
          cuts = cuts || (is_joined && (!before.back().is_constant() || before.back().value() % kBlock != 0));
        } else if (!stops(operation.op) &&
                   (before == shape || operation.op == "transpose" || operation.op == "unsqueeze")) {
          cuts = cuts || cut_blocks(read, axis, far - 1);
        }
      });
    }
    return cuts;
  }

 private:
  // What gathers items of an axis, which parts of the axis cannot pass.
  static bool stops(std::string_view op) {
    return op == "matmul" || op == "softmax" || op == "tract_core_einsum" || op == "tract_core_softmax" ||
           op == "tract_core_rms_norm";
  }

  const Graph& graph_;
  const nnef::Makers makers_;
};

class Reducer {
 public:
  Reducer(Graph& graph, const nnef::Target& target, const WeightRules& rules, const AskWeight& ask)
      : graph_(graph),
        target_(target),
        rules_(rules),
        ask_(ask),
        edit_(graph),
        is_scaled_(scaled_by_constants(graph)),
        joined_axes_(graph) {
    for (const nnef::Fragment& fragment : graph.fragments) {
      for (const UsedWeight& weight : weight_uses(fragment.body)) in_loops_.insert(weight.label);
    }
  }

  ReducedWeights run() {
    std::map<std::string, ReducedWeight> chosen;
    for (const UsedWeight& weight : weight_uses(graph_)) {
      std::optional<ReducedWeight> reduced = choose(weight);
      if (!reduced) continue;
      if (reduced->stored) write(weight, *reduced);
      chosen.emplace(weight.label, std::move(*reduced));
    }
    ReducedWeights result;
    result.added_for = edit_.finish();
    for (auto& [label, weight] : chosen) result.weights.push_back(std::move(weight));
    return result;
  }

 private:
  // Nothing for what no rule names, for items that are not f32, and for what is not a weight.
  std::optional<ReducedWeight> choose(const UsedWeight& weight) const {
    const auto found = graph_.variables.find(weight.label);
    const std::optional<WeightForm> form = rules_.form_of(weight.label);
    if (!form || found == graph_.variables.end() || found->second->dtype() != DType::kF32) return std::nullopt;
    if (nnef::item_type_of(*found->second) != nnef::ItemType::of(DType::kF32)) return std::nullopt;
    const std::optional<std::string> answer = ask_(found->second, *form);
    if (!answer) return std::nullopt;
    ReducedWeight reduced{weight.label, found->second, nullptr, *form, *answer};
    if (reduced.why_not.empty()) reduced.why_not = why_not(weight, found->second->shape(), *form);
    if (!reduced.why_not.empty()) return reduced;
    try {
      reduced.stored = torch2nnef::reduced(reduced.original, *form);
    } catch (const std::range_error& error) {
      reduced.why_not = error.what();
    }
    return reduced;
  }

  std::string why_not(const UsedWeight& weight, const std::vector<std::int64_t>& shape, WeightForm form) const {
    if (shape.size() < 2) return "it has fewer than 2 axes";
    if (in_loops_.count(weight.label) > 0) return "it is used in a loop";
    const bool is_output = std::any_of(weight.uses.begin(), weight.uses.end(),
                                       [](const WeightUse& use) { return use.name == WeightUse::kOutput; });
    if (is_output) return "it is an output";
    if (form == WeightForm::kInt8Dynamic) return "it is not the matrix of linear layers alone";
    if (form == WeightForm::kF16) return "";
    for (const WeightUse& use : weight.uses) {
      const bool is_scaled = use.kind == Kind::kFilter &&
                             is_scaled_[static_cast<std::size_t>(graph_.operations[use.operation].results.front().id)];
      if (is_scaled) return "constants scale its convolution, as a batch norm does";
      if (reads_joined_axes(use)) return "what it multiplies is joined of pieces, at which tract would cut its blocks";
    }
    return why_not_in_blocks(weight, shape);
  }

  bool reads_joined_axes(const WeightUse& use) const {
    if (use.kind != Kind::kProduct && use.kind != Kind::kFilter) return false;
    bool result = false;
    for (const nnef::NamedArgument& named : graph_.operations[use.operation].arguments) {
      nnef::for_each_value(named.argument, [&](Value value) {
        const std::size_t rank = graph_.info(value).shape.size();
        if (rank > 0) result = result || joined_axes_.cut_blocks(value, use.kind == Kind::kFilter ? 1 : rank - 1);
      });
    }
    return result;
  }

  void write(const UsedWeight& weight, const ReducedWeight& reduced) {
    const bool is_half = reduced.form == WeightForm::kF16;
    graph_.variables[weight.label] = reduced.stored;
    if (is_half) graph_.info(weight.value).dtype = DType::kF16;
    std::vector<bool> is_done(weight.uses.size(), false);
    for (std::size_t i = 0; i < weight.uses.size(); ++i) {
      const WeightUse& use = weight.uses[i];
      const bool is_flipped = use.kind == Kind::kFlipped;
      if (use.kind == Kind::kRows) {
        take_rows(use.operation, is_half);
        is_done[i] = true;
      } else if ((is_flipped || use.kind == Kind::kProduct) && (!is_half || target_.version >= kMultipliesMixed)) {
        Operation& product = graph_.operations[use.operation];
        product = product_with(graph_, product, weight.value, is_flipped);
        is_done[i] = true;
      }
    }
    for (std::size_t operation : weight.between) edit_.may_go(operation);
    const bool is_all_done = std::find(is_done.begin(), is_done.end(), false) == is_done.end();
    if (is_half && !is_all_done) cast_for_others(weight, is_done);
  }

  // Rows of blocks come out as f32 where that is asked for; those of f16 are cast. Lowerings count no row from the end
  // (T-BLOCK-NEGATIVE-ROW).
  void take_rows(std::size_t at, bool is_half) {
    Operation& gather = graph_.operations[at];
    if (!is_half) {
      gather.arguments.push_back({"datum_type", "f32"});
      return;
    }
    const Value rows = gather.results.front();
    const nnef::ValueInfo info = graph_.info(rows);
    gather.results.front() = edit_.add_value(info.name + "_f16", DType::kF16, info.shape, rows);
    edit_.add_after(at, {"tract_core_cast", {{"input", gather.results.front()}, {"to", "f32"}}, {rows}, ""});
  }

  void cast_for_others(const UsedWeight& weight, const std::vector<bool>& is_done) {
    const nnef::ValueInfo info = graph_.info(weight.value);
    const Value cast = edit_.add_value(info.name + "_f32", DType::kF32, info.shape, weight.value);
    edit_.add_after(weight.operation, {"tract_core_cast", {{"input", weight.value}, {"to", "f32"}}, {cast}, ""});
    const auto read_cast = [&](std::size_t at) {
      for (nnef::NamedArgument& named : graph_.operations[at].arguments) {
        nnef::for_each_value(named.argument, [&](Value& value) {
          if (value == weight.value) value = cast;
        });
      }
    };
    for (std::size_t operation : weight.between) read_cast(operation);
    for (std::size_t i = 0; i < weight.uses.size(); ++i) {
      if (!is_done[i]) read_cast(weight.uses[i].operation);
    }
  }

  Graph& graph_;
  const nnef::Target& target_;
  const WeightRules& rules_;
  const AskWeight& ask_;
  GraphEdit edit_;
  const std::vector<bool> is_scaled_;
  const JoinedAxes joined_axes_;
  std::set<std::string> in_loops_;
};

}  // namespace

ReducedWeights reduce_weights(Graph& graph, const nnef::Target& target, const std::vector<WeightRule>& rules,
                              const AskWeight& ask) {
  if (rules.empty()) return {};
  require_target(target, rules);
  return Reducer(graph, target, WeightRules(rules), ask).run();
}

}  // namespace torch2nnef
