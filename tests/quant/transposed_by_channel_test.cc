// A model whose weights one of libtorch's engines alone packs, which is not the usual one.
#include <gtest/gtest.h>

#include <filesystem>

#include "export/load/model.h"
#include "export/lower/lower.h"
#include "export/simplify/simplify.h"
#include "export/torchscript/record.h"
#include "export/verify/compare.h"
#include "export/verify/reference.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

TEST(TransposedByChannel, IsLoadedAndLoweredAndRunAgain) {
  const std::filesystem::path folder = DATA;
  ExportOptions options;
  options.inputs_file = folder / "transposed_by_channel.inputs.npz";
  options.input_names = {"x"};
  options.output_names = {"y"};
  Diagnostics diagnostics;
  const Model model = Model::load(folder / "transposed_by_channel.pt");
  const Recording recording = record(model, builtin_tables(), options, diagnostics);
  const nnef::Dialect dialect{nnef::Target{}};
  nnef::Graph graph;
  const Lineage lineage = lower_tape(recording.tape, graph, dialect, builtin_tables(), {}, diagnostics);
  ASSERT_FALSE(diagnostics.has_errors());
  simplify(graph);
  const CheckSubject subject{recording, lineage, graph, graph, dialect};
  const LockStep steps = compare_in_lock_step(subject, recording.runs.front(), Tolerance::kApproximate);
  EXPECT_EQ(steps.incomplete, "");
  EXPECT_FALSE(steps.wrong_codes);
  EXPECT_EQ(steps.codes.calls, 2);
  const auto computed = evaluate_graph(graph, dialect, recording.runs.front().inputs);
  const auto expected = nnef::read_npz(folder / "transposed_by_channel.results.npz");
  EXPECT_TRUE(compare_tensors(*expected.at(0).data, *computed.at(0).data, Tolerance::kApproximate, 1).agrees);
}

}  // namespace
}  // namespace torch2nnef
