// Control flow, constants, attributes and calls.

#include <algorithm>
#include <cmath>

#include "export/record/numbers/size_math.h"
#include "export/record/torch_types.h"
#include "export/sizes/dynamic_axes.h"
#include "export/torchscript/recorder.h"
#include "export/torchscript/source_location.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

void collect_paths(const c10::IValue& module, const std::string& path,
                   std::unordered_map<const void*, std::string>& paths) {
  if (!paths.emplace(module.internalToPointer(), path).second) return;
  const auto& object = module.toObjectRef();
  auto type = object.type();
  for (std::size_t i = 0; i < type->numAttributes(); ++i) {
    const c10::IValue& value = object.getSlot(i);
    if (value.isObject() && value.toObjectRef().type()->is_module()) {
      collect_paths(value, path.empty() ? type->getAttributeName(i) : path + "." + type->getAttributeName(i), paths);
    }
  }
}

// The node of `block` in which a use happens; null when it is the block's own result.
const jit::Node* user_within(const jit::Node* user, const jit::Block* block) {
  while (user->owningBlock() != block) user = user->owningBlock()->owningNode();
  return user == block->return_node() ? nullptr : user;
}

void find_last_uses(const jit::Block* block,
                    std::unordered_map<const jit::Node*, std::vector<const jit::Value*>>& last_uses) {
  auto visit = [&](const jit::Value* value, const jit::Node* definition) {
    const jit::Node* last = definition;
    for (const jit::Use& use : value->uses()) {
      const jit::Node* user = user_within(use.user, block);
      if (!user) return;
      if (!last || last->isBefore(user)) last = user;
    }
    if (last) last_uses[last].push_back(value);
  };
  for (const jit::Value* input : block->inputs()) visit(input, nullptr);
  for (const jit::Node* node : block->nodes()) {
    for (const jit::Value* output : node->outputs()) visit(output, node);
    for (const jit::Block* inner : node->blocks()) find_last_uses(inner, last_uses);
  }
}

// The addresses of the tensor, or of those in the list or tuple, in world 0.
std::vector<const void*> tensors_of(const Slot& slot) {
  if (slot.worlds.empty()) return {};
  const c10::IValue& value = slot.sample();
  if (value.isTensor()) return {value.toTensor().unsafeGetTensorImpl()};
  std::vector<const void*> tensors;
  if (!value.isTensorList() && !value.isTuple()) return tensors;
  for (const c10::IValue& item : items_of(value)) {
    if (item.isTensor()) tensors.push_back(item.toTensor().unsafeGetTensorImpl());
  }
  return tensors;
}

bool only_raises(const jit::Block* block) {
  return std::any_of(block->nodes().begin(), block->nodes().end(),
                     [](const jit::Node* node) { return node->kind() == c10::prim::RaiseException; });
}

}  // namespace

Recorder::Recorder(Tape& tape, Diagnostics& diagnostics, const jit::Module& root, bool first_is_sample,
                   RecorderOptions options)
    : tape_(tape),
      cells_(tape_, options.follows_state),
      diagnostics_(diagnostics),
      root_(root),
      first_is_sample_(first_is_sample),
      options_(options) {
  collect_paths(root_._ivalue(), "", paths_);
}

Slot Recorder::input(const std::string& name, const std::vector<at::Tensor>& worlds, nnef::Shape shape) {
  TapeValue value = tape_.input(name, from_torch(worlds.front().scalar_type()), shape);
  cells_.add_root(worlds.front(), std::move(shape), true, value);
  return {{worlds.begin(), worlds.end()}, {}};
}

Slot Recorder::run(const jit::Function& method, std::vector<Slot> arguments) {
  Slot self{std::vector<c10::IValue>(world_count(), root_._ivalue()), {}};
  arguments.insert(arguments.begin(), std::move(self));
  const std::string class_name = normalized_class(root_.type()->name()->qualifiedName());
  if (auto claimed = run_claimed(root_._ivalue(), method, arguments, "", class_name)) return *claimed;
  return run_function(method, std::move(arguments), "", class_name);
}

Slot Recorder::run_function(const jit::Function& function, std::vector<Slot> arguments, std::string path,
                            std::string class_name) {
  auto graph = jit::toGraphFunction(function).graph();
  if (analysed_.insert(graph.get()).second) find_last_uses(graph->block(), last_uses_);
  Frame frame;
  frame.module_path = std::move(path);
  frame.module_class = std::move(class_name);
  frame.caller = frame_;
  for (std::size_t i = 0; i < arguments.size(); ++i) frame.values[graph->inputs().at(i)] = std::move(arguments[i]);
  arguments.clear();
  const Frame* outer = frame_;
  frame_ = &frame;
  run_block(graph->block(), frame);
  Slot result = get(graph->outputs().at(0), frame);
  frame_ = outer;
  return result;
}

void Recorder::run_block(const Block* block, Frame& frame) {
  for (const Node* node : block->nodes()) {
    frame.at = node;
    run_node(node, frame);
    auto dying = last_uses_.find(node);
    if (dying == last_uses_.end()) continue;
    for (const jit::Value* value : dying->second) drop(value, frame);
  }
}

// Views keep their base, so what has gone is told to the cells at once: activations are the larger part of what is
// live.
void Recorder::drop(const jit::Value* value, Frame& frame) {
  const auto found = frame.values.find(value);
  if (found == frame.values.end()) return;
  const std::vector<const void*> tensors = tensors_of(found->second);
  frame.values.erase(found);
  for (const void* tensor : tensors) cells_.release(tensor);
}

void Recorder::run_node(const Node* node, Frame& frame) {
  try {
    if (!run_structure(node, frame) && !run_container(node, frame)) run_operator(node, frame);
  } catch (const Unsupported& error) {
    refuse("T2N-R009", error.what(), error.hint(), node->kind().toQualString());
    throw RecordingStopped(error.what());
  }
}

bool Recorder::run_structure(const Node* node, Frame& frame) {
  switch (node->kind()) {
    case c10::prim::Constant:
      run_constant(node, frame);
      return true;
    case c10::prim::GetAttr:
      run_get_attribute(node, frame);
      return true;
    case c10::prim::SetAttr:
      run_set_attribute(node, frame);
      return true;
    case c10::prim::CallMethod:
    case c10::prim::CallFunction:
      run_call(node, frame);
      return true;
    case c10::prim::If:
      run_if(node, frame);
      return true;
    case c10::prim::Loop:
      run_loop(node, frame);
      return true;
    case c10::prim::unchecked_cast:
      set(node->output(), get(node->input(0), frame), frame);
      return true;
    case c10::prim::Uninitialized:
      set(node->output(), {std::vector<c10::IValue>(world_count()), {}}, frame);
      return true;
    case c10::prim::Print:
      return true;
    case c10::prim::fork:
    case c10::prim::Enter:
      throw Unsupported("the model uses " + std::string(node->kind().toUnqualString()) + ", which is not followed",
                        "remove it, or trace the model instead");
    default:
      break;
  }
  static const c10::Symbol kData = c10::Symbol::fromQualString("prim::data");
  static const c10::Symbol kWarn = c10::Symbol::fromQualString("aten::warn");
  if (node->kind() == kWarn) return true;
  if (node->kind() != kData) return false;
  set(node->output(), get(node->input(0), frame), frame);  // another name of the same memory
  return true;
}

void Recorder::run_constant(const Node* node, Frame& frame) {
  if (node->output()->type()->cast<c10::FunctionType>()) return;
  auto found = constants_.find(node);
  if (found == constants_.end()) {
    auto value = jit::toIValue(node->output());
    c10::IValue constant = value ? *value : c10::IValue();
    if (constant.isDevice()) constant = c10::IValue(at::Device(at::kCPU));
    if (constant.isTensor() && constant.toTensor().defined()) {
      cells_.of(constant.toTensor())->owner = "constant";
    }
    found = constants_.emplace(node, constant).first;
  }
  set(node->output(), {std::vector<c10::IValue>(world_count(), found->second), {}}, frame);
}

void Recorder::own(const c10::IValue& value, const std::string& label, const std::string& owner) {
  if (value.isTensor() && value.toTensor().defined()) {
    if (cells_.find(value.toTensor())) return;
    CellPtr cell = cells_.of(value.toTensor());
    cell->label = label;
    cell->owner = owner;
  } else if (value.isList() || value.isTuple() || value.isGenericDict()) {
    owned_containers_.emplace(value.internalToPointer(), label);
    std::size_t place = 0;
    for (const c10::IValue& item : items_of(value)) own(item, label + "." + std::to_string(place++), owner);
  }
}

void Recorder::run_call(const Node* node, Frame& frame) {
  std::vector<Slot> arguments;
  const jit::Function* function = nullptr;
  std::string path = frame.module_path, class_name = frame.module_class;
  if (node->kind() == c10::prim::CallFunction) {
    function = node->input(0)->type()->expectRef<c10::FunctionType>().function();
    for (std::size_t i = 1; i < node->inputs().size(); ++i) arguments.push_back(get(node->input(i), frame));
  } else {
    for (const jit::Value* input : node->inputs()) arguments.push_back(get(input, frame));
    const c10::IValue& object = arguments.at(0).sample();
    if (!object.isObject()) {
      throw Unsupported("a method of a " + object.tagKind() + " is called, which is not followed");
    }
    auto type = object.toObjectRef().type();
    function = &type->getMethod(node->s(c10::attr::name));
    auto found = paths_.find(object.internalToPointer());
    if (found != paths_.end()) {
      path = found->second;
      class_name = normalized_class(type->name()->qualifiedName());
      called_classes_.insert(class_name);
      if (watched_ && watched_->first == path && watched_->second == node->s(c10::attr::name)) {
        throw Reached{{arguments.begin() + 1, arguments.end()}};
      }
      if (auto claimed = run_claimed(object, *function, arguments, path, class_name)) {
        return set(node->output(), std::move(*claimed), frame);
      }
    }
  }
  set(node->output(), run_function(*function, std::move(arguments), path, class_name), frame);
}

bool Recorder::decide(const Slot& condition, const Node* node, const char* what) {
  bool taken = condition.sample().toBool();
  if (round_first_value_ != 0 && condition.note.text.find('#') != std::string::npos) {
    no_scan(std::string(what) + " depends on the number of the round");
  }
  const Note& note = condition.note;
  const bool is_of_sizes = note.kind == Note::Kind::kSizes;
  const Note holds = !is_of_sizes || taken ? note : negated(note);
  for (const c10::IValue& world : condition.worlds) {
    if (world.toBool() != taken) {
      throw WorldFailed(
          std::string(what) + " depends on a dynamic size" + (note.text.empty() ? "" : " (" + note.text + ")"), here(),
          "T2N-R006", is_of_sizes ? bounds_of(holds, worlds().front()) : "");
    }
  }
  if (is_of_sizes) {
    bool other_raises = node->kind() == c10::prim::If && only_raises(node->blocks().at(taken ? 1 : 0));
    constrain(holds, !other_raises, what);
  }
  if (note.kind == Note::Kind::kUnexplained) {
    refuse("T2N-R006", std::string(what) + " depends on a dynamic size in a way that is not understood",
           "make that axis static");
  }
  if (note.kind == Note::Kind::kData) {
    if (node->kind() == c10::prim::If && only_raises(node->blocks().at(taken ? 1 : 0))) {
      diagnostics_.warning(
          "T2N-R011", "a check of the inputs' values is not part of the export: its other side only raises", here());
    } else {
      refuse_data_flow(node, condition, what, "");
    }
  }
  return taken;
}

void Recorder::run_if(const Node* node, Frame& frame) {
  if (run_data_if(node, frame, get(node->input(0), frame))) return;
  bool taken = decide(get(node->input(0), frame), node, "the branch that is taken here");
  const Block* block = node->blocks().at(taken ? 0 : 1);
  run_block(block, frame);
  frame.at = node;
  std::vector<Slot> results;
  for (const jit::Value* output : block->outputs()) results.push_back(get(output, frame));
  for (std::size_t i = 0; i < results.size(); ++i) set(node->output(i), std::move(results[i]), frame);
}

void Recorder::run_loop(const Node* node, Frame& frame) {
  const Block* body = node->blocks().at(0);
  Slot trips = get(node->input(0), frame), condition = get(node->input(1), frame);
  std::vector<Slot> carried;
  for (std::size_t i = 2; i < node->inputs().size(); ++i) carried.push_back(get(node->input(i), frame));
  if (trips.note.kind == Note::Kind::kData) return run_data_loop(node, frame, trips, condition, carried, 0);
  std::int64_t count = trips.sample().toInt();
  for (const c10::IValue& world : trips.worlds) {
    if (world.toInt() != count) return run_scan_loop(node, frame, trips, carried);
  }
  if (trips.note.kind == Note::Kind::kSizes) {
    constrain(comparison_note(trips.note.ratio, "==", {nnef::Dim(count), 1}), true,
              "the number of rounds of this loop");
  }
  if (trips.note.kind == Note::Kind::kUnexplained) {
    refuse("T2N-R006", "the number of rounds of this loop depends on a dynamic size", "make that axis static");
  }
  if (run_long_loop(node, frame, carried, count)) return;
  for (std::int64_t round = 0; round < count; ++round) {
    if (condition.note.kind == Note::Kind::kData) {
      return run_data_loop(node, frame, trips, condition, carried, round);
    }
    if (!decide(condition, node, "whether this loop goes on")) break;
    set(body->inputs().at(0), {std::vector<c10::IValue>(world_count(), c10::IValue(round)), {}}, frame);
    for (std::size_t i = 0; i < carried.size(); ++i) set(body->inputs().at(i + 1), carried[i], frame);
    run_block(body, frame);
    frame.at = node;
    condition = get(body->outputs().at(0), frame);
    for (std::size_t i = 0; i < carried.size(); ++i) carried[i] = get(body->outputs().at(i + 1), frame);
  }
  for (std::size_t i = 0; i < carried.size(); ++i) set(node->output(i), std::move(carried[i]), frame);
}

Slot Recorder::get(const jit::Value* value, Frame& frame) {
  auto found = frame.values.find(value);
  if (found == frame.values.end()) throw std::logic_error("no value for %" + value->debugName());
  return found->second;
}

std::vector<Slot> Recorder::inputs_of(const Node* node, Frame& frame) {
  std::vector<Slot> inputs;
  for (const jit::Value* input : node->inputs()) inputs.push_back(get(input, frame));
  return inputs;
}

void Recorder::set(const jit::Value* value, Slot slot, Frame& frame) {
  // Whatever else goes wrong, a number that differs between sizes is never taken for a constant.
  const c10::IValue& sample = slot.sample();
  if (!slot.note && is_number(sample)) {
    for (const c10::IValue& world : slot.worlds) {
      bool same = (sample.isInt() && world.toInt() == sample.toInt()) ||
                  (sample.isBool() && world.toBool() == sample.toBool()) ||
                  (sample.isDouble() && (world.toDouble() == sample.toDouble() || std::isnan(sample.toDouble())));
      if (!same) slot.note = Note::unexplained("a number of this line");
    }
  }
  frame.values[value] = std::move(slot);
}

void Recorder::set_results(const Node* node, std::vector<Slot> results, Frame& frame) {
  for (std::size_t i = 0; i < results.size() && i < node->outputs().size(); ++i) {
    set(node->output(i), std::move(results[i]), frame);
  }
}

const Location& Recorder::here() {
  static const Location kNowhere;
  if (!frame_ || !frame_->at) return kNowhere;
  Location& place = locations_[{frame_->at, frame_->module_path}];
  if (!place.module_class.empty() || !place.stack.empty()) return place;
  place.module_path = frame_->module_path;
  place.module_class = frame_->module_class;
  for (const Frame* frame = frame_; frame && frame->at; frame = frame->caller) {
    std::vector<SourceLine> lines = source_lines(frame->at);
    place.stack.insert(place.stack.end(), lines.begin(), lines.end());
    if (lines.size() > 1) break;  // a trace's record holds the whole stack
  }
  return place;
}

std::string Recorder::place() {
  const Location& where = here();
  if (where.stack.empty()) return where.to_string();
  return where.stack.front().file + ":" + std::to_string(where.stack.front().line);
}

void Recorder::refuse(const std::string& code, const std::string& text, const std::string& hint,
                      const std::string& op) {
  if (refused_.emplace(text, here().to_string()).second) diagnostics_.error(code, text, here(), hint, op);
}

void Recorder::constrain(const Note& condition, bool must_hold, const char* what) {
  if (round_first_value_ != 0 && condition.text.find('#') != std::string::npos) {
    no_scan(std::string(what) + " depends on the number of the round");
  }
  if (!tape_.add_constraint(condition.text) || !must_hold) return;
  for (const nnef::Bindings& sizes : sizes_within_bounds(tape_.tape().symbols)) {
    if (condition.test(sizes)) continue;
    std::string example;
    for (const auto& [name, size] : sizes)
      example += (example.empty() ? "" : ", ") + name + " = " + std::to_string(size);
    std::string bounds = bounds_of(condition, worlds().front());
    refuse("T2N-R006", std::string(what) + " holds only where " + condition.text + ", which " + example + " is not",
           "give bounds within which that is so (--symbol " + (bounds.empty() ? "NAME=MIN..MAX" : bounds) +
               "), or make the axis static");
    return;
  }
}

void Recorder::finish() { tape_.mark_wanted(); }

}  // namespace torch2nnef
