// What the recorder makes of TorchScript that is not a straight line of calls: each script is exported and run by tract
// at the sample and, with dynamic axes, at other sizes; or it is refused with the code that says why.
#include <gtest/gtest.h>
#include <torch/custom_class.h>
#include <torch/script.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "scripted.h"

namespace torch2nnef {
namespace {

// --- writes ---

TEST(Writes, ThroughAView) {
  expect_right("def forward(self, x):\n  y = x.clone()\n  y[:, 1:2] *= 3.0\n  return y\n", {sample({3, 4})});
  expect_right("def forward(self, x):\n  y = x.clone()\n  y.t()[1].add_(5.0)\n  return y\n", {sample({3, 4})});
  expect_right("def forward(self, x):\n  y = x.clone()\n  y.view(2, 6)[1, 2:4].neg_()\n  return y\n", {sample({3, 4})});
  expect_right("def forward(self, x):\n  y = x.clone()\n  torch.diagonal(y, 0, 0, 1).zero_()\n  return y\n",
               {sample({3, 3})});
  expect_right("def forward(self, x):\n  y = x.clone()\n  a, b = torch.chunk(y, 2, 1)\n  b.copy_(a)\n  return y\n",
               {sample({3, 4})});
}

TEST(Writes, OtherViewsSeeThem) {
  expect_right("def forward(self, x):\n  y = x + 0.0\n  v = y[1]\n  y.mul_(2.0)\n  return v + 1.0\n", {sample({3, 4})});
  expect_right(
      "def forward(self, x):\n  y = x + 0.0\n  v = y.t()\n  w = y[0]\n  w += 10.0\n  v[2] = 7.0\n  return y, v, w\n",
      {sample({3, 4})});
}

TEST(Writes, TransposeOfALiveView) {
  expect_right(
      "def forward(self, x):\n  y = x * 2.0\n  v = y[0:2]\n  v.transpose_(0, 1)\n  v.add_(1.0)\n  return y, v\n",
      {sample({3, 4})});
  expect_right("def forward(self, x):\n  y = x * 2.0\n  y.unsqueeze_(0)\n  y[:, 1] = 0.5\n  return y.squeeze_(0)\n",
               {sample({3, 4})});
}

TEST(Writes, IntoAConstantAndIntoTheInput) {
  expect_right(
      "def forward(self, x):\n  out = torch.zeros([3, 4])\n  w = out[2]\n  out[1] = x[0]\n  w += x[1]\n  return out\n",
      {sample({3, 4})});
  expect_right("def forward(self, x):\n  b = torch.ones([4])\n  y = x + b\n  b += 1.0\n  return y * b\n",
               {sample({3, 4})});
  expect_right("def forward(self, x):\n  x += 1.0\n  return x * 2.0\n", {sample({3, 4})});
}

TEST(Writes, AreRefusedWhereTheyCannotBeFollowed) {
  expect_refused("T2N-R009", "def forward(self, x):\n  y = x.clone()\n  y.unfold(1, 2, 1).add_(1.0)\n  return y\n",
                 {sample({3, 4})});
  torch::jit::Module module("Fn");
  module.register_buffer("count", at::zeros({1}));
  module.define("def forward(self, x):\n  self.count += 1.0\n  return x + self.count\n");
  EXPECT_EQ(run(module, {sample({3, 4})}, {}).code, "T2N-R009");
}

// --- constants ---

TEST(Constants, ThatAreUsedInTwoOrdersOfAxes) {
  for (const char* body :
       {"def forward(self, x):\n  return (x @ self.table) @ self.table.t(), self.table.t() @ x.t()\n",
        "def forward(self, x):\n  y = self.cube.permute(2, 0, 1) * x[0, 0]\n  return y, self.cube + x[0, 1]\n",
        "def forward(self, x):\n  return self.table.t() * x[0, 0], self.table\n"}) {
    torch::jit::Module module("Fn");
    module.register_parameter("table", sample({600, 512}), false);
    module.register_parameter("cube", sample({60, 50, 100}), false);
    module.define(body);
    EXPECT_EQ(run(module, {sample({3, 600})}, {}).text, "");
  }
}

// --- what is never executed ---

struct Counter : torch::CustomClassHolder {
  std::int64_t next() { return ++count; }
  std::int64_t count = 0;
};
const auto kCounter = torch::class_<Counter>("t2n_test", "Counter").def(torch::init<>()).def("next", &Counter::next);

TEST(Code, ThatReachesBeyondItsArgumentsIsRefusedBeforeAnythingRuns) {
  const Scratch scratch;
  const std::string file = (scratch / "owned.pt").string(), save = "torch.save(x, \"" + file + "\")";
  const std::vector<std::string> bodies = {
      "  " + save + "\n  return x\n",
      "  if x.size(0) > 100:\n    " + save + "\n  return x\n",
      "  if bool(x.sum() > 0):\n    " + save + "\n  return x\n",
      "  for i in range(2):\n    " + save + "\n  return x\n",
      "  return self.helper(x)\ndef helper(self, x):\n  " + save + "\n  return x\n",
      "  torch.manual_seed(3)\n  return x\n",
      "  return x + torch.from_file(\"/etc/hostname\", False, 12, dtype=6)\n",
      "  return x.cuda()\n",
  };
  for (const std::string& body : bodies) {
    expect_refused("T2N-R016", "def forward(self, x):\n" + body, {sample({3, 4})});
    EXPECT_FALSE(std::filesystem::exists(file)) << body;
  }
}

TEST(Code, OfSubmodulesAndCustomClassesIsLookedAt) {
  torch::jit::Module child("Child"), parent("Parent");
  child.define("def forward(self, x):\n  torch.manual_seed(3)\n  return x\n");
  parent.register_module("child", child);
  parent.define("def forward(self, x):\n  return x.cuda() + self.child.forward(x)\n");
  const Outcome outcome = run(parent, {sample({3, 4})}, {});
  EXPECT_NE(outcome.text.find("aten::cuda"), std::string::npos) << outcome.text;  // all at once
  EXPECT_NE(outcome.text.find("aten::manual_seed"), std::string::npos) << outcome.text;

  const auto counter = c10::make_intrusive<Counter>();
  torch::jit::Module module("Fn");
  const c10::IValue object(counter);
  module.register_attribute("counter", object.type(), object);
  module.define("def forward(self, x):\n  return x + self.counter.next()\n");
  const Outcome of_class = run(module, {sample({3, 4})}, {});
  EXPECT_EQ(of_class.code, "T2N-R016") << of_class.text;
  EXPECT_EQ(counter->count, 0);
}

TEST(Code, ThatDoesNotEndIsRefused) {
  for (const char* body :
       {"  y = x\n  while True:\n    y = y + x\n  return y\n",
        "  n = 0\n  for i in range(1000000000):\n    n += i\n  return x + n\n",
        "  n = 0\n  for i in range(10000):\n    for j in range(10000):\n      n += j\n  return x + n\n"}) {
    expect_refused("T2N-R017", std::string("def forward(self, x):\n") + body, {sample({3, 4})});
  }
  expect_right("def forward(self, x):\n  n = 0\n  for i in range(1000):\n    n += i\n  return x + n\n",
               {sample({3, 4})});
}

TEST(Code, ThatLibtorchWarnsOfPrintsNothing) {
  testing::internal::CaptureStderr();
  expect_right("def forward(self, x):\n  return torch.bucketize(x.t(), torch.linspace(-1.0, 1.0, 5))\n",
               {sample({2, 3})});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Code, ThatAsksForTooMuchMemoryFails) {
  expect_refused("T2N-R001", "def forward(self, x):\n  return torch.sum(x[0].expand([1 << 40, 4]))\n",
                 {sample({3, 4})});
  expect_refused("T2N-R001", "def forward(self, x):\n  return x[0, 0] + torch.zeros([1 << 36])[0]\n", {sample({3, 4})});
  expect_refused("T2N-R001", "def forward(self, x):\n  return torch.sum(x[0].expand([1 << 40, 4]))\n",
                 {sample({3, 4})});
  expect_refused("T2N-R001", "def forward(self, x):\n  return x[0].expand([1 << 36, 4]).contiguous()[3]\n",
                 {sample({3, 4})});
  expect_refused("T2N-R009", "def forward(self, x):\n  n = [1] * 1000000000000\n  return x + n[3]\n", {sample({3, 4})});
}

// --- control flow and numbers ---

TEST(Data, ABranchIsNeverTakenInSilence) {
  expect_right(
      "def forward(self, x):\n  if bool(x.sum() > 0):\n    y = x + 1.0\n  else:\n    y = x - 1.0\n  return y\n",
      {sample({3, 4})});
  expect_refused(
      "T2N-R005",
      "def forward(self, x):\n  if bool(x.sum() > 0):\n    y = x + 1.0\n  else:\n    y = x[0:1]\n  return y\n",
      {sample({3, 4})});
  expect_refused("T2N-R005",
                 "def forward(self, x):\n  y = x\n  while bool(y.max() < 10.0):\n    y = y * 2.0\n  return y\n",
                 {sample({3, 4})});
}

// The side that is not taken would write as well.
TEST(Data, ABranchWritesIntoNothingThatIsOlder) {
  const std::string before = "def forward(self, x):\n  go = bool(x.sum() > 100.0)\n";
  for (const char* made : {"torch.relu(x)", "torch.zeros([3])"}) {
    for (const char* write : {"y += 1.0", "y[0] = 1.0"}) {
      expect_refused("T2N-R009", before + "  y = " + made + "\n  if go:\n    " + write + "\n  return y + x\n",
                     {sample({3})});
      expect_right(before + "  if go:\n    y = " + made + "\n    " + write + "\n  else:\n    y = x\n  return y + x\n",
                   {sample({3})});
    }
  }
}

TEST(Data, ANumberStaysATensorOrIsRefused) {
  expect_right("def forward(self, x):\n  return x * float(x.max())\n", {sample({3, 4})});
  expect_right("def forward(self, x):\n  s = float(x.max()) + 2.0\n  return x / s\n", {sample({3, 4})});
  expect_refused("T2N-R007", "def forward(self, x):\n  n = int(x.max() * 0.0) + 2\n  return x[:, 0:n]\n",
                 {sample({3, 4})});
  expect_refused(
      "T2N-R007",
      "def forward(self, x):\n  n = torch.nonzero(x > 0.0).size(0)\n  return x + torch.zeros([n, 1]).sum()\n",
      {sample({3, 4})});
}

TEST(Data, AListDoesNotLaunderANumber) {
  expect_refused("T2N-R007",
                 "def forward(self, x):\n  sizes = [3, 1]\n  sizes.append(int(x.max() * 0.0) + 4)\n  sizes.sort()\n"
                 "  return x.reshape(sizes)\n",
                 {sample({3, 4})});
}

TEST(Random, IsRefused) {
  expect_refused("T2N-R003", "def forward(self, x):\n  return x + torch.rand_like(x)\n", {sample({3, 4})});
  expect_refused("T2N-R004", "def forward(self, x):\n  return torch.dropout(x, 0.5, True)\n", {sample({3, 4})});
  expect_right("def forward(self, x):\n  return torch.dropout(x, 0.5, False) + 1.0\n", {sample({3, 4})});
}

// --- sizes ---

TEST(Sizes, AreExpressions) {
  expect_right("def forward(self, x):\n  return x.reshape(x.size(0) * x.size(1), 4) + 1.0\n", {sample({3, 5, 4})},
               dynamic({axis(0, "B"), axis(1, "S")}));
  expect_right("def forward(self, x):\n  n = x.size(1) // 2\n  return x[:, 0:n] + x[:, n:2 * n]\n", {sample({3, 6})},
               dynamic({axis(1, "S")}));
  expect_right("def forward(self, x):\n  return x + torch.arange(x.size(1), dtype=6)\n", {sample({3, 6})},
               dynamic({axis(1, "S")}));
  expect_right("def forward(self, x):\n  return x / float(x.size(1)) + x.size(1) / 2\n", {sample({3, 6})},
               dynamic({axis(1, "S")}));
  expect_right("def forward(self, x):\n  sizes = [x.size(1), 3]\n  sizes.reverse()\n  return torch.ones(sizes) * x\n",
               {sample({3, 6})}, dynamic({axis(1, "S")}));
}

// The number of blocks is 1 at all sizes that are recorded: it must stay an expression in all that is made of it.
TEST(Sizes, MoveWithTheItemsOfATensor) {
  const auto reshaped = [](const std::string& moved) {
    return "def forward(self, x):\n  sizes = torch.tensor([x.size(0), 2, x.size(1) // 2])\n  s = " + moved +
           "\n  return x.reshape([int(s[0]), int(s[1]), int(s[2])])\n";
  };
  for (const char* moved : {"torch.roll(sizes, 1)", "torch.flip(sizes, [0])", "torch.movedim(sizes, 0, 0)"}) {
    expect_right(reshaped(moved), {sample({4, 6})}, dynamic({axis(0, "B"), axis(1, "2*T")}));
  }
}

TEST(Sizes, EqualAtAllRecordedSizesByChance) {
  std::string blocks =
      "def forward(self, x):\n"
      "  s = x.size(1)\n"
      "  y = torch.constant_pad_nd(x, [0, (128 - s % 128) % 128]).reshape(x.size(0), -1, 128)\n"
      "  n = y.size(1)\n"
      "  wide = torch.constant_pad_nd(y, [0, 0, 1, 1])\n"
      "  three = torch.cat([wide[:, 0:n], wide[:, 1:1 + n], wide[:, 2:2 + n]], 2)\n";
  for (const char* result : {"three", "torch.cat([three, three], 1)", "torch.stack([three, three], 2)",
                             "torch.einsum('bni,bnj->bij', [y, y])", "torch.einsum('bni,bmi->bnm', [y, y])",
                             "torch.narrow(three, 1, 0, n)", "torch.index_select(y, 1, torch.arange(n))"}) {
    SCOPED_TRACE(result);
    torch::jit::Module module = script(blocks + "  return " + result + "\n");
    ExportOptions options = dynamic({axis(1, "S")});
    Outcome outcome = run(module, {sample({2, 20})}, options);
    EXPECT_EQ(outcome.code, "") << outcome.text;
    const nnef::Shape& shape = outcome.report.outputs.at(0).shape;
    EXPECT_EQ(result == std::string("torch.einsum('bni,bnj->bij', [y, y])"), shape == nnef::make_shape({2, 128, 128}));
  }
}

TEST(Sizes, ASampleOfSizeOneDoesNotBroadcast) {
  expect_right("def forward(self, x):\n  return x + torch.ones([x.size(0), 4])\n", {sample({1, 4})},
               dynamic({axis(0, "B")}));
}

TEST(Sizes, ABranchOnThemNeedsBounds) {
  std::string body =
      "def forward(self, x):\n  if x.size(1) > 4:\n    y = x + 1.0\n  else:\n    y = x - 1.0\n  return y\n";
  expect_refused("T2N-R006", body, {sample({3, 12})}, dynamic({axis(1, "S")}));
  expect_right(body, {sample({3, 12})}, dynamic({axis(1, "S")}, {{"S", 5, 64}}));
  std::string raising = "def forward(self, x):\n  assert x.size(1) > 4\n  return x + 1.0\n";
  expect_right(raising, {sample({3, 12})}, dynamic({axis(1, "S")}));
}

TEST(Sizes, MultiplesAreFound) {
  torch::jit::Module module = script(
      "def forward(self, x):\n  y = torch.max_pool1d(x, 4)\n  z = torch.repeat_interleave(y, 4, 2)\n  return "
      "torch.cat([x, z], 1)\n");
  Outcome outcome = run(module, {sample({1, 2, 16})}, dynamic({axis(2, "S")}));
  EXPECT_EQ(outcome.code, "") << outcome.text;
  ASSERT_FALSE(outcome.report.constraints.empty());
  EXPECT_EQ(outcome.report.constraints.front().substr(0, 10), "S % 4 == 0");
}

TEST(Sizes, SqueezeMayNotLoseADynamicAxis) {
  std::string body = "def forward(self, x):\n  return torch.squeeze(x) + 1.0\n";
  expect_refused("T2N-R006", body, {sample({3, 1, 4})}, dynamic({axis(0, "B")}));
  expect_right(body, {sample({3, 1, 4})}, dynamic({axis(0, "B")}, {{"B", 2, 64}}));
}

// Six times the work of the sample, not ten.
TEST(Sizes, ABatchOfOneIsAmongThem) {
  torch::jit::Module module = script("def forward(self, x):\n  return torch.cat([x, x * 2.0]).flatten()\n");
  Outcome outcome = run(module, {sample({1, 4})}, dynamic({axis(0, "B")}));
  EXPECT_EQ(outcome.code, "") << outcome.text;
  EXPECT_EQ(outcome.report.recorded_sizes, (std::vector<nnef::Bindings>{{{"B", 2}}, {{"B", 3}}, {{"B", 1}}}));
  ASSERT_EQ(outcome.report.check.verdicts().size(), 3);
  EXPECT_EQ(outcome.report.check.verdicts().front()->sizes.at("B"), 1);  // the sample comes first
  // What is executed there is not what is at other sizes.
  expect_refused("T2N-C003",
                 "def forward(self, x):\n  y = x + 0.0\n  z = y.t().reshape(-1)\n  z.add_(1.0)\n  return y, z\n",
                 {sample({1, 4})}, dynamic({axis(0, "B")}));
  const std::string branch =
      "def forward(self, x):\n  if x.size(0) == 1:\n    y = x\n  else:\n    y = x * 2.0\n  return y\n";
  expect_refused("T2N-R006", branch, {sample({1, 4})}, dynamic({axis(0, "B")}));
  expect_right(branch, {sample({3, 4})}, dynamic({axis(0, "B")}, {{"B", 2, 64}}));
}

// tract trips over these when the batch is symbolic, unless they are written in another way.
TEST(Sizes, OfABatchThatTractMovesThroughOperations) {
  // A filter of one item with a stride, and another one before it.
  expect_right(
      "def forward(self, x):\n  w = torch.sin(torch.arange(128, dtype=6)).reshape(16, 8, 1, 1)\n"
      "  y = torch.relu(torch.conv2d(x, w, None, [2, 2]) + 0.1)\n"
      "  return torch.conv2d(y, torch.cos(w.reshape(8, 16, 1, 1)), None, [2, 2])\n",
      {sample({2, 8, 12, 11})}, dynamic({axis(0, "B")}));
  expect_right(
      "def forward(self, x):\n  w = torch.sin(torch.arange(192, dtype=6)).reshape(8, 8, 1, 3)\n"
      "  y = torch.relu(torch.conv2d(x, w[:, :, :, :1], None, [2, 2]) + 0.1)\n"
      "  return torch.conv2d(y, w, None, [2, 2], [0, 1])\n",
      {sample({2, 8, 12, 11})}, dynamic({axis(0, "B")}));
  // Windows that join the batch, then a product with a matrix.
  expect_right(
      "def forward(self, x):\n  w = torch.sin(torch.arange(15, dtype=6)).reshape(5, 3)\n"
      "  y = x.permute(0, 1, 3, 2, 4, 5).reshape(-1, 2, 2, 3)\n  return torch.linear(y, w)\n",
      {sample({2, 4, 2, 4, 2, 3})}, dynamic({axis(0, "B")}));
  // Rows that were merged, beside other axes of rows.
  const std::string layer = "  w = torch.cos(torch.arange(20, dtype=6)).reshape(5, 4)\n";
  for (const char* rows : {"x.reshape(-1, 1, 4)", "torch.tanh(x.reshape(-1, 4)).unsqueeze(1)", "x.reshape(1, -1, 1, 4)",
                           "x.reshape(-1, 4).unsqueeze(0).unsqueeze(2)"}) {
    expect_right("def forward(self, x):\n" + layer + "  return torch.linear(" + rows + ", w)\n", {sample({2, 3, 4})},
                 dynamic({axis(0, "B"), axis(1, "S")}));
  }
}

// --- bfloat16, kept in f32 ---

TEST(BFloat16, IsRoundedToEightBits) {
  // Ties to even, both ways; what becomes infinite, infinities, NaN, what bfloat16 has nearly no bits for.
  const at::Tensor hard =
      at::tensor({1.0f + 1.0f / 256, 1.0f + 3.0f / 256, -1.00390635f, 3.4028235e38f, -3.39e38f, 3.3895314e38f, 2e33f,
                  -1.29807e33f, INFINITY, -INFINITY, NAN, 0.0f, 1e-30f, 65537.0f});
  expect_right("def forward(self, x):\n  return x.to(15).to(6)\n", {hard});
  const std::string chain =
      "def forward(self, x):\n  y = x.to(15)\n  z = (y * 0.1 + y[:, 1:2] - y.t().mean()) / 3.0\n"
      "  return torch.where(z > 0.0, z, y).to(6), torch.relu(z).max(1)[0].to(6)\n";
  expect_right(chain, {sample({3, 5})});
  expect_right("def forward(self, x):\n  y = x.to(15)\n  y[:, 1] += 0.3\n  return torch.cat([y, y * y], 1).to(6)\n",
               {sample({3, 5})}, dynamic({axis(0, "B")}));
}

TEST(BFloat16, OfProductsAndSums) {
  torch::jit::Module module("Fn");
  module.register_buffer("w", sample({4, 8}).to(at::kBFloat16));
  module.register_buffer("b", at::tensor(0.7f).to(at::kBFloat16));
  module.define(
      "def forward(self, x):\n  y = torch.linear(x.to(15), self.w) + self.b\n"
      "  return torch.softmax(y, 1).to(6), torch.layer_norm(y, [4]).to(6), y.sum(0).to(6)\n");
  Outcome outcome = run(module, {sample({3, 8})}, dynamic({axis(0, "B")}));
  EXPECT_EQ(outcome.code, "") << outcome.text;
  EXPECT_TRUE(outcome.report.diagnostics.list().empty());
}

// As f32 at both ends; the archive rounds what it is given.
TEST(BFloat16, OfInputsAndOutputs) {
  expect_right("def forward(self, x):\n  return x.to(15)\n", {sample({3})});
  expect_right("def forward(self, x):\n  return x.to(6)\n", {sample({3}).to(at::kBFloat16)});
  expect_right("def forward(self, x):\n  return torch.relu(x) * 0.3, x\n", {sample({3, 5}).to(at::kBFloat16)},
               dynamic({axis(0, "B")}));
}

// --- structures ---

TEST(Structures, ListsTuplesAndDicts) {
  expect_right(
      "def forward(self, x):\n  parts = []\n  for i in range(3):\n    parts.append(x[i] * float(i))\n  return "
      "torch.stack(parts)\n",
      {sample({3, 4})});
  expect_right("def forward(self, x):\n  d = {'a': x + 1.0, 'b': x * 2.0}\n  return d['a'] - d['b'], d['b']\n",
               {sample({3, 4})});
  expect_right("def forward(self, x):\n  t = (x, x.size(1), x * 2.0)\n  a, n, b = t\n  return a + b + n\n",
               {sample({3, 4})}, dynamic({axis(0, "B")}));
}

TEST(Determinism, TwoExportsAreTheSameBytes) {
  Scratch scratch;
  torch::jit::Module module =
      script("def forward(self, x):\n  y = torch.softmax(x @ x.t(), 1)\n  return y, y.sum(0)\n");
  ExportOptions options;
  options.check = Check::kNone;
  auto bytes = [&](const char* name) {
    export_model_to_nnef(module, {sample({4, 4})}, scratch / name, options);
    std::ifstream file(scratch / name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  };
  EXPECT_EQ(bytes("one.nnef.tgz"), bytes("two.nnef.tgz"));
}

// --- loops over a dynamic axis ---

// The exported graph has one scan, whatever the size.
void expect_scan(const std::string& body, const std::vector<c10::IValue>& inputs, const ExportOptions& options) {
  torch::jit::Module module = script(body);
  Outcome outcome = run(module, inputs, options);
  EXPECT_EQ(outcome.code, "") << outcome.text << body;
  EXPECT_EQ(outcome.report.operators["t2n::scan"], 1) << body;
}

const char* const kFilter =
    "def forward(self, x):\n  s = x[0]\n  outs : List[Tensor] = []\n  for i in range(x.size(0)):\n"
    "    s = 0.9 * s + 0.1 * x[i]\n    outs.append(s)\n";

TEST(ScanLoops, StatesAndLists) {
  ExportOptions options = dynamic({axis(0, "S")});
  expect_scan(kFilter + std::string("  return torch.stack(outs), s\n"), {sample({6, 3})}, options);
  expect_scan(kFilter + std::string("  return torch.stack(outs, -1)\n"), {sample({6, 3})}, options);
  expect_scan(kFilter + std::string("  return torch.cat(outs)\n"), {sample({6, 3})}, options);
  expect_scan(
      "def forward(self, x):\n  outs : List[Tensor] = []\n  for row in x:\n"
      "    outs.append(torch.relu(row).unsqueeze(1))\n  return torch.cat(outs, 1)\n",
      {sample({6, 3})}, options);
}

TEST(ScanLoops, WalkAnyAxisEitherWay) {
  expect_scan(
      "def forward(self, x):\n  s = torch.zeros([2, 3])\n  for i in range(x.size(1) - 1, -1, -1):\n"
      "    s = torch.tanh(s * 0.5 + x[:, i])\n  return s\n",
      {sample({2, 5, 3})}, dynamic({axis(1, "T")}));
  expect_scan(
      "def forward(self, x):\n  s = x[:, :1]\n  outs : List[Tensor] = []\n  for i in range(1, x.size(1)):\n"
      "    s = s * 0.5 + x[:, i:i + 1] - x[:, i - 1:i]\n    outs.append(s)\n  return torch.cat(outs, 1)\n",
      {sample({2, 6})}, dynamic({axis(0, "B"), axis(1, "T")}, {{"T", 2, 100}}));
}

TEST(ScanLoops, WeightsAreGivenWhole) {
  expect_scan(
      "def forward(self, x):\n  w = torch.arange(12).reshape(3, 4) / 7.0\n  h = torch.zeros([x.size(0), 4])\n"
      "  for i in range(x.size(1)):\n    h = torch.tanh(torch.matmul(x[:, i], w) + h)\n  return h\n",
      {sample({2, 5, 3})}, dynamic({axis(0, "B"), axis(1, "T")}));
}

TEST(ScanLoops, RefusedWhereRoundsAreNotAlike) {
  ExportOptions options = dynamic({axis(0, "S")});
  const std::string loop = "def forward(self, x):\n  s = torch.zeros([3])\n  for i in range(x.size(0)):\n";
  for (const char* round : {"    s = s + x[2 * i - i * i // 3]\n  return s\n",  // not one item after the other
                            "    s += x[i]\n  return s\n",                      // writes what the round before made
                            "    s = s + x[i - 1]\n  return s\n",               // the last item in the first round
                            "    s = torch.cat([s, x[i]])\n  return s\n",       // grows
                            "    s = s * 0.5 + 1.0\n  return s\n"}) {           // walks nothing
    expect_refused("T2N-R006", loop + round, {sample({6, 3})}, options);
  }
}

TEST(ScanLoops, LongOnesOfAKnownLength) {
  expect_scan(kFilter + std::string("  return torch.stack(outs), s\n"), {sample({80, 3})}, {});
  expect_scan(kFilter + std::string("  return torch.stack(outs), s\n"), {sample({80, 3})}, dynamic({axis(1, "C")}));
  const std::string loop = "def forward(self, x):\n  s = torch.zeros([3])\n  for i in range(x.size(0)):\n";
  expect_scan(loop + "    if float(s.sum()) > 3.0:\n      s = s * 0.5\n    s = s + x[i]\n  return s\n",
              {sample({80, 3})}, {});
  expect_scan(loop + "    if i > 2:\n      s = s + x[i]\n  return s\n", {sample({80, 3})}, {});
  expect_scan(loop + "    s = s * 0.9 + x[i] * i\n  return s\n", {sample({80, 3})}, {});
  // These are written out: each is as right as before.
  for (const std::string& body : {
           std::string(kFilter) + "  return outs[-1] + outs[3]\n",
           std::string(kFilter) + "  return outs\n",
           loop + "    s += x[i]\n  return s\n",
           loop + "    s = s * 0.5 + x[i - 1]\n  return s\n",
           loop + "    s = s * 0.5 + 1.0\n  return s + x[0]\n",
           loop + "    s = torch.cat([s, x[i]])\n  return s\n",
           std::string("def forward(self, x):\n  out = torch.zeros_like(x)\n  for i in range(x.size(0)):\n"
                       "    out[i] = x[i] * 2.0\n  return out\n"),
           // The method that is left when its round turns out not to be like the others.
           "def step(self, s, x, i : int):\n  return s + x[i // 2]\n" + loop +
               "    s = self.step(s, x, i)\n  return s\n",
       }) {
    torch::jit::Module module = script(body);
    Outcome outcome = run(module, {sample({70, 3})}, {});
    EXPECT_EQ(outcome.code, "") << outcome.text << body;
    EXPECT_EQ(outcome.report.operators.count("t2n::scan"), 0u) << body;
  }
}

// What a loop writes outside itself is seen, or refused.
TEST(ScanLoops, NoWriteIsLost) {
  ExportOptions options = dynamic({axis(0, "S")});
  expect_right(
      "def forward(self, x):\n  out = torch.zeros_like(x)\n  for i in range(x.size(0)):\n"
      "    out[i] = x[i] * 2.0\n  return out\n",
      {sample({6, 3})}, options);
  expect_refused("T2N-R006",
                 "def forward(self, x):\n  d : Dict[str, Tensor] = {}\n  for i in range(x.size(0)):\n"
                 "    d['a'] = x[i]\n  return d['a']\n",
                 {sample({6, 3})}, options);
}

}  // namespace
}  // namespace torch2nnef
