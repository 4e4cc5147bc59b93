#include "nnef/dialect/dialect.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "nnef/builder/builder.h"

namespace nnef {
namespace {

// The names in the table's source, in order.
std::vector<std::string> declared() {
  std::ifstream file(TEST_DATA "/../../src/nnef/dialect/tract_ops.nnef");
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("fragment ")) names.push_back(line.substr(9, line.find_first_of("<(") - 9));
  }
  return names;
}

// What the specification has in a form of its own.
TEST(Dialect, KhronosHasItsOwnForms) {
  const Dialect tract{Target{}}, khronos(*Target::parse("khronos"));
  EXPECT_EQ(tract.find("elu")->find("alpha"), nullptr);
  EXPECT_NE(khronos.find("elu")->find("alpha"), nullptr);
  EXPECT_TRUE(tract.find("deconv")->tract && !khronos.find("deconv")->tract);
  EXPECT_TRUE(tract.has("deconv") && khronos.has("deconv") && tract.has("pad") && khronos.has("pad"));
  EXPECT_EQ(tract.why_not(*tract.find("roi_resample")), "is not usable with tract");
  EXPECT_EQ(khronos.find("relu"), tract.find("relu"));
}

// Chapter 4 of NNEF 1.0.5.
TEST(Dialect, EveryStandardOperatorIsKnown) {
  const Dialect khronos(*Target::parse("khronos"));
  for (const char* name : {"external",
                           "variable",
                           "constant",
                           "update",
                           "copy",
                           "neg",
                           "rcp",
                           "exp",
                           "log",
                           "sin",
                           "cos",
                           "tan",
                           "asin",
                           "acos",
                           "atan",
                           "sinh",
                           "cosh",
                           "tanh",
                           "asinh",
                           "acosh",
                           "atanh",
                           "abs",
                           "sign",
                           "not",
                           "floor",
                           "ceil",
                           "round",
                           "add",
                           "sub",
                           "mul",
                           "div",
                           "pow",
                           "lt",
                           "gt",
                           "le",
                           "ge",
                           "eq",
                           "ne",
                           "and",
                           "or",
                           "select",
                           "sqr",
                           "sqrt",
                           "rsqr",
                           "rsqrt",
                           "log2",
                           "min",
                           "max",
                           "clamp",
                           "conv",
                           "deconv",
                           "box",
                           "debox",
                           "argmax_pool",
                           "sample",
                           "desample",
                           "nearest_downsample",
                           "area_downsample",
                           "nearest_upsample",
                           "multilinear_upsample",
                           "sum_reduce",
                           "max_reduce",
                           "min_reduce",
                           "argmax_reduce",
                           "argmin_reduce",
                           "any_reduce",
                           "all_reduce",
                           "mean_reduce",
                           "moments",
                           "reshape",
                           "squeeze",
                           "unsqueeze",
                           "transpose",
                           "split",
                           "concat",
                           "stack",
                           "unstack",
                           "slice",
                           "pad",
                           "tile",
                           "gather",
                           "cast",
                           "matmul",
                           "linear",
                           "separable_conv",
                           "separable_deconv",
                           "max_pool_with_index",
                           "max_pool",
                           "avg_pool",
                           "rms_pool",
                           "local_response_normalization",
                           "local_mean_normalization",
                           "local_variance_normalization",
                           "local_contrast_normalization",
                           "l1_normalization",
                           "l2_normalization",
                           "batch_normalization",
                           "avg_roi_pool",
                           "max_roi_pool",
                           "roi_resample",
                           "avg_roi_align",
                           "max_roi_align",
                           "relu",
                           "sigmoid",
                           "softplus",
                           "elu",
                           "selu",
                           "gelu",
                           "silu",
                           "softmax",
                           "prelu",
                           "leaky_relu",
                           "copy_n",
                           "add_n",
                           "min_max_linear_quantize",
                           "zero_point_linear_quantize",
                           "linear_quantize",
                           "logarithmic_quantize"}) {
    EXPECT_TRUE(khronos.has(name)) << name;
  }
}

TEST(Dialect, Versions) {
  EXPECT_EQ(Version::parse("0.23.9"), (Version{0, 23, 9}));
  EXPECT_EQ(Version::parse("1"), (Version{1, 0, 0}));
  EXPECT_LT(*Version::parse("0.9.10"), *Version::parse("0.23"));
  for (const char* bad : {"", "x", "1.", "1.2.3.4", "-1", "1..2", "1.2x"})
    EXPECT_EQ(Version::parse(bad), std::nullopt) << bad;
}

TEST(Dialect, Targets) {
  EXPECT_EQ(Target::parse("tract")->to_string(), "tract@0.23.9");
  EXPECT_EQ(Target::parse("tract@0.21.4")->to_string(), "tract@0.21.4");
  EXPECT_EQ(Target::parse("khronos")->to_string(), "khronos@1.0.5");
  for (const char* bad : {"", "onnx", "tract@", "tract@x", "khronos@2"}) EXPECT_FALSE(Target::parse(bad)) << bad;
}

TEST(Dialect, EveryDeclarationIsRead) {
  const Dialect dialect{Target{}};
  const std::vector<std::string> names = declared();
  EXPECT_GT(names.size(), 150u);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  for (const std::string& name : names) {
    const OperatorDeclaration* declaration = dialect.find(name);
    ASSERT_NE(declaration, nullptr) << name;
    EXPECT_EQ(declaration->name, name);
    EXPECT_FALSE(declaration->results.empty()) << name;
    EXPECT_FALSE(declaration->khronos && name.starts_with("tract_")) << name;
  }
  EXPECT_EQ(dialect.find("no_such"), nullptr);
}

TEST(Dialect, ParametersTypesAndDefaults) {
  const Dialect dialect{Target{}};
  const OperatorDeclaration& conv = *dialect.find("conv");
  EXPECT_TRUE(conv.find("input")->is_tensor && conv.find("input")->is_required());
  EXPECT_EQ(conv.find("padding")->type, "(integer,integer)[]");
  EXPECT_EQ(conv.find("border")->default_text, "'constant'");
  EXPECT_EQ(conv.find("bias")->default_text, "0.0");
  EXPECT_EQ(conv.find("no_such"), nullptr);
  EXPECT_TRUE(dialect.find("concat")->find("values")->is_tensor_array);
  EXPECT_TRUE(dialect.find("unstack")->result_is_array);
  EXPECT_EQ(dialect.find("moments")->results.size(), 2u);
  EXPECT_FALSE(dialect.find("tract_transformers_sdpa")->find("mask")->is_required());
}

TEST(Dialect, SaysWhyATargetLacksAnOperator) {
  const Dialect newest{Target{}}, old(*Target::parse("tract@0.22.4")), khronos(*Target::parse("khronos"));
  EXPECT_TRUE(newest.has("tract_core_cumsum"));
  EXPECT_EQ(old.why_not(*old.find("tract_core_cumsum")), "needs tract >= 0.23.9");
  EXPECT_EQ(khronos.why_not(*khronos.find("tract_core_cast")), "is not in Khronos NNEF 1.0.5");
  EXPECT_EQ(newest.why_not(*newest.find("tract_core_matmul")), "is not usable with tract");
  EXPECT_TRUE(khronos.has("conv") && newest.has("conv"));
  EXPECT_FALSE(newest.has("no_such"));
}

// Operators whose results depend on values, on state between calls, or on tensors that this program never makes.
const std::set<std::string> kWithoutInference = {"separable_deconv",
                                                 "update",
                                                 "tract_core_einsum_q",
                                                 "tract_core_matmul",
                                                 "tract_core_qmatmul",
                                                 "tract_core_complex_to_inner_dim",
                                                 "tract_core_inner_dim_to_complex",
                                                 "tract_core_submodel",
                                                 "tract_resource_get",
                                                 "tract_onnx_resize",
                                                 "tract_onnx_non_max_suppression",
                                                 "tract_onnx_ml_direct_lookup",
                                                 "tract_onnx_ml_reverse_lookup",
                                                 "tract_onnx_ml_tree_ensemble_classifier",
                                                 "tract_pulse_delay",
                                                 "tract_pulse_cumsum",
                                                 "tract_pulse_mask",
                                                 "tract_pulse_pulse_pad",
                                                 "tract_transformers_dyn_kv_cache",
                                                 "tract_transformers_quantized_dyn_kv_cache",
                                                 "tract_transformers_window_kv_sdpa",
                                                 "tract_transformers_quantized_kv_sdpa",
                                                 "tract_moe_ffn",
                                                 "tract_transformers_causal_conv1d_update",
                                                 "tract_qwen35_causal_conv1d_update",
                                                 "tract_transformers_gdn_recurrent",
                                                 "tract_qwen35_gdn_recurrent"};

TEST(Dialect, ResultsAreInferredOrRefusedByName) {
  const Dialect dialect{Target{}};
  for (const std::string& name : declared()) {
    std::string message;
    try {
      infer(Graph{}, Operation{name, {}, {}, ""}, *dialect.find(name));
    } catch (const BuildError& error) {
      message = error.what();
    }
    const bool unknown = message == name + ": the shape of its result is not known to this program.";
    EXPECT_EQ(unknown, kWithoutInference.count(name) != 0) << name << ": " << message;
  }
}

}  // namespace
}  // namespace nnef
