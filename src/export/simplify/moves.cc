#include "export/simplify/moves.h"

#include <utility>

#include "export/simplify/move_chains.h"
#include "export/simplify/way_writer.h"

namespace torch2nnef {
namespace {

using nnef::Operation;
using nnef::Value;

// tract's sizes are not i64 before a cast to it (T-SHAPE-TYPE).
bool gives_sizes(const MoveChains& chains, Value value) {
  const Operation* made = chains.maker(value);
  return made != nullptr && (made->op == "tract_core_range" || made->op == "tract_core_shape_of");
}

}  // namespace

std::vector<Value> shorten_moves(nnef::Graph& graph, const nnef::Dialect& dialect) {
  const MoveChains chains(graph);
  Ways ways;
  for (std::size_t place = 0; place < graph.operations.size(); ++place) {
    const auto chain = chains.ending_in(graph.operations[place]);
    if (!chain || gives_sizes(chains, chain->source)) continue;
    std::vector<ItemOrder::Step> steps = chain->order.steps();
    if (steps.size() < chain->length && steps.size() <= chain->own) {
      ways[place] = {chain->source, std::move(steps), std::nullopt, {}};
    }
  }
  return write_ways(graph, dialect, ways);
}

}  // namespace torch2nnef
