// A whole module by its class. No torch header, nothing to link.
//
//   g++ -std=c++20 -shared -fPIC -I INCLUDE squeeze_excite.cc -o squeeze_excite.so
//   torch2nnef classifier.pt --plugin squeeze_excite.so
#include "export/modules/extractor.h"

namespace {

using torch2nnef::extractor::Call;
using torch2nnef::extractor::Shape;
using torch2nnef::extractor::Tensor;

// [batch, channels] through a linear layer of the module.
Tensor linear(Call& call, Tensor x, const std::string& name) {
  const Tensor product = call.add("matmul", {x, call.tensor(name + ".weight")}, {{"transposeB", true}});
  return call.binary("add", product, call.tensor(name + ".bias"));
}

void squeeze_excite(Call& call) {
  const Tensor x = call.input(0);
  const Shape shape = call.shape(x);
  if (shape.size() != 4)
    call.unsupported("the input of SqueezeExcite is not an image", "give [batch, channels, height, width]");
  const Tensor mean = call.add("mean_reduce", {x}, {{"axes", Shape{2, 3}}});
  const Tensor hidden = call.add("relu", {linear(call, call.reshape(mean, {shape[0], shape[1]}), "reduce")});
  const Tensor weight = call.add("sigmoid", {linear(call, hidden, "expand")});
  call.result(0, call.binary("mul", x, call.reshape(weight, {shape[0], shape[1], 1, 1})));
}

}  // namespace

TORCH2NNEF_PLUGIN("squeeze and excite", plugin) { plugin.module("SqueezeExcite", squeeze_excite, "images"); }
