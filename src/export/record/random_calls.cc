#include "export/record/random_calls.h"

#include <string>

#include "export/operators/operators.h"

namespace torch2nnef {

void refuse_random(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs) {
  const OperatorRow& row = row_of(schema.name(), schema.overload_name());
  if (row.is(kRandom)) {
    context.refuse("T2N-R003",
                   "the model draws random numbers with " + schema.name() + ", so it has no one result to export",
                   "pass the random numbers as an input", schema.name());
  }
  auto argument = [&](const char* wanted) -> const c10::IValue* {
    auto index = schema.argumentIndexWithName(wanted);
    return index ? &inputs.at(static_cast<std::size_t>(*index)).sample() : nullptr;
  };
  const c10::IValue *train = argument("train"), *training = argument("training"), *p = argument("p"),
                    *drop = argument("dropout_p");
  bool trains = (train && train->isBool() && train->toBool()) || (training && training->isBool() && training->toBool());
  const c10::IValue* rate = argument("dropout");  // of recurrent layers
  if (trains && rate && rate->isDouble() && rate->toDouble() > 0) {
    context.refuse("T2N-R004", schema.name() + " is in training mode, so it drops values at random",
                   "call .eval() on the model before it is traced", schema.name());
  }
  bool drops = !p || !p->isDouble() || p->toDouble() > 0;
  if (row.is(kDropout | kRandomTraining) && trains && drops) {
    context.refuse("T2N-R004", schema.name() + " is in training mode, so it drops values at random",
                   "call .eval() on the model before it is traced", schema.name());
  }
  if (drop && drop->isDouble() && drop->toDouble() > 0) {
    context.refuse("T2N-R004", schema.name() + " drops values at random (dropout_p > 0)",
                   "call .eval() on the model before it is traced", schema.name());
  }
  if (trains && row.is(kBatchStatistics)) {
    context.diagnostics.warning("T2N-R012",
                                schema.name() + " is in training mode: it normalises by the statistics of the batch",
                                context.here(), "call .eval() on the model before it is traced");
  }
}

}  // namespace torch2nnef
