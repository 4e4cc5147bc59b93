// scan and map: a graph that is run once per item of its sequences.

#include <algorithm>
#include <optional>

#include "export/diagnostics.h"
#include "export/exported_program/executor.h"
#include "export/exported_program/higher_order.h"
#include "export/record/failures.h"
#include "export/record/regions/regions.h"
#include "export/record/regions/rounds.h"
#include "export/record/scan_call.h"

namespace torch2nnef {
namespace {

constexpr std::int64_t kLongest = 64;  // rounds that are written out, which engines run faster

at::Tensor tensor_of(const Slot& slot, std::size_t world) { return slot.worlds[world].toTensor(); }

// The execution of one scan.
class Scan {
 public:
  Scan(ProgramExecutor& executor, const ProgramGraph& graph, const Slots& initial, const Slots& sequences,
       const Slots& additional)
      : executor_(executor),
        context_(executor.recorder().context()),
        graph_(graph),
        initial_(initial),
        sequences_(sequences),
        additional_(additional) {
    if (sequences.empty()) throw Unsupported("a scan without sequences");
    for (const Slot& sequence : sequences) {
      if (!sequence.sample().isTensor() || sequence.sample().toTensor().dim() < 1) {
        throw Unsupported("a sequence of a scan is not a tensor of items");
      }
    }
    for (std::size_t world = 0; world < context_.world_count(); ++world) {
      trips_.push_back(tensor_of(sequences[0], world).size(0));
    }
  }

  Slots run() {
    const bool is_short =
        std::all_of(trips_.begin(), trips_.end(), [&](std::int64_t trips) { return trips == trips_[0]; }) &&
        trips_[0] <= kLongest && shape_of(sequences_[0]).at(0).is_constant();
    return is_short ? unrolled() : recorded();
  }

 private:
  nnef::Shape shape_of(const Slot& slot) const { return context_.cells.of(slot.sample().toTensor())->shape; }

  // The items at a place of all sequences.
  Slots items_at(const Slot& place) {
    Slots items;
    for (const Slot& sequence : sequences_) {
      items.push_back(executor_.calls().call1(
          "aten::select", "int", {{"self", sequence}, {"dim", executor_.calls().constant(0)}, {"index", place}}));
    }
    return items;
  }

  Slots run_round(const Slots& states, const Slot& place) {
    Slots values = states;
    for (Slots more : {items_at(place), additional_}) values.insert(values.end(), more.begin(), more.end());
    Slots results = executor_.run(graph_, std::move(values));
    if (results.size() < states.size()) throw Unsupported("a round of a scan hands on fewer states than it takes");
    return results;
  }

  Slots unrolled();
  Slots recorded();
  Round record_round();
  Slots execute();
  std::vector<TapeValue> write_call();

  ProgramExecutor& executor_;
  RecordContext& context_;
  const ProgramGraph& graph_;
  const Slots &initial_, &sequences_, &additional_;
  std::vector<std::int64_t> trips_;  // in each world
};

Slots Scan::unrolled() {
  Slots states = initial_;
  std::vector<Slots> outputs;  // [result][round]
  for (std::int64_t round = 0; round < trips_[0]; ++round) {
    Slots results = run_round(states, executor_.calls().constant(round));
    outputs.resize(results.size() - states.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i].push_back(results[states.size() + i]);
    results.resize(states.size());
    states = std::move(results);
  }
  if (trips_[0] == 0) throw Unsupported("a scan over sequences without items");
  for (const Slots& rounds : outputs) {
    Slot list;
    for (std::size_t world = 0; world < context_.world_count(); ++world) {
      c10::List<at::Tensor> items;
      for (const Slot& round : rounds) items.push_back(tensor_of(round, world));
      list.worlds.emplace_back(std::move(items));
    }
    states.push_back(
        executor_.calls().call1("aten::stack", "", {{"tensors", list}, {"dim", executor_.calls().constant(0)}}));
  }
  return states;
}

// The symbol of the counter in all worlds, while it lives.
class RoundCounter {
 public:
  RoundCounter(Tape& tape, const std::vector<std::int64_t>& trips) : tape_(tape) {
    for (std::size_t world = 0; world < trips.size(); ++world) {
      const std::int64_t place = static_cast<std::int64_t>(world + 1) % trips[world];
      slot.worlds.emplace_back(place);
      tape_.worlds[world][kRoundNumber] = place;
    }
    slot.note = Note::sizes({nnef::Dim::symbol(kRoundNumber), 1});
  }
  ~RoundCounter() {
    for (nnef::Bindings& sizes : tape_.worlds) sizes.erase(kRoundNumber);
  }
  RoundCounter(const RoundCounter&) = delete;
  RoundCounter& operator=(const RoundCounter&) = delete;

  Slot slot;

 private:
  Tape& tape_;
};

// One round with the states and the counter as unknowns.
Round Scan::record_round() {
  Tape& tape = context_.tape.tape();
  Round round;
  round.counter = kRoundNumber;
  round.trips = shape_of(sequences_[0]).at(0);
  round.first_call = tape.calls.size();
  round.first_value = tape.values.size();
  {
    const RoundCounter counter(tape, trips_);
    Slots states = initial_;
    for (Slot& state : states) {
      if (!state.sample().isTensor()) context_.no_scan("a state is not a tensor");
      const CellPtr before = context_.cells.of(state.sample().toTensor());
      for (c10::IValue& world : state.worlds) world = world.toTensor().clone();
      round.states.push_back(context_.tape.unknown(facts_of(*before)));
      const CellPtr cell = context_.cells.add_root(state.sample().toTensor(), before->shape, true, round.states.back());
      cell->made_at = 0;
    }
    Slots results;
    {
      const RoundScope inside(context_);
      results = run_round(states, counter.slot);
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!results[i].sample().isTensor()) context_.no_scan("a result of a round is not a tensor");
      const TapeValue value = context_.read(results[i].sample().toTensor());
      (i < states.size() ? round.next : round.items).push_back(value);
      if (i >= states.size()) continue;
      const CellPtr was = context_.cells.of(states[i].sample().toTensor());
      const CellPtr is = context_.cells.of(results[i].sample().toTensor());
      if (was->shape != is->shape || was->type != is->type) context_.no_scan("a state changes its shape or dtype");
    }
  }
  context_.cells.forget_since(round.first_value);
  return round;
}

// The last states, then the results of the rounds along a new first axis.
std::vector<TapeValue> Scan::write_call() {
  ScanCall scan;
  std::vector<TapeValueInfo> results;
  try {
    Round round = record_round();
    results = scan_results(context_, round);
    scan = cut_scan(context_.tape.tape(), round);
  } catch (const Unsupported& error) {
    context_.no_scan(error.what());
  }
  TapeList initial;
  for (const Slot& state : initial_) initial.push_back({context_.read(state.sample().toTensor())});
  return write_scan(context_, scan, std::move(initial), std::move(results));
}

// All rounds for their values: on a Tape of its own without inputs, so that nothing is recorded.
Slots Scan::execute() {
  Slots all;
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    Tape tape;
    tape.worlds = {context_.worlds()[world]};
    Diagnostics unused;
    NodePlace place;
    OperatorRecorder recorder(
        tape, unused, [&]() -> const Location& { return place.here(); }, context_.first_is_sample&& world == 0, false);
    ProgramExecutor alone(recorder, place, executor_.max_iterations(), nullptr);
    const auto in_world = [&](const Slots& slots) {
      Slots result;
      for (const Slot& slot : slots) {
        const c10::IValue& value = slot.worlds[world];
        result.push_back({{value.isTensor() ? c10::IValue(value.toTensor().clone()) : value}, {}});
      }
      return result;
    };
    const Slots initial = in_world(initial_), sequences = in_world(sequences_), additional = in_world(additional_);
    Scan scan(alone, graph_, initial, sequences, additional);
    const Slots results = scan.unrolled();
    all.resize(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) all[i].worlds.push_back(results[i].worlds[0].toTensor().clone());
  }
  return all;
}

Slots Scan::recorded() {
  if (context_.round_began_at) context_.no_scan("it is inside another one");
  if (std::find(trips_.begin(), trips_.end(), 0) != trips_.end()) context_.no_scan("it has no round at some size");
  const std::vector<TapeValue> values = write_call();
  Slots results = execute();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const nnef::Shape shape = context_.tape.info(values.at(i)).shape;
    for (std::size_t world = 0; world < context_.world_count(); ++world) {
      if (tensor_of(results[i], world).sizes().vec() != nnef::evaluate(shape, context_.worlds()[world])) {
        context_.no_scan("a tensor has another shape after all rounds than after one");
      }
    }
    context_.cells.add_root(results[i].sample().toTensor(), shape, true, values[i]);
  }
  return results;
}

}  // namespace

Slots run_scan(ProgramExecutor& executor, const ProgramGraph& graph, const Slots& initial, const Slots& sequences,
               const Slots& additional) {
  return Scan(executor, graph, initial, sequences, additional).run();
}

}  // namespace torch2nnef
