// Archives that tract and torch_to_nnef wrote: foreign/make_foreign.py made them.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "nnef/dialect/validate.h"
#include "nnef/inspect/check.h"
#include "sample_graph.h"

namespace nnef {
namespace {

namespace fs = std::filesystem;

std::string outputs_of(const Graph& graph) {
  std::string text;
  for (Value output : graph.outputs) {
    const ValueInfo& info = graph.info(output);
    text += (text.empty() ? "" : " ") + std::string(to_string(info.dtype)) + to_string(info.shape);
  }
  return text;
}

// By the model's name, with the batch B.
const std::map<std::string, std::string> kOutputs = {
    {"perceptron", "f32[B,2]"},
    {"convolutions", "f32[B,1,4,4]"},
    {"lstm", "f32[B,4,3] f32[1,B,3] f32[1,B,3]"},
    {"mixed", "f32[B] i64[B] f32[B,4] i64[B,4]"},
    {"attention", "f32[B,3,4]"},
};

TEST(Foreign, ArchivesAreReadAndWrittenBack) {
  std::set<std::string> makers;
  const TemporaryFolder folder;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(TEST_DATA) / "foreign")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".tgz")) continue;
    const Dialect dialect(*Target::parse(name.find("khronos") == std::string::npos ? "tract" : "khronos"));
    for (const Finding& finding : check_archive(entry.path(), dialect).findings) {
      ADD_FAILURE() << name << ": " << to_string(finding);
    }
    const Graph graph = read_archive(entry.path(), dialect);
    for (const std::string& problem : validate(graph, dialect)) ADD_FAILURE() << name << ": " << problem;
    for (const auto& [model, outputs] : kOutputs) {
      if (name.find("_" + model + "_") == std::string::npos) continue;
      const bool dynamic = name.find("dynamic") != std::string::npos;
      std::string wanted = outputs;
      const std::string batch = model == "convolutions" ? "1" : "2";
      for (std::size_t at = 0; !dynamic && (at = wanted.find('B', at)) != std::string::npos;)
        wanted.replace(at, 1, batch);
      EXPECT_EQ(outputs_of(graph), wanted) << name;
    }
    // The flat form says the same.
    write_archive(graph, dialect, folder / name);
    EXPECT_EQ(compare_archive(folder / name, graph, dialect), "") << name;
    makers.insert(name.substr(0, name.find('_')));
  }
  EXPECT_EQ(makers, (std::set<std::string>{"torch", "tract"}));
}

}  // namespace
}  // namespace nnef
