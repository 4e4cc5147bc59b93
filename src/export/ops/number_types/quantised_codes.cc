#include <algorithm>

#include "export/operators/operators.h"
#include "export/ops/number_types/quantised.h"

namespace torch2nnef {

bool only_moves_codes(const TapeCall& call, ValueMap& values) {
  if (!row_of(call.op, call.overload).is(kMoves | kOnCodes)) return false;
  const Tape& tape = values.tape();
  std::vector<TapeValue> given = call.tensors_read();
  std::erase_if(given, [&](TapeValue value) { return !is_quantised(tape.info(value).type); });
  if (given.empty()) return false;
  const TapeValueInfo& first = tape.info(given.front());
  const auto agrees = [&](TapeValue value) {
    const TapeValueInfo& info = tape.info(value);
    return info.type == first.type && info.affine.is_per_tensor() && info.affine == first.affine;
  };
  // Parameters that are chosen at run time agree at the sample by chance, but for those of one tensor.
  const auto is_chosen = [&](TapeValue value) { return values.stored(value).chosen_at_run_time(); };
  const bool is_one = std::equal(given.begin() + 1, given.end(), given.begin());
  return std::all_of(given.begin(), given.end(), agrees) &&
         (is_one || std::none_of(given.begin(), given.end(), is_chosen)) &&
         std::all_of(call.results.begin(), call.results.end(), [&](TapeValue result) {
           return !result || !is_quantised(tape.info(result).type) || agrees(result);
         });
}

}  // namespace torch2nnef
