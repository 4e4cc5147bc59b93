// The check that needs nothing installed: the archive, as it reads back, evaluated with ATen's kernels and compared
// with what PyTorch computed, output by output and value by value.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "export/outcome.h"
#include "export/request.h"
#include "export/tape/lineage.h"
#include "export/tape/recording.h"

namespace torch2nnef {

// What an export knows of the archive that it wrote. All must outlive the check.
struct CheckSubject {
  const Recording& recording;
  const Lineage& lineage;
  const nnef::Graph& graph;    // as it was written
  const nnef::Graph& archive;  // as it reads back; variables are those of `graph`
  const nnef::Dialect& dialect;
  // A second set of values, at the sample's sizes, of which no fingerprints were taken; null where there is none.
  const Recording::Run* other_values = nullptr;
  // `graph` with no loop over the samples of a batch, in which no value stands for a call; null where there is none.
  const nnef::Graph* plain = nullptr;

  bool has_other_values(const Recording::Run& run) const { return &run == other_values; }
};

// The outputs that depend on sums, products of matrices and the like in f16 or bfloat16, with what the check allows
// them.
std::map<std::string, Tolerance> coarser_outputs(const CheckSubject& subject, const Tolerance& tolerance);

struct ReferenceRun {
  std::string not_evaluated;  // an operator that the evaluator does not have: nothing was compared
  std::string failure;        // why evaluating ended early, "" when it did not
  std::vector<CheckReport::Output> outputs;
  std::vector<nnef::NamedTensor> computed;  // what was compared
  // Values whose fingerprint differs from the recorder's: name in the graph, and what differs. In the graph's order.
  std::vector<std::pair<std::string, std::string>> differences;
};

// One pass over the archive at the sizes of a run. Weights are not copied. The sizes of symbols are taken from the
// shapes of the inputs.
ReferenceRun run_reference(const CheckSubject& subject, const Recording::Run& run, Tolerance tolerance);

// Both sides again, call by call, all values compared: the calls of the Tape with libtorch, the operations of the
// archive twice, once on their own values and once on libtorch's.
struct LockStep {
  std::vector<CallError> calls;
  std::optional<Divergence> divergence;  // when a call differs, or cannot be evaluated
  std::string incomplete;                // why not every call was compared, "" when all were
  CheckReport::Codes codes;
  std::optional<Divergence> wrong_codes;  // the first quantised call that is wrong on PyTorch's own values
};
// `least_size`: see compare_tensors().
LockStep compare_in_lock_step(const CheckSubject& subject, const Recording::Run& run, Tolerance tolerance,
                              double least_size = 1);
// Whether a call quantises what it reads first by its range, at run time: its weights have codes, and nothing else has.
bool quantises_by_range(const Tape& tape, const TapeCall& call);

// How far the roundings of a quantised model carry to each of its outputs, by name: the root mean square of what
// changes where 0.1 % of the codes that its inputs become are moved by one step (the mean of five draws, of one seed).
// Empty for a model that does not quantise its inputs.
std::map<std::string, double> moved_by_codes(const CheckSubject& subject, const Recording::Run& run);
// The same of a model of floats: the root mean square of what changes in torch's own values where each item of the
// inputs is moved by one unit in the last place (the mean of five draws, of one seed). Empty where calls cannot be
// executed again.
std::map<std::string, double> moved_by_rounding(const CheckSubject& subject, const Recording::Run& run);
// The same model in torch's engine whose sums do not saturate, and how far moved codes carry there. Empty where torch
// lacks it, or it lacks an operator of the model.
struct ExactEngine {
  std::vector<nnef::NamedTensor> outputs;
  std::map<std::string, double> moved;
};
ExactEngine with_exact_engine(const CheckSubject& subject, const Recording::Run& run);

// The first call that differs, once an output does: by values of size 1, and where all of these agree by each one's own
// size.
LockStep find_divergence(const CheckSubject& subject, const Recording::Run& run, Tolerance tolerance);

// Calls `visit` with every value of a graph that the evaluator computes on inputs (by name), in order: for comparing an
// engine's values in the middle of the graph. Throws std::runtime_error where it cannot.
using VisitValue = std::function<void(const std::string& name, const nnef::TensorDataPtr&)>;
void visit_reference_values(const nnef::Graph& graph, const nnef::Dialect& dialect,
                            const std::vector<nnef::NamedTensor>& inputs, const VisitValue& visit);
// The outputs alone.
std::vector<nnef::NamedTensor> evaluate_graph(const nnef::Graph& graph, const nnef::Dialect& dialect,
                                              const std::vector<nnef::NamedTensor>& inputs);

// The same with f64 wherever the graph says f32 or f16, so that their rounding can be told from other differences.
// Weights are converted one by one, when they are used. Throws std::runtime_error where it cannot.
std::vector<nnef::NamedTensor> evaluate_in_f64(nnef::Graph graph, const nnef::Dialect& dialect,
                                               const std::vector<nnef::NamedTensor>& inputs);

// The operators that the evaluator has, sorted.
std::vector<std::string> evaluated_operators();

}  // namespace torch2nnef
