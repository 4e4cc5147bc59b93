// The look at all code of a model before any of it is executed.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "export/lower/lowering.h"
#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// Why a recording does not execute an operator that no lowering of `tables` claims, after its name; empty when it does.
std::string_view why_not_executed(const c10::FunctionSchema& schema, const Tables& tables);

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
