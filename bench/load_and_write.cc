// The least that an exporter must do: loads an archive with libtorch and writes the bytes of its tensors to a file.
//
//   load_and_write MODEL.pt FILE
#include <torch/script.h>

#include <fstream>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: load_and_write MODEL.pt FILE\n";
    return 2;
  }
  const torch::jit::Module module = torch::jit::load(argv[1]);
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
