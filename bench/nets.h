// Nets of well-known sizes and makes, with random weights, as TorchScript modules.
#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

namespace bench {

struct Net {
  std::string name;
  std::vector<std::int64_t> input;  // sizes of x
  torch::jit::Module (*build)();
};

// All of them.
const std::vector<Net>& nets();
// Throws std::out_of_range for a name that none has.
const Net& net_of(const std::string& name);

// nets_residual.cc
torch::jit::Module resnet18();
torch::jit::Module resnet50();
torch::jit::Module densenet121();
// nets_plain.cc
torch::jit::Module vgg11();
torch::jit::Module unet();  // of four levels from 32 channels on, batch norms included
// nets_transformer.cc
torch::jit::Module vit_b_16();
torch::jit::Module vit_small();  // half the width and the heads

}  // namespace bench
