// Makes files/*.pt: small TorchScript archives that are refused, each for a reason of its own.
//
//   make_golden_models tests/golden/files
#include <torch/script.h>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

const std::vector<std::pair<std::string, std::string>> kModels = {
    {"unsupported.pt",
     "def forward(self, x):\n"
     "  y = torch.linalg_inv(x)\n"
     "  z = torch.linalg_inv(y + x)\n"
     "  return torch.det(z) + torch.bincount(torch.to(torch.abs(x).flatten(), 4)).sum()\n"},
    {"training.pt", "def forward(self, x):\n  return torch.dropout(x, 0.5, True)\n"},
    {"random.pt", "def forward(self, x):\n  return x + torch.rand_like(x)\n"},
    {"branch.pt",
     "def forward(self, x):\n"
     "  if bool(torch.sum(x) > 0):\n"
     "    y = x * 2\n"
     "  else:\n"
     "    y = torch.sum(x)\n"
     "  return y\n"},
    {"baked.pt", "def forward(self, x):\n  return x.view([2, 12])\n"},
    {"no_tensor.pt", "def forward(self, x):\n  return None\n"},
    {"codes/double.pt", "def forward(self, x):\n  return x * 2\n"},
    {"codes/without_lowering.pt",
     "def forward(self, x):\n  factor, pivots = torch.linalg_ldl_factor(x)\n  return factor\n"},
    {"codes/complex.pt", "def forward(self, x):\n  return torch.complex(x, x)\n"},
    {"codes/topk.pt", "def forward(self, x):\n  values, indices = torch.topk(x, 2)\n  return values\n"},
    {"codes/nine_axes.pt", "def forward(self, x):\n  return x + torch.arange(512).view([2, 2, 2, 2, 2, 2, 2, 2, 2])\n"},
    {"codes/branch_on_size.pt",
     "def forward(self, x):\n"
     "  if x.size(0) > 7:\n"
     "    y = x * 2\n"
     "  else:\n"
     "    y = x - 1\n"
     "  return y\n"},
    {"codes/roll_by_value.pt", "def forward(self, x):\n  return torch.roll(x, [int(torch.max(x))], [0])\n"},
    {"codes/root_of_size.pt", "def forward(self, x):\n  return x[:int(float(x.size(0)) ** 0.5)] + 1\n"},
    {"codes/rounding.pt", "def forward(self, x):\n  return x * 0.1 + 30000 - 30000\n"},
    {"codes/notes.pt",
     "def forward(self, x):\n"
     "  assert bool(torch.sum(x) < 1000)\n"
     "  y = torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)\n"
     "  return y, None\n"},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_golden_models FOLDER\n";
    return 2;
  }
  for (const auto& [name, source] : kModels) {
    torch::jit::Module module("Model");
    module.define(source);
    module.save(std::string(argv[1]) + "/" + name);
  }
  return 0;
}
