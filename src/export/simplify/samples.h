// Which part of each value belongs to one sample of a batch, as far as no operation lets samples meet.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "nnef/graph.h"

namespace torch2nnef {

// The samples stand one after the other along an axis, which is as long as their number times `each`.
struct SampleAxis {
  std::size_t axis = 0;
  nnef::Dim each;
  friend bool operator==(const SampleAxis&, const SampleAxis&) = default;
};

struct Samples {
  std::vector<std::optional<SampleAxis>> of;  // by Value::id; none: the value is the same whatever the batch
  // Where samples meet, or may meet: "reshape (flatten)"; then `of` is unfinished. "" where they never do.
  std::string met_in;
};

// `symbol` is their number. Proven from the operations alone: what the graph computes of one sample is what it computes
// of it in a batch, for every value. An operation without a rule (sample_rules.cc) counts as one in which samples meet.
Samples samples_of(const nnef::Graph& graph, const std::string& symbol);

}  // namespace torch2nnef
