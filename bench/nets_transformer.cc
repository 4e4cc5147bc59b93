// Vision transformers over 196 patches of 16 by 16 and a class token.
#include "net_builder.h"
#include "nets.h"

namespace bench {
namespace {

torch::jit::Module vit(int width, int heads) {
  constexpr int kTokens = 197, kLayers = 12;
  NetBuilder net;
  const std::string wide = std::to_string(width), heads_and_size = std::to_string(heads) + ", 64";
  const auto normed = [&](const std::string& x) {
    return net.line("torch.layer_norm(" + x + ", [" + wide + "], " + net.parameter("norm", {width}, 0.1, 1) + ", " +
                    net.parameter("norm", {width}, 0.1) + ", 1e-6)");
  };
  std::string x = net.line("torch.conv2d(x, " + net.parameter("patch", {width, 3, 16, 16}, 0.05) + ", " +
                           net.parameter("patch", {width}, 0.1) + ", [16, 16])");
  x = net.line("torch.transpose(torch.flatten(" + x + ", 2), 1, 2)");
  x = net.line("torch.cat([" + net.parameter("token", {1, 1, width}, 0.5) + ", " + x + "], 1) + " +
               net.parameter("position", {1, kTokens, width}, 0.1));
  for (int layer = 0; layer < kLayers; ++layer) {
    const std::string qkv = net.line("torch.permute(torch.reshape(" + net.linear(normed(x), width, 3 * width) +
                                     ", [1, 197, 3, " + heads_and_size + "]), [2, 0, 3, 1, 4])");
    const std::string scores = net.line("torch.matmul(" + qkv + "[0] * 0.125, torch.transpose(" + qkv + "[1], 2, 3))");
    const std::string mixed = net.line("torch.matmul(torch.softmax(" + scores + ", -1), " + qkv + "[2])");
    const std::string joined = net.line("torch.reshape(torch.transpose(" + mixed + ", 1, 2), [1, 197, " + wide + "])");
    x = net.line(x + " + " + net.linear(joined, width, width));
    const std::string hidden = net.line("torch.gelu(" + net.linear(normed(x), width, 4 * width) + ")");
    x = net.line(x + " + " + net.linear(hidden, 4 * width, width));
  }
  return net.finish(net.linear(net.line("torch.select(" + normed(x) + ", 1, 0)"), width, 1000));
}

}  // namespace

torch::jit::Module vit_b_16() { return vit(768, 12); }

torch::jit::Module vit_small() { return vit(384, 6); }

}  // namespace bench
