// Pickles that libtorch would believe, and sources that it would recurse through.
#include <gtest/gtest.h>

#include "export/load/pickle_scan.h"
#include "export/load/source_depth.h"
#include "export/load/state_code.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

std::string text(const std::string& value) {
  return std::string("X") + static_cast<char>(value.size()) + std::string(3, '\0') + value;
}
std::string number(std::int64_t value) {
  std::string bytes = "\x8a\x08";
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
  return bytes;
}
std::string numbers(const std::vector<std::int64_t>& values) {
  std::string bytes = "(";
  for (std::int64_t value : values) bytes += number(value);
  return bytes + "t";
}

struct Tensor {
  std::vector<std::int64_t> sizes = {2, 3}, strides = {3, 1};
  std::int64_t offset = 0, count = 6;
  std::string kind = "Float";
};
std::string pickled(const Tensor& tensor) {
  const std::string storage = "(" + text("storage") + "ctorch\n" + tensor.kind + "Storage\n" + text("0") + text("cpu") +
                              number(tensor.count) + "tQ";
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(tensor.offset) + numbers(tensor.sizes) +
         numbers(tensor.strides) +
         "\x89"
         "ccollections\nOrderedDict\n)RtR";
}

const std::string kBegin = "\x80\x02";

std::string error_of(const std::string& body) {
  try {
    scan_pickle(kBegin + body + ".");
  } catch (const nnef::FormatError& error) {
    return error.what();
  }
  return "";
}

TEST(Pickle, GivesTheTensors) {
  const std::string bytes = kBegin + pickled({}) + ".";
  const PickleFacts facts = scan_pickle(bytes);
  ASSERT_EQ(facts.tensors.size(), 1u);
  EXPECT_EQ(facts.tensors[0].item, "Float");
  EXPECT_EQ(facts.tensors[0].key, "0");
  EXPECT_EQ(facts.tensors[0].strides, (std::vector<std::int64_t>{3, 1}));
}

TEST(Pickle, RefusesTensorsThatLeaveTheirStorage) {
  const std::int64_t huge = std::int64_t{1} << 62;
  for (const Tensor& tensor : {Tensor{{2, 3}, {4, 1}}, Tensor{{2, 3}, {3, 1}, 1}, Tensor{{7}, {1}}, Tensor{{2}, {huge}},
                               Tensor{{3, 3}, {huge, huge}}, Tensor{{}, {}, 6}, Tensor{{}, {}, huge}}) {
    EXPECT_NE(error_of(pickled(tensor)).find("beyond its storage"), std::string::npos) << error_of(pickled(tensor));
  }
  EXPECT_NE(error_of(pickled({{2}, {-1}})).find("negative stride"), std::string::npos);
  EXPECT_NE(error_of(pickled({{-2}, {1}})).find("negative size"), std::string::npos);
  EXPECT_NE(error_of(pickled({{2}, {1}, -1})).find("negative place"), std::string::npos);
  EXPECT_NE(error_of(pickled({{huge, huge}, {0, 0}})).find("too large"), std::string::npos);
  EXPECT_NE(error_of(pickled({{2, 3}, {1}})).find("number of strides"), std::string::npos);
  EXPECT_NE(error_of(pickled({{1}, {1}, 0, 1, "QInt8"})).find("quantised"), std::string::npos);
}

TEST(Pickle, TakesViewsAndEmptyTensors) {
  for (const Tensor& tensor : {Tensor{{3, 2}, {1, 3}}, Tensor{{1000}, {0}}, Tensor{{0, 9}, {99, 1}, 0, 0},
                               Tensor{{}, {}, 5}, Tensor{{1, 2}, {77, 1}, 4}}) {
    EXPECT_EQ(error_of(pickled(tensor)), "");
  }
}

TEST(Pickle, RefusesWhatTorchScriptDoesNotWrite) {
  for (const char* global : {"os\nsystem", "builtins\neval", "torch\nload", "torch.jit._pickle\nbuild_tensor_from_id",
                             "torch._utils\n_rebuild_sparse_tensor", "torch\nNothingStorage", "__main__\nTensorID"}) {
    EXPECT_NE(error_of(std::string("c") + global + "\n").find("does not belong"), std::string::npos) << global;
  }
  for (const char* body :
       {"(K\x01", "t", "K\x01R", "K\x01K\x02R", "]K\x01s", "}(K\x01u", "h\x00", "q\x00", "X\xff\xff\xff\xff",
        "r\xff\xff\xff\xff", "0", "a", "}(NK\x01u", "c__torch__\nM\nK\x01\x81", "\x8a\x02\x01\x01"}) {
    EXPECT_NE(error_of(body), "") << body;
  }
  EXPECT_NE(error_of("ctorch.jit._pickle\nbuild_intlist\n](N"
                     "e\x85R"),
            "");
}

TEST(Pickle, RefusesWhatHasNoEnd) {
  EXPECT_EQ(error_of("]q\x01(h\x01"
                     "e"),
            "a value contains itself");
  EXPECT_EQ(error_of("}q\x01(" + text("a") + "h\x01u"), "a value contains itself");
  EXPECT_NE(error_of(std::string(501, ')') + std::string(500, '\x85')), "");
  std::string nested = ")";
  for (int i = 0; i < 501; ++i) nested += "\x85";
  EXPECT_NE(error_of(nested).find("500 levels"), std::string::npos);
  std::string doubled = ")";
  for (int i = 0; i < 30; ++i) doubled += "q\x01h\x01\x86";
  EXPECT_NE(error_of(doubled).find("ten million"), std::string::npos);
}

TEST(Source, IsRefusedWhereItIsTooDeep) {
  const auto error = [](const std::string& source) -> std::string {
    try {
      check_source_depth(source);
    } catch (const nnef::FormatError& failure) {
      return failure.what();
    }
    return "";
  };
  const auto times = [](const std::string& part, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += part;
    return all;
  };
  EXPECT_EQ(error("x = [" + times("-1., ", 10000) + "]\n"), "");
  EXPECT_EQ(error(times("y = f(x, g(y))\n", 10000)), "");
  EXPECT_EQ(error("x = \"" + times("(", 10000) + "\\\"\"  # " + times("[", 10000) + "\n"), "");
  EXPECT_EQ(error("y = 1\nx = " + times("f(", 1000) + times(")", 1000) + "\n"),
            "line 2 has an expression that is nested more than 400 deep");
  for (const char* part : {"-", "not ", "x + ", "x.", "a if b else ", "x[0", "x ** "}) {
    EXPECT_NE(error("x = " + times(part, 1000) + "x\n"), "") << part;
  }
  std::string blocks;
  for (int i = 0; i < 101; ++i) blocks += std::string(static_cast<std::size_t>(i), ' ') + "if a:\n";
  EXPECT_NE(error(blocks).find("blocks"), std::string::npos);
}

TEST(StateCode, CallsNothingWithEffects) {
  const auto is_refused = [](const std::string& call) {
    try {
      check_state_code("  def __setstate__(self, state: Tensor) -> NoneType:\n    " + call + "\n    return None\n");
    } catch (const nnef::FormatError&) {
      return true;
    }
    return false;
  };
  for (const char* call : {"torch.save(state, \"f\")", "_0 = torch.from_file(\"f\")", "ops.aten.save(state, \"f\")",
                           "ops.mine.f(state)", "x=[ops.mine.f(state)]", "torch._load_for(state)"}) {
    EXPECT_TRUE(is_refused(call)) << call;
  }
  for (const char* call : {"self.w = ops.quantized.linear_prepack(state, None)", "_0 = torch.add(state, 1.5)",
                           "self.save = state", "_1 = (state).save", "self.torch.save",
                           "ops.prim.RaiseException(\"no such dtype\", \"builtins.RuntimeError\")"}) {
    EXPECT_FALSE(is_refused(call)) << call;
  }
  check_state_code("  def forward(self):\n    torch.save(x, \"f\")\n");
}

}  // namespace
}  // namespace torch2nnef
