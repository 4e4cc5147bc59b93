// Writes a TorchScript archive of the size and make of torchvision's resnet18, with random weights:
//
//   make_resnet FILE.pt
#include <torch/script.h>

#include <cmath>
#include <iostream>
#include <string>

namespace {

// Collects the parameters and the lines of forward while the net is put together.
class Net {
 public:
  // Returns the name of the value.
  std::string convolution(const std::string& x, int in, int out, int kernel, int stride) {
    const std::string weight = name("weight");
    const double scale = std::sqrt(2.0 / (in * kernel * kernel));
    module_.register_parameter(weight, torch::randn({out, in, kernel, kernel}) * scale, false);
    const std::string pad = std::to_string(kernel / 2), step = std::to_string(stride);
    return line("torch.conv2d(" + x + ", self." + weight + ", None, [" + step + ", " + step + "], [" + pad + ", " +
                pad + "], [1, 1], 1)");
  }

  std::string batch_norm(const std::string& x, int channels) {
    const std::string norm = name("norm");
    module_.register_parameter(norm + "_weight", torch::rand({channels}) + 0.5, false);
    module_.register_parameter(norm + "_bias", torch::randn({channels}) * 0.1, false);
    module_.register_buffer(norm + "_mean", torch::randn({channels}) * 0.1);
    module_.register_buffer(norm + "_var", torch::rand({channels}) + 0.5);
    const std::string self = "self." + norm;
    return line("torch.batch_norm(" + x + ", " + self + "_weight, " + self + "_bias, " + self + "_mean, " + self +
                "_var, False, 0.1, 1e-5, True)");
  }

  std::string relu(const std::string& x) { return line("torch.relu(" + x + ")"); }

  std::string block(const std::string& x, int in, int out, int stride) {
    std::string y = relu(batch_norm(convolution(x, in, out, 3, stride), out));
    y = batch_norm(convolution(y, out, out, 3, 1), out);
    const bool same = in == out && stride == 1;
    const std::string skipped = same ? x : batch_norm(convolution(x, in, out, 1, stride), out);
    return relu(line("torch.add(" + y + ", " + skipped + ")"));
  }

  std::string linear(const std::string& x, int in, int out) {
    module_.register_parameter("fc_weight", torch::randn({out, in}) * std::sqrt(1.0 / in), false);
    module_.register_parameter("fc_bias", torch::randn({out}) * 0.1, false);
    return line("torch.linear(" + x + ", self.fc_weight, self.fc_bias)");
  }

  std::string line(const std::string& expression) {
    const std::string value = name("v");
    source_ += "  " + value + " = " + expression + "\n";
    return value;
  }

  torch::jit::Module finish(const std::string& result) {
    module_.define("def forward(self, x):\n" + source_ + "  return " + result + "\n");
    module_.eval();
    return module_;
  }

 private:
  std::string name(const std::string& stem) { return stem + std::to_string(next_++); }

  torch::jit::Module module_{"ResNet"};
  std::string source_;
  int next_ = 0;
};

torch::jit::Module resnet18() {
  Net net;
  std::string x = net.relu(net.batch_norm(net.convolution("x", 3, 64, 7, 2), 64));
  x = net.line("torch.max_pool2d(" + x + ", [3, 3], [2, 2], [1, 1], [1, 1], False)");
  for (int channels = 64, in = 64; channels <= 512; in = channels, channels *= 2) {
    x = net.block(x, in, channels, in == channels ? 1 : 2);
    x = net.block(x, channels, channels, 1);
  }
  x = net.line("torch.flatten(torch.adaptive_avg_pool2d(" + x + ", [1, 1]), 1)");
  return net.finish(net.linear(x, 512, 1000));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_resnet FILE.pt\n";
    return 2;
  }
  torch::manual_seed(0);
  resnet18().save(argv[1]);
  return 0;
}
