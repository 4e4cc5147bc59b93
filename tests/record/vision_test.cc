// Operators of torchvision, which libtorch alone does not compute: they are recorded as definitions of the exporter's.
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>

#include "export/load/compat_ops.h"
#include "scripted.h"

namespace torch2nnef {
namespace {

struct Names : torch::jit::NativeResolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction& method,
                                                         const torch::jit::SourceRange& place) override {
    if (name == "torchvision") return std::make_shared<torch::jit::BuiltinModule>(name);
    return NativeResolver::resolveValue(name, method, place);
  }
};

std::string code_of(const std::string& body, const std::vector<c10::IValue>& inputs,
                    const ExportOptions& options = {}) {
  register_missing_operators();
  torch::jit::Module module("Fn");
  module.define(body, std::make_shared<Names>());
  const Outcome outcome = run(module, inputs, options);
  EXPECT_TRUE(outcome.code.empty() || outcome.code == "T2N-R009") << outcome.text;
  return outcome.code;
}

at::Tensor boxes() {
  return at::tensor({0., 1., 2., 14., 16., 1., -3., 0.5, 20., 4., 0., 2., 2., 2.5, 2.2, 1., 30., 40., 44., 50.})
      .to(at::kFloat)
      .reshape({4, 5});
}

std::string roi_align(const std::string& rest) {
  return "def forward(self, x, r):\n  return torchvision.roi_align(x, r, " + rest + ")\n";
}

TEST(Vision, RoiAlign) {
  const std::vector<c10::IValue> inputs{sample({2, 3, 9, 11}), boxes()};
  ExportOptions sizes;
  sizes.dynamic_axes = {{"x", 0, nnef::Dim::parse("N")},
                        {"x", 2, nnef::Dim::parse("H")},
                        {"x", 3, nnef::Dim::parse("W")},
                        {"r", 0, nnef::Dim::parse("K")}};
  EXPECT_EQ(code_of(roi_align("0.5, 3, 4, 2, True"), inputs), "");
  EXPECT_EQ(code_of(roi_align("1.0, 2, 2, 1, False"), inputs, sizes), "");
  EXPECT_EQ(code_of(roi_align("0.25, 7, 5, 3, True"), inputs, sizes), "");
  EXPECT_EQ(code_of(roi_align("1.0, 2, 2, -1, False"), inputs), "T2N-R009");
}

// Bins of one pixel each give these pixels.
TEST(Vision, RoiAlignOfWholePixels) {
  EXPECT_EQ(code_of("def forward(self, x, r):\n  y = torchvision.roi_align(x, r, 1.0, 2, 3, 1, True)\n"
                    "  assert bool((y[0] - x[1, :, 1:3, 1:4]).abs().max() < 0.00001)\n"
                    "  return y\n",
                    {sample({2, 3, 5, 6}), at::tensor({1.F, 1.F, 1.F, 4.F, 3.F}).reshape({1, 5})}),
            "");
}

std::string deform_conv2d(const std::string& rest, const std::string& after = "  return y\n") {
  return "def forward(self, x, w, o, m, b):\n  y = torchvision.deform_conv2d(x, w, o, m, b, " + rest + ")\n" + after;
}

TEST(Vision, DeformableConvolution) {
  ExportOptions batch;
  for (const char* name : {"x", "o", "m"}) batch.dynamic_axes.push_back({name, 0, nnef::Dim::parse("N")});
  EXPECT_EQ(code_of(deform_conv2d("1, 1, 1, 1, 1, 1, 1, 1, True"),
                    {sample({2, 4, 5, 6}), sample({3, 4, 3, 3}), sample({2, 18, 5, 6}) * 2, sample({2, 9, 5, 6}),
                     sample({3})},
                    batch),
            "");
  EXPECT_EQ(
      code_of(deform_conv2d("2, 1, 0, 1, 1, 2, 2, 2, True"),
              {sample({1, 4, 7, 8}), sample({6, 2, 2, 3}), sample({1, 24, 3, 6}), sample({1, 12, 3, 6}), sample({6})}),
      "");
}

TEST(Vision, DeformableConvolutionWithoutOffsets) {
  EXPECT_EQ(
      code_of(deform_conv2d("2, 1, 1, 0, 1, 2, 2, 1, False",
                            "  z = torch.conv2d(x, w, b, [2, 1], [1, 0], [1, 2], 2)\n"
                            "  assert bool((y - z).abs().max() < 0.0001)\n"
                            "  return y\n"),
              {sample({2, 4, 7, 8}), sample({6, 2, 3, 2}), at::zeros({2, 12, 4, 6}), at::zeros({2, 0}), sample({6})}),
      "");
}

TEST(Vision, SuppressionIsRefused) {
  EXPECT_EQ(code_of("def forward(self, x, s):\n  return torchvision.nms(x, s, 0.5)\n", {sample({3, 4}), sample({3})}),
            "T2N-R009");
}

}  // namespace
}  // namespace torch2nnef
