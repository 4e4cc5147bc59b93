#include "export/torchscript/training_mode.h"

#include <algorithm>

#include "export/diagnostics.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// Whether it normalises by the statistics of the batch, although it holds those of the training.
bool normalises_by_batch(const jit::Node* node) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  const auto training = schema ? schema->argumentIndexWithName("training") : c10::nullopt;
  const auto mean = schema ? schema->argumentIndexWithName("running_mean") : c10::nullopt;
  if (!training || !mean) return false;
  const auto flag = jit::toIValue(node->input(static_cast<std::size_t>(*training)));
  const auto statistics = jit::toIValue(node->input(static_cast<std::size_t>(*mean)));
  return flag && flag->isBool() && flag->toBool() && !(statistics && statistics->isNone());
}

bool writes_attribute(const jit::Node* node) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  for (std::size_t i = 0; schema && i < schema->arguments().size() && i < node->inputs().size(); ++i) {
    const auto* alias = schema->arguments()[i].alias_info();
    if (alias && alias->isWrite() && node->input(i)->node()->kind() == c10::prim::GetAttr) return true;
  }
  return false;
}

const jit::Node* updating_norm(const jit::Block* block) {
  const auto nodes = block->nodes();
  const auto norm = std::find_if(nodes.begin(), nodes.end(), [](const jit::Node* n) { return normalises_by_batch(n); });
  const bool updates = std::any_of(nodes.begin(), nodes.end(), [](const jit::Node* n) { return writes_attribute(n); });
  return norm != nodes.end() && updates ? *norm : nullptr;
}

}  // namespace

void refuse_training_mode(const jit::Module& module) {
  for (const auto& part : module.named_modules()) {
    for (const jit::Method& method : part.value.get_methods()) {
      if (!method.function().isGraphFunction()) continue;
      const auto graph = jit::toGraphFunction(method.function()).graph();
      const jit::Node* norm = updating_norm(graph->block());
      if (!norm) continue;
      Location where{source_lines(norm), part.name, normalized_class(part.value.type()->name()->qualifiedName())};
      throw ExportError(ExportError::Kind::kNotExportable,
                        {Severity::kError, "T2N-R004", norm->kind().toQualString(), std::move(where),
                         "the model was traced in training mode: this layer normalises by the statistics of the batch "
                         "and updates its own",
                         "call model.eval() before torch.jit.trace"});
    }
  }
}

}  // namespace torch2nnef
