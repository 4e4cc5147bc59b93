// Lists as long as a dynamic size: parts of a tensor, and what a loop appended.
#include "scripted.h"

namespace torch2nnef {
namespace {

const ExportOptions& from_one() {
  static const ExportOptions options = dynamic({axis(1, "T")});
  return options;
}

const ExportOptions& from_three() {
  static const ExportOptions options = dynamic({axis(1, "T")}, {{"T", 3, std::nullopt}});
  return options;
}

std::string method(const std::string& lines) { return "def forward(self, x):\n" + lines; }

// A list `o` of the states of a loop, the last of which is `s`.
std::string filled(const std::string& lines) {
  return method(
      "  o : List[Tensor] = []\n  s = x[:, 0] * 0.5\n  for i in range(x.size(1)):\n    s = torch.tanh(s + x[:, i])\n"
      "    o.append(s)\n" +
      lines);
}

void expect_list(const std::string& body, const ExportOptions& options = from_one()) {
  expect_right(body, {sample({2, 5, 3})}, options);
}

TEST(SizedLists, PartsThatALoopWalks) {
  const std::string states = "  s = torch.zeros([2, 3])\n";
  const std::string round = ":\n    s = torch.tanh(s * 0.5 + a)\n  return s\n";
  expect_list(method(states + "  for a in x.unbind(1)" + round));
  expect_list(method(states + "  for a in x.transpose(0, 1)" + round));
  expect_list(method(states + "  for i, a in enumerate(x.unbind(1)):\n    s = torch.tanh(s + a * i)\n  return s\n"));
  expect_list(method(states + "  for a, b in zip(x.unbind(1), (x * 2.0).unbind(-2)):\n    s = torch.tanh(s + a * b)\n"
                              "  return s\n"));
  expect_list(method("  s = torch.zeros([2, 1, 3])\n  for a in x.split(1, 1)" + round));
  expect_list(method("  s = torch.zeros([2, 1, 3])\n  for a in x.chunk(x.size(1), 1)" + round));
  expect_list(method("  return torch.stack([torch.tanh(y) for y in x.unbind(1)], 1)\n"));
  expect_list(method("  return torch.cat([torch.tanh(y) for y in x.split(1, 1)], 1)\n"));
  expect_list(method(states + "  for a in x.unbind(1)[1:]" + round), from_three());
  expect_list(method(states + "  for a in x.unbind(1)[::-1]" + round));
  expect_list(method("  p = x.unbind(1)\n  return p[0] + p[-1]\n"));
  expect_list(method("  p = x.unbind(1)\n  p.reverse()\n  return torch.stack(p, 2), torch.stack(x.unbind(1))\n"));
}

TEST(SizedLists, PartsAreViews) {
  expect_list(
      method("  y = x * 2.0\n  p = y.unbind(1)\n  y.add_(1.0)\n  p[0].mul_(3.0)\n"
             "  return torch.stack(p, 1), y\n"));
}

TEST(SizedLists, AfterTheLoop) {
  for (const char* lines :
       {"  o.reverse()\n  return torch.stack(o, 1), o[0], o[-1]\n", "  return torch.stack(o[::-1], 1)\n",
        "  return o[-1], o[0], o[len(o) - 1]\n", "  o.insert(0, s * 2.0)\n  return torch.stack(o, 1), o[1]\n",
        "  o.append(s * 2.0)\n  return torch.cat(o, 1), o[-2]\n", "  o.extend(o)\n  return torch.stack(o, 1)\n",
        "  o += [s, x[:, 0]]\n  return torch.stack(o, 1)\n",
        "  p = [s, s * 2.0] + o\n  return torch.stack(p, 1), p[-1], torch.stack(o)\n",
        "  for i in range(x.size(1)):\n    o.append(x[:, i] * 2.0)\n  return torch.stack(o, 1)\n",
        "  for y in o:\n    s = s * 0.5 + y\n  return s\n",
        "  r : List[Tensor] = []\n  for i in range(x.size(1) - 1, -1, -1):\n    s = torch.tanh(s + o[i])\n"
        "    r.append(s)\n  r.reverse()\n  return torch.stack(r, 1), torch.stack(o)\n",
        "  r = torch.stack(o, 1)\n  r[:, 0] = 1.0\n  return r, o[0]\n"}) {
    expect_list(filled(lines));
  }
  for (const char* lines :
       {"  a = o.pop()\n  b = o.pop(0)\n  return torch.stack(o, 1), a, b\n",
        "  return torch.stack(o[1:-1], 1), torch.stack(o[:2])\n", "  return torch.stack(o[::2], 1)\n"}) {
    expect_list(filled(lines), from_three());
  }
}

TEST(SizedLists, WhatALoopAppendsTo) {
  const std::string loop = "  for i in range(x.size(1)):\n";
  expect_list(method("  o = [x.sum(1)]\n" + loop + "    o.append(x[:, i] * 2.0)\n  return torch.stack(o, 1)\n"));
  expect_list(
      method("  o = [x.sum(1)]\n" + loop + "    o.append(o[-1] * 0.5 + x[:, i])\n  return torch.stack(o, 1)\n"));
  expect_list(method("  o = [x.sum(1)]\n" + loop +
                     "    o.append(o[i] * 0.5 + x[:, i] * len(o))\n  return torch.stack(o, 1), o[-1]\n"));
  expect_list(method("  o : List[Tensor] = []\n  s = x[:, 0]\n" + loop +
                     "    s = torch.tanh(s + x[:, i])\n    o += [s]\n  return torch.stack(o, 1)\n"));
  for (const char* round : {"    o.append(o[0] * 0.5 + x[:, i])\n", "    o.append(x[:, i])\n    o.append(x[:, i])\n",
                            "    o.append(torch.stack(o).sum(0) + x[:, i])\n"}) {
    expect_refused("T2N-R006", method("  o = [x.sum(1)]\n" + loop + round + "  return torch.stack(o, 1)\n"),
                   {sample({2, 5, 3})}, from_one());
  }
}

TEST(SizedLists, WhatTheyCannotSayIsRefused) {
  for (const char* lines :
       {"  return o\n", "  s.add_(1.0)\n  return torch.stack(o, 1), s\n", "  o[0] = s\n  return torch.stack(o, 1)\n",
        "  o.insert(2, s)\n  return torch.stack(o, 1)\n", "  o[0].add_(1.0)\n  return torch.stack(o, 1)\n"}) {
    expect_refused("T2N-R009", filled(lines), {sample({2, 5, 3})}, from_three());
  }
  expect_refused("T2N-R009", method("  return x.unbind(1)\n"), {sample({2, 5, 3})}, from_one());
  expect_refused("T2N-R009",
                 method("  s = torch.zeros([2, 3])\n  for i in range(x.size(1)):\n    s = x[:, i]\n  s.add_(1.0)\n"
                        "  return s, x * 2.0\n"),
                 {sample({2, 5, 3})}, from_one());
  expect_refused("T2N-R006", filled("  return torch.stack(o[1:], 1)\n"), {sample({2, 5, 3})}, from_one());
}

TEST(ScanSteps, OfTwoItemsAndMore) {
  const std::string round = "    s = torch.tanh(s * 0.5 + x[:, i])\n  return s\n";
  for (const char* range : {"range(0, x.size(1), 2)", "range(1, x.size(1), 3)", "range(x.size(1) - 1, -1, -2)"}) {
    expect_list(method("  s = torch.zeros([2, 3])\n  for i in " + std::string(range) + ":\n" + round), from_three());
  }
}

// Sizes of the axis that the loop walks, in its body.
TEST(ScanSizes, AsNumbersAndTensors) {
  const std::string loop = "  s = torch.zeros([2, 3])\n  for i in range(x.size(1)):\n    s = s * 0.5 + ";
  for (const char* term : {"x[:, i] * float(i) / float(x.size(1))", "x[:, i] / x.size(1)", "x[:, i] * (x.size(1) - i)",
                           "(x[:, i] + x.size(1)).clamp(max=float(x.size(1)))",
                           "x[:, i] * torch.arange(x.size(1)).sum()", "x[:, i] + torch.zeros([x.size(1)]).sum()"}) {
    expect_list(method(loop + term + "\n  return s\n"));
  }
  expect_list(
      method("  s = torch.zeros([2, x.size(1)])\n  for i in range(x.size(1)):\n"
             "    s = s + x[:, i, :1] * (torch.arange(x.size(1)) == i)\n  return s\n"));
  expect_refused("T2N-R006", method(loop + "x[:, i].unsqueeze(1).expand(-1, x.size(1), -1).sum(1)\n  return s\n"),
                 {sample({2, 5, 3})}, from_one());
}

}  // namespace
}  // namespace torch2nnef
