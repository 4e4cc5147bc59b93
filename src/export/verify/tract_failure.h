// tract failed on an archive: which operation is to blame, in the terms of the user's model.
#pragma once

#include <optional>

#include "export/verify/bundle.h"
#include "export/verify/reference.h"
#include "export/verify/tract_engine.h"

namespace torch2nnef {

struct ExplainedFailure {
  Divergence first;                      // the operation to differ or fail, and the call that it was made for
  std::optional<SmallestPart> smallest;  // the part of the archive that fails as the whole does, when there is one
};

// Looks for it with runs of parts of the archive (verify/tract_diagnosis.h), the values of the reference evaluator
// being what they are held against: so it must agree with PyTorch. `failed` is what tract did on the inputs of `run`.
// Takes up to a minute, after a time-out up to the time that the check has; nothing when no operation was found.
std::optional<ExplainedFailure> explain_tract_failure(const Engine& engine, const CheckSubject& subject,
                                                      const Recording::Run& run, const EngineRun& failed,
                                                      const ExportOptions& options);

}  // namespace torch2nnef
