#include "export/verify/check.h"

#include "export/report/json_report.h"
#include "export/verify/bundle.h"
#include "export/verify/compare.h"
#include "export/verify/tract_engine.h"

namespace torch2nnef {
namespace {

constexpr const char* kGetEngine = "run tools/get-tract, name it with --tract PATH, or export with --check=none";

[[noreturn]] void no_engine(const std::string& text) {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-C001", "", {}, text, kGetEngine});
}

std::optional<Engine> engine_for(const ExportOptions& options) {
  try {
    return find_engine(options.tract);
  } catch (const std::exception& error) {
    no_engine(error.what());
  }
}

std::string text_of(const nnef::Bindings& sizes) {
  std::string text;
  for (const auto& [name, size] : sizes) text += (text.empty() ? " at " : ", ") + name + " = " + std::to_string(size);
  return text;
}

struct Failure {
  const Recording::Run* run;
  std::vector<Diagnostic> problems;
  std::string log;
};

// What one run of the engine shows; nothing when all outputs agree.
std::optional<Failure> run_once(const Engine& engine, const std::filesystem::path& archive, const Recording::Run& run,
                                const ExportOptions& options, ExportReport& report) {
  EngineRun result = run_engine(engine, archive, run.inputs, options.check_timeout_seconds);
  if (!result.ran) {
    return Failure{
        &run,
        {{Severity::kError,
          "T2N-C002",
          "",
          {},
          "tract does not run the archive" + text_of(run.sizes) + ": " + result.message,
          "this is a defect of torch2nnef; please report it (--debug-bundle FILE.tgz makes what to attach)"}},
        result.log};
  }
  Failure failure{&run, {}, result.log};
  for (CheckReport::Output& output : compare_outputs(run.outputs, result.outputs, options.tolerance)) {
    output.sizes = run.sizes;
    if (!output.agrees) {
      failure.problems.push_back({Severity::kError,
                                  "T2N-C003",
                                  "",
                                  {},
                                  "output " + output.name + text_of(run.sizes) + " differs: " + output.detail,
                                  "this is a defect of torch2nnef or of tract; please report it (--debug-bundle "
                                  "FILE.tgz makes what to attach)"});
    }
    report.check.outputs.push_back(std::move(output));
  }
  if (failure.problems.empty()) return std::nullopt;
  return failure;
}

void write_bundle(const std::filesystem::path& archive, const Failure& failure, const ExportOptions& options,
                  const ExportReport& report, const ExportError& error) {
  DebugBundle bundle;
  bundle.archive = archive;
  bundle.inputs = failure.run->inputs;
  bundle.expected = failure.run->outputs;
  bundle.tolerance = options.tolerance;
  VersionInfo versions = version_info();
  bundle.versions = versions.torch2nnef + "\nlibtorch " + versions.torch + "\n" + report.check.engine + "\n";
  bundle.log = failure.log;
  for (const Diagnostic& problem : failure.problems) bundle.log += "\n" + problem.text + "\n";
  bundle.report_json = json_report(error);
  write_debug_bundle(options.debug_bundle, bundle);
}

}  // namespace

void check_archive(const std::filesystem::path& archive, const std::vector<Recording::Run>& runs,
                   const ExportOptions& options, ExportReport& report) {
  if (options.check == Check::kNone) {
    report.check.not_run_because = "--check=none";
    return;
  }
  if (options.target.kind == nnef::Target::Kind::kKhronos) {
    if (options.check == Check::kTract) no_engine("tract reads its own dialect, and the target is khronos");
    report.check.not_run_because = "the target is not tract";
    return;
  }
  std::optional<Engine> engine = engine_for(options);
  if (!engine) {
    if (options.check == Check::kTract) no_engine("there is no tract to check with");
    report.check.not_run_because = "no tract was found: run tools/get-tract, or name it with --tract PATH";
    return;
  }
  report.check.engine = "tract " + engine->version;
  for (const Recording::Run& run : runs) {
    std::optional<Failure> failure = run_once(*engine, archive, run, options, report);
    if (!failure) continue;
    ExportError error(ExportError::Kind::kCheckFailed, failure->problems);
    if (!options.debug_bundle.empty()) write_bundle(archive, *failure, options, report, error);
    throw error;
  }
}

}  // namespace torch2nnef
