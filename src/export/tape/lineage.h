// Which call of the Tape each value of a graph comes from: plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "export/tape/tape.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Where the values of a graph come from. Value::ids stay good through simplify(), which takes operations out.
struct Lineage {
  // What stands for a result of a call in the graph: a value, the two parts of a complex one, of a quantised one its
  // codes and the items of i8 that the call made them of. No values where there is nothing.
  struct Standing {
    nnef::Value value, re, im, bytes;
  };
  std::vector<Standing> standing;     // by TapeValue::id
  std::vector<std::int32_t> call_of;  // by Value::id: the index in Tape::calls; -1 for inputs
  std::vector<nnef::Value> outputs;   // of Tape::outputs
};

// Values that were added to the graph belong to the calls of those that they are for, or to none.
inline void extend(Lineage& lineage, const std::vector<nnef::Value>& added_for) {
  for (nnef::Value value : added_for) {
    lineage.call_of.push_back(value ? lineage.call_of.at(static_cast<std::size_t>(value.id)) : -1);
  }
}

}  // namespace torch2nnef
