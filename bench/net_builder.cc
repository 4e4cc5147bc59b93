#include "net_builder.h"

#include <cmath>

namespace bench {
namespace {

std::string pair_of(int number) { return "[" + std::to_string(number) + ", " + std::to_string(number) + "]"; }

}  // namespace

std::string NetBuilder::convolution(const std::string& x, int in, int out, int kernel, int stride, bool bias) {
  const std::string weight = parameter("weight", {out, in, kernel, kernel}, std::sqrt(2.0 / (in * kernel * kernel)));
  const std::string shift = bias ? parameter("bias", {out}, 0.1) : "None";
  return line("torch.conv2d(" + x + ", " + weight + ", " + shift + ", " + pair_of(stride) + ", " + pair_of(kernel / 2) +
              ", [1, 1], 1)");
}

std::string NetBuilder::batch_norm(const std::string& x, int channels) {
  const std::string norm = name("norm");
  module_.register_parameter(norm + "_weight", torch::rand({channels}) + 0.5, false);
  module_.register_parameter(norm + "_bias", torch::randn({channels}) * 0.1, false);
  module_.register_buffer(norm + "_mean", torch::randn({channels}) * 0.1);
  module_.register_buffer(norm + "_var", torch::rand({channels}) + 0.5);
  const std::string self = "self." + norm;
  return line("torch.batch_norm(" + x + ", " + self + "_weight, " + self + "_bias, " + self + "_mean, " + self +
              "_var, False, 0.1, 1e-5, True)");
}

std::string NetBuilder::relu(const std::string& x) { return line("torch.relu(" + x + ")"); }

std::string NetBuilder::max_pool(const std::string& x, int kernel, int padding) {
  return line("torch.max_pool2d(" + x + ", " + pair_of(kernel) + ", [2, 2], " + pair_of(padding) + ", [1, 1], False)");
}

std::string NetBuilder::linear(const std::string& x, int in, int out) {
  const std::string weight = parameter("fc_weight", {out, in}, std::sqrt(1.0 / in));
  return line("torch.linear(" + x + ", " + weight + ", " + parameter("fc_bias", {out}, 0.1) + ")");
}

std::string NetBuilder::classifier(const std::string& x, int channels) {
  return linear(line("torch.flatten(torch.adaptive_avg_pool2d(" + x + ", [1, 1]), 1)"), channels, 1000);
}

std::string NetBuilder::parameter(const std::string& stem, const std::vector<std::int64_t>& sizes, double scale,
                                  double shift) {
  const std::string parameter = name(stem);
  module_.register_parameter(parameter, torch::randn(sizes).mul_(scale).add_(shift), false);
  return "self." + parameter;
}

std::string NetBuilder::line(const std::string& expression) {
  const std::string value = name("v");
  source_ += "  " + value + " = " + expression + "\n";
  return value;
}

torch::jit::Module NetBuilder::finish(const std::string& result) {
  module_.define("def forward(self, x):\n" + source_ + "  return " + result + "\n");
  module_.eval();
  return module_;
}

}  // namespace bench
