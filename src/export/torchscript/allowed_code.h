// The look at all code of a model before any of it is executed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "export/lower/lowering.h"
#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// A call that a recording does not execute.
struct ForbiddenCall {
  std::string op;      // "aten::save", or the name of a custom class's method
  std::string reason;  // a sentence, without the name
  Location where;
};

// Calls in `method` of `root` and in all code that it may reach, whether it is reached or not: branches, loops,
// functions, methods of submodules. Each place once. An operator that a lowering of `tables` claims is allowed.
std::vector<ForbiddenCall> forbidden_calls(const torch::jit::Module& root, const torch::jit::Function& method,
                                           const Tables& tables);
// Throws ExportError with all of them. Does nothing where there is no such method.
void refuse_forbidden_calls(const torch::jit::Module& root, const std::string& method, const Tables& tables);

}  // namespace torch2nnef
