// Writes a TorchScript archive of the size and make of a well-known net, with random weights:
//
//   make_net NAME FILE.pt
#include <exception>
#include <iostream>

#include "nets.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make_net NAME FILE.pt\n";
    return 2;
  }
  try {
    torch::manual_seed(0);
    bench::net_of(argv[1]).build().save(argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_net: " << error.what() << "\n";
    return 1;
  }
}
