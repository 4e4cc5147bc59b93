// Branches: both sides are executed and recorded.

#include <algorithm>

#include "export/record/failures.h"
#include "export/record/regions/merge.h"
#include "export/record/regions/regions.h"
#include "export/torchscript/data_flow.h"
#include "export/torchscript/effects.h"
#include "export/torchscript/interpreter.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

bool raises(const jit::Block* block) {
  return std::any_of(block->nodes().begin(), block->nodes().end(),
                     [](const jit::Node* node) { return node->kind() == c10::prim::RaiseException; });
}

bool is_uninitialized(const jit::Value* value) { return value->node()->kind() == c10::prim::Uninitialized; }

}  // namespace

void DataFlow::refuse(const jit::Node* node, const Slot& condition, const std::string& what,
                      const std::string& reason) {
  std::string text = what + " depends on the values of an input";
  if (!condition.note.text.empty()) text += " (" + condition.note.text + ")";
  if (!reason.empty()) text += ", and " + reason;
  context_.refuse("T2N-R005", text, "say it with torch.where, or export the model once for each case",
                  node->kind().toQualString());
}

// The results of a side. A failure in a side that the sample does not take is reported of the branch.
Slots DataFlow::run_side(const jit::Node* node, Frame& frame, std::size_t side, bool is_taken) {
  const jit::Block* block = node->blocks().at(side);
  {
    DataRegionScope region(context_, "the branch at " + context_.place(), is_taken);
    interpreter_.run_inner(node, block, frame);
  }
  Slots results;
  for (const jit::Value* output : block->outputs()) results.push_back(frame.get(output));
  return results;
}

bool DataFlow::run_if(const jit::Node* node, Frame& frame, const Slot& condition) {
  if (condition.note.kind != Note::Kind::kData) return false;
  const jit::Block *yes = node->blocks().at(0), *no = node->blocks().at(1);
  if (raises(yes) || raises(no)) return false;
  if (!condition.note.scalar) return false;  // refused with its place when it is decided
  for (const jit::Block* block : {yes, no}) {
    const std::string effect = effect_on_objects(block);
    if (effect.empty()) continue;
    refuse(node, condition, "the branch that is taken here", "one of its sides " + effect);
    throw RecordingStopped(effect);
  }
  Merge merge(context_, operators_.numbers());
  const bool taken = condition.sample().toBool();
  Slots sides[2];
  for (bool is_taken : {true, false}) {
    const std::size_t side = (taken == is_taken) ? 0 : 1;
    sides[side] = run_side(node, frame, side, is_taken);
  }
  for (std::size_t i = 0; i < node->outputs().size(); ++i) {
    if (is_uninitialized(yes->outputs()[i])) {
      frame.set(node->output(i), sides[1][i]);
    } else if (is_uninitialized(no->outputs()[i])) {
      frame.set(node->output(i), sides[0][i]);
    } else {
      try {
        frame.set(node->output(i), merge.choose(condition, sides[0][i], sides[1][i]));
      } catch (const Unsupported& error) {
        refuse(node, condition, "the branch that is taken here", error.what());
        throw RecordingStopped(error.what());
      }
    }
  }
  return true;
}

}  // namespace torch2nnef
