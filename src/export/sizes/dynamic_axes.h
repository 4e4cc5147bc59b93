// Symbols of dynamic axes: their sizes in the sample, and other sizes at which a model is executed as well.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "export/diagnostics.h"
#include "export/request.h"
#include "export/tape/tape.h"

namespace torch2nnef {

struct DynamicInput {
  std::string name;
  std::vector<std::int64_t> sizes;  // in the sample
  nnef::Shape shape;                // with the expressions of the dynamic axes
};

struct DynamicAxes {
  std::vector<Symbol> symbols;  // in the order of their first use
  nnef::Bindings sample;        // their sizes in the sample
};

// Puts the expressions into the shapes and solves the symbols. Throws ExportError (usage): an input or axis that is not
// there, an expression that no size of its symbols makes the sample's, a size out of its bounds.
DynamicAxes resolve_dynamic_axes(const ExportOptions& options, std::vector<DynamicInput>& inputs);

// How far apart the sizes of a symbol are at which a model is executed, in the order of the symbols.
using Grids = std::vector<std::int64_t>;

// Sizes to execute a model at, three to five worlds; empty when the bounds leave too few. World 0 is the sample unless
// an axis has size 0 or 1 there, which broadcasting would hide. No symbol is 0 or 1, and none follows another. `wide`:
// some are far from the sample's, else all are near it.
std::vector<nnef::Bindings> worlds_on(const DynamicAxes& axes, const std::vector<DynamicInput>& inputs,
                                      const Grids& grids, bool wide);

// For the batch of one that most samples are: 2, 3 and the sample itself, which takes six times the work of one instead
// of the ten of worlds_on() and the sample. Empty for other symbols.
std::vector<nnef::Bindings> worlds_with_sample(const DynamicAxes& axes);

// Writes symbols whose grid is g > 1 as g * NAME_g + rest, in the shapes, the bounds and the sample: what is exported
// then holds for those sizes and no others. Returns the conditions, "H % 4 == 0 (H is 4*H_4)".
std::vector<std::string> fix_multiples(DynamicAxes& axes, std::vector<DynamicInput>& inputs, const Grids& grids);

// The bounds of its one symbol within which a condition on `symbols` holds, around where it does: "S=5..", "S=2..16",
// as
// --symbol takes them. "" for a condition on several symbols, or one that holds at no other size.
std::string bounds_of(const std::set<std::string>& symbols, const std::function<bool(const nnef::Bindings&)>& holds,
                      const nnef::Bindings& where_it_holds);

}  // namespace torch2nnef
