#include "export/torchscript/plan.h"

#include <set>

#include "export/load/drawn_inputs.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

[[noreturn]] void usage(const std::string& text, const std::string& hint = "") {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, hint});
}

// Inputs of states do not take the name of another input.
void make_unique(Plan& plan) {
  std::set<std::string> taken;
  for (const DynamicInput& input : plan.sizes.inputs) taken.insert(input.name);
  for (StateTensor& state : plan.state.tensors) {
    while (taken.count(state.input) > 0) state.input += "_state";
    state.output = state.input + "_next";
    taken.insert(state.input);
  }
}

}  // namespace

Plan make_plan(const Model::Impl& model, const Tables& tables, const ExportOptions& options) {
  Plan plan;
  plan.tables = &tables;
  plan.samples = sample_inputs(model, options);
  std::vector<NamedLeaf> leaves = tensor_leaves(plan.samples.arguments, model.module.get_method(options.method));
  if (!options.input_names.empty() && options.input_names.size() != leaves.size()) {
    usage("--input-names gives " + std::to_string(options.input_names.size()) + " names, but the model takes " +
          std::to_string(leaves.size()) + (leaves.size() == 1 ? " tensor" : " tensors"));
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    std::string name = options.input_names.empty() ? nnef::make_identifier(leaves[i].name) : options.input_names[i];
    plan.leaves.push_back(leaves[i].tensor);
    std::vector<std::int64_t> sizes = leaves[i].tensor.sizes().vec();
    plan.sizes.inputs.push_back({name, sizes, nnef::make_shape(sizes)});
  }
  plan.drawn = drawn_integers(plan.leaves, plan.samples.drawn, plan.sizes.inputs);
  plan.sizes.axes = resolve_dynamic_axes(options, plan.sizes.inputs);
  if (options.state_io) {
    plan.state = find_state(model, options, plan.samples.arguments);
    make_unique(plan);
  }
  return plan;
}

}  // namespace torch2nnef
