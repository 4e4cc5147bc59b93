#include "export/sizes/boundary_sizes.h"

#include <algorithm>
#include <map>
#include <set>

#include "nnef/dim/dim_parts.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;
using nnef::Dim;

constexpr std::size_t kMost = 8;
constexpr std::int64_t kLargestGrowth = 4;         // of the inputs' items
constexpr std::int64_t kAlwaysFits = 1 << 16;      // items of inputs that are not large whatever the sample is
constexpr std::int64_t kFarthestChange = 1 << 14;  // of a symbol

void add_differences(const Dim& dim, std::map<std::string, Dim>& differences) {
  if (dim.is_constant()) return;
  for (const Dim& difference : nnef::differences_of_sides(dim)) {
    if (difference.symbols().size() == 1) differences.emplace(difference.to_string(), difference);
  }
}

void add_differences(const nnef::Argument& argument, std::map<std::string, Dim>& differences) {
  if (argument.dim() != nullptr) add_differences(*argument.dim(), differences);
  if (argument.array() == nullptr) return;
  for (const nnef::Argument& item : argument.array()->items) add_differences(item, differences);
}

// By their texts, so that the order does not depend on anything else.
std::map<std::string, Dim> differences_in(const nnef::Graph& graph) {
  std::map<std::string, Dim> differences;
  for (const nnef::Operation& operation : graph.operations) {
    for (const nnef::NamedArgument& argument : operation.arguments) add_differences(argument.argument, differences);
    for (nnef::Value result : operation.results) {
      for (const Dim& size : graph.info(result).shape) add_differences(size, differences);
    }
  }
  return differences;
}

int sign(std::int64_t number) { return number < 0 ? -1 : number > 0 ? 1 : 0; }

// The sizes of the symbol around the first change of the difference's sign.
std::vector<std::int64_t> sizes_at_change(const Dim& difference, const std::string& symbol,
                                          const nnef::SizeRange& range) {
  const std::int64_t end = std::min(range.most.value_or(kFarthestChange), kFarthestChange);
  const auto sign_at = [&](std::int64_t size) { return sign(difference.evaluate({{symbol, size}})); };
  for (std::int64_t size = range.least; size < end; ++size) {
    if (sign_at(size) == sign_at(size + 1)) continue;
    if (sign_at(size + 1) == 0) return {size, size + 1, size + 2};
    return {size, size + 1};
  }
  return {};
}

class Chooser {
 public:
  Chooser(const nnef::Graph& graph, const LearntBounds& bounds, const Bindings& sample,
          const std::vector<Bindings>& known)
      : graph_(graph), bounds_(bounds), sample_(sample), known_(known.begin(), known.end()) {
    most_items_ = std::max(kAlwaysFits, kLargestGrowth * items(sample));
  }

  std::vector<Bindings> run() {
    Bindings smallest;
    for (const auto& [name, range] : bounds_.ranges) smallest[name] = range.least;
    add(smallest);
    for (const auto& [text, difference] : differences_in(graph_)) {
      const std::string symbol = *difference.symbols().begin();
      const auto range = bounds_.ranges.find(symbol);
      if (range == bounds_.ranges.end()) continue;  // the round of a scan
      for (std::int64_t size : sizes_at_change(difference, symbol, range->second)) {
        Bindings sizes = sample_;
        sizes[symbol] = size;
        add(sizes);
      }
    }
    return std::move(chosen_);
  }

 private:
  std::int64_t items(const Bindings& sizes) const {
    std::int64_t total = 0;
    for (nnef::Value input : graph_.inputs) total += nnef::volume(graph_.info(input).shape).evaluate(sizes);
    return total;
  }

  void add(const Bindings& sizes) {
    if (chosen_.size() >= kMost || !bounds_.allow(sizes) || items(sizes) > most_items_) return;
    if (known_.insert(sizes).second) chosen_.push_back(sizes);
  }

  const nnef::Graph& graph_;
  const LearntBounds& bounds_;
  const Bindings& sample_;
  std::set<Bindings> known_;
  std::int64_t most_items_ = 0;
  std::vector<Bindings> chosen_;
};

}  // namespace

std::vector<Bindings> boundary_sizes(const nnef::Graph& graph, const LearntBounds& bounds, const Bindings& sample,
                                     const std::vector<Bindings>& known) {
  return Chooser(graph, bounds, sample, known).run();
}

}  // namespace torch2nnef
