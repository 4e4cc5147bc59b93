#include "export/torchscript/control_flow.h"

#include <algorithm>
#include <utility>

#include "export/record/numbers/size_math.h"
#include "export/record/regions/decisions.h"
#include "export/record/regions/rounds.h"
#include "export/torchscript/interpreter.h"
#include "export/torchscript/scan_loop.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// Whether the side of a branch that is not taken does nothing but raise.
bool other_side_raises(const jit::Node* node, bool taken) {
  if (node->kind() != c10::prim::If) return false;
  const auto nodes = node->blocks().at(taken ? 1 : 0)->nodes();
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const jit::Node* inner) { return inner->kind() == c10::prim::RaiseException; });
}

}  // namespace

bool ControlFlow::decide(const Slot& condition, const jit::Node* node, const char* what) {
  const bool other_raises = other_side_raises(node, condition.sample().toBool());
  const bool taken = decide_by_sizes(context_, condition, !other_raises, what);
  if (condition.note.kind == Note::Kind::kData) {
    if (other_raises) {
      context_.diagnostics.warning(
          "T2N-R011", "a check of the inputs' values is not part of the export: its other side only raises",
          context_.here());
    } else {
      data_flow_.refuse(node, condition, what, "");
    }
  }
  return taken;
}

void ControlFlow::run_if(const jit::Node* node, Frame& frame) {
  Slot condition = frame.get(node->input(0));
  const bool moves_evenly = even_steps(condition.note.ratio.numerator, kRoundNumber).has_value();
  if (context_.round_began_at && depends_on_round(condition.note) && moves_evenly) {
    auto computed = operators_.numbers().computed_condition(condition.note);
    if (computed) condition.note = std::move(*computed);
  }
  if (data_flow_.run_if(node, frame, condition)) return;
  bool taken = decide(condition, node, "the branch that is taken here");
  const jit::Block* block = node->blocks().at(taken ? 0 : 1);
  interpreter_.run_inner(node, block, frame);
  Slots results;
  for (const jit::Value* output : block->outputs()) results.push_back(frame.get(output));
  frame.set_results(node, std::move(results));
}

void ControlFlow::check_count(const Slot& trips, std::int64_t count) {
  if (trips.note.kind == Note::Kind::kSizes) {
    context_.constrain(comparison_note(trips.note.ratio, "==", {nnef::Dim(count), 1}), true,
                       "the number of rounds of this loop");
  }
  if (trips.note.kind == Note::Kind::kUnexplained) {
    context_.refuse("T2N-R006", "the number of rounds of this loop depends on a dynamic size", "make that axis static");
  }
}

void ControlFlow::run_loop(const jit::Node* node, Frame& frame) {
  const std::optional<Location> outer = std::exchange(interpreter_.count().loop(), context_.here());
  run_rounds(node, frame);
  interpreter_.count().loop() = outer;
}

void ControlFlow::run_rounds(const jit::Node* node, Frame& frame) {
  const jit::Block* body = node->blocks().at(0);
  const Slot trips = frame.get(node->input(0));
  Slot condition = frame.get(node->input(1));
  Slots carried = frame.inputs_of(node, 2);
  if (trips.note.kind == Note::Kind::kData) return data_flow_.run_loop(node, frame, trips, condition, carried, 0);
  const std::int64_t count = trips.sample().toInt();
  for (const c10::IValue& world : trips.worlds) {
    if (world.toInt() != count) return run_scan_loop(interpreter_, operators_, node, frame, trips, carried);
  }
  check_count(trips, count);
  if (run_long_loop(interpreter_, operators_, node, frame, carried, count)) return;
  for (std::int64_t round = 0; round < count; ++round) {
    if (condition.note.kind == Note::Kind::kData) {
      return data_flow_.run_loop(node, frame, trips, condition, carried, round);
    }
    if (!decide(condition, node, "whether this loop goes on")) break;
    interpreter_.count().add(context_, 1);
    begin_round(context_, body, frame, round, carried);
    interpreter_.run_inner(node, body, frame);
    condition = frame.get(body->outputs().at(0));
    for (std::size_t i = 0; i < carried.size(); ++i) carried[i] = frame.get(body->outputs().at(i + 1));
  }
  frame.set_results(node, std::move(carried));
}

void begin_round(RecordContext& context, const jit::Block* body, Frame& frame, std::int64_t round,
                 const Slots& carried) {
  frame.set(body->inputs().at(0), {std::vector<c10::IValue>(context.world_count(), c10::IValue(round)), {}});
  for (std::size_t i = 0; i < carried.size(); ++i) frame.set(body->inputs().at(i + 1), carried[i]);
}

}  // namespace torch2nnef
