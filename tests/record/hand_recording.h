// A recording without a model: operators are called on slots that a test makes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "export/record/operator_recorder.h"

namespace torch2nnef {

class HandRecording {
 public:
  explicit HandRecording(std::vector<nnef::Bindings> worlds = {nnef::Bindings{}}, bool follows_state = false)
      : recorder(
            with_worlds(tape, std::move(worlds)), diagnostics, [this]() -> const Location& { return where; }, true,
            follows_state) {
    where.module_path = "here";
  }
  HandRecording(const HandRecording&) = delete;
  HandRecording& operator=(const HandRecording&) = delete;

  // The same value in all worlds.
  Slot same(const c10::IValue& value) { return {std::vector<c10::IValue>(tape.worlds.size(), value), {}}; }
  Slots call(const std::string& name, const std::string& overload, Slots inputs) {
    return recorder.call(find_callee(name, overload), std::move(inputs));
  }
  Slot call1(const std::string& name, const std::string& overload, Slots inputs) {
    return call(name, overload, std::move(inputs)).at(0);
  }
  // A float input whose one axis is the symbol S.
  Slot input_of_size_s(const std::string& name) {
    std::vector<at::Tensor> tensors;
    for (const nnef::Bindings& sizes : tape.worlds) tensors.push_back(at::arange(sizes.at("S"), at::kFloat));
    return recorder.input(name, tensors, {nnef::Dim::symbol("S")});
  }
  // The names of the calls on the Tape, in order.
  std::vector<std::string> calls() const {
    std::vector<std::string> names;
    for (const TapeCall& call : tape.calls) names.push_back(call.full_name());
    return names;
  }
  // The present value of a slot's tensor.
  TapeValue value(const Slot& slot) { return recorder.context().read(slot.sample().toTensor()); }

  Tape tape;
  Diagnostics diagnostics;
  Location where;
  OperatorRecorder recorder;

 private:
  static Tape& with_worlds(Tape& tape, std::vector<nnef::Bindings> worlds) {
    tape.worlds = std::move(worlds);
    return tape;
  }
};

// Sizes of S, three worlds.
inline std::vector<nnef::Bindings> sizes_of_s() { return {{{"S", 4}}, {{"S", 6}}, {{"S", 9}}}; }

}  // namespace torch2nnef
