// Models that carry rounding further than the tolerance: right as long as PyTorch's own values move as far.
#include <algorithm>

#include "scripted.h"

namespace torch2nnef {
namespace {

// Each step makes a distance up to 3.9 times as large.
std::string chaotic(int steps) {
  return "def forward(self, x):\n  y = torch.sigmoid(x)\n  for i in range(" + std::to_string(steps) +
         "):\n    y = 3.9 * y * (1 - y)\n  return y\n";
}

TEST(Sensitive, ValuesAsFarAsPyTorchsOwnMove) {
  torch::jit::Module module = script(chaotic(15));
  const Outcome outcome = run(module, {sample({3, 400})}, {});
  ASSERT_EQ(outcome.code, "") << outcome.text;
  const auto& outputs = outcome.report.check.outputs;
  const auto found =
      std::find_if(outputs.begin(), outputs.end(), [](const auto& one) { return one.steps.has_value(); });
  ASSERT_NE(found, outputs.end()) << "it agrees within the tolerance";
  EXPECT_LE(found->steps->rms, found->steps->accepted);
}

TEST(Sensitive, ValuesThatLookOtherwiseAreRefused) { expect_refused("T2N-C003", chaotic(40), {sample({3, 400})}); }

}  // namespace
}  // namespace torch2nnef
