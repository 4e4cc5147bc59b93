// The debug bundle: all that somebody else needs to see a failed check happen, and nothing about where it was made.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "export/request.h"
#include "nnef/io.h"

namespace torch2nnef {

// A part of the graph that fails as the whole does (verify/tract_diagnosis.h).
struct SmallestPart {
  nnef::Graph graph;
  nnef::Dialect dialect;
  std::vector<nnef::NamedTensor> inputs;
  std::vector<nnef::NamedTensor> expected;  // empty when tract does not run it
};

struct DebugBundle {
  std::filesystem::path archive;            // the exported archive; copied as model.nnef.tgz, .tar or a folder
  std::vector<nnef::NamedTensor> inputs;    // io.npz, with the results that PyTorch computed (f16 as f32, since
  std::vector<nnef::NamedTensor> expected;  //   tract reads no other)
  Tolerance tolerance = Tolerance::kApproximate;
  std::string versions;                  // versions.txt
  std::string log;                       // log.txt: what the engine printed, what differs
  std::string report_json;               // report.json
  std::optional<SmallestPart> smallest;  // smallest/: model.nnef.tgz, io.npz and run.sh
};

// Writes the bundle as a folder, or as one file when `place` ends in .tgz or .tar.gz: the archive, io.npz, run.sh (runs
// the archive in tract wherever the bundle lies, and compares), versions.txt, log.txt and report.json. Texts are passed
// through without_places(). What stands at `place` is replaced once the bundle is whole, but a folder only if it is
// empty or a bundle. Throws nnef::IoError.
void write_debug_bundle(const std::filesystem::path& place, const DebugBundle& bundle);

// The text with every absolute path cut down to its last part ("/home/jo/x.pt" becomes ".../x.pt"), and without the
// name of the host.
std::string without_places(const std::string& text);

}  // namespace torch2nnef
