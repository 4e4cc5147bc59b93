// Stores float weights of a graph in fewer bytes, and writes their uses so that tract reads the stored form.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"
#include "quant/weight_form.h"

namespace torch2nnef {

// What becomes of a variable that a rule names.
struct ReducedWeight {
  std::string label;
  nnef::TensorDataPtr original;  // f32
  nnef::TensorDataPtr stored;    // null: it stays
  WeightForm form = WeightForm::kF16;
  std::string why_not;  // it stays: "it is used by aten::..", a sentence without its end
};

struct ReducedWeights {
  std::vector<ReducedWeight> weights;  // sorted by label
  std::vector<nnef::Value> added_for;  // of each value that was added to the graph, the one that it is for
};

// What a tensor of the graph is: nullopt for what is not a weight of the model, "" for a weight that may take the form,
// else why it may not.
using AskWeight = std::function<std::optional<std::string>(const nnef::TensorDataPtr&, WeightForm)>;

// Changes the graph: variables, their uses and what is between. A product of f32 with f16 is written as such where
// tract is fast at it, elsewhere the weight is cast, which tract does once, when it loads (lay_out_constants() must
// follow). Throws nnef::TargetError where the target is not tract, std::invalid_argument for a pattern that is not one.
ReducedWeights reduce_weights(nnef::Graph& graph, const nnef::Target& target, const std::vector<WeightRule>& rules,
                              const AskWeight& ask);

}  // namespace torch2nnef
