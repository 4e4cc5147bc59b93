// Attributes that a model writes to before it reads them: they are new in every call.
#include "scripted.h"

namespace torch2nnef {
namespace {

Outcome outcome_of(const std::string& body, const ExportOptions& options = {}) {
  torch::jit::Module module("Fn");
  module.register_buffer("room", at::zeros({3, 4}));
  module.register_attribute("last", c10::TensorType::get(), at::zeros({1}));
  module.define("def forward(self, x):\n" + body);
  return run(module, {sample({3, 4})}, options);
}

TEST(Attributes, MayBeWrittenFirst) {
  for (const char* body : {"  return torch.hstack([x[:, :2], x[:, 2:]], out=self.room)\n",
                           "  torch.add(x, 1.0, out=self.room)\n  return self.room * 2.0\n",
                           "  r = self.room\n  torch.exp(x, out=r)\n  self.room.mul_(3.0)\n  return r, self.room.t()\n",
                           "  self.room.copy_(x)\n  self.room[1] = 5.0\n  return self.room + 1.0\n",
                           "  self.room.zero_()\n  self.room += x\n  return self.room\n",
                           "  torch.cat([x, x], 0, out=self.room)\n  return self.room.sum(0)\n",
                           "  self.last = x * 2.0\n  return self.last + 1.0\n"}) {
    EXPECT_EQ(outcome_of(body).code, "") << outcome_of(body).text << body;
  }
  EXPECT_EQ(outcome_of("  torch.mul(x, x, out=self.room)\n  return self.room\n", dynamic({axis(0, "S")})).code, "");
}

TEST(Attributes, ThatAreReadFirstAreRefused) {
  for (const char* body : {"  self.room.add_(x)\n  return self.room\n", "  self.room[0] = x[0]\n  return self.room\n",
                           "  y = self.room + x\n  torch.exp(x, out=self.room)\n  return y\n",
                           "  y = self.last + x\n  self.last = x\n  return y\n"}) {
    EXPECT_EQ(outcome_of(body).code, "T2N-R009") << outcome_of(body).text << body;
  }
}

}  // namespace
}  // namespace torch2nnef
