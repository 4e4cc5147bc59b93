// Puts a net together: collects its parameters, with random weights, and the lines of its forward(x).
#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

namespace bench {

// Members that take and give strings: names of values in forward. Widths are channels or features.
class NetBuilder {
 public:
  // Padded so that a stride of 1 keeps the size.
  std::string convolution(const std::string& x, int in, int out, int kernel, int stride, bool bias = false);
  std::string batch_norm(const std::string& x, int channels);
  std::string relu(const std::string& x);
  std::string max_pool(const std::string& x, int kernel, int padding);  // of stride 2
  std::string linear(const std::string& x, int in, int out);
  // The mean over the picture, and a linear layer of 1000 classes.
  std::string classifier(const std::string& x, int channels);

  // Its attribute, as a line names it.
  std::string parameter(const std::string& stem, const std::vector<std::int64_t>& sizes, double scale,
                        double shift = 0);
  std::string line(const std::string& expression);

  // The net whose forward returns that value, in eval mode.
  torch::jit::Module finish(const std::string& result);

 private:
  std::string name(const std::string& stem) { return stem + std::to_string(next_++); }

  torch::jit::Module module_{"Net"};
  std::string source_;
  int next_ = 0;
};

}  // namespace bench
