#include "nnef/dim/solve.h"

#include <string>

namespace nnef {

bool solve(const Dim& dim, std::int64_t wanted, Bindings& sizes) {
  std::string open;
  for (const std::string& symbol : dim.symbols()) {
    if (sizes.count(symbol) > 0) continue;
    if (!open.empty()) return false;
    open = symbol;
  }
  if (open.empty()) return false;
  Bindings trial = sizes;
  trial[open] = 0;
  const std::int64_t at_zero = dim.evaluate(trial);
  trial[open] = 1;
  const std::int64_t slope = dim.evaluate(trial) - at_zero;
  if (slope == 0 || (wanted - at_zero) % slope != 0) return false;
  sizes[open] = (wanted - at_zero) / slope;
  return true;
}

}  // namespace nnef
