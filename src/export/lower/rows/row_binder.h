// Binding the parameters of a row to the arguments of a call. Internal to the rows.
#pragma once

#include "export/lower/rows/row_expander.h"

namespace torch2nnef {

// The parameters of `row` as the call has them, cast to the dtype in which the row computes. Throws DoesNotApply when
// the call has an argument that the row cannot take.
RowBindings bind_call(Call& call, const Row& row, RowExpander& expander);

}  // namespace torch2nnef
