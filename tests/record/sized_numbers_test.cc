// Fractions that are constant tensors of rank 0, beside sizes.
#include "scripted.h"

namespace torch2nnef {
namespace {

TEST(SizedNumbers, StandBesideConstantFractions) {
  const auto scaled = [](const std::string& value, at::Tensor fraction) {
    torch::jit::Module module("Fn");
    module.register_buffer("c", std::move(fraction));
    module.define("def forward(self, x):\n  return x.sum() + " + value + "\n");
    return run(module, {sample({3, 4})}, dynamic({axis(1, "S")})).code;
  };
  for (const char* value : {"self.c * (x.size(1) - 1)", "self.c / x.size(1)", "x.size(1) / self.c",
                            "self.c - x.size(1)", "torch.pow(self.c, x.size(1))"}) {
    EXPECT_EQ(scaled(value, at::tensor(0.3, at::kDouble)), "") << value;
    EXPECT_EQ(scaled(value, at::tensor(0.3F)), "") << value;
  }
  EXPECT_EQ(scaled("self.c * x.size(1)", at::tensor(std::int64_t{3})), "");
}

}  // namespace
}  // namespace torch2nnef
