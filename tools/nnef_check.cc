// nnef-check: is this archive valid for a target, and if not, where not?
#include <fmt/format.h>

#include <algorithm>

#include "archive_options.h"
#include "nnef/inspect/check.h"
#include "terminal.h"

namespace {

using torch2nnef::cli::print;

constexpr const char* kHelp = R"(nnef-check: checks NNEF archives that anybody wrote.

  nnef-check [--target TARGET] [--quiet] ARCHIVE...

An ARCHIVE is a folder, a tar file or a gzipped one. All that is wrong in it is printed, a line each:
  ARCHIVE: FILE:LINE:COLUMN: error: what is wrong

  --target TARGET  tract, tract@VERSION or khronos (default: {})
  --quiet          print errors only
  -h, --help       print this

Exit status: 0 all are valid, 1 some are not, 2 usage, or a file that cannot be opened.
)";

int check(const std::string& archive, const archive_tool::Options& options) {
  const nnef::Dialect dialect(options.target());
  const nnef::CheckedArchive checked = nnef::check_archive(archive, dialect);
  const bool quiet = options.has("quiet");
  for (const nnef::Finding& finding : checked.findings) {
    if (quiet && finding.severity != nnef::Finding::Severity::kError) continue;
    print(fmt::format("{}: {}\n", archive, nnef::to_string(finding)));
  }
  const auto errors = std::count_if(checked.findings.begin(), checked.findings.end(), [](const nnef::Finding& finding) {
    return finding.severity == nnef::Finding::Severity::kError;
  });
  const std::string target = options.target().to_string();
  if (errors > 0) {
    if (!quiet) {
      print(fmt::format("{}: not valid for {}, {}\n", archive, target,
                        archive_tool::counted(static_cast<std::size_t>(errors), "error")));
    }
    return archive_tool::kFailed;
  }
  if (!quiet) {
    print(fmt::format("{}: valid for {}, {}, {}\n", archive, target,
                      archive_tool::counted(checked.graph.operations.size(), "operation"),
                      archive_tool::counted(checked.graph.variables.size(), "tensor")));
  }
  return archive_tool::kOk;
}

int run(int argc, char** argv) {
  const archive_tool::Options options(argc, argv, {"quiet"});
  if (options.has("help")) {
    print(fmt::format(fmt::runtime(kHelp), nnef::Target{}.to_string()));
    return archive_tool::kOk;
  }
  if (options.archives().empty()) throw archive_tool::UsageError("no archive is named");
  int status = archive_tool::kOk;
  for (const std::string& archive : options.archives()) status = std::max(status, check(archive, options));
  return status;
}

}  // namespace

int main(int argc, char** argv) { return archive_tool::run_tool("nnef-check", argc, argv, run); }
