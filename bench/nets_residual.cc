// Nets that go on with what they skipped: the makes of torchvision's resnet18, resnet50 and densenet121.
#include "net_builder.h"
#include "nets.h"

namespace bench {
namespace {

std::string norm_relu(NetBuilder& net, const std::string& x, int channels) {
  return net.relu(net.batch_norm(x, channels));
}

// The picture at a quarter of its size in 64 channels.
std::string stem(NetBuilder& net) { return net.max_pool(norm_relu(net, net.convolution("x", 3, 64, 7, 2), 64), 3, 1); }

std::string joined(NetBuilder& net, const std::string& x, const std::string& y, int in, int out, int stride) {
  const bool same = in == out && stride == 1;
  const std::string skipped = same ? x : net.batch_norm(net.convolution(x, in, out, 1, stride), out);
  return net.relu(net.line("torch.add(" + y + ", " + skipped + ")"));
}

std::string basic_block(NetBuilder& net, const std::string& x, int in, int width, int stride) {
  const std::string y = norm_relu(net, net.convolution(x, in, width, 3, stride), width);
  return joined(net, x, net.batch_norm(net.convolution(y, width, width, 3, 1), width), in, width, stride);
}

std::string bottleneck(NetBuilder& net, const std::string& x, int in, int width, int stride) {
  const int out = 4 * width;
  std::string y = norm_relu(net, net.convolution(x, in, width, 1, 1), width);
  y = norm_relu(net, net.convolution(y, width, width, 3, stride), width);
  return joined(net, x, net.batch_norm(net.convolution(y, width, out, 1, 1), out), in, out, stride);
}

using Block = std::string (*)(NetBuilder&, const std::string&, int, int, int);

torch::jit::Module resnet(Block block, int expansion, const std::vector<int>& depths) {
  NetBuilder net;
  std::string x = stem(net);
  int in = 64, width = 64;
  for (const int depth : depths) {
    for (int i = 0; i < depth; ++i, in = width * expansion) x = block(net, x, in, width, i == 0 && width > 64 ? 2 : 1);
    width *= 2;
  }
  return net.finish(net.classifier(x, in));
}

}  // namespace

torch::jit::Module resnet18() { return resnet(basic_block, 1, {2, 2, 2, 2}); }

torch::jit::Module resnet50() { return resnet(bottleneck, 4, {3, 4, 6, 3}); }

torch::jit::Module densenet121() {
  constexpr int kGrowth = 32;
  NetBuilder net;
  std::string x = stem(net);
  int channels = 64;
  for (const int depth : {6, 12, 24, 16}) {
    if (channels > 64) {
      x = net.convolution(norm_relu(net, x, channels), channels, channels / 2, 1, 1);
      x = net.line("torch.avg_pool2d(" + x + ", [2, 2], [2, 2], [0, 0], False, True, None)");
      channels /= 2;
    }
    for (int layer = 0; layer < depth; ++layer, channels += kGrowth) {
      const std::string y = net.convolution(norm_relu(net, x, channels), channels, 4 * kGrowth, 1, 1);
      const std::string grown = net.convolution(norm_relu(net, y, 4 * kGrowth), 4 * kGrowth, kGrowth, 3, 1);
      x = net.line("torch.cat([" + x + ", " + grown + "], 1)");
    }
  }
  return net.finish(net.classifier(norm_relu(net, x, channels), channels));
}

}  // namespace bench
