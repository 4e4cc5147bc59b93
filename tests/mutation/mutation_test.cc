// Exports with one deliberate defect each: the reference evaluator must find them and name the call, and agree with
// tract on which are defects at all.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "../ops/op_case.h"
#include "../ops/op_module.h"
#include "export/load/compat_ops.h"
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

constexpr auto kTolerance = torch2nnef::Tolerance::kApproximate;
constexpr std::size_t kMostOfOneModel = 20;
constexpr double kTimeoutSeconds = 60;

bool all_agree(const std::vector<CheckReport::Output>& outputs) {
  return std::all_of(outputs.begin(), outputs.end(), [](const CheckReport::Output& output) { return output.agrees; });
}

// What became of one mutant.
struct Verdict {
  bool is_defect = false;    // tract computes something else, or nothing
  bool is_caught = false;    // by the default check without tract
  bool names_call = false;   // the call that was mutated
  bool names_value = false;  // the very value of the graph
  std::string named;
};

struct Counts {
  int mutants = 0, defects = 0, caught = 0, named = 0, named_values = 0, equivalent = 0, false_alarms = 0;
  std::map<std::string, int> by_kind;
  std::vector<std::string> missed;
};

class Mutator {
 public:
  Mutator(const Exported& exported, torch2nnef::Engine engine) : exported_(exported), engine_(std::move(engine)) {}

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
    const CheckSubject subject{exported_.recording, exported_.lineage, graph, archive, exported_.dialect};
    verdict.is_defect = differs_in_tract(path, subject);
    for (const Recording::Run& run : exported_.recording.runs) {
      if (all_agree(torch2nnef::run_reference(subject, run, kTolerance).outputs)) continue;
      verdict.is_caught = true;
      name(mutation, subject, run, verdict);
      break;
    }
    return verdict;
  }

 private:
  bool differs_in_tract(const std::filesystem::path& path, const CheckSubject& subject) const {
    for (const Recording::Run& run : exported_.recording.runs) {
      const torch2nnef::EngineRun result = torch2nnef::run_engine(engine_, path, run.inputs, kTimeoutSeconds);
      if (!result.ran || !all_agree(torch2nnef::judge_outputs(subject, run, result.outputs, kTolerance))) return true;
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
  torch2nnef::Engine engine_;
};

// Some of many, spread over all of them.
std::vector<Mutation> chosen(std::vector<Mutation> all) {
  if (all.size() <= kMostOfOneModel) return all;
  std::vector<Mutation> some;
  for (std::size_t i = 0; i < kMostOfOneModel; ++i) some.push_back(all[i * all.size() / kMostOfOneModel]);
  return some;
}

void judge_all(const std::string& name, const Exported& exported, const torch2nnef::Engine& engine, Counts& counts) {
  Mutator mutator(exported, engine);
  for (const Mutation& mutation : chosen(mutations_of(exported.graph))) {
    const std::string what = fmt::format("{}: {} in {}", name, mutation.kind, mutation.what);
    const std::optional<Verdict> verdict = mutator.judge(mutation);
    if (!verdict) continue;
    ++counts.mutants;
    if (!verdict->is_defect) {
      ++counts.equivalent;
      if (verdict->is_caught) {
        ++counts.false_alarms;
        counts.missed.push_back(what + ": tract agrees with PyTorch, the evaluator does not: " + verdict->named);
      }
      continue;
    }
    ++counts.defects;
    ++counts.by_kind[mutation.kind];
    counts.caught += verdict->is_caught ? 1 : 0;
    counts.named += verdict->names_call ? 1 : 0;
    counts.named_values += verdict->names_value ? 1 : 0;
    if (!verdict->is_caught) counts.missed.push_back(what + ": not caught");
    if (verdict->is_caught && !verdict->names_call) counts.missed.push_back(what + ": named " + verdict->named);
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
    const Exported exported(torch2nnef::Model::load(model), {});
    ASSERT_TRUE(exported.is_exportable) << model;
    judge_all(model.stem().string(), exported, engine, counts);
  }
}

void judge_cases(const torch2nnef::Engine& engine, Counts& counts) {
  for (const op_tests::OpCase& one : op_tests::read_cases(CASES)) {
    op_tests::OpModule module(one, 0);
    module.draw(1, one.sample_bindings());
    torch2nnef::ExportOptions options;
    options.dynamic_axes = one.dynamic_axes;
    for (const nnef::NamedTensor& input : module.inputs()) options.input_names.push_back(input.name);
    const Exported exported(module.model(), options);
    ASSERT_TRUE(exported.is_exportable) << one.expression;
    judge_all(fmt::format("line {}", one.line), exported, engine, counts);
  }
}

TEST(Mutations, AreCaughtAndNamed) {
  torch2nnef::register_missing_operators();
  const auto engine = torch2nnef::find_engine({});
  ASSERT_TRUE(engine) << "tract is not found; tools/get-tract fetches it";
  Counts counts;
  judge_cases(*engine, counts);
  judge_models(*engine, counts);
  for (const std::string& one : counts.missed) std::cout << one << "\n";
  for (const auto& [kind, count] : counts.by_kind) std::cout << fmt::format("{:5} {}\n", count, kind);
  std::cout << fmt::format(
      "{} mutants, {} of them defects by tract; caught {} ({:.1f} %), call named {} ({:.1f} %), value named {} "
      "({:.1f} %); equivalent {}, false alarms {}\n",
      counts.mutants, counts.defects, counts.caught, 100.0 * counts.caught / counts.defects, counts.named,
      100.0 * counts.named / counts.defects, counts.named_values, 100.0 * counts.named_values / counts.defects,
      counts.equivalent, counts.false_alarms);
  EXPECT_GE(counts.defects, 200);
  EXPECT_GE(counts.caught, 0.99 * counts.defects);
  EXPECT_GE(counts.named, 0.95 * counts.defects);
  EXPECT_EQ(counts.false_alarms, 0);
}

}  // namespace
}  // namespace mutation_tests
