// An operator of one's own: registered with libtorch, so that models that call it load and run, and lowered.
//
//   g++ -std=c++20 -shared -fPIC -I INCLUDE -I TORCH_INCLUDE gated_swish.cc -o gated_swish.so -ltorch_cpu -lc10
//   torch2nnef gated.pt --plugin gated_swish.so
#include <ATen/ATen.h>
#include <torch/library.h>

#include "export/modules/extractor.h"

namespace {

namespace extractor = torch2nnef::extractor;

at::Tensor gated_swish(const at::Tensor& x, const at::Tensor& gate, double beta) {
  return x * at::sigmoid(gate * beta);
}

// x * sigmoid(beta * gate)
void lower(extractor::Call& call) {
  const extractor::Tensor scaled = call.binary("mul", call.tensor("gate"), call.number("beta"));
  call.result(0, call.binary("mul", call.tensor("x"), call.add("sigmoid", {scaled})));
}

}  // namespace

TORCH_LIBRARY(mine, library) {
  library.def("gated_swish(Tensor x, Tensor gate, float beta=1.0) -> Tensor", gated_swish);
}

TORCH2NNEF_PLUGIN("gated swish", plugin) { plugin.op("mine::gated_swish", lower, "float tensors"); }
