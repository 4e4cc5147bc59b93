#include <algorithm>

#include "export/operators/operators.h"
#include "export/ops/number_types/quantised.h"

namespace torch2nnef {

namespace {

// Whether all quantised tensors of a call have the same scale and zero point, and its results those, too.
bool have_same_codes(const TapeCall& call, ValueMap& values) {
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

bool have_bytes(const TapeCall& call, ValueMap& values) {
  const std::vector<TapeValue> read = call.tensors_read();
  return std::all_of(read.begin(), read.end(),
                     [&](TapeValue value) { return bool{values.stored(value).given_bytes()}; });
}

}  // namespace

Call::Quantised read_of_quantised(const TapeCall& call, ValueMap& values) {
  if (values.keeps_numbers()) return Call::Quantised::kNumbers;
  const OperatorRow& row = row_of(call.op, call.overload);
  if (!row.is(kMoves | kOnCodes | kScales) || !have_same_codes(call, values)) return Call::Quantised::kNumbers;
  const bool is_result_quantised = std::any_of(call.results.begin(), call.results.end(), [&](TapeValue result) {
    return result && is_quantised(values.tape().info(result).type);
  });
  if (row.is(kOnCodes) && row.is(kWindows) && have_bytes(call, values)) return Call::Quantised::kBytes;
  if (row.is(kMoves | kOnCodes)) return Call::Quantised::kCodes;
  return is_result_quantised ? Call::Quantised::kSteps : Call::Quantised::kNumbers;
}

}  // namespace torch2nnef
