#include "export/sizes/constraints.h"

#include <algorithm>
#include <map>
#include <set>

#include "export/operators/operators.h"
#include "nnef/dim/dim_parts.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;
using nnef::Dim;
using nnef::SizeCondition;
using nnef::SizeFacts;

constexpr std::int64_t kFarthest = 1 << 16;  // a condition that holds up to there is taken to have no end

// Not where it has no value: a division by zero, or the round of a loop.
bool holds(const SizeCondition& condition, const Bindings& sizes) {
  try {
    return condition.size.evaluate(sizes) >= condition.least;
  } catch (const std::domain_error&) {
    return false;
  } catch (const std::out_of_range&) {
    return false;
  }
}

class TapeConditions {
 public:
  explicit TapeConditions(const Tape& tape) : tape_(tape) {}

  std::vector<SizeCondition> collect() {
    for (const TapeCall& call : tape_.calls) {
      const std::int64_t least = row_of(call.op).is(kWindows) ? 1 : 0;
      for (TapeValue result : call.results) {
        if (!result || !tape_.info(result).wanted) continue;
        for (const Dim& size : tape_.info(result).shape) add(size, least);
      }
      if (row_of(call.op).shape == ShapeRule::kEvenPieces && call.results.size() > 1) add_pieces(call);
    }
    return std::move(conditions_);
  }

 private:
  // The last piece has an item, and no more than the first: else there would be fewer pieces, or more.
  void add_pieces(const TapeCall& call) {
    const nnef::Shape &first = tape_.info(call.results.front()).shape, &last = tape_.info(call.results.back()).shape;
    for (std::size_t axis = 0; axis < first.size(); ++axis) {
      if (first[axis] == last[axis]) continue;
      add(last[axis], 1);
      add(first[axis] - last[axis], 0);
    }
  }

  void add(const Dim& size, std::int64_t least) {
    if (size.is_constant() || !known_.insert(size.to_string() + ">=" + std::to_string(least)).second) return;
    conditions_.push_back({size, least});
  }

  const Tape& tape_;
  std::vector<SizeCondition> conditions_;
  std::set<std::string> known_;
};

// The bounds of one symbol, by the conditions that it stands in alone.
class SymbolBounds {
 public:
  SymbolBounds(std::string symbol, const SizeFacts& facts, std::vector<SizeCondition> conditions)
      : symbol_(std::move(symbol)), facts_(facts), conditions_(std::move(conditions)) {}

  std::int64_t lowest(std::int64_t start) const {
    std::int64_t size = start;
    while (size > range().least && all_hold(conditions_, size - 1)) --size;
    return size;
  }

  // Nothing when there is no end that was not known.
  std::optional<std::int64_t> highest(std::int64_t start) const {
    const SizeFacts above({{symbol_, {start, range().most}}});
    std::vector<SizeCondition> falling;
    for (const SizeCondition& condition : conditions_) {
      if (!above.is_at_least(condition.size, condition.least)) falling.push_back(condition);
    }
    if (falling.empty()) return std::nullopt;
    const std::int64_t end = range().most.value_or(std::max(kFarthest, start));
    std::int64_t size = start;
    while (size < end && all_hold(falling, size + 1)) ++size;
    return size == end ? std::nullopt : std::optional(size);
  }

 private:
  const nnef::SizeRange& range() const { return facts_.ranges().at(symbol_); }

  bool all_hold(const std::vector<SizeCondition>& conditions, std::int64_t size) const {
    const Bindings sizes{{symbol_, size}};
    return std::all_of(conditions.begin(), conditions.end(), [&](const auto& one) { return holds(one, sizes); });
  }

  std::string symbol_;
  const SizeFacts& facts_;
  std::vector<SizeCondition> conditions_;
};

// "A >= B+2"
std::string text_of(const SizeCondition& condition) {
  const auto [positive, negative] = nnef::positive_and_negative(condition.size - Dim(condition.least));
  return positive.to_string() + " >= " + negative.to_string();
}

}  // namespace

SizeFacts facts_of(const Tape& tape) {
  nnef::SizeRanges ranges;
  for (const Symbol& symbol : tape.symbols) {
    ranges.emplace(symbol.name, nnef::SizeRange{std::max<std::int64_t>(symbol.minimum.value_or(1), 1), symbol.maximum});
  }
  return SizeFacts(std::move(ranges), tape.worlds);
}

std::vector<SizeCondition> conditions_of(const Tape& tape) { return TapeConditions(tape).collect(); }

bool LearntBounds::allow(const Bindings& sizes) const {
  for (const auto& [name, range] : ranges) {
    const std::int64_t size = sizes.at(name);
    if (size < range.least || (range.most && size > *range.most)) return false;
  }
  return std::all_of(conditions.begin(), conditions.end(), [&](const auto& one) { return holds(one, sizes); });
}

LearntBounds learn_bounds(const std::vector<SizeCondition>& conditions, const SizeFacts& facts, const Bindings& start) {
  LearntBounds bounds{facts.ranges(), {}, {}};
  std::map<std::string, std::vector<SizeCondition>> alone;
  std::vector<SizeCondition> together;
  for (const SizeCondition& condition : conditions) {
    if (facts.is_at_least(condition.size, condition.least) || !holds(condition, start)) continue;
    const std::set<std::string> symbols = condition.size.symbols();
    (symbols.size() == 1 ? alone[*symbols.begin()] : together).push_back(condition);
  }
  for (auto& [name, range] : bounds.ranges) {
    const auto found = alone.find(name);
    if (found == alone.end()) continue;
    bounds.conditions.insert(bounds.conditions.end(), found->second.begin(), found->second.end());
    const SymbolBounds symbol(name, facts, std::move(found->second));
    const std::int64_t lowest = symbol.lowest(start.at(name));
    if (lowest > range.least) bounds.texts.push_back(name + " >= " + std::to_string(lowest));
    range.least = std::max(range.least, lowest);
    if (const auto highest = symbol.highest(start.at(name))) {
      range.most = highest;
      bounds.texts.push_back(name + " <= " + std::to_string(*highest));
    }
  }
  const SizeFacts within(bounds.ranges);
  for (const SizeCondition& condition : together) {
    const auto fails = [&](const Bindings& sizes) { return !holds(condition, sizes); };
    if (within.is_at_least(condition.size, condition.least)) continue;
    if (std::none_of(within.sizes().begin(), within.sizes().end(), fails)) continue;
    bounds.conditions.push_back(condition);
    bounds.texts.push_back(text_of(condition));
  }
  return bounds;
}

}  // namespace torch2nnef
