#include "export/record/random_calls.h"

#include <set>
#include <string>

namespace torch2nnef {

void refuse_random(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs) {
  static const std::set<std::string> kRandom = {"bernoulli",       "bernoulli_",        "cauchy_",      "exponential_",
                                                "geometric_",      "log_normal_",       "multinomial",  "normal",
                                                "normal_",         "poisson",           "binomial",     "rand",
                                                "rand_like",       "randint",           "randint_like", "randn",
                                                "randn_like",      "randperm",          "random_",      "uniform_",
                                                "_standard_gamma", "_sample_dirichlet", "uniform"};
  static const std::set<std::string> kDropouts = {"dropout",
                                                  "dropout_",
                                                  "alpha_dropout",
                                                  "alpha_dropout_",
                                                  "feature_dropout",
                                                  "feature_dropout_",
                                                  "feature_alpha_dropout",
                                                  "feature_alpha_dropout_",
                                                  "native_dropout",
                                                  "rrelu",
                                                  "rrelu_",
                                                  "rrelu_with_noise",
                                                  "_fused_dropout"};
  if (schema.name().rfind("aten::", 0) != 0) return;
  std::string name = schema.name().substr(6);
  if (kRandom.count(name)) {
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
  if (kDropouts.count(name) && trains && drops) {
    context.refuse("T2N-R004", schema.name() + " is in training mode, so it drops values at random",
                   "call .eval() on the model before it is traced", schema.name());
  }
  if (drop && drop->isDouble() && drop->toDouble() > 0) {
    context.refuse("T2N-R004", schema.name() + " drops values at random (dropout_p > 0)",
                   "call .eval() on the model before it is traced", schema.name());
  }
  if (trains && name.find("_norm") != std::string::npos) {
    context.diagnostics.warning("T2N-R012",
                                schema.name() + " is in training mode: it normalises by the statistics of the batch",
                                context.here(), "call .eval() on the model before it is traced");
  }
}

}  // namespace torch2nnef
