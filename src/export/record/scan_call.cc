#include "export/record/scan_call.h"

#include <utility>

namespace torch2nnef {

std::vector<TapeValueInfo> scan_results(const RecordContext& context, const Round& round) {
  std::vector<TapeValueInfo> results;
  const auto add = [&](TapeValue value) {
    results.push_back(context.tape.info(value));
    results.back().kind = TapeValueInfo::Kind::kResult;
    results.back().label.clear();
  };
  const auto add_stacked = [&](TapeValue value) {
    add(value);
    results.back().shape.insert(results.back().shape.begin(), round.trips);
  };
  for (const TapeValue next : round.next) add(next);
  for (const TapeValue item : round.items) add_stacked(item);
  for (const RoundWrite& write : round.writes) add_stacked(write.item);
  return results;
}

std::vector<TapeValue> write_scan(RecordContext& context, ScanCall& scan, TapeList states,
                                  std::vector<TapeValueInfo> results) {
  for (auto& [name, argument] : scan.arguments) {
    if (name == "state") argument = {std::move(states)};
  }
  TapeWriter(*scan.body).mark_wanted();
  std::vector<TapeValue> values =
      context.tape.call("t2n::scan", "", std::move(scan.arguments), std::move(results), context.here());
  context.tape.tape().calls.back().regions.push_back(scan.body);
  return values;
}

}  // namespace torch2nnef
