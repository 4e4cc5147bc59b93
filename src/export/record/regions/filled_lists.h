// Lists that a loop over a dynamic axis filled, one item a round: on the Tape one tensor, the items along a new axis.
#pragma once

#include <optional>
#include <unordered_map>

#include "export/record/callee.h"
#include "export/record/context.h"
#include "export/record/region.h"

namespace torch2nnef {

class FilledLists {
 public:
  explicit FilledLists(RecordContext& context) : context_(context) {}

  // `list` is full; `stacked` are its items along a new first axis. Items have no value of their own.
  void add(const c10::IValue& list, TapeValue stacked);
  // torch.stack and torch.cat of such a list; nullopt for any other call.
  std::optional<Slots> call(const Callee& callee, const Slots& inputs);
  // A tensor after all rounds wrote to it; `stacked` is what they wrote, along a new first axis.
  TapeValue filled(TapeValue stacked, const RoundWrite& write, const ScanCall::Target& target, const nnef::Dim& trips);

 private:
  struct Filled {
    c10::IValue keep_alive;  // of world 0; an address is not used again while it is here
    TapeValue stacked;
    std::size_t size;  // in world 0
  };
  TapeValueInfo move_first_axis(TapeValue& value, std::int64_t to);

  RecordContext& context_;
  std::unordered_map<const void*, Filled> filled_;
};

}  // namespace torch2nnef
