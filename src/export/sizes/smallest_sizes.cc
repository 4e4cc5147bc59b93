#include "export/sizes/smallest_sizes.h"

#include <algorithm>
#include <map>
#include <set>

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

// A size and the least that it may be.
struct Limit {
  nnef::Dim size;
  std::int64_t least;
};

// By symbol: the limits of sizes in which it stands alone, each once.
std::map<std::string, std::vector<Limit>> limits_of(const Tape& tape) {
  std::map<std::string, std::vector<Limit>> limits;
  std::set<std::string> seen;
  for (const TapeCall& call : tape.calls) {
    const std::int64_t least = row_of(call.op).is(kWindows) ? 1 : 0;
    for (TapeValue result : call.results) {
      if (!result || !tape.info(result).wanted) continue;
      for (const nnef::Dim& size : tape.info(result).shape) {
        const std::set<std::string> symbols = size.symbols();
        if (symbols.size() != 1 || !seen.insert(size.to_string() + ">=" + std::to_string(least)).second) continue;
        limits[*symbols.begin()].push_back({size, least});
      }
    }
  }
  return limits;
}

}  // namespace

std::vector<std::string> smallest_sizes(const Tape& tape) {
  std::vector<std::string> conditions;
  const auto limits = limits_of(tape);
  for (const Symbol& symbol : tape.symbols) {
    const auto found = limits.find(symbol.name);
    if (found == limits.end()) continue;
    const auto works = [&](std::int64_t value) {
      return std::all_of(found->second.begin(), found->second.end(), [&](const Limit& limit) {
        return limit.size.evaluate({{symbol.name, value}}) >= limit.least;
      });
    };
    const std::int64_t lowest = std::max<std::int64_t>(symbol.minimum.value_or(1), 1);
    std::int64_t smallest = tape.worlds.front().at(symbol.name);
    while (smallest > lowest && works(smallest - 1)) --smallest;
    if (smallest > lowest) conditions.push_back(symbol.name + " >= " + std::to_string(smallest));
  }
  return conditions;
}

}  // namespace torch2nnef
