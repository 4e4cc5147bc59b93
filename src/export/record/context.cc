#include "export/record/context.h"

#include "export/record/failures.h"
#include "export/record/fingerprints.h"
#include "export/record/ivalues.h"
#include "export/record/regions/rounds.h"
#include "export/sizes/constraints.h"
#include "export/sizes/dynamic_axes.h"

namespace torch2nnef {

std::string RecordContext::place() const {
  const Location& where = here();
  if (where.stack.empty()) return where.to_string();
  return where.stack.front().file + ":" + std::to_string(where.stack.front().line);
}

bool RecordContext::is_live(const c10::IValue& value) const {
  for (const at::Tensor& tensor : tensors_in(value)) {
    if (!tensor.defined()) continue;
    CellPtr cell = cells.find(tensor);
    if (cell && Cells::live(*cell)) return true;
  }
  return false;
}

void RecordContext::take_fingerprint(TapeValue value, const std::vector<at::Tensor>& per_world) {
  if (fingerprints == nullptr || !value) return;
  const auto id = static_cast<std::size_t>(value.id);
  if (fingerprints->size() <= id) fingerprints->resize(id + 1);
  std::vector<std::vector<Fingerprint>>& taken = (*fingerprints)[id];
  if (!taken.empty()) return;
  for (const at::Tensor& world : per_world) taken.push_back(fingerprints_of(world));
}

void RecordContext::refuse(const std::string& code, const std::string& text, const std::string& hint,
                           const std::string& op) {
  if (refused.emplace(text, here().to_string()).second) diagnostics.error(code, text, here(), hint, op);
}

void RecordContext::constrain(const Note& condition, bool must_hold, const char* what) {
  if (round_began_at && depends_on_round(condition)) {
    no_scan(std::string(what) + " depends on the number of the round");
  }
  if (!tape.add_constraint(condition.text) || !must_hold) return;
  const nnef::SizeFacts facts = facts_of(tape.tape());
  for (const nnef::Bindings& sizes : facts.sizes()) {
    if (condition.test(sizes)) continue;
    std::string example;
    for (const auto& [name, size] : sizes)
      example += (example.empty() ? "" : ", ") + name + " = " + std::to_string(size);
    std::string bounds = bounds_of(condition.symbols, condition.test, worlds().front());
    refuse("T2N-R006", std::string(what) + " requires " + condition.text + ", but the bounds allow " + example,
           "give bounds within which that holds (--symbol " + (bounds.empty() ? "NAME=MIN..MAX" : bounds) +
               "), or make the axis static");
    return;
  }
}

void RecordContext::no_scan(const std::string& reason) const {
  throw WorldFailed(
      "this loop runs a size-dependent number of times and cannot become a scan: " + reason, here(), "T2N-R006", "",
      "write it so that round i uses i only to read item i of a tensor, and to write it; or make the axis "
      "static");
}

}  // namespace torch2nnef
