#include <algorithm>

#include "export/ops/number_types/bfloat16.h"
#include "export/verify/compare.h"
#include "export/verify/reference.h"

namespace torch2nnef {
namespace {

// By TapeValue::id: whether it depends on results of bfloat16 in which two right kernels may differ.
std::vector<bool> through_bfloat16(const Tape& tape) {
  std::vector<bool> through(tape.values.size(), false);
  const auto is_through = [&](TapeValue value) { return through[static_cast<std::size_t>(value.id)]; };
  for (const TapeCall& call : tape.calls) {
    const std::vector<TapeValue> read = call.tensors_read();
    const bool reads = std::any_of(read.begin(), read.end(), is_through);
    for (TapeValue result : call.results) {
      if (!result) continue;
      const bool is_rounded = representation_of(tape.info(result).type).form == Representation::Form::kRounded;
      const bool starts = is_rounded && !rounds_once(call.op);
      through[static_cast<std::size_t>(result.id)] = reads || starts;
    }
  }
  return through;
}

}  // namespace

std::map<std::string, Tolerance> coarser_outputs(const CheckSubject& subject, const Tolerance& tolerance) {
  std::map<std::string, Tolerance> result;
  for (const std::string& name : outputs_through_half(subject.archive)) result[name] = in_half(tolerance);
  const std::vector<bool> through = through_bfloat16(subject.recording.tape);
  for (const auto& [name, value] : subject.recording.tape.outputs) {
    if (through[static_cast<std::size_t>(value.id)]) result[name] = in_bfloat16(tolerance);
  }
  return result;
}

}  // namespace torch2nnef
