// The reference evaluator against tract: every operator of the dialect, over generated arguments.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "dialect_bench.h"
#include "export/verify/private_folder.h"
#include "export/verify/reference.h"

namespace dialect_tests {
namespace {

constexpr std::size_t kBatch = 120;
constexpr double kTimeoutSeconds = 60;

// A part of the cases as one archive, each result an output of it.
struct Batch {
  Bench bench;
  std::vector<const Case*> of_output;

  explicit Batch(const std::vector<const Case*>& cases) {
    for (const Case* one : cases) {
      try {
        for (Value value : one->build(bench)) {
          bench.output(value);
          of_output.push_back(one);
        }
      } catch (const std::exception& error) {
        ADD_FAILURE() << one->op << " " << one->what << " cannot be built: " << error.what();
      }
    }
    bench.builder().finish();
  }
};

void compare(const Batch& batch, const nnef::Graph& graph, const std::vector<nnef::NamedTensor>& tract) {
  const std::vector<nnef::NamedTensor> ours =
      torch2nnef::evaluate_graph(graph, batch.bench.dialect(), batch.bench.inputs());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const Case& one = *batch.of_output.at(i);
    const auto outputs = torch2nnef::compare_outputs({tract.at(i)}, {{tract.at(i).name, ours[i].data}}, one.tolerance);
    // What is saved of tract's f16 is f32.
    const bool is_half = ours[i].data->dtype() == DType::kF16;
    const auto compared =
        is_half ? torch2nnef::compare_outputs({{tract[i].name, ours[i].data}}, {tract[i]}, one.tolerance) : outputs;
    EXPECT_TRUE(compared.at(0).agrees) << one.op << " " << one.what << ": " << compared[0].detail
                                       << (is_half ? " (tract's instead of ours)" : " (ours instead of tract's)");
  }
}

// Halves are run alone when tract does not run the whole, until the case that it refuses is found.
void check(const std::vector<const Case*>& cases, const torch2nnef::Engine& engine) {
  Batch batch(cases);
  const torch2nnef::PrivateFolder folder;
  const auto archive = folder.path() / "batch.tar";
  nnef::write_archive(batch.bench.graph(), batch.bench.dialect(), archive);
  const torch2nnef::EngineRun run = torch2nnef::run_engine(engine, archive, batch.bench.inputs(), kTimeoutSeconds);
  if (run.ran) {
    ASSERT_EQ(run.outputs.size(), batch.of_output.size());
    std::vector<nnef::NamedTensor> ordered;
    for (std::size_t i = 0; i < run.outputs.size(); ++i) {
      for (const nnef::NamedTensor& tensor : run.outputs) {
        if (tensor.name == "y" + std::to_string(i)) ordered.push_back(tensor);
      }
    }
    ASSERT_EQ(ordered.size(), run.outputs.size());
    try {
      return compare(batch, nnef::read_archive(archive, batch.bench.dialect()), ordered);
    } catch (const std::exception& error) {
      if (cases.size() == 1) FAIL() << cases[0]->op << " " << cases[0]->what << ": " << error.what();
    }
  } else if (cases.size() == 1) {
    FAIL() << cases[0]->op << " " << cases[0]->what << ": tract does not run it: " << run.message << "\n"
           << nnef::write_text(batch.bench.graph(), batch.bench.dialect());
  }
  const auto middle = cases.begin() + static_cast<std::ptrdiff_t>(cases.size() / 2);
  check({cases.begin(), middle}, engine);
  check({middle, cases.end()}, engine);
}

void check_all(void (*add)(Cases&)) {
  const auto engine = torch2nnef::find_engine({});
  ASSERT_TRUE(engine) << "tract is not found; tools/get-tract fetches it";
  Cases cases;
  add(cases);
  std::vector<const Case*> batch;
  for (const Case& one : cases.list()) {
    batch.push_back(&one);
    if (batch.size() < kBatch) continue;
    check(batch, *engine);
    batch.clear();
  }
  if (!batch.empty()) check(batch, *engine);
}

TEST(DialectInTract, Elementwise) { check_all(add_elementwise_cases); }
TEST(DialectInTract, Shape) { check_all(add_shape_cases); }
TEST(DialectInTract, Windows) { check_all(add_window_cases); }
TEST(DialectInTract, Reductions) { check_all(add_reduce_cases); }
TEST(DialectInTract, Indices) { check_all(add_index_cases); }
TEST(DialectInTract, Contractions) { check_all(add_linear_cases); }
TEST(DialectInTract, Others) { check_all(add_other_cases); }

// Operators that the evaluator does not have. The exporter writes none of them; an archive with one (through a user's
// fragments) is checked in tract alone.
const std::map<std::string, std::set<std::string>> kNotEvaluated = {
    {"quantised", {"tract_core_einsum_q"}},
    {"stateful or random",
     {"tract_onnx_random", "tract_onnx_multinomial", "tract_transformers_dyn_kv_cache",
      "tract_transformers_quantized_dyn_kv_cache", "tract_transformers_window_kv_sdpa",
      "tract_transformers_quantized_kv_sdpa", "tract_transformers_causal_conv1d_update",
      "tract_qwen35_causal_conv1d_update", "tract_transformers_gdn_recurrent", "tract_qwen35_gdn_recurrent",
      "tract_extra_exp_unit_norm", "tract_extra_exp_mean_norm", "tract_pulse_delay", "tract_pulse_cumsum",
      "tract_pulse_mask", "tract_pulse_pulse_pad"}},
    {"results as long as the data say", {"tract_onnx_non_zero", "tract_onnx_non_max_suppression"}},
    {"data outside of the graph", {"tract_core_submodel", "tract_resource_get"}},
    {"not measured",
     {"tract_onnx_lrn", "tract_onnx_resize", "tract_onnx_ml_direct_lookup", "tract_onnx_ml_reverse_lookup",
      "tract_onnx_ml_tree_ensemble_classifier", "tract_core_clamped_swiglu", "tract_moe_ffn",
      "local_response_normalization", "local_mean_normalization", "local_variance_normalization",
      "local_contrast_normalization"}},
};

// The names in the dialect's table that tract has and gets right.
std::set<std::string> operators_of_tract() {
  std::ifstream table(DIALECT);
  std::set<std::string> names;
  std::string annotation;
  static const std::regex declaration("fragment ([A-Za-z0-9_]+).*");
  for (std::string line; std::getline(table, line);) {
    std::smatch match;
    if (line.starts_with("#@")) annotation = line;
    if (!std::regex_match(line, match, declaration)) continue;
    if (annotation.find("notract") == std::string::npos && annotation.find("broken") == std::string::npos) {
      names.insert(match[1]);
    }
  }
  return names;
}

TEST(DialectInTract, CoversEveryOperator) {
  std::set<std::string> tested = {"tract_core_external", "external", "variable"};  // every archive has them
  Cases cases;
  for (auto* add : {add_elementwise_cases, add_shape_cases, add_window_cases, add_reduce_cases, add_index_cases,
                    add_linear_cases, add_other_cases}) {
    add(cases);
  }
  for (const Case& one : cases.list()) tested.insert(one.op);
  std::set<std::string> left_out;
  for (const auto& [reason, names] : kNotEvaluated) left_out.insert(names.begin(), names.end());
  const std::set<std::string> all = operators_of_tract();
  ASSERT_GT(all.size(), 100U);
  for (const std::string& name : all) {
    EXPECT_NE(tested.count(name), left_out.count(name)) << name << " needs cases, or a reason why it has none";
  }
  for (const std::string& name : torch2nnef::evaluated_operators()) {
    EXPECT_EQ(tested.count(name), 1U) << name << " is evaluated and not tested";
  }
  for (const std::string& name : left_out) EXPECT_EQ(all.count(name), 1U) << name << " is not in the dialect";
}

}  // namespace
}  // namespace dialect_tests
