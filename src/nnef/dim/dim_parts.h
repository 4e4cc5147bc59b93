// A dimension expression taken apart.
#pragma once

#include <utility>
#include <vector>

#include "nnef/dim/dim.h"

namespace nnef TORCH2NNEF_API {

// Whether a division rounds in it. The engine does not add such terms up, nor cancel them.
bool is_rounded(const Dim& dim);

// {a, b} with a - b the expression: its terms with positive coefficients, and the others negated. Of (H+1)/2-H the
// engine makes (1-H)/2, and rounds that towards zero (T-SIZE-NEGATIVE-HALF); each part alone it computes right.
std::pair<Dim, Dim> positive_and_negative(const Dim& dim);

// a - b of each min(a,b) and max(a,b) in the expression: where its sign changes the expression takes the other side.
std::vector<Dim> differences_of_sides(const Dim& dim);

}  // namespace nnef
