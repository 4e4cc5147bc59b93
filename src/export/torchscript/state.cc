#include "export/torchscript/state.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "export/load/sample_inputs.h"
#include "export/record/failures.h"
#include "export/record/ivalues.h"
#include "export/record/state_text.h"
#include "export/record/torch_types.h"
#include "export/torchscript/recorder.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

using Values = std::map<std::string, c10::IValue>;

[[noreturn]] void refuse(const std::string& text, const std::string& hint) {
  throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError, "T2N-R015", "", {}, text, hint});
}

// What a call gives and what the attributes are after it.
struct Run {
  c10::IValue result;
  Values attributes;
};

// Executes without recording: attributes change in the run only.
class Executor {
 public:
  Executor(const Model::Impl& model, const ExportOptions& options, const std::vector<c10::IValue>& arguments)
      : model_(model), options_(options), arguments_(arguments) {}

  Run run(const Values& before) {
    for (;;) {
      try {
        return attempt(before);
      } catch (const AttributeWritten& written) {
        if (!followed_.insert(written.path()).second) throw;
      }
    }
  }

 private:
  Run attempt(const Values& before) {
    Tape tape;
    tape.worlds = {nnef::Bindings{}};
    Diagnostics diagnostics;
    Recorder recorder(tape, diagnostics, model_.module, true,
                      {.max_operations = options_.max_operations, .follows_state = true});
    for (const std::string& path : followed_) {
      recorder.attributes()[path] = {{attribute_at(model_.module, path).deepcopy()}, {}};
    }
    for (const auto& [path, value] : before) recorder.attributes()[path] = {{value.deepcopy()}, {}};
    std::vector<Slot> slots;
    for (const c10::IValue& argument : arguments_) slots.push_back({{argument.deepcopy()}, {}});
    Slot result;
    try {
      result = recorder.run(model_.module.get_method(options_.method).function(), std::move(slots));
    } catch (const RecordingStopped&) {
      std::vector<Diagnostic> errors;
      for (const Diagnostic& one : diagnostics.list()) {
        if (one.severity == Severity::kError) errors.push_back(one);
      }
      throw ExportError(ExportError::Kind::kNotExportable, std::move(errors));
    }
    Run run{result.sample(), {}};
    for (const auto& [path, value] : recorder.attributes()) run.attributes[path] = value.sample().deepcopy();
    return run;
  }

  const Model::Impl& model_;
  const ExportOptions& options_;
  const std::vector<c10::IValue>& arguments_;
  std::set<std::string> followed_;
};

std::string facts_text(const at::Tensor& tensor) {
  return std::string(to_string(from_torch(tensor.scalar_type()))) +
         nnef::to_string(nnef::make_shape(tensor.sizes().vec()));
}

bool same_items(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && at::equal(a, b);
}

bool same_values(const c10::IValue& a, const c10::IValue& b) {
  const std::vector<at::Tensor> x = tensors_in(a), y = tensors_in(b);
  return x.size() == y.size() && std::equal(x.begin(), x.end(), y.begin(), same_items);
}

bool holds_tensors(const c10::IValue& value) { return !tensors_in(value).empty(); }

// After the second call everything must be as after the first, but for the items of tensors.
void check_steady(const Values& first, const Values& second) {
  for (const auto& [path, value] : second) {
    auto before = first.find(path);
    if (before == first.end())
      refuse("the attribute " + path + " is first written in a second call", "set it in every call");
    const std::vector<at::Tensor> x = tensors_in(before->second), y = tensors_in(value);
    if (x.size() != y.size()) {
      refuse("the attribute " + path + " holds " + std::to_string(x.size()) + " tensors after a first call and " +
                 std::to_string(y.size()) + " after a second",
             "keep its length");
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i].sizes() == y[i].sizes() && x[i].scalar_type() == y[i].scalar_type()) continue;
      refuse("the attribute " + path + " is " + facts_text(x[i]) + " after a first call and " + facts_text(y[i]) +
                 " after a second: a state must keep its shape",
             "give it its whole length from the beginning, or make it an argument of forward");
    }
    if (holds_tensors(value)) continue;
    const bool same = value.tagKind() == before->second.tagKind() && value == before->second;
    if (!same) {
      refuse("the attribute " + path + " is " + (value.isObject() ? "an object" : "no tensor") +
                 " and changes from call to call",
             "keep it as a tensor");
    }
  }
}

// Candidates for what a state is before the first call: as in the archive, else zeros.
at::Tensor initial_of(const c10::IValue& archived, std::size_t place, const at::Tensor& steady, bool as_archived) {
  const std::vector<at::Tensor> tensors = tensors_in(archived);
  bool fits = as_archived && place < tensors.size() && tensors[place].defined() &&
              tensors[place].sizes() == steady.sizes() && tensors[place].scalar_type() == steady.scalar_type();
  return fits ? tensors[place].clone() : at::zeros_like(steady);
}

c10::IValue replaced(const c10::IValue& value, const std::vector<at::Tensor>& tensors, std::size_t& next) {
  if (value.isTensor()) return tensors.at(next++);
  if (value.isList() || value.isTuple()) {
    if (!holds_tensors(value)) return value;
    std::vector<c10::IValue> items;
    for (const c10::IValue& item : items_of(value)) items.push_back(replaced(item, tensors, next));
    return container_like(value, std::move(items));
  }
  return value;
}

Values with_initial(const StatePlan& plan, const std::vector<at::Tensor>& initial) {
  Values values;
  for (auto& [path, value] : with_state(plan, initial)) values[path] = value;
  return values;
}

// Begins with those values what the first call began with?
bool begins_as(Executor& executor, const StatePlan& plan, const std::vector<at::Tensor>& initial, const Run& first) {
  try {
    Run again = executor.run(with_initial(plan, initial));
    if (!same_values(again.result, first.result)) return false;
    return std::all_of(first.attributes.begin(), first.attributes.end(), [&](const auto& attribute) {
      auto found = again.attributes.find(attribute.first);
      return found != again.attributes.end() && same_values(found->second, attribute.second);
    });
  } catch (const ExportError&) {
    return false;
  }
}

}  // namespace

c10::IValue attribute_at(const torch::jit::Module& module, const std::string& path) {
  c10::IValue value = module._ivalue();
  std::istringstream names(path);
  for (std::string name; std::getline(names, name, '.');) {
    auto type = value.toObjectRef().type();
    auto slot = type->findAttributeSlot(name);
    if (!slot) throw std::out_of_range("there is no attribute " + path);
    value = value.toObjectRef().getSlot(*slot);
  }
  return value;
}

std::vector<std::pair<std::string, c10::IValue>> with_state(const StatePlan& plan,
                                                            const std::vector<at::Tensor>& tensors) {
  std::vector<std::pair<std::string, c10::IValue>> result;
  std::size_t next = 0;
  for (const auto& [path, value] : plan.attributes) result.emplace_back(path, replaced(value, tensors, next));
  return result;
}

StatePlan find_state(const Model::Impl& model, const ExportOptions& options,
                     const std::vector<c10::IValue>& arguments) {
  Executor executor(model, options, arguments);
  Run first = executor.run({});
  Run second = executor.run(first.attributes);
  check_steady(first.attributes, second.attributes);
  StatePlan plan;
  for (const auto& [path, value] : first.attributes) {
    plan.attributes.emplace_back(path, value);
    const std::vector<at::Tensor> tensors = tensors_in(value);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      std::string name = path + (tensors.size() > 1 ? "_" + std::to_string(i) : "");
      name.erase(0, std::min(name.find_first_not_of('_'), name.size()));
      name = nnef::make_identifier(name);
      plan.tensors.push_back({path, name, name + "_next", tensors[i].clone(), {}});
    }
  }
  if (plan.tensors.empty()) return plan;
  std::vector<at::Tensor> initial;
  for (bool as_archived : {true, false}) {
    initial.clear();
    for (const auto& [path, value] : plan.attributes) {
      const c10::IValue archived = attribute_at(model.module, path);
      const std::vector<at::Tensor> tensors = tensors_in(value);
      for (std::size_t i = 0; i < tensors.size(); ++i)
        initial.push_back(initial_of(archived, i, tensors[i], as_archived));
    }
    if (begins_as(executor, plan, initial, first)) break;
    if (!as_archived) {
      refuse("the first call does what no initial value of its state explains (" + plan.tensors.front().attribute +
                 ": neither as in the archive nor zeros)",
             "save the model after one call, or make the state an argument of forward");
    }
  }
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) plan.tensors[i].initial = initial[i];
  return plan;
}

StateReport to_report(const StateTensor& state) {
  return {state.attribute, state.input, state.output, initial_value_text(state.attribute, state.initial)};
}

}  // namespace torch2nnef
