#include "nnef/dim/size_facts.h"

#include <algorithm>
#include <random>

namespace nnef {
namespace {

constexpr int kTries = 48;
constexpr std::int64_t kLargest = 4096;    // of a symbol that has no upper bound
constexpr std::int64_t kFewSmall = 16;     // small sizes break conditions most often
constexpr std::size_t kMostPerSymbol = 8;  // of the symbols that are turned round, see below

std::int64_t highest(const SizeRange& range) {
  return std::max(range.most.value_or(std::max(kLargest, range.least)), range.least);
}

std::vector<Bindings> agreed_sizes(const SizeRanges& ranges) {
  std::mt19937_64 random(1);
  std::vector<Bindings> sizes;
  for (int i = 0; i < kTries && !ranges.empty(); ++i) {
    Bindings bindings;
    for (const auto& [name, range] : ranges) {
      const std::int64_t low = range.least, high = highest(range);
      const std::int64_t top = i % 2 == 0 ? std::min(high, low + kFewSmall) : high;
      const auto drawn = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(top - low + 1));
      bindings[name] = i == 0 ? low : i == 1 ? high : low + drawn;
    }
    sizes.push_back(std::move(bindings));
  }
  return sizes;
}

// Each symbol by what it is above its least size, or below its greatest: not negative either way.
std::map<std::string, Dim, std::less<>> from_ends(const SizeRanges& ranges, std::size_t turned_round) {
  std::map<std::string, Dim, std::less<>> replacements;
  std::size_t bounded = 0;
  for (const auto& [name, range] : ranges) {
    const Dim symbol = Dim::symbol(name);
    const bool from_above = range.most && ((turned_round >> bounded) & 1U) != 0;
    if (range.most) ++bounded;
    replacements.emplace(name, from_above ? Dim(*range.most) - symbol : symbol + range.least);
  }
  return replacements;
}

std::optional<std::int64_t> value_at(const Dim& dim, const Bindings& sizes) {
  try {
    return dim.evaluate(sizes);
  } catch (const std::domain_error&) {
    return std::nullopt;
  } catch (const std::overflow_error&) {
    return std::nullopt;
  }
}

}  // namespace

SizeRanges ranges_of(const std::set<std::string>& symbols) {
  SizeRanges ranges;
  for (const std::string& symbol : symbols) ranges.emplace(symbol, SizeRange{});
  return ranges;
}

SizeFacts::SizeFacts(SizeRanges ranges, std::vector<Bindings> recorded)
    : ranges_(std::move(ranges)), recorded_(recorded.size()), sizes_(std::move(recorded)) {
  for (Bindings& sizes : agreed_sizes(ranges_)) sizes_.push_back(std::move(sizes));
}

void SizeFacts::require_items(const std::vector<Dim>& dims) {
  const auto has_none = [&](const Bindings& sizes) {
    return std::any_of(dims.begin(), dims.end(), [&](const Dim& dim) { return value_at(dim, sizes).value_or(0) < 1; });
  };
  const auto first = sizes_.begin() + static_cast<std::ptrdiff_t>(recorded_);
  sizes_.erase(std::remove_if(first, sizes_.end(), has_none), sizes_.end());
}

bool SizeFacts::is_at_least(const Dim& dim, std::int64_t least) const {
  if (const auto number = dim.constant()) return *number >= least;
  SizeRanges used;
  std::size_t bounded = 0;
  for (const std::string& symbol : dim.symbols()) {
    const auto known = ranges_.find(symbol);
    const SizeRange range = known == ranges_.end() ? SizeRange{} : known->second;
    bounded += range.most ? 1 : 0;
    used.emplace(symbol, range);
  }
  if (bounded > kMostPerSymbol) bounded = 0;
  for (std::size_t turned = 0; turned < (std::size_t{1} << bounded); ++turned) {
    try {
      if (is_never_negative(dim.substitute(from_ends(used, turned)) - Dim(least))) return true;
    } catch (const std::domain_error&) {
      return false;
    } catch (const std::overflow_error&) {
      return false;
    }
  }
  return false;
}

bool SizeFacts::are_equal(const Dim& a, const Dim& b) const {
  if (a == b) return true;
  if (sizes_.empty() || (a.is_constant() && b.is_constant())) return false;
  return std::all_of(sizes_.begin(), sizes_.end(), [&](const Bindings& sizes) {
    const auto left = value_at(a, sizes), right = value_at(b, sizes);
    return !left || !right || *left == *right;
  });
}

std::optional<bool> SizeFacts::is_negative(const Dim& dim) const {
  if (is_at_least(dim, 0)) return false;
  if (is_at_least(-dim, 1)) return true;
  bool some_negative = false, some_not = false;
  for (std::size_t i = 0; i < recorded_; ++i) {
    if (const auto value = value_at(dim, sizes_[i])) (*value < 0 ? some_negative : some_not) = true;
  }
  return some_negative == some_not ? std::nullopt : std::optional(some_negative);
}

}  // namespace nnef
