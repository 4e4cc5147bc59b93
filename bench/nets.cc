#include "nets.h"

#include <cmath>

namespace bench {
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

  std::string parameter(const std::string& stem, const std::vector<std::int64_t>& sizes, double scale, double shift = 0) {
    const std::string parameter = name(stem);
    module_.register_parameter(parameter, torch::randn(sizes) * scale + shift, false);
    return "self." + parameter;
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
    const std::string weight = parameter("fc_weight", {out, in}, std::sqrt(1.0 / in));
    return line("torch.linear(" + x + ", " + weight + ", " + parameter("fc_bias", {out}, 0.1) + ")");
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

  torch::jit::Module module_{"Net"};
  std::string source_;
  int next_ = 0;
};

}  // namespace

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

torch::jit::Module vit_small() {
  constexpr int kWidth = 384, kTokens = 197, kLayers = 12;
  Net net;
  const auto normed = [&](const std::string& x) {
    return net.line("torch.layer_norm(" + x + ", [384], " + net.parameter("norm", {kWidth}, 0.1, 1) + ", " +
                    net.parameter("norm", {kWidth}, 0.1) + ", 1e-6)");
  };
  std::string x = net.line("torch.conv2d(x, " + net.parameter("patch", {kWidth, 3, 16, 16}, 0.05) + ", " +
                           net.parameter("patch", {kWidth}, 0.1) + ", [16, 16])");
  x = net.line("torch.transpose(torch.flatten(" + x + ", 2), 1, 2)");
  x = net.line("torch.cat([" + net.parameter("token", {1, 1, kWidth}, 0.5) + ", " + x + "], 1) + " +
               net.parameter("position", {1, kTokens, kWidth}, 0.1));
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string qkv = net.line("torch.permute(torch.reshape(" + net.linear(normed(x), kWidth, 3 * kWidth) +
                                     ", [1, 197, 3, 6, 64]), [2, 0, 3, 1, 4])");
    const std::string scores =
        net.line("torch.matmul(" + qkv + "[0] * 0.125, torch.transpose(" + qkv + "[1], 2, 3))");
    const std::string mixed = net.line("torch.matmul(torch.softmax(" + scores + ", -1), " + qkv + "[2])");
    const std::string joined = net.line("torch.reshape(torch.transpose(" + mixed + ", 1, 2), [1, 197, 384])");
    x = net.line(x + " + " + net.linear(joined, kWidth, kWidth));
    const std::string wide = net.line("torch.gelu(" + net.linear(normed(x), kWidth, 4 * kWidth) + ")");
    x = net.line(x + " + " + net.linear(wide, 4 * kWidth, kWidth));
  }
  return net.finish(net.linear(net.line("torch.select(" + normed(x) + ", 1, 0)"), kWidth, 1000));
}

torch::jit::Module unet() {
  Net net;
  const auto twice = [&](const std::string& x, int in, int out) {
    const std::string y = net.relu(net.batch_norm(net.convolution(x, in, out, 3, 1), out));
    return net.relu(net.batch_norm(net.convolution(y, out, out, 3, 1), out));
  };
  std::vector<std::string> skipped;
  std::string x = "x";
  int in = 3;
  for (int channels = 32; channels <= 256; in = channels, channels *= 2) {
    skipped.push_back(twice(x, in, channels));
    x = net.line("torch.max_pool2d(" + skipped.back() + ", [2, 2])");
  }
  x = twice(x, 256, 512);
  for (int channels = 256; channels >= 32; channels /= 2) {
    const std::string weight = net.parameter("up", {2 * channels, channels, 2, 2}, std::sqrt(1.0 / channels));
    x = net.line("torch.conv_transpose2d(" + x + ", " + weight + ", None, [2, 2])");
    x = twice(net.line("torch.cat([" + skipped.back() + ", " + x + "], 1)"), 2 * channels, channels);
    skipped.pop_back();
  }
  return net.finish(net.convolution(x, 32, 2, 1, 1));
}

}  // namespace bench
