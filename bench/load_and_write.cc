// The least that an exporter must do: loads an archive with libtorch and writes the bytes of its tensors to a file. One
// that executes the model, as recording does, must make a forward pass besides: with sizes, that is made too.
//
//   load_and_write MODEL.pt FILE [SIZES OF X, as in 1,3,224,224]
#include <torch/script.h>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

void execute(torch::jit::Module& module, const std::string& sizes) {
  std::vector<std::int64_t> shape;
  std::istringstream words(sizes);
  for (std::string word; std::getline(words, word, ',');) shape.push_back(std::stoll(word));
  const c10::InferenceMode guard;
  module.eval();
  module.forward({torch::randn(shape)});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: load_and_write MODEL.pt FILE [SIZES]\n";
    return 2;
  }
  torch::jit::Module module = torch::jit::load(argv[1]);
  if (argc == 4) execute(module, argv[3]);
  std::ofstream file(argv[2], std::ios::binary);
  const auto write = [&](const at::Tensor& tensor) {
    const at::Tensor flat = tensor.contiguous();
    file.write(static_cast<const char*>(flat.data_ptr()), static_cast<std::streamsize>(flat.nbytes()));
  };
  for (const at::Tensor& parameter : module.parameters()) write(parameter);
  for (const at::Tensor& buffer : module.buffers()) write(buffer);
  file.close();
  return file ? 0 : 1;
}
