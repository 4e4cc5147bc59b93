// A loop that became a region, as a call on the Tape: t2n::scan.
#pragma once

#include <vector>

#include "export/record/context.h"
#include "export/record/region.h"

namespace torch2nnef {

// Its results as the Tape knows them: the last states, then what the rounds gave and wrote, along a new first axis.
std::vector<TapeValueInfo> scan_results(const RecordContext& context, const Round& round);

// Writes the call. `states` are the values before the first round.
std::vector<TapeValue> write_scan(RecordContext& context, ScanCall& scan, TapeList states,
                                  std::vector<TapeValueInfo> results);

}  // namespace torch2nnef
