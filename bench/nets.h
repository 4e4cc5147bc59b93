// Nets of well-known sizes and makes, with random weights, as TorchScript modules.
#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

namespace bench {

// torchvision's resnet18: x is [1, 3, 224, 224]. 11.7 million parameters.
torch::jit::Module resnet18();
// A vision transformer: 12 layers of width 384 with 6 heads over 197 tokens; x is [1, 3, 224, 224]. 22 million.
torch::jit::Module vit_small();
// A U-Net of four levels from 32 channels on, batch norms included; x is [1, 3, 256, 256]. 7.8 million.
torch::jit::Module unet();

}  // namespace bench
