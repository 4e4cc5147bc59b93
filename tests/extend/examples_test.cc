// The examples of tools/examples, built and run as their texts say, and plugins that are wrong.
#include <gtest/gtest.h>

#include <cmath>

#include "extend_support.h"
#include "tensors.h"

namespace {

using namespace torch2nnef_test;
using torch2nnef_test::f32;

const fs::path kExamples = fs::path(TOOLS) / "examples";
const fs::path kPlugins = PLUGINS;

ProcessResult run(const std::string& name, const fs::path& output, const Arguments& more) {
  return export_model(kExamples / (name + ".pt"), output, more);
}

// Exports with a check in tract; what was printed, and whether it went well.
std::string exported(const std::string& name, Arguments more) {
  const torch2nnef::PrivateFolder folder;
  more.push_back("--check=tract");
  const ProcessResult made = run(name, folder.path() / "model.nnef.tgz", more);
  EXPECT_EQ(made.exit_status, 0) << made.errors;
  return made.output + made.errors;
}

// What was said; nothing may be left.
std::string refused(const std::string& name, const Arguments& more, int status = 1) {
  const torch2nnef::PrivateFolder folder;
  const ProcessResult made = run(name, folder.path() / "model.nnef.tgz", more);
  EXPECT_EQ(made.exit_status, status) << made.output << made.errors;
  EXPECT_TRUE(fs::is_empty(folder.path()));
  return made.errors;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

#define EXPECT_SAYS(text, part) EXPECT_TRUE(has(text, part)) << text

const Arguments kGated = {"--plugin", kPlugins / "gated_swish.so", "--dynamic-axes", "x:0=B"};
const Arguments kImage = {"--dynamic-axes", "image:0=B", "--dynamic-axes", "image:2=H", "--dynamic-axes", "image:3=W"};
const Arguments kSequence = {"--dynamic-axes", "x:0=B", "--dynamic-axes", "x:1=T"};

Arguments with(Arguments flags, const Arguments& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

TEST(Examples, OperatorInAPlugin) {
  EXPECT_SAYS(exported("gated", kGated), "1 mine::gated_swish");
  EXPECT_SAYS(refused("gated", {}), "T2N-M003: gated.pt uses the operator mine::gated_swish");
}

TEST(Examples, ModuleInAPlugin) {
  const std::string text = exported("classifier", with(kImage, {"--plugin", kPlugins / "squeeze_excite.so"}));
  EXPECT_SAYS(text, "1 module::SqueezeExcite");
  EXPECT_FALSE(has(text, "aten::sigmoid")) << text;
}

TEST(Examples, ModuleInAFragmentFile) {
  const std::string text = exported("encoder", with(kSequence, {"--fragments", kExamples / "attention.nnef"}));
  EXPECT_SAYS(text, "1 module::Attention");
  EXPECT_FALSE(has(text, "aten::matmul")) << text;
}

TEST(Examples, RowInThePlaceOfABuiltInOne) {
  const Arguments flags = {"--fragments", kExamples / "silu.nnef", "--dump-after", "lower"};
  const std::string mine = exported("encoder", with(kSequence, flags)),
                    builtin = exported("encoder", {"--dump-after", "lower"});
  EXPECT_SAYS(mine, " = exp(");
  EXPECT_FALSE(has(builtin, " = exp(")) << builtin;
}

TEST(Examples, ExplainSaysWhichRowApplies) {
  const ProcessResult said = torch2nnef::run_process(
      {TORCH2NNEF, "--explain", "aten::silu", "--fragments", kExamples / "silu.nnef"}, kTimeoutSeconds);
  EXPECT_EQ(said.exit_status, 0);
  EXPECT_TRUE(said.output.starts_with("aten::silu, of fragment file silu.nnef\n")) << said.output;
  EXPECT_SAYS(said.output, "where that does not apply, the built-in one:\n");
}

TEST(Examples, PartOfAModel) {
  const std::string text = exported("encoder", {"--module", "attention"});
  EXPECT_SAYS(text, "f32[2,5,16]");
  EXPECT_SAYS(text, "then what the model calls attention with");
  EXPECT_SAYS(refused("encoder", {"--module", "attention.quarry"}, 2),
              "there are attention.query, attention.key, attention.value, attention.out");
  EXPECT_SAYS(refused("pairs", {"--method", "second_only"}, 2), "it has ");
}

TEST(Examples, MethodWithAnArgument) {
  const std::string text = exported("pairs", {"--method", "first_only", "--input", "x:f32:2,3", "--arg", "3"});
  EXPECT_SAYS(text, "input        x f32[2,3]");
}

TEST(Examples, TuplesListsAndDicts) {
  const std::string text = exported("pairs", {});
  for (const char* name : {"pair_0 f32[2,3]", "pair_1 f32[2,3]", "parts_0 f32[2,4]", "parts_1 f32[2,2]",
                           "named_scale f32[2,3]", "named_shift f32[2,1]"}) {
    EXPECT_SAYS(text, name);
  }
}

TEST(Examples, BranchAndLoopThatTheDataDecides) {
  const torch2nnef::PrivateFolder folder;
  const fs::path archive = folder.path() / "model.nnef.tgz";
  const ProcessResult made = run("gate", archive, {"--max-iterations", "12", "--check=tract"});
  ASSERT_EQ(made.exit_status, 0) << made.errors;
  EXPECT_SAYS(made.errors, "T2N-R014");
  EXPECT_EQ(difference_in_tract(archive, {{"x", f32({1, 4}, {0.125F, -0.25F, 0.5F, 0})}},
                                {{"output_0", f32({1, 4}, {0.125F, -0.25F, 0.5F, 0})}, {"output_1", i64({}, {0})}}),
            "");
  EXPECT_EQ(difference_in_tract(archive, {{"x", f32({1, 4}, {0.5F, 0.5F, 0.5F, -0.5F})}},
                                {{"output_0", f32({1, 4}, {0.2109375F, 0.2109375F, 0.2109375F, -0.2109375F})},
                                 {"output_1", i64({}, {3})}}),
            "");
  EXPECT_SAYS(refused("gate", {}), "--max-iterations");
}

// Two calls, the second with what the first gave.
TEST(Examples, StateGoesFromCallToCall) {
  const torch2nnef::PrivateFolder folder;
  const fs::path archive = folder.path() / "model.nnef.tgz";
  const Arguments flags = {"--input", "x:f32:1,4", "--check=tract"};
  const ProcessResult made = run("smoother", archive, with(flags, {"--state=io"}));
  ASSERT_EQ(made.exit_status, 0) << made.errors;
  EXPECT_SAYS(made.output, "mean -> mean_next, initial value: all 0.5");
  EXPECT_SAYS(made.output, "last -> last_next, initial value: zeros");
  const std::vector<float> x = {1, -1, 0.5F, 2};
  std::vector<float> mean(4, 0.5F), last(4, 0);
  for (int call = 0; call < 2; ++call) {
    std::vector<float> next(4), y(4);
    for (std::size_t i = 0; i < 4; ++i) {
      next[i] = mean[i] * 0.75F + x[i] * 0.25F;
      y[i] = std::tanh(next[i] - last[i]) + x[i];
    }
    EXPECT_EQ(difference_in_tract(
                  archive, {{"x", f32({1, 4}, x)}, {"mean", f32({1, 4}, mean)}, {"last", f32({1, 4}, last)}},
                  {{"output", f32({1, 4}, y)}, {"mean_next", f32({1, 4}, next)}, {"last_next", f32({1, 4}, next)}}),
              "");
    mean = last = next;
  }
  EXPECT_SAYS(refused("smoother", flags), "(--state=io)");
}

TEST(Examples, StateThatGrowsIsRefused) {
  const torch2nnef::PrivateFolder folder;
  const ProcessResult made = export_model(fs::path(EXTEND) / "growing.pt", folder.path() / "model.nnef.tgz",
                                          {"--input", "x:f32:1,4", "--state=io"});
  EXPECT_EQ(made.exit_status, 1) << made.output;
  EXPECT_SAYS(made.errors,
              "T2N-R015: the attribute cache is float32[1,4] after a first call and float32[2,4] after a second");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

struct Wrong {
  const char* plugin;
  int status;
  std::vector<const char*> says;
};

void PrintTo(const Wrong& one, std::ostream* stream) { *stream << one.plugin; }

class WrongPlugin : public testing::TestWithParam<Wrong> {};

TEST_P(WrongPlugin, IsNamedWithItsPlace) {
  const fs::path file = kPlugins / (std::string(GetParam().plugin) + ".so");
  const std::string text = refused("classifier", {"--plugin", file}, GetParam().status);
  for (const char* part : GetParam().says) EXPECT_SAYS(text, part);
}

constexpr const char* kLine = "at   make_examples.py:";

INSTANTIATE_TEST_SUITE_P(
    All, WrongPlugin,
    testing::Values(
        Wrong{"wrong_shape",
              1,
              {"T2N-P001: module::SqueezeExcite: by module::SqueezeExcite of plugin wrong_shape.so",
               "the lowering gives f32[4,8], torch gave float32[2,8,6,7]", kLine}},
        Wrong{"wrong_dtype", 1, {"T2N-P001", "plugin wrong_dtype.so", "the lowering gives i64[2,8,6,7]", kLine}},
        Wrong{"throws", 1, {"T2N-P002", "plugin throws.so", "I do not feel like it", kLine}},
        Wrong{"forgets", 1, {"T2N-P001: path::excite", "plugin forgets.so", "sets no value", kLine}},
        Wrong{"misses", 1, {"T2N-P002", "plugin misses.so", "has no argument no_such_weight", kLine}},
        Wrong{"refuses", 1, {"T2N-L002", "plugin refuses.so", "images only", "hint give images", kLine}},
        Wrong{"other_abi", 2, {"T2N-P003", "other_abi.so was built for version 0 of the interface", "has version 1"}},
        Wrong{"other_torch", 2, {"T2N-P003", "other_torch.so was built with torch 9.9.9, this torch2nnef with torch "}},
        Wrong{"other_compiler", 2, {"T2N-P003", "other_compiler.so was built by tcc 1, this torch2nnef by "}}),
    [](const auto& one) { return std::string(one.param.plugin); });

TEST(Plugins, ThatClaimNothingAreSaid) {
  const std::string text = exported("classifier", {"--plugin", kPlugins / "claims_nothing.so"});
  EXPECT_SAYS(text, "T2N-P004: module::SqueezeAndExcite of plugin claims_nothing.so claims no module of the model");
  EXPECT_SAYS(text, "examples.SqueezeExcite");
}

TEST(TraceModel, SavesWithInputsAndSaysWhatIsBakedIn) {
  if (torch2nnef::run_process({"/usr/bin/python3", "-c", "import torch"}, kTimeoutSeconds).exit_status != 0)
    GTEST_SKIP() << "python3 has no torch";
  const torch2nnef::PrivateFolder folder;
  std::ofstream(folder.path() / "net.py") << "import torch\n"
                                             "class Good(torch.nn.Module):\n"
                                             "    def forward(self, x):\n"
                                             "        return x.flatten(1) * 2\n"
                                             "class Baked(torch.nn.Module):\n"
                                             "    def forward(self, x):\n"
                                             "        rows = len(x)\n"
                                             "        return x.flatten(1) * torch.arange(int(rows)).sum()\n";
  auto trace = [&](const std::string& name) {
    return torch2nnef::run_process({"/usr/bin/python3", fs::path(TOOLS) / "python/torch2nnef/trace_model.py",
                                    (folder.path() / "net.py").string() + ":" + name + "()", "-o",
                                    folder.path() / (name + ".pt"), "--input", "x:3,2,4", "--dynamic", "x:0=B"},
                                   kTimeoutSeconds);
  };
  const ProcessResult good = trace("Good");
  ASSERT_EQ(good.exit_status, 0) << good.errors;
  const ProcessResult made = export_model(folder.path() / "Good.pt", folder.path() / "good.nnef.tgz",
                                          {"--dynamic-axes", "x:0=B", "--check=tract"});
  EXPECT_EQ(made.exit_status, 0) << made.errors;
  EXPECT_SAYS(made.output, "carried by the archive (inputs.npz)");
  const ProcessResult baked = trace("Baked");
  EXPECT_EQ(baked.exit_status, 1);
  EXPECT_SAYS(baked.errors, "at B=4: result differs");
  EXPECT_SAYS(baked.errors, "net.py(8)");
  EXPECT_FALSE(fs::exists(folder.path() / "Baked.pt"));
}

}  // namespace
