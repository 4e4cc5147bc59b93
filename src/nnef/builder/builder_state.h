// What a Builder remembers beside the graph. Not part of the interface.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "nnef/builder/builder.h"

namespace nnef {

struct Builder::State {
  Naming naming = Naming::kNatural;
  std::string path, hint, comment;                                    // set_scope
  std::unordered_map<std::string, std::int32_t> holders;              // by name: the value that has it, or kReserved
  std::unordered_map<std::string, std::int64_t> counters;             // by base name: the next suffix to try
  std::int64_t next_number = 0;                                       // of the numeric scheme
  std::unordered_map<std::string, std::vector<Value>> known;          // operations by their text, to share equal ones
  std::unordered_map<std::string, Value> by_label;                    // variables by the label that was asked for
  std::unordered_set<std::string> labels;                             // in use, in lower case
  std::unordered_map<std::int32_t, std::int64_t> variable_operation;  // where a variable's operation stands
  std::unordered_set<std::int32_t> outputs;
  std::unordered_set<std::int32_t> integers;  // constants, bools too, that are literals
  bool is_older_form = false;                 // the operations being added are those of a form for older releases
  std::size_t indexed = 0;                    // operations of which `producers` knows the results
  std::unordered_map<std::int32_t, std::size_t> producers;    // by value: where its operation stands
  std::unordered_map<std::int32_t, Value> without_broadcast;  // what item_by_item() gave

  // The value as operations in which nothing is broadcast; itself where nothing is.
  Value item_by_item(Builder& b, Value x);
  Argument item_by_item(Builder& b, const Argument& tensor);
  Value moved_item_by_item(Builder& b, Value x, const Operation& operation);

  static constexpr std::int32_t kReserved = -1;

  // A name that nobody has: the base itself, or with _1, _2, ...
  std::string unique_name(const std::string& base);
  // The name of the next result under the scheme.
  std::string next_name(const Graph& graph, std::string_view op);
  // A label that no other one equals without regard to case.
  std::string unique_label(std::string_view wanted);
  void hold(const std::string& name, std::int32_t id) { holders[name] = id; }
};

// Sums products of items of several tensors.
bool is_product(std::string_view op);

// The operation as text, equal for operations that compute the same.
std::string operation_key(const Operation& operation);
// True when both hold the same items; streams both unless they are one object.
bool same_contents(const TensorData& a, const TensorData& b);

}  // namespace nnef
