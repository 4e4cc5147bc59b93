#include "export/exported_program/executor.h"

#include <algorithm>
#include <utility>

#include "export/diagnostics.h"
#include "export/exported_program/autocast.h"
#include "export/exported_program/higher_order.h"
#include "export/exported_program/loaded_program.h"
#include "export/exported_program/source_frames.h"
#include "export/exported_program/stand_ins.h"
#include "export/operators/operators.h"
#include "export/record/failures.h"
#include "export/record/ivalues.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

using Kind = ProgramArgument::Kind;

std::vector<std::vector<std::string>> find_last_uses(const ProgramGraph& graph) {
  std::unordered_map<std::string, std::size_t> last;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    names.clear();
    for (const NamedProgramArgument& input : graph.nodes[i].inputs) collect_names(input.value, names);
    for (const ProgramArgument& output : graph.nodes[i].outputs) collect_names(output, names);
    for (const std::string& name : names) last[name] = i;
  }
  names.clear();
  for (const ProgramArgument& output : graph.outputs) collect_names(output, names);
  for (const std::string& name : names) last.erase(name);
  std::vector<std::vector<std::string>> dying(graph.nodes.size());
  for (const auto& [name, node] : last) dying[node].push_back(name);
  return dying;
}

std::int64_t memory_format(std::int64_t file) {
  constexpr at::MemoryFormat kFormats[] = {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast,
                                           at::MemoryFormat::ChannelsLast3d, at::MemoryFormat::Preserve};
  if (file < 1 || file > 4) throw Unsupported("the memory format number " + std::to_string(file) + " is not known");
  return static_cast<std::int64_t>(kFormats[file - 1]);
}

c10::IValue literal(const ProgramArgument& argument) {
  constexpr std::int64_t kStrided = 7;
  switch (argument.kind) {
    case Kind::kNone:
      return {};
    case Kind::kInt:
      return argument.number;
    case Kind::kFloat:
      return argument.real;
    case Kind::kBool:
      return argument.number != 0;
    case Kind::kString:
      return argument.text;
    case Kind::kComplex:
      return c10::complex<double>(argument.real, argument.imaginary);
    case Kind::kDtype:
      return static_cast<std::int64_t>(dtype_of(argument.number));
    case Kind::kLayout:
      if (argument.number != kStrided) throw Unsupported("a sparse layout is asked for");
      return static_cast<std::int64_t>(at::Layout::Strided);
    case Kind::kMemoryFormat:
      return memory_format(argument.number);
    case Kind::kDevice:
      return c10::IValue(at::Device(at::kCPU));
    default:
      throw Unsupported("an argument is an operator or a graph");
  }
}

// All of one kind: a typed list.
c10::IValue make_typed_list(const std::vector<c10::IValue>& items) {
  const auto all = [&](auto is) { return !items.empty() && std::all_of(items.begin(), items.end(), is); };
  c10::TypePtr type = c10::AnyType::get();
  if (all([](const c10::IValue& item) { return item.isInt(); })) type = c10::IntType::get();
  if (all([](const c10::IValue& item) { return item.isDouble(); })) type = c10::FloatType::get();
  if (all([](const c10::IValue& item) { return item.isBool(); })) type = c10::BoolType::get();
  if (all([](const c10::IValue& item) { return item.isTensor(); })) type = c10::TensorType::get();
  if (items.empty()) type = c10::IntType::get();
  if (type->kind() == c10::TypeKind::AnyType) type = c10::OptionalType::create(c10::TensorType::get());
  return make_list(c10::ListType::create(type), items);
}

}  // namespace

const Location& NodePlace::here() {
  static const Location kNowhere;
  if (node_ == nullptr) return kNowhere;
  const auto found = locations_.find(node_);
  return found != locations_.end() ? found->second : locations_.emplace(node_, location_of(*node_)).first->second;
}

const ProgramNode* NodePlace::enter(const ProgramNode* node) { return std::exchange(node_, node); }

Slots ProgramExecutor::run(const ProgramGraph& graph, Slots inputs) {
  if (inputs.size() != graph.inputs.size()) {
    throw Unsupported("a graph takes " + std::to_string(graph.inputs.size()) + " values and is given " +
                      std::to_string(inputs.size()));
  }
  Frame frame{graph, facts_of(graph), {}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (graph.inputs[i].kind == Kind::kName) frame.values[graph.inputs[i].text] = std::move(inputs[i]);
  }
  inputs.clear();
  std::size_t next = 0;
  for (const ModuleSpan& span : frame.facts.claimed) {
    run_nodes(next, span.first, frame);
    run_claimed(span, frame);
    next = span.last + 1;
  }
  run_nodes(next, graph.nodes.size(), frame);
  Slots outputs;
  for (const ProgramArgument& output : graph.outputs) outputs.push_back(value(output, frame));
  return outputs;
}

const ProgramExecutor::GraphFacts& ProgramExecutor::facts_of(const ProgramGraph& graph) {
  const auto found = facts_.find(&graph);
  if (found != facts_.end()) return found->second;
  GraphFacts facts{find_last_uses(graph), {}};
  if (claims_ != nullptr && !claims_->claims().empty()) {
    facts.claimed = claimed_spans(graph, *claims_);
    for (const ProgramNode& node : graph.nodes) {
      for (const ModuleFrame& module : module_frames(node)) called_classes_.insert(module.class_name);
    }
  }
  return facts_.emplace(&graph, std::move(facts)).first->second;
}

// Those from `first` to before `last`.
void ProgramExecutor::run_nodes(std::size_t first, std::size_t last, Frame& frame) {
  for (std::size_t i = first; i < last; ++i) {
    run_node(frame.graph.nodes[i], frame);
    for (const std::string& name : frame.facts.dying[i]) drop(name, frame);
  }
}

Slots ProgramExecutor::run_in_autocast(const ProgramGraph& graph, Slots inputs, bool is_enabled) {
  const bool before = std::exchange(is_autocast_, is_enabled);
  Slots results = run(graph, std::move(inputs));
  is_autocast_ = before;
  return results;
}

void ProgramExecutor::run_node(const ProgramNode& node, Frame& frame) {
  const NodeOnPlace entered(place_, &node);
  if (++executed_ > kMostNodes) {
    const std::string text = "the model executes more than " + std::to_string(kMostNodes) + " operators";
    context_.diagnostics.error("T2N-R017", text, context_.here(), "make its loops shorter");
    throw RecordingStopped(text);
  }
  try {
    bind_results(node, dispatch(node, frame), frame);
  } catch (const Unsupported& error) {
    const auto op = operator_of(node.target);
    stop(error, op ? op->name : node.target);
  }
}

void ProgramExecutor::stop(const Unsupported& error, const std::string& op) {
  context_.refuse("T2N-R009", error.what(), error.hint(), op);
  throw RecordingStopped(error.what());
}

Slots ProgramExecutor::dispatch(const ProgramNode& node, const Frame& frame) {
  if (const auto name = higher_order_of(node.target)) {
    std::vector<GraphOperand> operands;
    for (const NamedProgramArgument& input : node.inputs) {
      GraphOperand operand;
      operand.graph = input.value.graph.get();
      if (input.value.kind == Kind::kList) {
        for (const ProgramArgument& item : input.value.items) operand.values.push_back(value(item, frame));
      } else if (operand.graph == nullptr && input.value.kind != Kind::kOperator) {
        operand.values.push_back(value(input.value, frame));
      }
      operands.push_back(std::move(operand));
    }
    return run_higher_order(*this, *name, operands);
  }
  NamedSlots arguments;
  for (const NamedProgramArgument& input : node.inputs) arguments.emplace_back(input.name, value(input.value, frame));
  if (const char* op = number_operator_of(node.target)) {
    Slots operands;
    for (auto& [name, slot] : arguments) operands.push_back(std::move(slot));
    return {calls_.numbers(op, operands)};
  }
  const auto op = operator_of(node.target);
  if (!op) throw Unsupported(node.target + " is not supported");
  if (row_of(op->name).is(kAsserts)) {
    const auto is_of_data = [](const auto& argument) { return argument.second.note.kind == Note::Kind::kData; };
    if (std::any_of(arguments.begin(), arguments.end(), is_of_data)) ++left_out_assertions_;
    return {};
  }
  if (is_autocast_) arguments = autocast_arguments(node, *op, std::move(arguments), frame);
  if (std::optional<Slots> results = run_stand_in(calls_, *op, arguments)) return std::move(*results);
  return calls_.call(op->name, op->overload, arguments);
}

NamedSlots ProgramExecutor::autocast_arguments(const ProgramNode& node, const OperatorName& op, NamedSlots arguments,
                                               const Frame& frame) {
  if (node.outputs.empty()) return arguments;
  const ProgramArgument& first = node.outputs.front();
  const auto found = frame.graph.dtypes.find(first.kind == Kind::kName ? first.text : "");
  if (found == frame.graph.dtypes.end()) return arguments;
  return with_casts(calls_, op, std::move(arguments), dtype_of(found->second));
}

void ProgramExecutor::bind_results(const ProgramNode& node, const Slots& results, Frame& frame) {
  if (node.outputs.empty()) return;
  // torch 2.6 writes the results of a graph as one list.
  const bool is_list = node.outputs.size() == 1 && node.outputs[0].kind == Kind::kList;
  if (is_list && higher_order_of(node.target)) {
    const std::vector<ProgramArgument>& items = node.outputs[0].items;
    if (items.size() != results.size()) {
      throw Unsupported(node.target + " has " + std::to_string(results.size()) + " results here, and " +
                        std::to_string(items.size()) + " in the file");
    }
    for (std::size_t i = 0; i < items.size(); ++i) bind(items[i], results[i], frame);
    return;
  }
  if (results.size() != node.outputs.size()) {
    throw Unsupported(node.target + " has " + std::to_string(results.size()) + " results here, and " +
                      std::to_string(node.outputs.size()) + " in the file");
  }
  for (std::size_t i = 0; i < results.size(); ++i) bind(node.outputs[i], results[i], frame);
}

void ProgramExecutor::bind(const ProgramArgument& output, Slot result, Frame& frame) {
  if (output.kind == Kind::kName) {
    check_dtype(output.text, result, frame);
    frame.values[output.text] = std::move(result);
    return;
  }
  if (output.kind != Kind::kList) return;  // a result that is not there
  std::vector<std::vector<c10::IValue>> worlds;
  for (const c10::IValue& world : result.worlds) worlds.push_back(items_of(world));
  std::vector<Note> notes = context_.notes.get(result.sample());
  notes.resize(output.items.size());
  for (std::size_t i = 0; i < output.items.size(); ++i) {
    Slot item{{}, notes[i]};
    for (const auto& world : worlds) {
      if (world.size() != output.items.size()) {
        throw Unsupported("a list has " + std::to_string(world.size()) + " items here, and " +
                          std::to_string(output.items.size()) + " in the file");
      }
      item.worlds.push_back(world[i]);
    }
    bind(output.items[i], std::move(item), frame);
  }
}

// What is computed here is what torch computed when it exported the program.
void ProgramExecutor::check_dtype(const std::string& name, const Slot& result, const Frame& frame) const {
  const auto found = frame.graph.dtypes.find(name);
  if (found == frame.graph.dtypes.end() || !result.sample().isTensor() || !result.sample().toTensor().defined()) return;
  const at::ScalarType here = result.sample().toTensor().scalar_type(), there = dtype_of(found->second);
  if (here == there) return;
  throw Unsupported("the result is " + std::string(to_string(from_torch(here))) + " here, and " +
                    std::string(to_string(from_torch(there))) + " in the file");
}

// Views keep their base, so what has gone is told to the cells at once.
void ProgramExecutor::drop(const std::string& name, Frame& frame) {
  const auto found = frame.values.find(name);
  if (found == frame.values.end()) return;
  std::vector<const void*> tensors;
  for (const at::Tensor& tensor : tensors_in(found->second.sample())) tensors.push_back(tensor.unsafeGetTensorImpl());
  frame.values.erase(found);
  for (const void* tensor : tensors) context_.cells.release(tensor);
}

Slot ProgramExecutor::value(const ProgramArgument& argument, const Frame& frame) {
  if (argument.kind == Kind::kName) return frame.values.at(argument.text);
  return argument.kind == Kind::kList ? list(argument, frame) : calls_.constant(literal(argument));
}

Slot ProgramExecutor::list(const ProgramArgument& argument, const Frame& frame) {
  Slots items;
  bool is_fixed = true, any_note = false;
  for (const ProgramArgument& item : argument.items) {
    items.push_back(value(item, frame));
    is_fixed = is_fixed && item.kind != Kind::kName;
    any_note = any_note || items.back().note;
  }
  Slot result;
  for (std::size_t world = 0; world < context_.world_count(); ++world) {
    std::vector<c10::IValue> values;
    for (const Slot& item : items) values.push_back(item.worlds[world]);
    result.worlds.push_back(make_typed_list(values));
    if (is_fixed) return calls_.constant(result.worlds[0]);
  }
  if (any_note) {
    std::vector<Note> notes;
    for (const Slot& item : items) notes.push_back(item.note);
    context_.notes.set(result.sample(), std::move(notes));
  }
  return result;
}

}  // namespace torch2nnef
