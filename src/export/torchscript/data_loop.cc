// Loops that end when the data says so: the rounds are executed up to a bound, and the result is that of the round
// after which the loop ends.

#include "export/record/failures.h"
#include "export/record/regions/loop_exits.h"
#include "export/record/regions/regions.h"
#include "export/torchscript/control_flow.h"
#include "export/torchscript/data_flow.h"
#include "export/torchscript/effects.h"
#include "export/torchscript/interpreter.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

// Rounds that are tried without --max-iterations: a counter may end the loop.
constexpr std::int64_t kTried = 64;
// A loop over a range is unrolled up to that length when it may break off.
constexpr std::int64_t kLongestRange = 1024;

// Whether a loop over a range whose length the data gives has a round of that number.
Slot more_rounds(OperatorRecorder& operators, const Slot& trips, std::int64_t round) {
  if (!trips.note.scalar) throw Unsupported("the number of rounds of a loop cannot be computed by tensor operators");
  Slot result;
  for (const c10::IValue& world : trips.worlds) result.worlds.emplace_back(world.toInt() > round);
  TapeValueInfo info;
  info.type = ScalarType::kBool;
  const TapeValue number = operators.numbers().value(c10::IValue(round), {});
  RecordContext& context = operators.context();
  TapeValue value = context.tape.call1("aten::gt", "Tensor", {{"self", {trips.note.scalar}}, {"other", {number}}}, info,
                                       context.here());
  result.note = Note::data(value, trips.note.text);
  return result;
}

// The execution of one loop.
class DataLoop {
 public:
  DataLoop(Interpreter& interpreter, OperatorRecorder& operators, const jit::Node* node, Frame& frame, Slots carried)
      : interpreter_(interpreter),
        context_(operators.context()),
        node_(node),
        body_(node->blocks().at(0)),
        frame_(frame),
        carried_(std::move(carried)),
        what_("the loop at " + context_.place()),
        exits_(context_, operators.numbers()) {}

  // The loop may end before the next round: it goes on if `goes_on` holds, whose note has a scalar.
  void may_end(Slot goes_on) { exits_.may_end(std::move(goes_on), carried_); }
  // The condition after it; nullopt when a tensor that is handed on changes its facts.
  std::optional<Slot> run_round(std::int64_t round) {
    begin_round(context_, body_, frame_, round, carried_);
    {
      DataRegionScope region(context_, what_, exits_.sample_runs());
      interpreter_.run_inner(node_, body_, frame_);
    }
    for (std::size_t i = 0; i < carried_.size(); ++i) {
      Slot next = frame_.get(body_->outputs().at(i + 1));
      if (!exits_.empty() && !has_same_facts(carried_[i], next)) return std::nullopt;
      carried_[i] = std::move(next);
    }
    return frame_.get(body_->outputs().at(0));
  }
  // Whether a world would still go on.
  bool any_runs() const { return exits_.any_runs(); }
  // Puts together what the exits hand on. Throws Unsupported when two of them cannot be one value.
  Slots results() { return exits_.results(std::move(carried_)); }

 private:
  Interpreter& interpreter_;
  RecordContext& context_;
  const jit::Node* node_;
  const jit::Block* body_;
  Frame& frame_;
  Slots carried_;
  std::string what_;
  LoopExits exits_;
};

}  // namespace

void DataFlow::run_loop(const jit::Node* node, Frame& frame, const Slot& trips, const Slot& first_condition,
                        Slots carried, std::int64_t round) {
  const bool is_counted = trips.note.kind != Note::Kind::kData;
  const std::int64_t count = is_counted ? trips.sample().toInt() : 0;
  const std::int64_t tried = is_counted && count <= kLongestRange ? count : kTried;
  const std::int64_t limit = max_iterations_ > 0 ? max_iterations_ : tried;
  auto stop = [&](const std::string& reason) {
    refuse(node, is_counted ? first_condition : trips,
           is_counted ? "whether this loop goes on" : "the number of rounds of this loop", reason);
    throw RecordingStopped(reason);
  };
  if (std::string effect = effect_on_objects(node->blocks().at(0)); !effect.empty()) stop("it " + effect);
  DataLoop loop(interpreter_, operators_, node, frame, std::move(carried));
  Slot condition = first_condition;
  bool is_cut = false;
  for (std::int64_t rounds = 0;; ++round, ++rounds) {
    if (is_counted && round >= count) break;
    if (!is_counted) loop.may_end(more_rounds(operators_, trips, round));
    if (condition.note.kind == Note::Kind::kData) {
      if (!condition.note.scalar) stop("its condition cannot be computed by tensor operators");
      loop.may_end(condition);
    } else if (!control_.decide(condition, node, "whether this loop goes on")) {
      break;
    }
    is_cut = rounds >= limit;
    if (is_cut) break;
    std::optional<Slot> next = loop.run_round(round);
    if (!next) stop("a tensor that it hands on changes its shape or dtype from round to round");
    condition = std::move(*next);
  }
  if (is_cut && max_iterations_ == 0) {
    stop("nothing bounds it: give the most rounds that it takes (--max-iterations N)");
  }
  if (is_cut && loop.any_runs()) {
    stop("it takes more than " + std::to_string(limit) + " rounds on the sample inputs (--max-iterations)");
  }
  if (is_cut) warn_of_limit(limit);
  try {
    frame.set_results(node, loop.results());
  } catch (const Unsupported& error) {
    stop(error.what());
  }
}

void DataFlow::warn_of_limit(std::int64_t limit) {
  context_.diagnostics.warning("T2N-R014",
                               "this loop is exported with at most " + std::to_string(limit) +
                                   " rounds: inputs that need more of them give other results",
                               context_.here(), "give the most rounds that it takes (--max-iterations N)");
}

}  // namespace torch2nnef
