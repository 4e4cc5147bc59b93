// Loops over a dynamic axis that fill a tensor from outside, one item a round.
#include "scripted.h"

namespace torch2nnef {
namespace {

// A running sum goes along, so that no round stands alone.
std::string loop(const std::string& out, const std::string& body, const std::string& range = "range(x.size(0))") {
  return "def forward(self, x):\n  out = " + out + "\n  h = x[0] * 0.5\n  for i in " + range +
         ":\n    h = torch.tanh(h + x[i])\n" + body + "  return out, h\n";
}

void expect_fills(const std::string& out, const std::string& body, const std::string& range = "range(x.size(0))") {
  expect_right(loop(out, body, range), {sample({5, 4})}, dynamic({axis(0, "T")}, {{"T", 2, std::nullopt}}));
}

TEST(Fills, AWholeAxis) {
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i] = h\n");
  expect_fills("torch.zeros([4, x.size(0)])", "    out[:, i] = h\n");
  expect_fills("torch.zeros([2, x.size(0), 4])", "    out[0:2, i] = h\n");
  expect_fills("torch.zeros([x.size(0), 4], dtype=7)", "    out[i] = h\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i:i + 1] = h.unsqueeze(0)\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    out.select(0, i).copy_(h)\n");
}

TEST(Fills, FromTheEnd) {
  expect_fills("torch.zeros([x.size(0), 4])", "    out[x.size(0) - 1 - i] = h\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    out[-1 - i] = h\n");
}

TEST(Fills, APartOfAnAxis) {
  expect_fills("torch.ones([x.size(0) + 2, 4])", "    out[i] = h\n");
  expect_fills("torch.ones([x.size(0) + 2, 4])", "    out[i + 1] = h\n");
  expect_fills("torch.cat([x, x])", "    out[i + x.size(0)] = h\n");
  expect_fills("torch.ones([x.size(0), 4])", "    out[i] = h\n", "range(1, x.size(0))");
}

TEST(Fills, PartsOfAnItem) {
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i, 0] = h[0]\n    out[i, 1:3] = h[1:3] * 2.0\n");
  expect_fills("torch.zeros([4, x.size(0)])", "    out[:, i] = h\n    out[:, i].add_(7.0)\n");
  expect_fills("torch.zeros([2, x.size(0), 4])", "    out[0, i] = h\n");
}

TEST(Fills, ComputedWithTheNumberOfTheRound) {
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i] = h * i + x[i] * (3 - 2 * i)\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i] = h ** i\n    h = h / (i + 1)\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i] = h * ((x.size(0) - i) / x.size(0)) - i * x.size(0)\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i] = h + float(i) * 0.5\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    out[i] = torch.full([4], i) + h * torch.tensor(i)\n",
               "range(1, x.size(0))");
}

TEST(Fills, WhereTheNumberOfTheRoundDecides) {
  expect_fills("torch.zeros([x.size(0), 4])",
               "    if i == 0:\n      h = x[i]\n    else:\n      h = h * 0.5\n    out[i] = h\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    if i < 3:\n      h = h * 2.0\n    out[i] = h\n");
  expect_fills("torch.zeros([x.size(0), 4])", "    if 2 * i >= x.size(0):\n      h = h - 2.0\n    out[i] = h\n");
}

TEST(Fills, WithWhatWasThere) {
  expect_fills("x * 2.0", "    out[i] += h\n");
  expect_fills("x * 2.0", "    out[i] = out[i] * h + 1.0\n");
  expect_fills("x.clone()", "    out[i].mul_(h)\n    out[i, 1:] -= 1.0\n");
}

TEST(Fills, SeveralTensorsAndAList) {
  expect_right(
      "def forward(self, x):\n  a = torch.zeros_like(x)\n  b = torch.zeros([4, x.size(0)])\n"
      "  all = [x[0]]\n  all.clear()\n  h = x[0]\n  for i in range(x.size(0)):\n    h = torch.tanh(h + x[i])\n"
      "    a[i] = h\n    b[:, i] = h * 2.0\n    all.append(h + 1.0)\n  return a, b, torch.stack(all), h\n",
      {sample({5, 4})}, dynamic({axis(0, "T")}));
}

TEST(Fills, OtherViewsSeeThem) {
  expect_right(
      "def forward(self, x):\n  out = torch.zeros([x.size(0), 4])\n  v = out.t()\n  h = x[0]\n"
      "  for i in range(x.size(0)):\n    h = torch.tanh(h + x[i])\n    out[i] = h\n  return v * 2.0, out[0]\n",
      {sample({5, 4})}, dynamic({axis(0, "T")}));
}

TEST(Fills, AreRefusedWhereRoundsReadWhatOthersWrite) {
  for (const char* body :
       {"    out[i] = h + out[0]\n", "    out[0] = h\n", "    out[i] = h + out.sum(0)\n", "    out[2 * i] = h\n",
        "    out[i] = h\n    out[0, i] = 7.0\n", "    out += h\n    out[i] = h\n"}) {
    expect_refused("T2N-R006", loop("torch.zeros([2 * x.size(0), 4])", body), {sample({5, 4})},
                   dynamic({axis(0, "T")}));
  }
}

}  // namespace
}  // namespace torch2nnef
