// A loop that walks an axis, a dynamic or a long one: one round is recorded and becomes the body of a t2n::scan, all
// rounds are executed for their values.

#include <torch/csrc/jit/runtime/interpreter.h>

#include <algorithm>

#include "export/record/numbers/size_math.h"
#include "export/record/region.h"
#include "export/record/torch_types.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

constexpr const char* kCounter = "#round";  // no name that a user could give to a symbol
constexpr std::int64_t kLongLoop = 64;      // rounds; fewer are written out, which engines run faster

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

// Finds what a round does to lists and dicts: appending tensors to lists from outside, or things that no region can do.
class ListWrites {
 public:
  explicit ListWrites(const jit::Block* body) : body_(body) { visit(body); }
  const std::string& reason() const { return reason_; }  // "" when a region can do it
  const std::vector<const jit::Value*>& appended() const { return appended_; }
  bool writes_tensors() const { return writes_tensors_; }

 private:
  void visit(const jit::Block* block) {
    for (const jit::Node* node : block->nodes()) {
      for (const jit::Block* inner : node->blocks()) visit(inner);
      visit_called(node);
      const c10::FunctionSchema* schema = node->maybeSchema();
      for (std::size_t i = 0; schema && i < schema->arguments().size(); ++i) {
        const auto* alias = schema->arguments()[i].alias_info();
        const jit::Value* target = node->input(i);
        bool is_tensor = target->type()->isSubtypeOf(*c10::TensorType::get());
        if (!alias || !alias->isWrite()) continue;
        if (is_tensor) {
          writes_tensors_ = true;
        } else {
          write(node, target);
        }
      }
    }
  }

  void visit_called(const jit::Node* node) {
    const jit::Function* function = nullptr;
    if (node->kind() == c10::prim::CallFunction) {
      function = node->input(0)->type()->expect<c10::FunctionType>()->function();
    } else if (node->kind() == c10::prim::CallMethod) {
      if (auto type = node->input(0)->type()->cast<c10::ClassType>()) {
        function = type->findMethod(node->s(c10::attr::name));
      }
    } else {
      return;
    }
    if (!function || !function->isGraphFunction()) {
      reason_ = "it calls what is not known before it is executed";
      return;
    }
    auto graph = jit::toGraphFunction(*function).graph();
    if (visited_.insert(graph.get()).second) visit(graph->block());
  }

  bool is_within(const jit::Node* node) const {
    for (const jit::Block* block = node->owningBlock(); block;) {
      if (block == body_) return true;
      const jit::Node* owner = block->owningNode();
      block = owner ? owner->owningBlock() : nullptr;
    }
    return false;
  }

  void write(const jit::Node* node, const jit::Value* target) {
    bool is_made_here =
        target->node()->kind() == c10::prim::ListConstruct || target->node()->kind() == c10::prim::DictConstruct;
    bool is_own_graph = node->owningGraph() == body_->owningGraph();
    if (is_made_here && (!is_own_graph || is_within(target->node()))) return;
    bool appends = node->kind() == c10::aten::append && node->owningBlock() == body_ &&
                   target->type()->isSubtypeOf(*c10::ListType::ofTensors());
    if (!appends) {
      reason_ = "it changes a list or dict from outside";
    } else if (std::find(appended_.begin(), appended_.end(), target) != appended_.end()) {
      reason_ = "it appends to a list more than once a round";
    } else {
      appended_.push_back(target);
    }
  }

  const jit::Block* body_;
  std::set<const jit::Graph*> visited_;
  std::vector<const jit::Value*> appended_;
  bool writes_tensors_ = false;
  std::string reason_;
};

// Made here, and of no use but to be filled and joined: its items are never looked at.
bool is_only_joined(const jit::Value* list) {
  if (list->node()->kind() != c10::prim::ListConstruct) return false;
  return std::all_of(list->uses().begin(), list->uses().end(), [](const jit::Use& use) {
    const c10::Symbol kind = use.user->kind();
    return kind == c10::aten::append || kind == c10::aten::stack || kind == c10::aten::cat;
  });
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

}  // namespace

void Recorder::no_scan(const std::string& reason) {
  throw WorldFailed(
      "the number of rounds of this loop depends on a dynamic size, and the loop is no tract_core_scan: " + reason,
      here(), "T2N-R006");
}

// One round with the states and the counter as unknowns; the Tape's values of what it ends with.
Round Recorder::record_round(const Node* node, Frame& frame, const Slot& trips, const std::vector<Slot>& carried,
                             const std::vector<const torch::jit::Value*>& lists) {
  const Block* body = node->blocks().at(0);
  Round round;
  round.counter = kCounter;
  round.trips = trips.note.ratio.numerator;
  round.first_call = tape_.tape().calls.size();
  round.first_value = tape_.tape().values.size();
  Slot counter;
  for (std::size_t world = 0; world < world_count(); ++world) {
    std::int64_t place = static_cast<std::int64_t>(world + 1) % trips.worlds[world].toInt();
    counter.worlds.emplace_back(place);
    tape_.tape().worlds[world][kCounter] = place;
  }
  counter.note = Note::sizes({nnef::Dim::symbol(kCounter), 1});
  set(body->inputs().at(0), std::move(counter), frame);
  for (std::size_t i = 0; i < carried.size(); ++i) {
    Slot state = carried[i];
    bool changes = body->outputs().at(i + 1) != body->inputs().at(i + 1);
    if (state.sample().isTensor() && changes) {
      CellPtr before = cells_.of(state.sample().toTensor());
      for (c10::IValue& world : state.worlds) world = world.toTensor().clone();
      round.states.push_back(tape_.unknown(facts_of(*before)));
      CellPtr cell = cells_.add_root(state.sample().toTensor(), before->shape, true, round.states.back());
      cell->made_at = 0;
    }
    set(body->inputs().at(i + 1), std::move(state), frame);
  }
  round_first_value_ = tape_.tape().values.size();
  run_block(body, frame);
  round_first_value_ = 0;
  frame.at = node;
  for (std::size_t i = 0; i < carried.size(); ++i) {
    Slot after = get(body->outputs().at(i + 1), frame);
    if (body->outputs().at(i + 1) == body->inputs().at(i + 1)) continue;
    if (!after.sample().isTensor()) {
      if (!is_unchanged(carried[i], after)) no_scan("a number or list changes from round to round");
      continue;
    }
    CellPtr was = cells_.of(carried[i].sample().toTensor()), is = cells_.of(after.sample().toTensor());
    if (was->shape != is->shape || was->type != is->type) {
      no_scan("a tensor begins as " + std::string(to_string(was->type)) + nnef::to_string(was->shape) + " and is " +
              std::string(to_string(is->type)) + nnef::to_string(is->shape) + " after a round");
    }
    round.next.push_back(read(after.sample().toTensor()));
  }
  for (const jit::Value* list : lists) {
    const Slot slot = get(list, frame);
    for (std::size_t world = 0; world < world_count(); ++world) {
      c10::List<at::Tensor> items = slot.worlds[world].toTensorList();
      if (items.size() != 1) no_scan("a list that it appends to is not empty before it");
      if (world == 0) round.items.push_back(read(items.get(0)));
      items.clear();
    }
  }
  for (nnef::Bindings& sizes : tape_.tape().worlds) sizes.erase(kCounter);
  cells_.forget_since(round.first_value);
  return round;
}

// Executes the loop as it stands in every world; the values that it hands on, [output]. Lists are filled.
std::vector<Slot> Recorder::execute_loop(const Node* node, Frame& frame) {
  std::set<const jit::Value*> inside;
  std::vector<const jit::Value*> used;
  for (const jit::Value* input : node->inputs()) {
    if (inside.insert(input).second) used.push_back(input);
  }
  collect_captured(node->blocks().at(0), inside, used);
  jit::Code code(loop_alone(node, used), "loop");
  std::vector<Slot> results(node->outputs().size());
  for (std::size_t world = 0; world < world_count(); ++world) {
    jit::Stack stack;
    for (const jit::Value* value : used) stack.push_back(get(value, frame).worlds[world]);
    try {
      jit::InterpreterState(code).run(stack);
    } catch (const std::exception& error) {
      throw WorldFailed("the loop fails: " + message_of(error), here(), "T2N-R002");
    }
    for (std::size_t i = 0; i < results.size(); ++i) results[i].worlds.push_back(stack.at(i));
  }
  return results;
}

void Recorder::run_scan_loop(const Node* node, Frame& frame, const Slot& trips, const std::vector<Slot>& carried) {
  const Block* body = node->blocks().at(0);
  if (round_first_value_ != 0) no_scan("it is inside another one");
  if (trips.note.kind != Note::Kind::kSizes || trips.note.ratio.denominator != 1) {
    no_scan("no expression of sizes gives that number");
  }
  if (!is_true(node->input(1)) || !is_true(body->outputs().at(0))) no_scan("it has a condition as well");
  for (const c10::IValue& world : trips.worlds) {
    if (world.toInt() < 1) no_scan("it has no round at some size");
  }
  const nnef::Dim& count = trips.note.ratio.numerator;
  if (!count.is_constant() && count != nnef::Dim::symbol(*count.symbols().begin())) {  // sizes are at least 1
    constrain(comparison_note({count, 1}, ">=", {nnef::Dim(1), 1}), true, "the number of rounds of this loop");
  }
  ListWrites writes(body);
  if (!writes.reason().empty()) no_scan(writes.reason());
  ScanCall scan;
  std::vector<TapeValueInfo> infos;
  try {
    Round round = record_round(node, frame, trips, carried, writes.appended());
    for (TapeValue next : round.next) infos.push_back(tape_.info(next));
    for (TapeValue item : round.items) {
      infos.push_back(tape_.info(item));
      infos.back().shape.insert(infos.back().shape.begin(), round.trips);
    }
    scan = cut_scan(tape_.tape(), round);
  } catch (const Unsupported& error) {
    no_scan(error.what());
  }
  std::vector<std::size_t> states;  // outputs that are states
  TapeList initial;
  for (std::size_t i = 0; i < carried.size(); ++i) {
    bool changes = body->outputs().at(i + 1) != body->inputs().at(i + 1);
    if (!carried[i].sample().isTensor() || !changes) continue;
    states.push_back(i);
    initial.push_back({read(carried[i].sample().toTensor())});
  }
  for (auto& [name, argument] : scan.arguments) {
    if (name == "state") argument = {std::move(initial)};
  }
  for (TapeValueInfo& info : infos) {
    info.kind = TapeValueInfo::Kind::kResult;
    info.label.clear();
  }
  std::vector<nnef::Shape> shapes;
  for (const TapeValueInfo& info : infos) shapes.push_back(info.shape);
  TapeWriter(*scan.body).mark_wanted();
  std::vector<TapeValue> values = tape_.call("t2n::scan", "", std::move(scan.arguments), std::move(infos), here());
  tape_.tape().calls.back().regions.push_back(scan.body);

  std::vector<Slot> results = execute_loop(node, frame);
  for (std::size_t i = 0; i < carried.size(); ++i) {
    auto state = std::find(states.begin(), states.end(), i);
    if (state == states.end()) {
      set(node->output(i), carried[i], frame);
      continue;
    }
    auto place = static_cast<std::size_t>(state - states.begin());
    for (c10::IValue& world : results[i].worlds) world = world.toTensor().clone();
    for (std::size_t world = 0; world < world_count(); ++world) {
      if (results[i].worlds[world].toTensor().sizes().vec() != nnef::evaluate(shapes[place], worlds()[world])) {
        no_scan("a tensor has another shape after all rounds than after one");
      }
    }
    cells_.add_root(results[i].sample().toTensor(), shapes[place], true, values[place]);
    set(node->output(i), std::move(results[i]), frame);
  }
  for (std::size_t i = 0; i < writes.appended().size(); ++i) {
    std::size_t place = states.size() + i;
    const c10::IValue list = get(writes.appended()[i], frame).sample();
    // Items have no value of their own: only what reads the whole list is followed.
    for (const at::Tensor& item : list.toTensorVector())
      cells_.add_root(item, {shapes[place].begin() + 1, shapes[place].end()}, true, {});
    filled_[list.internalToPointer()] = {list, values[place], list.toListRef().size()};
  }
}

bool Recorder::run_long_loop(const Node* node, Frame& frame, const std::vector<Slot>& carried, std::int64_t count) {
  if (count < kLongLoop || round_first_value_ != 0 || region_) return false;
  const ListWrites writes(node->blocks().at(0));
  // A write that was executed for the one round that is recorded could not be taken back.
  if (writes.writes_tensors() || !writes.reason().empty()) return false;
  if (!std::all_of(writes.appended().begin(), writes.appended().end(), is_only_joined)) return false;
  const std::size_t first_call = tape_.tape().calls.size(), first_value = tape_.tape().values.size();
  Slot trips{std::vector<c10::IValue>(world_count(), c10::IValue(count)), Note::sizes({nnef::Dim(count), 1})};
  try {
    run_scan_loop(node, frame, trips, carried);
    return true;
  } catch (const WorldFailed& error) {
    if (error.code() != "T2N-R006") throw;
  }
  round_first_value_ = 0;
  frame.at = node;
  tape_.tape().calls.erase(tape_.tape().calls.begin() + static_cast<std::ptrdiff_t>(first_call),
                           tape_.tape().calls.end());
  for (nnef::Bindings& sizes : tape_.tape().worlds) sizes.erase(kCounter);
  cells_.forget_since(first_value);
  return false;
}

// torch.stack and torch.cat of a list that such a loop filled; false for anything else.
bool Recorder::run_filled_list(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                               const std::vector<Slot>& inputs) {
  bool is_stack = schema.name() == "aten::stack";
  if ((!is_stack && schema.name() != "aten::cat") || !inputs[0].sample().isTensorList()) return false;
  auto found = filled_.find(inputs[0].sample().internalToPointer());
  if (found == filled_.end()) return false;
  if (inputs[0].sample().toListRef().size() != found->second.size) {
    throw Unsupported("a list that a loop over a dynamic axis filled is changed after it");
  }
  std::vector<Slot> results = execute(node, schema, inputs);
  const TapeValueInfo stacked = tape_.info(found->second.stacked);
  auto rank = static_cast<std::int64_t>(stacked.shape.size());
  std::int64_t dim = inputs[1].sample().toInt();
  if (dim < 0) dim += is_stack ? rank : rank - 1;
  TapeList order;
  TapeValueInfo moved = stacked;
  for (std::int64_t axis = 0; axis < rank; ++axis) {
    std::int64_t from = axis < dim ? axis + 1 : axis == dim ? 0 : axis;
    order.push_back({nnef::Dim(from)});
    moved.shape[static_cast<std::size_t>(axis)] = stacked.shape[static_cast<std::size_t>(from)];
  }
  TapeValue value = found->second.stacked;
  if (dim != 0) value = tape_.call1("aten::permute", "", {{"self", {value}}, {"dims", {order}}}, moved, here());
  if (!is_stack) {
    auto place = static_cast<std::size_t>(dim);
    moved.shape[place] *= moved.shape.at(place + 1);
    moved.shape.erase(moved.shape.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    value = tape_.call1("aten::reshape", "", {{"self", {value}}, {"shape", dims_argument(moved.shape)}}, moved, here());
  }
  cells_.add_root(results.at(0).sample().toTensor(), moved.shape, true, value);
  set_results(node, std::move(results), frame);
  return true;
}

}  // namespace torch2nnef
