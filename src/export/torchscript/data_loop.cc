// A loop that ends when the data says so: its rounds are executed up to a bound, and what it gives is that of the round
// after which it ends.

#include <algorithm>

#include "export/torchscript/effects.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

// Rounds that are tried without --max-iterations: a counter may end the loop.
constexpr std::int64_t kTried = 64;
// A loop over a range is unrolled up to that length when it may break off.
constexpr std::int64_t kLongestRange = 1024;

// A round before which the loop may end.
struct Exit {
  Slot goes_on;
  std::vector<Slot> carried;
};

// Not for what is no tensor.
bool same_facts(const Slot& before, const Slot& after) {
  const c10::IValue &a = before.sample(), &b = after.sample();
  if (!a.isTensor() || !b.isTensor() || !a.toTensor().defined() || !b.toTensor().defined()) return true;
  return a.toTensor().sizes() == b.toTensor().sizes() && a.toTensor().scalar_type() == b.toTensor().scalar_type();
}

}  // namespace

void Recorder::run_data_loop(const Node* node, Frame& frame, const Slot& trips, Slot condition,
                             std::vector<Slot> carried, std::int64_t round) {
  const Block* body = node->blocks().at(0);
  const bool is_counted = trips.note.kind != Note::Kind::kData;
  const std::int64_t count = is_counted ? trips.sample().toInt() : 0;
  const std::int64_t tried = is_counted && count <= kLongestRange ? count : kTried;
  const std::int64_t limit = options_.max_iterations > 0 ? options_.max_iterations : tried;
  const Slot first_condition = is_counted ? condition : trips;
  auto stop = [&](const std::string& reason) {
    refuse_data_flow(node, first_condition,
                     is_counted ? "whether this loop goes on" : "the number of rounds of this loop", reason);
    throw RecordingStopped(reason);
  };
  if (std::string effect = effect_on_objects(body); !effect.empty()) stop("it " + effect);
  const std::size_t first_value = tape_.tape().values.size();
  const std::optional<DataRegion> outer = region_;
  const std::string what = "the loop at " + place();
  std::vector<Exit> exits;
  std::vector<bool> runs(world_count(), true);  // worlds that would still go on
  auto may_end = [&](Slot goes_on) {
    if (!goes_on.note.scalar) stop("its condition cannot be said in tensors");
    for (std::size_t world = 0; world < world_count(); ++world) {
      runs[world] = runs[world] && goes_on.worlds[world].toBool();
    }
    exits.push_back({std::move(goes_on), carried});
  };
  bool is_cut = false;
  for (std::int64_t rounds = 0;; ++round, ++rounds) {
    if (is_counted && round >= count) break;
    if (!is_counted) may_end(more_rounds(trips, round));
    if (condition.note.kind == Note::Kind::kData) {
      may_end(condition);
    } else if (!decide(condition, node, "whether this loop goes on")) {
      break;
    }
    is_cut = rounds >= limit;
    if (is_cut) break;
    region_ = {tape_.tape().values.size(), what, runs.front() && (!outer || outer->is_taken)};
    set(body->inputs().at(0), {std::vector<c10::IValue>(world_count(), c10::IValue(round)), {}}, frame);
    for (std::size_t i = 0; i < carried.size(); ++i) set(body->inputs().at(i + 1), carried[i], frame);
    run_block(body, frame);
    frame.at = node;
    region_ = outer;
    condition = get(body->outputs().at(0), frame);
    for (std::size_t i = 0; i < carried.size(); ++i) {
      Slot next = get(body->outputs().at(i + 1), frame);
      if (!exits.empty() && !same_facts(carried[i], next)) {
        stop("a tensor that it hands on changes its shape or dtype from round to round");
      }
      carried[i] = std::move(next);
    }
  }
  if (is_cut && options_.max_iterations == 0) {
    stop("nothing bounds it: give the most rounds that it takes (--max-iterations N)");
  }
  if (is_cut && std::find(runs.begin(), runs.end(), true) != runs.end()) {
    stop("it takes more than " + std::to_string(limit) + " rounds on the sample inputs (--max-iterations)");
  }
  if (is_cut) {
    diagnostics_.warning("T2N-R014",
                         "this loop is exported with at most " + std::to_string(limit) +
                             " rounds: inputs that need more of them give other results",
                         here(), "give the most rounds that it takes (--max-iterations N)");
  }
  std::set<const void*> memory;
  try {
    for (auto exit = exits.rbegin(); exit != exits.rend(); ++exit) {
      for (std::size_t i = 0; i < carried.size(); ++i) {
        carried[i] = merged(exit->goes_on, carried[i], exit->carried[i], memory, first_value);
      }
    }
  } catch (const Unsupported& error) {
    stop(error.what());
  }
  for (std::size_t i = 0; i < carried.size(); ++i) set(node->output(i), std::move(carried[i]), frame);
}

// Whether a loop over a range whose length the data gives has a round of that number.
Slot Recorder::more_rounds(const Slot& trips, std::int64_t round) {
  if (!trips.note.scalar) throw Unsupported("the number of rounds of a loop cannot be said in tensors");
  Slot result;
  for (const c10::IValue& world : trips.worlds) result.worlds.emplace_back(world.toInt() > round);
  TapeValueInfo info;
  info.type = ScalarType::kBool;
  TapeValue value =
      tape_.call1("aten::gt", "Tensor",
                  {{"self", {trips.note.scalar}}, {"other", {number_value(c10::IValue(round), {})}}}, info, here());
  result.note = Note::data(value, trips.note.text);
  return result;
}

}  // namespace torch2nnef
