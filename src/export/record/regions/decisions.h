// Control flow that sizes decide.
#pragma once

#include "export/record/context.h"

namespace torch2nnef {

// A bool that control flow depends on: it must be the same in all worlds, which becomes a constraint if it follows from
// sizes; within the bounds, too, if it `must_hold`. `what` is for messages. Throws WorldFailed, and refuses a bool that
// depends on sizes in an unknown way. Whether it depends on data is not looked at.
bool decide_by_sizes(RecordContext& context, const Slot& condition, bool must_hold, const char* what);

}  // namespace torch2nnef
