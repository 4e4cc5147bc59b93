#include "export/simplify/moves.h"

#include <map>
#include <utility>

#include "export/simplify/graph_facts.h"
#include "export/simplify/graph_rewriting.h"
#include "export/simplify/move_chains.h"

namespace torch2nnef {

using nnef::Operation;
using nnef::Value;

std::vector<Value> shorten_moves(nnef::Graph& graph, const nnef::Dialect& dialect) {
  std::map<std::size_t, MoveChain> shorter;  // by the place of the last operation
  const MoveChains chains(graph);
  for (std::size_t place = 0; place < graph.operations.size(); ++place) {
    auto chain = chains.ending_in(graph.operations[place]);
    if (!chain || gives_sizes(chains.maker(chain->source))) continue;
    const std::size_t steps = chain->order.steps().size();
    if (steps < chain->length && steps <= chain->own) shorter.emplace(place, std::move(*chain));
  }
  GraphRewriting rewriting(graph, dialect);
  return rewriting.run([&](const Operation& operation, std::size_t place) {
    const auto found = shorter.find(place);
    if (found == shorter.end()) return false;
    const std::size_t before = graph.operations.size();
    const Value made = rewriting.make_for(operation.results.front(), operation, [&] {
      return rewriting.moved(rewriting.replaced(found->second.source), found->second.order.steps());
    });
    return rewriting.stand_for(operation, made, before);
  });
}

}  // namespace torch2nnef
