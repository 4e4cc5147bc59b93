// Exports of quantised models with one deliberate defect each. The check of single calls must find every one that
// changes a code, and name its call; and find nothing in the exports as they are.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "../ops/op_case.h"
#include "../ops/op_module.h"
#include "export/load/compat_ops.h"
#include "export/ops/number_types/integer_products.h"
#include "export/verify/compare.h"
#include "export/verify/reference.h"
#include "exported.h"
#include "quantised_mutations.h"

namespace mutation_tests {
namespace {

using torch2nnef::CheckSubject;
using torch2nnef::Recording;

constexpr auto kTolerance = torch2nnef::Tolerance::kApproximate;

struct Counts {
  int mutants = 0, defects = 0, found = 0, named = 0;
  std::map<std::string, int> by_kind;
};

// Whether a graph computes what another does, to the last code.
bool computes_same(const Exported& exported, const nnef::Graph& mutant, const Recording::Run& run) {
  const auto before = torch2nnef::evaluate_graph(exported.graph, exported.dialect, run.inputs);
  const auto after = torch2nnef::evaluate_graph(mutant, exported.dialect, run.inputs);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!torch2nnef::compare_tensors(*before[i].data, *after[i].data, kTolerance, 1).agrees) return false;
  }
  return true;
}

bool names_call(const Exported& exported, const Mutation& mutation, const std::string& name) {
  const auto call_of = [&](nnef::Value value) {
    return exported.lineage.call_of.at(static_cast<std::size_t>(value.id));
  };
  for (std::size_t id = 0; id < exported.graph.values.size(); ++id) {
    const nnef::Value value{static_cast<std::int32_t>(id)};
    if (exported.graph.info(value).name != name) continue;
    for (nnef::Value changed : mutation.changed) {
      if (call_of(changed) == call_of(value)) return true;
    }
  }
  return false;
}

// What the check of single calls says of a graph.
torch2nnef::LockStep steps_of(const Exported& exported, const nnef::Graph& graph) {
  const CheckSubject subject{exported.recording, exported.lineage, graph, graph, exported.dialect};
  return torch2nnef::compare_in_lock_step(subject, exported.recording.runs.front(), kTolerance);
}

void judge(const std::string& where, const Exported& exported, Counts& counts) {
  const torch2nnef::LockStep clean = steps_of(exported, exported.graph);
  EXPECT_EQ(clean.incomplete, "") << where;
  EXPECT_FALSE(clean.wrong_codes) << where << ": " << clean.wrong_codes->detail;
  EXPECT_GT(clean.codes.calls, 1) << where;
  for (const Mutation& mutation : quantised_mutations_of(exported.graph)) {
    nnef::Graph mutant = exported.graph;
    if (!mutate(mutation, exported.dialect, mutant)) continue;
    ++counts.mutants;
    if (computes_same(exported, mutant, exported.recording.runs.front())) continue;
    const torch2nnef::LockStep steps = steps_of(exported, mutant);
    // What is wrong behind the last code is for the check of the outputs.
    if (!steps.wrong_codes && steps.divergence && steps.divergence->aten.starts_with("aten::dequantize")) continue;
    ++counts.defects;
    ++counts.by_kind[mutation.kind];
    const std::string what = fmt::format("{}: {} in {}", where, mutation.kind, mutation.what);
    EXPECT_TRUE(steps.wrong_codes) << what;
    if (!steps.wrong_codes) continue;
    ++counts.found;
    const bool is_named = names_call(exported, mutation, steps.wrong_codes->name);
    counts.named += is_named ? 1 : 0;
    EXPECT_TRUE(is_named) << what << ", named " << steps.wrong_codes->to_string();
  }
}

Counts judge_all(const std::string& file, const torch2nnef::Tables& tables, bool is_integer = false) {
  torch2nnef::register_missing_operators();
  Counts counts;
  for (const op_tests::OpCase& one : op_tests::read_cases(file)) {
    op_tests::OpModule module(one, 0);
    module.draw(1, one.sample_bindings());
    torch2nnef::ExportOptions options;
    for (const nnef::NamedTensor& input : module.inputs()) options.input_names.push_back(input.name);
    torch2nnef::LowerOptions how;
    if (is_integer) how.quantised = torch2nnef::QuantisedForm::kCodesAndBytes;
    const Exported exported(module.model(), options, tables, how);
    EXPECT_TRUE(exported.is_exportable) << one.expression;
    if (!exported.is_exportable) continue;
    judge(fmt::format("line {}", one.line), exported, counts);
  }
  for (const auto& [kind, count] : counts.by_kind) std::cout << fmt::format("{:5} {}\n", count, kind);
  std::cout << fmt::format("{} mutants, {} of them change a code; found {}, call named {}\n", counts.mutants,
                           counts.defects, counts.found, counts.named);
  return counts;
}

TEST(QuantisedMutations, AreFoundInTheirCall) {
  const Counts counts = judge_all(CASES, torch2nnef::builtin_tables());
  EXPECT_GE(counts.defects, 60);
  EXPECT_GE(counts.by_kind.size(), 15U);
}

TEST(QuantisedMutations, OfIntegersAreFoundInTheirCall) {
  torch2nnef::Tables tables(torch2nnef::builtin_registry());
  tables.add(torch2nnef::integer_products());
  const Counts counts = judge_all(INTEGER_CASES, tables, true);
  EXPECT_GE(counts.defects, 60);
  for (const char* kind : {"wrong zero point in the padding", "zero point off by one", "sums of the next channel"})
    EXPECT_GE(counts.by_kind.count(kind), 1U) << kind;
}

}  // namespace
}  // namespace mutation_tests
