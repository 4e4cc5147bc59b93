#include "nnef/dialect/quirks.h"

namespace nnef {
namespace {

using enum QuirkKind;
using enum Symptom;

#define QUIRK(id, kind, in_0_21, in_0_22, in_0_23, operators, effect) \
  Quirk{id, kind, operators, {in_0_21, in_0_22, in_0_23}, effect},
constexpr Quirk kQuirks[] = {
#include "nnef/dialect/quirks.def"
};
#undef QUIRK

}  // namespace

bool Quirk::concerns(std::string_view op) const {
  for (std::string_view rest = operators; !rest.empty();) {
    const std::size_t end = rest.find(' ');
    if (rest.substr(0, end) == op) return true;
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return false;
}

Symptom Quirk::symptom_in(const Version& release) const {
  std::size_t newest = 0;
  for (std::size_t i = 1; i < kMeasuredReleases.size(); ++i) {
    if (kMeasuredReleases[i] <= release) newest = i;
  }
  return symptoms[newest];
}

std::span<const Quirk> quirks() { return kQuirks; }

const Quirk* find_quirk(std::string_view id) {
  for (const Quirk& quirk : kQuirks) {
    if (quirk.id == id) return &quirk;
  }
  return nullptr;
}

std::vector<const Quirk*> quirks_of(std::string_view op, QuirkKind kind, const Version& release) {
  std::vector<const Quirk*> found;
  for (const Quirk& quirk : kQuirks) {
    const Symptom symptom = quirk.symptom_in(release);
    if (quirk.kind == kind && quirk.concerns(op) && symptom != kRight && symptom != kAbsent) found.push_back(&quirk);
  }
  return found;
}

}  // namespace nnef
