#include "export/verify/rerun.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#include "export/verify/compare.h"
#include "export/verify/float_cast.h"
#include "export/verify/private_folder.h"
#include "export/verify/tract_engine.h"
#include "export/verify/tract_place.h"
#include "nnef/archive/archive_walk.h"
#include "nnef/archive/output_file.h"
#include "nnef/io.h"

namespace torch2nnef {

namespace fs = std::filesystem;
using nnef::NamedTensor;

namespace {

[[noreturn]] void no_bundle(const fs::path& place, const std::string& why) {
  throw ExportError(ExportError::Kind::kUsage,
                    {Severity::kError,
                     "T2N-B001",
                     "",
                     {},
                     place.filename().string() + " is not a debug bundle that can be run: " + why,
                     "give a folder or a FILE.tgz that --debug-bundle made"});
}

Engine engine_for(const fs::path& tract) {
  std::string why = "tract was not found";
  try {
    if (std::optional<Engine> engine = find_engine(tract)) return *engine;
  } catch (const std::runtime_error& error) {
    why = error.what();
  }
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-C001", "", {}, why, how_to_get_tract()});
}

void unpack(const fs::path& file, const fs::path& folder) {
  std::vector<char> piece(std::size_t{1} << 20);
  nnef::walk_archive(file, [&](nnef::ArchiveFile& entry) {
    fs::create_directories((folder / entry.name).parent_path());
    nnef::FileWriter writer(folder / entry.name);
    while (const std::size_t count = entry.read(piece.data(), piece.size())) writer.write(piece.data(), count);
    writer.finish_later();
  });
}

// What a bundle says, read back: the counterpart of DebugBundle.
struct Contents {
  fs::path archive;
  std::vector<NamedTensor> inputs, expected;
  Tolerance tolerance = Tolerance::kApproximate;
};

fs::path archive_in(const fs::path& folder) {
  for (const char* name : {"model.nnef.tgz", "model.nnef.tar", "model.nnef"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  throw nnef::FormatError("it holds no model.nnef");
}

// The level that the script compares with, so that there is one place that says it.
Tolerance tolerance_in(const fs::path& script) {
  std::ifstream stream(script);
  const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  const auto flag =
      std::find_if(words.begin(), words.end(), [](const std::string& word) { return word.starts_with("--approx"); });
  const std::string value = flag == words.end() || flag + 1 == words.end() ? "" : flag[1];
  const auto level = tolerance_from_string(value.substr(0, value.find(',')));  // of the three numbers the first
  if (!level) throw nnef::FormatError("its run.sh names no tolerance");
  return *level;
}

// io.npz holds f16 as f32.
NamedTensor tensor_of(const nnef::ValueInfo& info, const std::vector<NamedTensor>& io) {
  const auto found = std::find_if(io.begin(), io.end(), [&](const NamedTensor& one) { return one.name == info.name; });
  if (found == io.end()) throw nnef::FormatError("its io.npz holds no '" + info.name + "'");
  const bool is_half = info.dtype == nnef::DType::kF16 && found->data->dtype() == nnef::DType::kF32;
  return {info.name, is_half ? cast_float(*found->data, nnef::DType::kF16) : found->data};
}

Contents read_bundle(const fs::path& folder) {
  Contents contents;
  contents.archive = archive_in(folder);
  contents.tolerance = tolerance_in(folder / "run.sh");
  const nnef::Graph graph = nnef::read_archive(contents.archive, nnef::Dialect(nnef::Target{}));
  const std::vector<NamedTensor> io = nnef::read_npz(folder / "io.npz");
  for (nnef::Value input : graph.inputs) contents.inputs.push_back(tensor_of(graph.info(input), io));
  for (nnef::Value output : graph.outputs) contents.expected.push_back(tensor_of(graph.info(output), io));
  return contents;
}

}  // namespace

RerunResult rerun_bundle(const fs::path& bundle, const fs::path& tract, double timeout_seconds) {
  const Engine engine = engine_for(tract);
  const PrivateFolder unpacked;
  Contents contents;
  try {
    const bool is_file = fs::is_regular_file(bundle);
    // Files of the kernel have no size, and some of them no end.
    if (is_file && fs::file_size(bundle) == 0) throw nnef::FormatError("it is empty");
    if (is_file) unpack(bundle, unpacked.path());
    contents = read_bundle(is_file ? unpacked.path() / "bundle" : bundle);
  } catch (const std::exception& error) {
    no_bundle(bundle, error.what());
  }
  RerunResult result;
  result.check.engine = "tract " + engine.version;
  const EngineRun run = run_engine(engine, contents.archive, contents.inputs, timeout_seconds);
  if (run.ran) {
    result.check.outputs = compare_outputs(contents.expected, run.outputs, contents.tolerance);
  } else {
    result.failure = run.message;
  }
  return result;
}

}  // namespace torch2nnef
