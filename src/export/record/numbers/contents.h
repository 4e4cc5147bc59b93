// Arithmetic on small tensors whose items follow from sizes: kept as expressions, not recorded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/record/callee.h"
#include "export/record/context.h"

namespace torch2nnef {

using Items = std::vector<Ratio>;

constexpr std::int64_t kMostContents = 16;  // items of a tensor of sizes

// The items of a number or a tensor, if they are constants or follow from sizes.
std::optional<Items> contents_of(RecordContext& context, const Slot& slot);

class Contents {
 public:
  explicit Contents(RecordContext& context) : context_(context) {}

  // Makes the result of an operator known as expressions; false when it does not follow from sizes, or no argument
  // does.
  bool add(const c10::FunctionSchema& schema, const Slots& inputs, const Slots& results);
  // A size that an operator changes in place, when nothing else shares its memory: executed, if that can be an
  // expression.
  std::optional<Slots> write(const Callee& callee, const Slots& inputs);

 private:
  bool any_contents(const Slots& inputs);
  std::optional<Items> verified(const c10::FunctionSchema& schema, const std::string& name, const Slots& inputs,
                                const Slot& result);
  std::optional<Items> symbolic(const c10::FunctionSchema& schema, const std::string& name, const Slots& inputs,
                                std::size_t count);
  std::optional<Items> moved_items(const c10::FunctionSchema& schema, const Slots& inputs);
  std::optional<Items> elementwise_items(const c10::FunctionSchema& schema, const std::string& name,
                                         const Slots& inputs, std::size_t count);

  RecordContext& context_;
};

}  // namespace torch2nnef
