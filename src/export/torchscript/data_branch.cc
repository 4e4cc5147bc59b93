// An If whose condition depends on the values of an input: both sides are executed and recorded, and what they give is
// put together by the condition.

#include <algorithm>

#include "export/record/torch_types.h"
#include "export/torchscript/effects.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

bool raises(const jit::Block* block) {
  return std::any_of(block->nodes().begin(), block->nodes().end(),
                     [](const jit::Node* node) { return node->kind() == c10::prim::RaiseException; });
}

bool is_uninitialized(const jit::Value* value) { return value->node()->kind() == c10::prim::Uninitialized; }

// Operators that fail, or end the engine, at some values of these arguments (T-GATHER-RANGE).
const char* fragile_argument(const std::string& op) {
  static const std::map<std::string, const char*> kNames = {
      {"aten::index", "indices"},        {"aten::index_select", "index"}, {"aten::gather", "index"},
      {"aten::take", "index"},           {"aten::embedding", "indices"},  {"aten::scatter", "index"},
      {"aten::take_along_dim", "index"}, {"aten::index_put", "indices"},  {"aten::scatter_add", "index"}};
  auto found = kNames.find(op);
  return found == kNames.end() ? nullptr : found->second;
}

// T-DIV-ZERO
bool divides(const std::string& op) {
  static const std::set<std::string> kNames = {"aten::div",       "aten::floor_divide", "aten::floordiv",
                                               "aten::remainder", "aten::fmod",         "aten::__floordiv__"};
  return kNames.count(op) > 0;
}

bool is_integer(const c10::IValue& value) {
  return value.isInt() ||
         (value.isTensor() && value.toTensor().defined() && at::isIntegralType(value.toTensor().scalar_type(), true));
}

}  // namespace

// The side that the data does not ask for is computed all the same, so that nothing may fail there.
void Recorder::refuse_in_region(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
  auto depends = [&](const Slot& slot) { return is_live(slot.sample()) || notes_.any(slot); };
  std::string why;
  if (const char* name = fragile_argument(schema.name())) {
    auto place = schema.argumentIndexWithName(name);
    if (place && depends(inputs.at(static_cast<std::size_t>(*place)))) why = "has an index that depends on the inputs";
  }
  if (divides(schema.name()) && inputs.size() > 1 && is_integer(inputs[0].sample()) && is_integer(inputs[1].sample()) &&
      depends(inputs[1])) {
    why = "divides integers by what depends on the inputs";
  }
  if (why.empty()) return;
  throw Unsupported(
      schema.name() + " " + why + ", in " + region_->what + ": it is computed for every input, also where that fails",
      "compute it outside, with values that are right at all inputs, and choose with torch.where");
}

void Recorder::refuse_data_flow(const Node* node, const Slot& condition, const std::string& what,
                                const std::string& reason) {
  std::string text = what + " depends on the values of an input";
  if (!condition.note.text.empty()) text += " (" + condition.note.text + ")";
  if (!reason.empty()) text += ", and " + reason;
  refuse("T2N-R005", text, "say it with torch.where, or export the model once for each case",
         node->kind().toQualString());
}

// What a side gives. Whatever stops the recording in a side that the sample does not take is said of the branch.
std::vector<Slot> Recorder::run_side(const Node* node, Frame& frame, std::size_t side, bool is_taken) {
  const std::optional<DataRegion> outer = region_;
  region_ = {tape_.tape().values.size(), "the branch at " + place(), is_taken && (!outer || outer->is_taken)};
  const Block* block = node->blocks().at(side);
  run_block(block, frame);
  frame.at = node;
  region_ = outer;
  std::vector<Slot> results;
  for (const jit::Value* output : block->outputs()) results.push_back(get(output, frame));
  return results;
}

bool Recorder::run_data_if(const Node* node, Frame& frame, const Slot& condition) {
  if (condition.note.kind != Note::Kind::kData) return false;
  if (raises(node->blocks().at(0)) || raises(node->blocks().at(1))) return false;
  if (!condition.note.scalar) return false;  // refused with its place when it is decided
  for (const Block* block : node->blocks()) {
    const std::string effect = effect_on_objects(block);
    if (effect.empty()) continue;
    refuse_data_flow(node, condition, "the branch that is taken here", "one of its sides " + effect);
    throw RecordingStopped(effect);
  }
  const bool taken = condition.sample().toBool();
  const std::size_t first_value = tape_.tape().values.size();
  std::vector<Slot> sides[2];
  for (bool is_taken : {true, false}) {
    const std::size_t side = (taken == is_taken) ? 0 : 1;
    sides[side] = run_side(node, frame, side, is_taken);
  }
  std::set<const void*> memory;
  for (std::size_t i = 0; i < node->outputs().size(); ++i) {
    Slot result;
    if (is_uninitialized(node->blocks()[0]->outputs()[i])) {
      result = sides[1][i];
    } else if (is_uninitialized(node->blocks()[1]->outputs()[i])) {
      result = sides[0][i];
    } else {
      try {
        result = merged(condition, sides[0][i], sides[1][i], memory, first_value);
      } catch (const Unsupported& error) {
        refuse_data_flow(node, condition, "the branch that is taken here", error.what());
        throw RecordingStopped(error.what());
      }
    }
    set(node->output(i), std::move(result), frame);
  }
  return true;
}

}  // namespace torch2nnef
