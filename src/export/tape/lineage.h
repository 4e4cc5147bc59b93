// Which call of the Tape each value of a graph comes from: plain data.
#pragma once

#include <cstdint>
#include <vector>

#include "export/tape/tape.h"
#include "nnef/graph.h"

namespace torch2nnef {

// Where the values of a graph come from. Value::ids stay good through simplify(), which takes operations out.
struct Lineage {
  // What stands for a result of a call in the graph: a value, or the two parts of a complex one. No values where there
  // is nothing.
  struct Standing {
    nnef::Value value, re, im;
  };
  std::vector<Standing> standing;     // by TapeValue::id
  std::vector<std::int32_t> call_of;  // by Value::id: the index in Tape::calls; -1 for inputs
  std::vector<nnef::Value> outputs;   // of Tape::outputs
};

}  // namespace torch2nnef
