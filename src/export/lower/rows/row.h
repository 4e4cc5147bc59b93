// Rows: lowerings written in the language of the format.
//
// A row is a fragment named after an aten schema, `aten__softplus` or `aten__add__Tensor`. Its parameters are the
// schema's own argument names; its body is expressions over the dialect's operators, other rows by their full names,
// arithmetic and the built-ins rank_of, shape_of, numel_of, dtype_of and is_number (of what is known at export, as
// constants of rank 0 are). Lowering a call expands the body through the builder, one flat operation a step, with the
// literals and promotions that the call's real dtypes ask for.
#pragma once

#include <string>
#include <string_view>

#include "export/lower/lowering.h"

namespace torch2nnef {

// Adds every fragment of `text` as a row, in order. The text begins with `extension torch2nnef_rows 1;`. `file` names
// it in errors. Throws nnef::SyntaxError for what is not NNEF, and RowError for what is not a row.
void register_rows(Registry& registry, std::string_view text, std::string_view file);

// A row file that says something impossible: a wrong name, a call of an unknown operator. `what()` begins "FILE:LINE:".
class RowError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The rows that are built in.
void register_builtin_rows(Registry& registry);

}  // namespace torch2nnef
