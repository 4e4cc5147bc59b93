// Writes a TorchScript archive of the size and make of torchvision's resnet18, with random weights:
//
//   make_resnet FILE.pt
#include <iostream>

#include "nets.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_resnet FILE.pt\n";
    return 2;
  }
  torch::manual_seed(0);
  bench::resnet18().save(argv[1]);
  return 0;
}
