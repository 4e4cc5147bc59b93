#include "export/verify/tract_failure.h"

#include <algorithm>
#include <utility>

#include "export/verify/tract_diagnosis.h"

namespace torch2nnef {
namespace {

constexpr double kSeconds = 60;

// The call on the Tape that the operation was made for; null when there is none.
const TapeCall* call_of(const CheckSubject& subject, const std::string& name) {
  for (std::size_t id = 0; id < subject.graph.values.size(); ++id) {
    if (subject.graph.values[id].name != name || id >= subject.lineage.call_of.size()) continue;
    const std::int32_t call = subject.lineage.call_of[id];
    if (call >= 0) return &subject.recording.tape.calls.at(static_cast<std::size_t>(call));
  }
  return nullptr;
}

}  // namespace

std::optional<ExplainedFailure> explain_tract_failure(const Engine& engine, const CheckSubject& subject,
                                                      const Recording::Run& run, const EngineRun& failed,
                                                      const ExportOptions& options) {
  const TractFailure failure{subject.archive, subject.dialect, run.inputs, run.sizes, options.tolerance, failed};
  const KnownValues known = [&](const VisitKnown& visit) {
    try {
      visit_reference_values(subject.archive, subject.dialect, run.inputs, visit);
    } catch (const std::exception&) {
      // What comes after an operation that the evaluator does not have is not known.
    }
  };
  const bool no_answer = failed.exit_status == -1;  // then each run takes its time
  const double seconds = no_answer ? options.check_timeout_seconds : std::min(kSeconds, options.check_timeout_seconds);
  TractDiagnosis diagnosis = diagnose(engine, failure, known, seconds);
  if (diagnosis.name.empty()) return std::nullopt;

  ExplainedFailure explained;
  explained.first.engine = "tract " + engine.version;
  explained.first.sizes = run.sizes;
  explained.first.name = diagnosis.name;
  explained.first.operation = diagnosis.operation;
  explained.first.detail = diagnosis.text;
  if (const TapeCall* call = call_of(subject, diagnosis.name)) {
    explained.first.aten = call->full_name();
    explained.first.where = call->where;
  }
  if (diagnosis.smallest) {
    explained.smallest = SmallestPart{std::move(*diagnosis.smallest), subject.dialect, std::move(diagnosis.inputs),
                                      failed.ran ? std::move(diagnosis.expected) : std::vector<nnef::NamedTensor>()};
  }
  return explained;
}

}  // namespace torch2nnef
