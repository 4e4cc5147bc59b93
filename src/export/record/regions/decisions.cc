#include "export/record/regions/decisions.h"

#include "export/record/failures.h"
#include "export/record/numbers/size_math.h"
#include "export/record/regions/rounds.h"
#include "export/sizes/dynamic_axes.h"

namespace torch2nnef {

bool decide_by_sizes(RecordContext& context, const Slot& condition, bool must_hold, const char* what) {
  const bool taken = condition.sample().toBool();
  if (context.round_began_at && depends_on_round(condition.note)) {
    context.no_scan(std::string(what) + " depends on the number of the round");
  }
  const Note& note = condition.note;
  const bool is_of_sizes = note.kind == Note::Kind::kSizes;
  const Note holds = !is_of_sizes || taken ? note : negated(note);
  for (const c10::IValue& world : condition.worlds) {
    if (world.toBool() != taken) {
      throw WorldFailed(
          std::string(what) + " depends on a dynamic size" + (note.text.empty() ? "" : " (" + note.text + ")"),
          context.here(), "T2N-R006",
          is_of_sizes ? bounds_of(holds.symbols, holds.test, context.worlds().front()) : "");
    }
  }
  if (is_of_sizes) context.constrain(holds, must_hold, what);
  if (note.kind == Note::Kind::kUnexplained) {
    context.refuse("T2N-R006",
                   std::string(what) + " depends on a dynamic size, and no expression of sizes for it was found",
                   "make that axis static");
  }
  return taken;
}

}  // namespace torch2nnef
