// The recorder's own call: an integer tensor made of dimension expressions.

#include "export/lower/lowering.h"

namespace torch2nnef {
namespace {

void lower_dims(Call& call) {
  Builder& b = call.builder();
  std::vector<Dim> dims = call.dims("dims");
  if (call.result_shape().empty()) {
    call.result(call.dim_tensor(dims.at(0), call.result_dtype()));
    return;
  }
  if (dims.empty()) throw Unsupported("a tensor of no sizes");
  std::vector<Value> parts;
  for (const Dim& dim : dims) parts.push_back(b.unsqueeze(call.dim_tensor(dim, call.result_dtype()), {0}));
  call.result(parts.size() == 1 ? parts[0] : b.concat(parts, 0));
}

}  // namespace

void register_dims(Registry& registry) { registry.add("t2n::dims", lower_dims); }

}  // namespace torch2nnef
