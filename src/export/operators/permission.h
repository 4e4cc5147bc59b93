// Which operators a recording may execute: pure functions of tensors, numbers, texts and lists. A model file comes from
// anywhere, so whatever reaches files, processes, devices, threads or the state of the random numbers is never run.
#pragma once

#include "export/operators/operators.h"
#include "export/torch_compat.h"

namespace torch2nnef {

enum class Permission {
  kByRow,     // the operators' table allows it
  kBySchema,  // its schema shows that it depends on its arguments only and changes nothing but them
  kRefused,   // the table refuses it
  kUnknown,   // neither: not executed unless a lowering claims it
};

Permission permission_of(const c10::FunctionSchema& schema);
inline bool is_allowed(Permission permission) {
  return permission == Permission::kByRow || permission == Permission::kBySchema;
}

}  // namespace torch2nnef
