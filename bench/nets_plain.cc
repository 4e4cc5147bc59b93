// Convolutions one after another: the make of torchvision's vgg11, and a U-Net.
#include <cmath>

#include "net_builder.h"
#include "nets.h"

namespace bench {

torch::jit::Module vgg11() {
  constexpr int kPool = 0;
  NetBuilder net;
  std::string x = "x";
  int in = 3;
  for (const int out : {64, kPool, 128, kPool, 256, 256, kPool, 512, 512, kPool, 512, 512, kPool}) {
    if (out == kPool) {
      x = net.max_pool(x, 2, 0);
      continue;
    }
    x = net.relu(net.convolution(x, in, out, 3, 1, true));
    in = out;
  }
  x = net.line("torch.flatten(torch.adaptive_avg_pool2d(" + x + ", [7, 7]), 1)");
  x = net.relu(net.linear(x, 512 * 7 * 7, 4096));
  return net.finish(net.linear(net.relu(net.linear(x, 4096, 4096)), 4096, 1000));
}

torch::jit::Module unet() {
  NetBuilder net;
  const auto twice = [&](const std::string& x, int in, int out) {
    const std::string y = net.relu(net.batch_norm(net.convolution(x, in, out, 3, 1), out));
    return net.relu(net.batch_norm(net.convolution(y, out, out, 3, 1), out));
  };
  std::vector<std::string> skipped;
  std::string x = "x";
  int in = 3;
  for (int channels = 32; channels <= 256; in = channels, channels *= 2) {
    skipped.push_back(twice(x, in, channels));
    x = net.max_pool(skipped.back(), 2, 0);
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
