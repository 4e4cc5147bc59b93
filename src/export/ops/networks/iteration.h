// Steps repeated a fixed number of times on states of a fixed shape: one tract_core_scan.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "export/lower/lowering.h"

namespace torch2nnef {

using NamedValues = std::vector<std::pair<std::string, Value>>;

struct Iteration {
  std::string name;  // of the body among the graph's fragments
  std::int64_t rounds = 1;
  NamedValues fixed;   // what every round sees
  NamedValues states;  // what a round changes; its results are "next_" and the name
};

// One round: what the states become. `one` is a 1 of the first state's dtype and of rank 1, which the round must use
// somewhere: the engine refuses a scan that reads nothing (T-SCAN-UNUSED). The body has no tensor files, so no literals
// of f64; see body_number.
using RoundFunction =
    std::function<std::vector<Value>(Builder& b, Value one, std::vector<Value> fixed, std::vector<Value> states)>;

// The states after the last round. `source` is a floating tensor that depends on an input.
std::vector<Value> iterate(Call& call, const Iteration& iteration, Value source, const RoundFunction& round);

// A whole number inside a body.
Value body_number(Builder& b, std::int64_t value, DType dtype);

}  // namespace torch2nnef
