#include "export/record/state_text.h"

#include <algorithm>
#include <sstream>

#include "export/diagnostics.h"

namespace torch2nnef {

std::string initial_value_text(const std::string& attribute, const at::Tensor& initial) {
  constexpr std::int64_t kMostItems = 1 << 16;  // that are written into the properties
  const at::Tensor flat = initial.to(at::kDouble).reshape({-1}).contiguous();
  std::ostringstream text;
  text.precision(17);
  const double* items = flat.data_ptr<double>();
  const std::int64_t count = flat.numel();
  const bool uniform = std::all_of(items, items + count, [&](double item) { return item == items[0]; });
  if (count == 0 || (uniform && items[0] == 0)) {
    text << "zeros";
  } else if (uniform) {
    text << "all " << items[0];
  } else {
    if (count > kMostItems) {
      throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError,
                                                            "T2N-R015",
                                                            "",
                                                            {},
                                                            "the initial value of the state " + attribute + " has " +
                                                                std::to_string(count) + " different items",
                                                            "make it an argument of forward"});
    }
    for (std::int64_t i = 0; i < count; ++i) text << (i ? "," : "") << items[i];
  }
  return text.str();
}

}  // namespace torch2nnef
