#include "export/torchscript/scan_loop.h"

#include <algorithm>
#include <set>

#include "export/record/failures.h"
#include "export/record/numbers/size_math.h"
#include "export/record/region.h"
#include "export/record/regions/filled_tensors.h"
#include "export/record/regions/regions.h"
#include "export/record/regions/rounds.h"
#include "export/record/round_writes.h"
#include "export/record/scan_call.h"
#include "export/record/torch_types.h"
#include "export/torchscript/appended_lists.h"
#include "export/torchscript/interpreter.h"
#include "export/torchscript/list_writes.h"
#include "export/torchscript/operation_count.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

constexpr std::int64_t kLongLoop = 64;  // rounds; fewer are written out, which engines run faster

// The values from outside that a block uses.
void collect_captured(const jit::Block* block, std::set<const jit::Value*>& inside,
                      std::vector<const jit::Value*>& captured) {
  auto use = [&](const jit::Value* value) {
    if (inside.insert(value).second) captured.push_back(value);
  };
  for (const jit::Value* input : block->inputs()) inside.insert(input);
  for (const jit::Node* node : block->nodes()) {
    for (const jit::Value* input : node->inputs()) use(input);
    for (const jit::Block* inner : node->blocks()) collect_captured(inner, inside, captured);
    for (const jit::Value* output : node->outputs()) inside.insert(output);
  }
  for (const jit::Value* output : block->outputs()) use(output);
}

// The loop as a function of all that it uses.
std::shared_ptr<jit::Graph> loop_alone(const jit::Node* node, const std::vector<const jit::Value*>& used) {
  auto graph = std::make_shared<jit::Graph>();
  std::unordered_map<const jit::Value*, jit::Value*> copies;
  for (const jit::Value* value : used) copies[value] = graph->addInput()->setType(value->type());
  jit::Node* copy = graph->createClone(const_cast<jit::Node*>(node),  // createClone only reads it
                                       [&](jit::Value* value) { return copies.at(value); });
  graph->insertNode(copy);
  for (jit::Value* output : copy->outputs()) graph->registerOutput(output);
  return graph;
}

bool is_true(const jit::Value* value) {
  auto constant = jit::toIValue(value);
  return constant && constant->isBool() && constant->toBool();
}

// The same number, or the same list or object, in every world.
bool is_unchanged(const Slot& before, const Slot& after) {
  if (before.note || after.note) return false;
  for (std::size_t world = 0; world < before.worlds.size(); ++world) {
    const c10::IValue &x = before.worlds[world], &y = after.worlds[world];
    bool same = x.is(y) || (x.isInt() && y.isInt() && x.toInt() == y.toInt()) ||
                (x.isDouble() && y.isDouble() && x.toDouble() == y.toDouble()) ||
                (x.isBool() && y.isBool() && x.toBool() == y.toBool());
    if (!same) return false;
  }
  return true;
}

// The symbol of the counter in all worlds, while it lives.
class CounterScope {
 public:
  explicit CounterScope(Tape& tape) : tape_(tape) {}
  ~CounterScope() {
    for (nnef::Bindings& sizes : tape_.worlds) sizes.erase(kRoundNumber);
  }
  CounterScope(const CounterScope&) = delete;
  CounterScope& operator=(const CounterScope&) = delete;
  // The rounds differ between the worlds.
  Slot counter(const Slot& trips) {
    Slot counter;
    for (std::size_t world = 0; world < tape_.worlds.size(); ++world) {
      std::int64_t place = static_cast<std::int64_t>(world + 1) % trips.worlds[world].toInt();
      counter.worlds.emplace_back(place);
      tape_.worlds[world][kRoundNumber] = place;
    }
    counter.note = Note::sizes({nnef::Dim::symbol(kRoundNumber), 1});
    return counter;
  }

 private:
  Tape& tape_;
};

// A tensor from outside that the rounds write to.
struct FilledRoot {
  Slot slot;
  std::vector<at::Tensor> saved;  // its items before the round, by world
  CellPtr root;
  FilledTensor tensor;  // without a base: the root is another one's
};

// The execution of one loop.
class ScanLoop {
 public:
  ScanLoop(Interpreter& interpreter, OperatorRecorder& operators, const jit::Node* node, Frame& frame,
           const Slot& trips, const Slots& carried)
      : interpreter_(interpreter),
        operators_(operators),
        context_(operators.context()),
        node_(node),
        body_(node->blocks().at(0)),
        frame_(frame),
        trips_(trips),
        carried_(carried),
        writes_(body_),
        lists_(operators, frame, writes_) {
    for (std::size_t i = 0; i < carried.size(); ++i) {
      if (carried[i].sample().isTensor() && changes(i)) states_.push_back(i);
    }
  }
  void run() {
    check();
    const std::int64_t before = interpreter_.count().done();
    write_call();
    count_rounds(interpreter_.count().done() - before);
    hand_on(execute());
  }

 private:
  bool changes(std::size_t i) const { return body_->outputs().at(i + 1) != body_->inputs().at(i + 1); }
  void check();
  Round record_round();
  void begin_fills();
  void end_fills(Round& round);
  void finish_fills(const ScanCall& scan, const Round& round);
  void begin(Round& round);
  void end(Round& round);
  void write_call();
  void count_rounds(std::int64_t operations);
  Slots execute();
  void hand_on(Slots results);
  std::set<const void*> keep_shared(const Slots& results);

  Interpreter& interpreter_;
  OperatorRecorder& operators_;
  RecordContext& context_;
  const jit::Node* node_;
  const jit::Block* body_;
  Frame& frame_;
  const Slot& trips_;
  const Slots& carried_;
  ListWrites writes_;
  AppendedLists lists_;
  std::vector<const jit::Value*> used_;  // by the loop, from outside
  std::vector<std::size_t> states_;      // places of carried values that are states
  std::vector<TapeValue> values_;        // the last states, then the lists' items along a new first axis
  std::vector<FilledRoot> fills_;        // tensors from outside that it writes to
  std::vector<std::size_t> written_;     // those that the round did write to
};

// The root is unknown while the round is recorded, and what is written in it is taken back: all rounds are executed in
// the end.
void ScanLoop::begin_fills() {
  for (const jit::Value* value : writes_.filled()) {
    Slot slot = frame_.get(value);
    if (!slot.sample().isTensor() || !slot.sample().toTensor().defined()) continue;
    const at::Tensor tensor = slot.sample().toTensor();
    const CellPtr cell = context_.cells.of(tensor);
    context_.cells.prepare_write(cell, tensor);
    FilledRoot fill;
    fill.root = context_.cells.root_of(cell);
    const bool is_known =
        std::any_of(fills_.begin(), fills_.end(), [&](const FilledRoot& one) { return one.root == fill.root; });
    for (const c10::IValue& world : slot.worlds) fill.saved.push_back(world.toTensor().clone());
    fill.slot = std::move(slot);
    if (!is_known) fill.tensor.base = context_.cells.read_root(*fill.root, context_.here());
    fills_.push_back(std::move(fill));
  }
}

void ScanLoop::end_fills(Round& round) {
  std::vector<FilledTensor> tensors;
  for (FilledRoot& fill : fills_) {
    for (std::size_t world = 0; world < fill.saved.size(); ++world) {
      fill.slot.worlds[world].toTensor().copy_(fill.saved[world]);
    }
    fill.saved.clear();
    fill.tensor.after = fill.root->value;
  }
  std::erase_if(fills_, [](const FilledRoot& fill) { return !fill.tensor.base; });
  for (const FilledRoot& fill : fills_) tensors.push_back(fill.tensor);
  written_ = find_writes(context_.tape.tape(), round, tensors);
  for (const FilledRoot& fill : fills_) context_.cells.renew_root(*fill.root, fill.tensor.base);
}

// The tensors after all rounds: the items side by side, in the place of those that were there.
void ScanLoop::finish_fills(const ScanCall& scan, const Round& round) {
  for (std::size_t i = 0; i < written_.size(); ++i) {
    const RoundWrite& write = round.writes[i];
    TapeValue items = values_.at(values_.size() - written_.size() + i);
    const FilledRoot& fill = fills_[written_[i]];
    context_.cells.renew_root(*fill.root, filled_tensor(context_, items, write, scan.targets[i], round.trips));
  }
}

// The rounds that are executed without being recorded.
void ScanLoop::count_rounds(std::int64_t operations) {
  std::int64_t rounds = 0;
  for (const c10::IValue& world : trips_.worlds) rounds = std::max(rounds, world.toInt());
  interpreter_.count().add_rounds(context_, rounds, std::max<std::int64_t>(operations, 1));
}

void ScanLoop::check() {
  if (context_.round_began_at) context_.no_scan("it is inside another one");
  if (trips_.note.kind != Note::Kind::kSizes || trips_.note.ratio.denominator != 1) {
    context_.no_scan("no expression of sizes for that number was found");
  }
  if (!is_true(node_->input(1)) || !is_true(body_->outputs().at(0))) context_.no_scan("it has a condition as well");
  for (const c10::IValue& world : trips_.worlds) {
    if (world.toInt() < 1) context_.no_scan("it has no round at some size");
  }
  const nnef::Dim& count = trips_.note.ratio.numerator;
  if (!count.is_constant() && count != nnef::Dim::symbol(*count.symbols().begin())) {  // sizes are at least 1
    context_.constrain(comparison_note({count, 1}, ">=", {nnef::Dim(1), 1}), true, "the number of rounds of this loop");
  }
  if (!writes_.reason().empty()) context_.no_scan(writes_.reason());
}

// The states of the round, as values that nothing on the Tape makes.
void ScanLoop::begin(Round& round) {
  for (std::size_t i = 0; i < carried_.size(); ++i) {
    Slot state = carried_[i];
    if (state.sample().isTensor() && changes(i)) {
      CellPtr before = context_.cells.of(state.sample().toTensor());
      for (c10::IValue& world : state.worlds) world = world.toTensor().clone();
      round.states.push_back(context_.tape.unknown(facts_of(*before)));
      CellPtr cell = context_.cells.add_root(state.sample().toTensor(), before->shape, true, round.states.back());
      cell->made_at = 0;
    }
    frame_.set(body_->inputs().at(i + 1), std::move(state));
  }
}

// The Tape's values that the round ends with.
void ScanLoop::end(Round& round) {
  for (std::size_t i = 0; i < carried_.size(); ++i) {
    if (!changes(i)) continue;
    const Slot after = frame_.get(body_->outputs().at(i + 1));
    if (!after.sample().isTensor()) {
      if (!is_unchanged(carried_[i], after)) context_.no_scan("a number or list changes from round to round");
      continue;
    }
    CellPtr was = context_.cells.of(carried_[i].sample().toTensor()), is = context_.cells.of(after.sample().toTensor());
    if (was->shape != is->shape || was->type != is->type) {
      context_.no_scan("a tensor begins as " + std::string(to_string(was->type)) + nnef::to_string(was->shape) +
                       " and is " + std::string(to_string(is->type)) + nnef::to_string(is->shape) + " after a round");
    }
    round.next.push_back(context_.read(after.sample().toTensor()));
  }
  lists_.take(round);
}

// One round with the states and the counter as unknowns.
Round ScanLoop::record_round() {
  Round round;
  round.counter = kRoundNumber;
  round.trips = trips_.note.ratio.numerator;
  begin_fills();
  round.first_call = context_.tape.tape().calls.size();
  round.first_value = context_.tape.tape().values.size();
  {
    CounterScope scope(context_.tape.tape());
    frame_.set(body_->inputs().at(0), scope.counter(trips_));
    begin(round);
    lists_.begin_round(round);
    {
      RoundScope inside(context_);
      for (FilledRoot& fill : fills_) {
        if (fill.tensor.base) fill.tensor.before = context_.cells.make_unknown(*fill.root);
      }
      interpreter_.run_inner(node_, body_, frame_);
    }
    end(round);
    lists_.end_round();
    end_fills(round);
  }
  context_.cells.forget_since(round.first_value);
  return round;
}

void ScanLoop::write_call() {
  ScanCall scan;
  Round round;
  std::vector<TapeValueInfo> results;
  try {
    round = record_round();
    results = scan_results(context_, round);
    scan = cut_scan(context_.tape.tape(), round);
  } catch (const Unsupported& error) {
    context_.no_scan(error.what());
  }
  TapeList initial;
  for (std::size_t i : states_) initial.push_back({context_.read(carried_[i].sample().toTensor())});
  for (const TapeArgument& last : lists_.last_items()) initial.push_back(last);
  values_ = write_scan(context_, scan, std::move(initial), std::move(results));
  finish_fills(scan, round);
}

// Executes the loop as it is in every world; the values that it hands on, [output]. Lists are filled.
Slots ScanLoop::execute() {
  std::set<const jit::Value*> inside;
  for (const jit::Value* input : node_->inputs()) {
    if (inside.insert(input).second) used_.push_back(input);
  }
  collect_captured(body_, inside, used_);
  const jit::Code code(loop_alone(node_, used_), "loop");
  Slots results(node_->outputs().size());
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    jit::Stack stack;
    for (const jit::Value* value : used_) stack.push_back(frame_.get(value).worlds[world]);
    try {
      run_as_written(code, stack);
    } catch (const std::exception& error) {
      throw WorldFailed("the loop fails: " + message_of(error), context_.here(), "T2N-R002");
    }
    for (std::size_t i = 0; i < results.size(); ++i) results[i].worlds.push_back(stack.at(i));
  }
  return results;
}

// The last states and the lists get copies of what the rounds gave. The memory that these share with one another, or
// with tensors from outside, is not to be written to any more.
std::set<const void*> ScanLoop::keep_shared(const Slots& results) {
  std::vector<at::Tensor> given = lists_.added();
  for (std::size_t i : states_) given.push_back(results[i].sample().toTensor());
  std::set<const void*> seen, shared;
  for (const at::Tensor& tensor : given) {
    if (!seen.insert(storage_of(tensor)).second) shared.insert(storage_of(tensor));
  }
  for (const jit::Value* value : used_) {
    const Slot slot = frame_.get(value);
    std::vector<at::Tensor> tensors = operators_.sized_lists().tensors_of(slot);
    if (slot.sample().isTensor()) tensors.push_back(slot.sample().toTensor());
    for (const at::Tensor& tensor : tensors) {
      if (seen.count(storage_of(tensor)) == 0) continue;
      shared.insert(storage_of(tensor));
      operators_.sized_lists().keep(tensor);
    }
  }
  return shared;
}

void ScanLoop::hand_on(Slots results) {
  const std::set<const void*> shared = keep_shared(results);
  for (std::size_t i = 0; i < carried_.size(); ++i) {
    auto state = std::find(states_.begin(), states_.end(), i);
    if (state == states_.end()) {
      frame_.set(node_->output(i), carried_[i]);
      continue;
    }
    const TapeValue value = values_[static_cast<std::size_t>(state - states_.begin())];
    const nnef::Shape shape = context_.tape.info(value).shape;
    const bool is_shared = shared.count(storage_of(results[i].sample().toTensor())) > 0;
    for (c10::IValue& world : results[i].worlds) world = world.toTensor().clone();
    for (std::size_t world = 0; world < context_.world_count(); ++world) {
      if (results[i].worlds[world].toTensor().sizes().vec() != nnef::evaluate(shape, context_.worlds()[world])) {
        context_.no_scan("a tensor has another shape after all rounds than after one");
      }
    }
    context_.cells.add_root(results[i].sample().toTensor(), shape, true, value);
    if (is_shared) operators_.sized_lists().keep(results[i].sample().toTensor());
    frame_.set(node_->output(i), std::move(results[i]));
  }
  lists_.fill(values_, states_.size());
}

}  // namespace

void run_scan_loop(Interpreter& interpreter, OperatorRecorder& operators, const jit::Node* node, Frame& frame,
                   const Slot& trips, const Slots& carried) {
  ScanLoop(interpreter, operators, node, frame, trips, carried).run();
}

bool run_long_loop(Interpreter& interpreter, OperatorRecorder& operators, const jit::Node* node, Frame& frame,
                   const Slots& carried, std::int64_t count) {
  RecordContext& context = operators.context();
  if (count < kLongLoop || context.round_began_at || context.region) return false;
  const ListWrites writes(node->blocks().at(0));
  // A write that was executed for the one round that is recorded could not be taken back.
  if (writes.writes_tensors() || !writes.reason().empty() || !writes.are_only_joined()) return false;
  std::vector<TapeCall>& calls = context.tape.tape().calls;
  const std::size_t first_call = calls.size(), first_value = context.tape.tape().values.size();
  Slot trips{std::vector<c10::IValue>(context.world_count(), c10::IValue(count)), Note::sizes({nnef::Dim(count), 1})};
  try {
    run_scan_loop(interpreter, operators, node, frame, trips, carried);
    return true;
  } catch (const WorldFailed& error) {
    if (error.code() != "T2N-R006") throw;
  }
  frame.at = node;
  calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(first_call), calls.end());
  context.cells.forget_since(first_value);
  return false;
}

}  // namespace torch2nnef
