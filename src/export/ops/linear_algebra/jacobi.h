// Singular values and symmetric eigenvalues of small matrices by Jacobi's rotations, in double precision: one
// tract_core_scan whose every round rotates n / 2 disjoint pairs of columns.
#pragma once

#include "export/lower/lowering.h"

namespace torch2nnef {

// matrix = u * diag(values) * v^T with k = min(m, n); everything in f64, `values` descending. Columns of u and v are
// determined up to their sign. Columns of u that belong to a singular value of 0 are zeros.
struct SingularSystem {
  Value u;       // [.., m, k]
  Value values;  // [.., k]
  Value v;       // [.., n, k]
};
// matrix [.., m, n] of static sizes up to 64. Unsupported for larger ones.
SingularSystem singular_system(Call& call, Value matrix);

// matrix = vectors * diag(values) * vectors^T of a symmetric matrix; f64, `values` ascending.
struct EigenSystem {
  Value values;   // [.., n]
  Value vectors;  // [.., n, n], columns, determined up to their sign
};
EigenSystem eigen_system(Call& call, Value symmetric);

}  // namespace torch2nnef
