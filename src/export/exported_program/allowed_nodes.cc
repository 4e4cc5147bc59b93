// The look at all nodes of a program before any of them is executed.

#include <map>

#include "export/exported_program/higher_order.h"
#include "export/exported_program/record_program.h"
#include "export/exported_program/source_frames.h"
#include "export/exported_program/stand_ins.h"
#include "export/exported_program/targets.h"
#include "export/operators/operators.h"
#include "export/record/tape_writer.h"
#include "export/torchscript/allowed_code.h"

namespace torch2nnef {
namespace {

constexpr const char* kDecompose = "call ep.run_decompositions({}) before saving";

class NodeWalk {
 public:
  NodeWalk(const Tables& tables, bool is_decomposed) : tables_(tables), is_decomposed_(is_decomposed) {}

  void graph(const ProgramGraph& graph) {
    for (const ProgramNode& node : graph.nodes) {
      visit(node);
      for (const NamedProgramArgument& input : node.inputs) {
        if (input.value.graph) this->graph(*input.value.graph);
      }
    }
  }
  std::vector<Diagnostic> take() { return std::move(found_); }

 private:
  void visit(const ProgramNode& node) {
    if (number_operator_of(node.target) != nullptr) return;
    if (const auto name = higher_order_of(node.target)) {
      const GraphRefusal refusal = refusal_of_higher_order(*name);
      if (!refusal.reason.empty()) {
        forbid(node, "torch.ops.higher_order." + *name + called(node), refusal.reason, refusal.hint);
      }
      return;
    }
    const auto op = operator_of(node.target);
    if (!op) {
      const bool is_functorch = node.target.starts_with("torch._functorch.");
      return forbid(node, node.target,
                    is_functorch ? "is a step of vmap or jvp, which is not followed" : "is not known",
                    is_functorch ? kDecompose : "write the model without it");
    }
    if (op->name.starts_with("export::")) {
      return forbid(node, op->full(), "takes a tensor of a class of its own apart",
                    "call ep.run_decompositions({}) before saving, or torchao.utils.unwrap_tensor_subclass(model)");
    }
    if (!row_of(op->name).is(kAsserts) && !has_stand_in(*op)) visit_operator(node, *op);
  }

  // "(mylib::op)": what an operator of higher order calls.
  static std::string called(const ProgramNode& node) {
    for (const NamedProgramArgument& input : node.inputs) {
      if (input.value.kind == ProgramArgument::Kind::kOperator) return " (" + input.value.text + ")";
    }
    return "";
  }

  void visit_operator(const ProgramNode& node, const OperatorName& op) {
    const c10::FunctionSchema* schema = find_schema(op.name, op.overload);
    if (schema == nullptr) {
      return forbid(node, op.full(),
                    "is an operator that libtorch " + std::to_string(TORCH_VERSION_MAJOR) + "." +
                        std::to_string(TORCH_VERSION_MINOR) + " does not have",
                    op.name.starts_with("aten::") && !is_decomposed_
                        ? "call ep.run_decompositions() before saving, or write the model without it"
                        : "write the model without it, or give a plugin that registers it");
    }
    const std::string_view reason = why_not_executed(*schema, tables_);
    if (!reason.empty())
      forbid(node, op.full(), std::string(reason), "export the part of the model that does without it");
  }

  // Each operator once, with how often it is called.
  void forbid(const ProgramNode& node, const std::string& op, const std::string& reason, const std::string& hint) {
    const auto [known, is_new] = places_.emplace(op, found_.size());
    if (!is_new) {
      ++found_[known->second].count;
      return;
    }
    found_.push_back({Severity::kError, "T2N-R016", op, location_of(node), op + " " + reason, hint});
  }

  const Tables& tables_;
  bool is_decomposed_;
  std::map<std::string, std::size_t> places_;
  std::vector<Diagnostic> found_;
};

}  // namespace

void refuse_forbidden_nodes(const Program& program, const Tables& tables) {
  NodeWalk walk(tables, program.is_decomposed);
  walk.graph(program.graph);
  std::vector<Diagnostic> errors = walk.take();
  if (!errors.empty()) throw ExportError(ExportError::Kind::kNotExportable, std::move(errors));
}

}  // namespace torch2nnef
