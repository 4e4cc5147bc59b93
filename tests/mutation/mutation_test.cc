// Exports with one deliberate defect each: the reference evaluator and tract must each find them by themselves, at
// outputs of every size, agree on which they find, and the evaluator must name the call.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "../ops/op_case.h"
#include "../ops/op_module.h"
#include "export/load/compat_ops.h"
#include "export/torchscript/second_values.h"
#include "export/verify/judge.h"
#include "export/verify/private_folder.h"
#include "export/verify/reference.h"
#include "export/verify/tract_engine.h"
#include "exported.h"
#include "mutations.h"

namespace mutation_tests {
namespace {

using torch2nnef::CheckReport;
using torch2nnef::CheckSubject;
using torch2nnef::Recording;
using torch2nnef::Tolerance;

constexpr auto kTolerance = Tolerance::kDefault;
constexpr auto kVisible = Tolerance::of(1e-3);  // what is further off, of an output's own size, must be found
constexpr std::size_t kMostOfOneModel = 20;
constexpr double kTimeoutSeconds = 60;

bool all_agree(const std::vector<CheckReport::Output>& outputs) {
  return std::all_of(outputs.begin(), outputs.end(), [](const CheckReport::Output& output) { return output.agrees; });
}

// What became of one mutant.
struct Verdict {
  bool is_defect = false;  // in exact arithmetic it computes something else than the export, or nothing
  bool by_tract = false;   // found
  bool by_evaluator = false;
  bool names_call = false;   // the call that was mutated
  bool names_value = false;  // the very value of the graph
  std::string named;
};

struct Counts {
  int mutants = 0, defects = 0, by_tract = 0, by_evaluator = 0, named = 0, named_values = 0, apart = 0;
  std::map<std::string, int> by_kind;
  std::vector<std::string> missed;
};

class Mutator {
 public:
  Mutator(const Exported& exported, const std::optional<Recording::Run>& other_values, torch2nnef::Engine engine)
      : exported_(exported), engine_(std::move(engine)) {
    for (const Recording::Run& run : exported.recording.runs) runs_.push_back(&run);
    if (other_values) runs_.push_back(&*other_values);
    other_values_ = other_values ? &*other_values : nullptr;
    for (const Recording::Run* run : runs_) exact_.push_back(exactly(exported.graph, *run));
  }

  // Nothing when the mutation leaves no graph that could be written.
  std::optional<Verdict> judge(const Mutation& mutation) {
    nnef::Graph graph = exported_.graph;
    if (!mutate(mutation, exported_.dialect, graph)) return std::nullopt;
    const torch2nnef::PrivateFolder folder;
    const auto path = folder.path() / "mutant.tar";
    nnef::write_archive(graph, exported_.dialect, path);
    nnef::Graph archive;
    const std::string difference = nnef::compare_archive(path, graph, exported_.dialect, &archive);
    EXPECT_EQ(difference, "") << mutation.kind << ": " << mutation.what;
    Verdict verdict;
    const CheckSubject subject{exported_.recording, exported_.lineage, graph, archive,
                               exported_.dialect,   other_values_};
    verdict.is_defect = is_defect(archive);
    verdict.by_tract = is_found_by_tract(path, subject);
    for (const Recording::Run* run : runs_) {
      if (all_agree(torch2nnef::run_reference(subject, *run, kTolerance).outputs)) continue;
      verdict.by_evaluator = true;
      name(mutation, subject, *run, verdict);
      break;
    }
    return verdict;
  }

 private:
  using Tensors = std::optional<std::vector<nnef::NamedTensor>>;

  // In f64, with what makes an output, so that rounding hides nothing; nothing for a graph that cannot be evaluated.
  Tensors exactly(const nnef::Graph& graph, const Recording::Run& run) const {
    try {
      return torch2nnef::evaluate_in_f64(graph, exported_.dialect, run.inputs);
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }

  bool is_defect(const nnef::Graph& mutant) const {
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const Tensors computed = exactly(mutant, *runs_[i]);
      EXPECT_TRUE(exact_[i]);
      if (!computed || !all_agree(torch2nnef::compare_outputs(*exact_[i], *computed, kVisible))) return true;
    }
    return false;
  }

  bool is_found_by_tract(const std::filesystem::path& path, const CheckSubject& subject) const {
    std::vector<std::vector<nnef::NamedTensor>> inputs;
    for (const Recording::Run* run : runs_) inputs.push_back(run->inputs);
    const auto results = torch2nnef::run_engine_on_each(engine_, path, inputs, kTimeoutSeconds);
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (!results[i].ran) return true;
      if (!all_agree(torch2nnef::judge_outputs(subject, *runs_[i], results[i].outputs, kTolerance))) return true;
    }
    return false;
  }

  std::int32_t call_of(nnef::Value value) const {
    return exported_.lineage.call_of.at(static_cast<std::size_t>(value.id));
  }

  void name(const Mutation& mutation, const CheckSubject& subject, const Recording::Run& run, Verdict& verdict) const {
    const torch2nnef::LockStep steps = torch2nnef::find_divergence(subject, run, kTolerance);
    const auto& divergence = steps.divergence;
    verdict.named = steps.incomplete;
    if (!divergence) return;
    verdict.named = divergence->to_string();
    for (std::size_t id = 0; id < exported_.graph.values.size(); ++id) {
      const nnef::Value value{static_cast<std::int32_t>(id)};
      if (exported_.graph.info(value).name != divergence->name) continue;
      for (nnef::Value changed : mutation.changed) {
        verdict.names_value = verdict.names_value || changed == value;
        verdict.names_call = verdict.names_call || changed == value || call_of(changed) == call_of(value);
      }
    }
  }

  const Exported& exported_;
  const Recording::Run* other_values_ = nullptr;
  std::vector<const Recording::Run*> runs_;
  std::vector<Tensors> exact_;  // of the export itself, by run
  torch2nnef::Engine engine_;
};

// Some of many, spread over all of them.
std::vector<Mutation> chosen(std::vector<Mutation> all) {
  if (all.size() <= kMostOfOneModel) return all;
  std::vector<Mutation> some;
  for (std::size_t i = 0; i < kMostOfOneModel; ++i) some.push_back(all[i * all.size() / kMostOfOneModel]);
  return some;
}

void count(const std::string& what, const Mutation& mutation, const Verdict& verdict, Counts& counts) {
  ++counts.mutants;
  if (verdict.by_tract != verdict.by_evaluator) {
    ++counts.apart;
    counts.missed.push_back(what + ": found by " + (verdict.by_tract ? "tract" : "the evaluator") + " alone" +
                            (verdict.named.empty() ? "" : ": " + verdict.named));
  }
  if (!verdict.is_defect) return;
  ++counts.defects;
  ++counts.by_kind[mutation.kind];
  counts.by_tract += verdict.by_tract ? 1 : 0;
  counts.by_evaluator += verdict.by_evaluator ? 1 : 0;
  counts.named += verdict.names_call ? 1 : 0;
  counts.named_values += verdict.names_value ? 1 : 0;
  if (!verdict.by_tract && !verdict.by_evaluator) counts.missed.push_back(what + ": not found");
  if (verdict.by_evaluator && !verdict.names_call) counts.missed.push_back(what + ": named " + verdict.named);
}

void judge_all(const std::string& name, const torch2nnef::Model& model, const torch2nnef::ExportOptions& options,
               const torch2nnef::Engine& engine, Counts& counts) {
  const Exported exported(model, options);
  ASSERT_TRUE(exported.is_exportable) << name;
  const auto other = torch2nnef::run_on_other_values(model, torch2nnef::builtin_tables(), options, exported.recording);
  Mutator mutator(exported, other, engine);
  for (const Mutation& mutation : chosen(mutations_of(exported.graph))) {
    const std::optional<Verdict> verdict = mutator.judge(mutation);
    if (verdict) count(fmt::format("{}: {} in {}", name, mutation.kind, mutation.what), mutation, *verdict, counts);
  }
}

// The archives of tests/models that have inputs beside them.
void judge_models(const torch2nnef::Engine& engine, Counts& counts) {
  std::vector<std::filesystem::path> models;
  for (const auto& entry : std::filesystem::directory_iterator(MODELS)) {
    if (entry.path().extension() == ".pt") models.push_back(entry.path());
  }
  std::sort(models.begin(), models.end());
  for (const std::filesystem::path& model : models) {
    judge_all(model.stem().string(), torch2nnef::Model::load(model), {}, engine, counts);
  }
}

// The last statement times a number.
op_tests::OpCase sized(op_tests::OpCase one, const std::string& size) {
  const std::size_t end = one.expression.rfind("; ");
  const std::size_t begin = end == std::string::npos ? 0 : end + 2;
  one.expression = fmt::format("{}({}) * {}", one.expression.substr(0, begin), one.expression.substr(begin), size);
  return one;
}

void judge_cases(const torch2nnef::Engine& engine, const std::string& size, Counts& counts) {
  for (const op_tests::OpCase& written : op_tests::read_cases(CASES)) {
    const op_tests::OpCase one = size == "1" ? written : sized(written, size);
    op_tests::OpModule module(one, 0);
    module.draw(1, one.sample_bindings());
    torch2nnef::ExportOptions options;
    options.dynamic_axes = one.dynamic_axes;
    for (const nnef::NamedTensor& input : module.inputs()) options.input_names.push_back(input.name);
    judge_all(fmt::format("line {} times {}", one.line, size), module.model(), options, engine, counts);
  }
}

void expect_all(const Counts& counts, int least) {
  for (const std::string& one : counts.missed) std::cout << one << "\n";
  for (const auto& [kind, number] : counts.by_kind) std::cout << fmt::format("{:5} {}\n", number, kind);
  const double share = 100.0 / counts.defects;
  std::cout << fmt::format(
      "{} mutants, {} of them defects; found by tract {}, by the evaluator {}, by one of them alone {}; call named {} "
      "({:.1f} %), value named {} ({:.1f} %)\n",
      counts.mutants, counts.defects, counts.by_tract, counts.by_evaluator, counts.apart, counts.named,
      share * counts.named, counts.named_values, share * counts.named_values);
  EXPECT_GE(counts.defects, least);
  EXPECT_EQ(counts.by_tract, counts.defects);
  EXPECT_EQ(counts.by_evaluator, counts.defects);
  EXPECT_EQ(counts.apart, 0);
  EXPECT_GE(counts.named, 0.95 * counts.defects);
}

class Mutations : public testing::Test {
 protected:
  void SetUp() override {
    torch2nnef::register_missing_operators();
    engine = torch2nnef::find_engine({});
    ASSERT_TRUE(engine) << "tract is not found; tools/get-tract fetches it";
  }
  std::optional<torch2nnef::Engine> engine;
  Counts counts;
};

TEST_F(Mutations, AreFoundInModels) {
  judge_models(*engine, counts);
  expect_all(counts, 150);
}

TEST_F(Mutations, AreFoundAtSizeOne) {
  judge_cases(*engine, "1", counts);
  expect_all(counts, 250);
}

TEST_F(Mutations, AreFoundInSmallOutputs) {
  judge_cases(*engine, "1e-9", counts);
  expect_all(counts, 250);
}

TEST_F(Mutations, AreFoundInLargeOutputs) {
  judge_cases(*engine, "1e9", counts);
  expect_all(counts, 250);
}

}  // namespace
}  // namespace mutation_tests
