#include "export/further_runs.h"

#include <algorithm>
#include <utility>

#include "export/diagnostics.h"
#include "export/front_ends.h"
#include "export/sizes/boundary_sizes.h"
#include "export/verify/compare.h"
#include "export/verify/stream_check.h"

namespace torch2nnef {

void run_at_boundaries(const Model& model, const Tables& tables, const ExportOptions& options, const nnef::Graph& graph,
                       const LearntBounds& bounds, Recording& recording) {
  if (recording.tape.symbols.empty() || options.check == Check::kNone) return;
  std::vector<Recording::Run>& runs = recording.runs;
  const auto excluded = [&](const Recording::Run& run) { return !bounds.allow(run.sizes); };
  runs.erase(std::remove_if(runs.begin() + 1, runs.end(), excluded), runs.end());
  std::vector<nnef::Bindings> known;
  for (const Recording::Run& run : runs) known.push_back(run.sizes);
  front_ends::record_at(model, tables, options, boundary_sizes(graph, bounds, runs.front().sizes, known), recording);
}

void run_at_stream_lengths(const Model& model, const Tables& tables, const ExportOptions& options,
                           Recording& recording) {
  std::vector<nnef::Bindings> sizes;
  for (const StreamSpec& stream : options.streams) {
    nnef::Bindings wanted = sizes_of_stream(stream, recording.tape);
    const auto is_known = [&](const Recording::Run& run) { return run.sizes == wanted; };
    const bool is_asked = std::ranges::find(sizes, wanted) != sizes.end();
    if (!is_asked && std::ranges::none_of(recording.runs, is_known)) sizes.push_back(std::move(wanted));
  }
  if (!sizes.empty()) front_ends::record_at(model, tables, options, sizes, recording);
}

void add_given_runs(const Model& model, const Tables& tables, const ExportOptions& options, const LearntBounds& bounds,
                    Recording& recording) {
  if (options.check == Check::kNone) return;
  for (GivenRun& given : front_ends::runs_on_given_inputs(model, tables, options, recording)) {
    const std::string file = given.file.filename().string();
    if (!bounds.ranges.empty() && !bounds.allow(given.run.sizes)) {
      std::string needs;
      for (const std::string& text : bounds.texts) needs += (needs.empty() ? "" : ", ") + text;
      for (const auto& [symbol, range] : bounds.ranges) {
        const auto given_size = given.run.sizes.find(symbol);
        if (!needs.empty() || given_size == given.run.sizes.end()) continue;
        if (range.most && given_size->second > *range.most) needs = symbol + " <= " + std::to_string(*range.most);
        if (given_size->second < range.least) needs = symbol + " >= " + std::to_string(range.least);
      }
      throw ExportError(ExportError::Kind::kNotExportable,
                        {Severity::kError,
                         "T2N-C011",
                         "",
                         {},
                         "the inputs of " + file + " are of sizes that the archive is not for: it needs " + needs,
                         ""});
    }
    for (const nnef::NamedTensor& wanted : given.expected) {
      const auto computed = std::find_if(given.run.outputs.begin(), given.run.outputs.end(),
                                         [&](const nnef::NamedTensor& one) { return one.name == wanted.name; });
      const Comparison comparison = compare_tensors(*wanted.data, *computed->data, options.tolerance, 0);
      if (comparison.agrees) continue;
      throw ExportError(
          ExportError::Kind::kCheckFailed,
          {Severity::kError,
           "T2N-C011",
           "",
           {},
           "the model file gives other values than " + wanted.name + " of " + file + ": " + comparison.detail,
           "a trace may hold a size or a value of its sample: script the function that uses it, or make "
           "the axis static"});
    }
    recording.runs.push_back(std::move(given.run));
  }
}

}  // namespace torch2nnef
