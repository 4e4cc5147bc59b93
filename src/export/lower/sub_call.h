// A call of another operator inside a lowering: through the built-in table, on values of the graph.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

class SubCall {
 public:
  // The symbols and sizes of `parent`; no arguments and no results yet.
  SubCall(Call& parent, std::string op, std::string overload = "");

  // Arguments by schema name. Those that the lowering may look at must be given, as None where they have no value.
  void argument(std::string_view name, TapeArgument argument, bool is_default = false);
  // A tensor for an argument or a list: one of the graph, with its dtype and shape; or as the recorder knew it.
  TapeValue tensor(Value value);
  TapeValue tensor(TapeValueInfo info, Value value);
  TapeValue constant(TapeValueInfo info);

  // The results in order; one may be unknown to the recorder altogether.
  void expect(ScalarType type, Shape shape, bool wanted = true);
  void expect_nothing();

  // Lowers the call by the first candidate for real tensors that applies; the wanted results, in order.
  std::vector<Value> run();

 private:
  TapeValue add(TapeValueInfo info);
  Builder& b_;
  const Tables& tables_;
  Tape tape_;
  TapeCall call_;
  std::vector<std::pair<TapeValue, Value>> bound_;
};

}  // namespace torch2nnef
