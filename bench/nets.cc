#include "nets.h"

#include <algorithm>
#include <stdexcept>

namespace bench {

const std::vector<Net>& nets() {
  static const std::vector<Net> kNets = {
      {"resnet18", {1, 3, 224, 224}, resnet18},
      {"resnet50", {1, 3, 224, 224}, resnet50},
      {"densenet121", {1, 3, 224, 224}, densenet121},
      {"vit_b_16", {1, 3, 224, 224}, vit_b_16},
      {"vgg11", {1, 3, 224, 224}, vgg11},
      {"vit_small", {1, 3, 224, 224}, vit_small},
      {"unet", {1, 3, 256, 256}, unet},
  };
  return kNets;
}

const Net& net_of(const std::string& name) {
  const auto found = std::find_if(nets().begin(), nets().end(), [&](const Net& net) { return net.name == name; });
  if (found == nets().end()) throw std::out_of_range("there is no net " + name);
  return *found;
}

}  // namespace bench
