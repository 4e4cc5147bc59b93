// The weights of recurrent layers and cells, as the engine's own operators want them where the target has those.
#pragma once

#include <string>
#include <vector>

#include "export/ops/networks/recurrent.h"

namespace torch2nnef {

// The best form that the target has, for arithmetic in `dtype`. The rows of a weight are put in order at export, so
// weights that are not constants leave the written form.
CellForm best_form(Call& call, Cell cell, DType dtype, const std::vector<TapeValue>& weights);

// A weight in `dtype`, its rows in the form's order. `name` is for a constant that has no name of its own.
Value gate_rows(Call& call, Cell cell, CellForm form, DType dtype, TapeValue weight, const std::string& name);

}  // namespace torch2nnef
