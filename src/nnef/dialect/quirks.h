// The quirk register: what tract computes differently, refuses or does not survive, by release. Its rows are in
// quirks.def; tests/quirks runs the smallest graph of each on every release and holds the row against what it sees.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "nnef/dialect/dialect.h"

namespace nnef {

// What a quirk is about.
enum class QuirkKind {
  kNan,       // a NaN that PyTorch keeps is lost
  kInfinity,  // an infinity that PyTorch keeps is lost
  kNumbers,   // other values, of any input
  kTypes,     // dtypes: one that an operator lacks, or another than the operands have
  kSizes,     // expressions of symbols
  kText,      // names, literals and statements of a graph.nnef
  kTime,      // work that is done again on every run
};

// What a release does with the smallest graph.
enum class Symptom {
  kRight,
  kWrong,    // it ends without a message, with other values
  kRefused,  // it ends with a message
  kPanics,   // it ends the process
  kHangs,    // it does not end
  kAbsent,   // it lacks an operator of the graph
  kSlow,     // it ends with the right values, after more than 2.5 times the time of a graph that gives the same
};

inline constexpr std::array<Version, 3> kMeasuredReleases = {{{0, 21, 19}, {0, 22, 4}, {0, 23, 9}}};

struct Quirk {
  std::string_view id;  // "T-NAN-MAX": stable, comments in the sources name it
  QuirkKind kind;
  std::string_view operators;       // of NNEF, separated by spaces; "" where it is about none of them
  std::array<Symptom, 3> symptoms;  // of kMeasuredReleases
  std::string_view effect;          // one sentence

  bool concerns(std::string_view op) const;
  // What the release shows: that of the newest measured one that is not newer, else of the oldest.
  Symptom symptom_in(const Version& release) const;
};

std::span<const Quirk> quirks();
const Quirk* find_quirk(std::string_view id);
// The quirks of one kind that the operator shows in a release.
std::vector<const Quirk*> quirks_of(std::string_view op, QuirkKind kind, const Version& release);

}  // namespace nnef
