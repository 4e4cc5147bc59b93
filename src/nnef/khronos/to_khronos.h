// A graph of tract's dialect said in the operators of Khronos NNEF 1.0.5, without extensions.
#pragma once

#include <string>
#include <vector>

#include "nnef/graph.h"

namespace nnef {

// An operation that the standard has no words for.
struct Untranslated {
  std::size_t operation = 0;  // its index in the graph
  std::string text;           // a sentence that names it
};

// Operators of tract that are standard ones by another name or layout are renamed, others composed of standard ones
// where that gives the same numbers (erf is a polynomial and exp, 1.5e-7 off at most): casts between item types of one
// class vanish, resizing by whole factors becomes upsampling, filters of transposed convolutions are turned round.
// Names of values are kept; properties, which the standard does not have, are left out. Values have the types that
// stand for classes here: f32, i64 and bool, as they have when the text is read again. What cannot be said is reported,
// all of it; the graph is of no use then.
Graph to_khronos(const Graph& graph, std::vector<Untranslated>& problems);

}  // namespace nnef
