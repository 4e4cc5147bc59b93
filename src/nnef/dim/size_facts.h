// The one place that answers questions about dimension expressions: is one at least 0, are two equal, at all sizes that
// their symbols may have.
//
// An answer is exact where the canonical form and the bounds of the symbols decide it. Where they do not, the
// expressions are tried at one agreed set of sizes, the same for everyone who asks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "nnef/dim/dim.h"

namespace nnef TORCH2NNEF_API {

// The sizes that a symbol may have.
struct SizeRange {
  std::int64_t least = 1;
  std::optional<std::int64_t> most = std::nullopt;
};
using SizeRanges = std::map<std::string, SizeRange, std::less<>>;

// The symbols of expressions of which nothing is known but that a size is at least 1.
SizeRanges ranges_of(const std::set<std::string>& symbols);

class SizeFacts {
 public:
  // `recorded`: sizes at which the model was executed; they are tried first.
  explicit SizeFacts(SizeRanges ranges, std::vector<Bindings> recorded = {});

  const SizeRanges& ranges() const { return ranges_; }
  // The agreed sizes: the recorded ones, the ends of the ranges (4096 where there is none), small ones, and
  // pseudo-random ones between them.
  const std::vector<Bindings>& sizes() const { return sizes_; }
  // Drops the agreed sizes at which one of the dimensions is less than 1. The recorded ones stay.
  void require_items(const std::vector<Dim>& dims);

  // Exact: true when it is so at all sizes, false when that is not known.
  bool is_at_least(const Dim& dim, std::int64_t least) const;
  // Exact, or else at all agreed sizes. A size at which one of the two has no value (a division by zero) is left out.
  bool are_equal(const Dim& a, const Dim& b) const;
  // Exact, or else at the recorded sizes: then whoever relies on it makes it a condition of the export. Nothing where
  // it is so at some of them only.
  std::optional<bool> is_negative(const Dim& dim) const;
  bool is_sign_exact(const Dim& dim) const { return is_at_least(dim, 0) || is_at_least(-dim, 1); }

 private:
  SizeRanges ranges_;
  std::size_t recorded_;  // of the sizes
  std::vector<Bindings> sizes_;
};

}  // namespace nnef
