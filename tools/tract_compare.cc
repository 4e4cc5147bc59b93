#include "tract_compare.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <string_view>

#include "export/verify/compare.h"
#include "export/verify/float_cast.h"
#include "nnef/archive/archive_walk.h"
#include "nnef/text/syntax.h"
#include "terminal.h"

namespace tract_run {

using nnef::DType;
using nnef::NamedTensor;

namespace {

const NamedTensor* find(const std::vector<NamedTensor>& tensors, std::string_view name) {
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> result_names(const std::filesystem::path& archive) {
  std::string text;  // weights are passed over: the engine reads them
  bool found = false;
  nnef::walk_archive(archive, [&](nnef::ArchiveFile& file) {
    if (file.name != "graph.nnef") return;
    found = true;
    std::array<char, 65536> piece;
    while (const std::size_t count = file.read(piece.data(), piece.size())) text.append(piece.data(), count);
  });
  if (!found) throw nnef::FormatError(archive.string() + " holds no graph.nnef");
  const nnef::DocumentSyntax document = nnef::parse_document(text, "graph.nnef");
  if (!document.graph) throw nnef::FormatError("graph.nnef holds no graph");
  return document.graph->outputs;
}

void save_results(const std::vector<NamedTensor>& results, const std::filesystem::path& path) {
  std::vector<NamedTensor> saved;
  std::set<std::string> names;
  for (const NamedTensor& result : results) {
    if (!names.insert(result.name).second) continue;
    const bool half = result.data->dtype() == DType::kF16;
    saved.push_back({result.name, half ? torch2nnef::cast_float(*result.data, DType::kF32) : result.data});
  }
  nnef::write_npz(path, saved);
}

void assert_results(const std::vector<NamedTensor>& results, const std::vector<NamedTensor>& bundle,
                    const Options& options) {
  std::string wrong;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const NamedTensor& result = results[i];
    const NamedTensor* expected = find(bundle, result.name);
    if (!expected) {
      if (!options.allow_missing_outputs) wrong += "\nMissing reference output in bundle for " + result.name;
      continue;
    }
    // References of f16 results are often kept as f32, which the tract command takes too.
    const bool widened = result.data->dtype() == DType::kF16 && expected->data->dtype() == DType::kF32;
    const auto reference = widened ? torch2nnef::cast_float(*expected->data, DType::kF16) : expected->data;
    const torch2nnef::Comparison comparison =
        torch2nnef::compare_tensors(*reference, *result.data, options.tolerance, 1);
    if (!comparison.agrees) wrong += fmt::format("\nMismatch of output {} ({}): {}", i, result.name, comparison.detail);
    if (comparison.agrees && options.verbose) torch2nnef::cli::complain(fmt::format("Checked output #{}, ok.\n", i));
  }
  if (!wrong.empty()) throw Mismatch(wrong.substr(1));
}

}  // namespace tract_run
