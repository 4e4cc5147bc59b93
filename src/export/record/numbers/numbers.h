// Numbers and tensors: sizes read from tensors, numbers read from tensors and put into them, arithmetic on numbers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/record/callee.h"
#include "export/record/context.h"
#include "export/record/numbers/number_values.h"

namespace torch2nnef {

class Numbers {
 public:
  Numbers(RecordContext& context, NumberValues& values) : context_(context), values_(values) {}

  // Executes an operator that reads a tensor's metadata, reads its one item, or makes a tensor of numbers with notes;
  // nullopt for any other operator, and then nothing has happened.
  std::optional<Slots> call(const Callee& callee, const Slots& inputs);
  // Where a number comes from that an operator on numbers gave.
  Note note_of(const c10::FunctionSchema& schema, const Slots& inputs, const Slot& result);

 private:
  Slots read_metadata(const Callee& callee, const Slots& inputs);
  Slots read_item(const Callee& callee, const Slots& inputs);
  std::optional<Slots> make_tensor(const Callee& callee, const Slots& inputs);
  void add_joined(const at::Tensor& tensor, const std::vector<c10::IValue>& items, const std::vector<Note>& notes,
                  bool is_list);

  RecordContext& context_;
  NumberValues& values_;
};

}  // namespace torch2nnef
