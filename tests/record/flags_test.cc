// What flags change: complex outputs, NaN and infinities, the number of operators, further inputs.
#include <torch/csrc/jit/serialization/export.h>

#include <cstring>
#include <limits>

#include "nnef/io.h"
#include "scripted.h"

namespace torch2nnef {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();

TEST(ComplexOutputs, ArePairs) {
  ExportOptions options = dynamic({axis(0, "S")});
  options.complex_pairs = true;
  for (const char* body :
       {"  return torch.fft_rfft(x)\n", "  return torch.fft_fft(x).conj()\n",
        "  y = torch.fft_rfft(x)\n  return y, y.abs(), y * 2.0, y[0]\n", "  return torch.complex(x, x * 2.0)\n",
        "  return torch.fft_fft(torch.ones([3])) , x + 1\n"}) {
    expect_right(std::string("def forward(self, x):\n") + body, {sample({3, 4})}, options);
  }
  expect_refused("T2N-L003", "def forward(self, x):\n  return torch.fft_rfft(x)\n", {sample({3, 4})});
}

const std::vector<std::string> kLosing = {"torch.relu(x)",
                                          "x.clamp(-1.0, 1.0)",
                                          "torch.clamp(x, min=0.5)",
                                          "torch.sigmoid(x)",
                                          "torch.tanh(x)",
                                          "torch.silu(x)",
                                          "torch.hardtanh(x)",
                                          "torch.relu6(x)",
                                          "torch.hardsigmoid(x)",
                                          "torch.maximum(x, x * 0.5)",
                                          "torch.minimum(x, -x)",
                                          "x.amax([1])",
                                          "x.amin([0, 1])",
                                          "x.argmax(1)",
                                          "x.argmin(0)",
                                          "x * 0.0",
                                          "0.0 * x + 1.0",
                                          "torch.max_pool1d(x, 2, 1)",
                                          "torch.max_pool2d(x.unsqueeze(0), 2, 1, 1)",
                                          "torch.gelu(x, approximate=\"tanh\")",
                                          "x.max()",
                                          "torch.leaky_relu(x)",
                                          "torch.elu(x)"};

at::Tensor special(std::vector<float> values) { return at::tensor(values).reshape({2, 4}); }

TEST(KeepNan, WritesFormsThatDo) {
  ExportOptions options;
  options.keep_nan = true;
  const std::vector<at::Tensor> inputs = {
      special({0.5F, kNan, -1, 2, 3, -3, 0.25F, 1.5F}), special({0.5F, -2, -1, 2, kNan, kNan, 0.25F, 1.5F}),
      special({kInf, 1, -kInf, 2, 0, -3, 0.25F, 1.5F}), special({-kInf, -kInf, -kInf, -kInf, kInf, kInf, kInf, kInf}),
      special({kNan, kNan, kNan, kNan, kNan, kNan, kNan, kNan})};
  for (const std::string& call : kLosing) {
    for (const at::Tensor& input : inputs) {
      SCOPED_TRACE(testing::Message() << input);
      expect_right("def forward(self, x):\n  return " + call + "\n", {input}, options);
    }
  }
}

TEST(KeepNan, InLoopsAndAtDynamicSizes) {
  ExportOptions options = dynamic({axis(0, "T")});
  options.keep_nan = true;
  expect_right(
      "def forward(self, x):\n  out = torch.zeros_like(x)\n  h = x[0]\n  for i in range(x.size(0)):\n"
      "    h = torch.tanh(h * 0.5 + x[i])\n    out[i] = torch.relu(h)\n  return out.amax([1]), h\n",
      {at::tensor({0.5F, -1.0F, 2.0F, kNan, 0.25F, 0.75F, 1.0F, -0.5F, 0.1F, 0.2F}).reshape({5, 2})}, options);
}

TEST(KeepNan, NamesWhatHasNoSuchForm) {
  ExportOptions options;
  options.keep_nan = true;
  torch::jit::Module module = script("def forward(self, x):\n  return torch.relu(x), x.topk(2)[0]\n");
  const Outcome outcome = run(module, {sample({2, 4})}, options);
  std::string notes;
  for (const Diagnostic& one : outcome.report.diagnostics.list()) notes += one.code == "T2N-L007" ? one.text : "";
  EXPECT_NE(notes.find("aten::topk"), std::string::npos) << notes;
  EXPECT_EQ(notes.find("aten::relu"), std::string::npos) << notes;
}

TEST(MaxOperations, BoundsTheRecording) {
  const std::string body = "def forward(self, x):\n  n = 0\n  for i in range(1000):\n    n += i\n  return x + n\n";
  ExportOptions options;
  options.max_operations = 500;
  torch::jit::Module module = script(body);
  const Outcome outcome = run(module, {sample({3, 4})}, options);
  EXPECT_EQ(outcome.code, "T2N-R017");
  EXPECT_NE(outcome.text.find("this loop executes more than 500 operators"), std::string::npos) << outcome.text;
  options.max_operations = 5000;
  expect_right(body, {sample({3, 4})}, options);
}

// Two inputs, and what the user's model gave for the second.
Outcome with_second(const std::string& body, const at::Tensor& second, const at::Tensor& expected,
                    const ExportOptions& asked = {}) {
  const Scratch scratch;
  torch::jit::Module module = script(body);
  module.save((scratch / "model.pt").string());
  const auto named = [](const char* name, const at::Tensor& tensor) {
    const std::vector<std::int64_t> sizes = tensor.sizes().vec();
    std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.numel()) * 4);
    std::memcpy(bytes.data(), tensor.contiguous().data_ptr<float>(), bytes.size());
    return nnef::NamedTensor{name, std::make_shared<nnef::OwnedTensor>(nnef::DType::kF32, sizes, std::move(bytes))};
  };
  nnef::write_npz(scratch / "a.npz", {named("x", sample({3, 4}))});
  nnef::write_npz(scratch / "b.npz", {named("x", second), named("output_0", expected)});
  ExportOptions options = asked;
  options.inputs_file = scratch / "a.npz";
  options.other_inputs_files = {scratch / "b.npz"};
  options.check = Check::kTract;
  Outcome outcome;
  try {
    outcome.report = export_model_to_nnef(scratch / "model.pt", scratch / "model.nnef.tgz", options);
  } catch (const ExportError& error) {
    outcome.code = error.diagnostics().at(0).code;
    outcome.text = error.diagnostics().at(0).text;
  }
  return outcome;
}

TEST(FurtherInputs, AreCheckedWithTheirOutputs) {
  const std::string right = "def forward(self, x):\n  return x.sum(0) / x.size(0)\n",
                    fixed = "def forward(self, x):\n  return x.sum(0) / 3.0\n";
  const at::Tensor five = sample({5, 4}), mean = five.mean(0);
  EXPECT_EQ(with_second(right, five, mean, dynamic({axis(0, "T")})).code, "");
  EXPECT_EQ(with_second(fixed, five, mean, dynamic({axis(0, "T")})).code, "T2N-C011");
  EXPECT_EQ(with_second(right, five, mean).code, "T2N-M005") << "the axis is fixed";
  EXPECT_EQ(with_second(right, sample({3, 4}) + 1, (sample({3, 4}) + 1).mean(0)).code, "");
}

}  // namespace
}  // namespace torch2nnef
