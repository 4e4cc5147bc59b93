// One operator: executed in every world, and recorded when its result depends on an input or on a dynamic size.

#include <algorithm>

#include "export/record/torch_types.h"
#include "export/record/wide_fallback.h"
#include "export/torchscript/recorder.h"

namespace torch2nnef {
namespace {

namespace jit = torch::jit;

constexpr std::int64_t kLargestFold = 1 << 20;  // bytes of a result that is folded whatever its arguments are

bool computes_tensors(const c10::FunctionSchema& schema) {
  return std::any_of(schema.returns().begin(), schema.returns().end(), [](const c10::Argument& result) {
    auto list = result.type()->cast<c10::ListType>();
    return result.type()->isSubtypeOf(*c10::TensorType::get()) ||
           (list && list->getElementType()->isSubtypeOf(*c10::TensorType::get()));
  });
}

// Of the sample's tensors.
std::int64_t bytes_of(const std::vector<Slot>& slots) {
  std::int64_t bytes = 0;
  for (const Slot& slot : slots) {
    for (const at::Tensor& tensor : tensors_in(slot.sample())) {
      if (tensor.defined()) bytes += tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
    }
  }
  return bytes;
}

bool share_memory(const std::vector<Slot>& results, const std::vector<Slot>& inputs) {
  std::set<const void*> storages;
  for (const Slot& input : inputs) {
    for (const at::Tensor& tensor : tensors_in(input.sample())) storages.insert(storage_of(tensor));
  }
  for (const Slot& result : results) {
    for (const at::Tensor& tensor : tensors_in(result.sample())) {
      if (storage_of(tensor) && storages.count(storage_of(tensor))) return true;
    }
  }
  return false;
}

// Memory that nobody set must not end up in a file.
void clear(const std::vector<Slot>& results) {
  for (const Slot& result : results) {
    for (const c10::IValue& world : result.worlds) {
      for (at::Tensor& tensor : tensors_in(world)) {
        if (tensor.defined()) tensor.zero_();
      }
    }
  }
}

}  // namespace

std::vector<at::Tensor> tensors_in(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  std::vector<at::Tensor> result;
  if (value.isIntList() || value.isDoubleList() || value.isBoolList()) return result;
  for (const c10::IValue& item : items_of(value)) {
    std::vector<at::Tensor> inside = tensors_in(item);
    result.insert(result.end(), inside.begin(), inside.end());
  }
  return result;
}

bool Recorder::is_live(const c10::IValue& value) {
  for (const at::Tensor& tensor : tensors_in(value)) {
    if (!tensor.defined()) continue;
    CellPtr cell = cells_.find(tensor);
    if (cell && Cells::live(*cell)) return true;
  }
  return false;
}

void Recorder::run_operator(const Node* node, Frame& frame) {
  const c10::FunctionSchema* schema = node->maybeSchema();
  if (!schema) {
    throw Unsupported("the statement " + std::string(node->kind().toQualString()) + " is not followed");
  }
  std::vector<Slot> inputs = inputs_of(node, frame);
  if (schema->name().rfind("torchvision::", 0) == 0) {
    throw Unsupported(schema->name() + " is known by name only", "export the part of the model before it");
  }
  if (schema->name() == "prim::RaiseException") {
    std::string text = inputs.at(0).sample().isString() ? inputs[0].sample().toStringRef() : "an exception";
    if (region_ && !region_->is_taken) {
      throw Unsupported("an exception is raised in " + region_->what + ", which the sample does not take: " + text,
                        "raise it in a branch of its own, which does nothing else");
    }
    refuse("T2N-R001", "the model raises on the sample inputs: " + text,
           "give inputs that the model accepts (--inputs)");
    throw RecordingStopped(text);
  }
  if (region_) refuse_in_region(*schema, inputs);
  for (std::size_t i = 0; i < schema->arguments().size(); ++i) {
    const c10::Argument& formal = schema->arguments()[i];
    if (!formal.alias_info() || !formal.alias_info()->isWrite()) continue;
    if (inputs[i].sample().isTensor()) return run_in_place(node, frame, *schema, std::move(inputs), i);
    if (inputs[i].sample().isTensorList()) {
      throw Unsupported(schema->name() + " writes several tensors at once", "write the model without it");
    }
  }
  if (run_filled_list(node, frame, *schema, inputs) || run_metadata(node, frame, *schema, inputs) ||
      run_item(node, frame, *schema, inputs) || run_number_to_tensor(node, frame, *schema, inputs)) {
    return;
  }
  if (computes_tensors(*schema)) return run_tensor_operator(node, frame, *schema, std::move(inputs));
  run_plain(node, frame, *schema, std::move(inputs));
}

void Recorder::run_plain(const Node* node, Frame& frame, const c10::FunctionSchema& schema, std::vector<Slot> inputs) {
  std::vector<Slot> results = execute(node, schema, inputs);
  if (schema.name() == "aten::__is__" || schema.name() == "aten::__isnot__")
    return set_results(node, std::move(results), frame);
  Note first;
  bool live = false;
  for (const Slot& input : inputs) {
    Note note = notes_.any(input);
    if (note.kind == Note::Kind::kData || !first) first = note ? note : first;
    live = live || is_live(input.sample());
  }
  for (Slot& result : results) {
    const c10::IValue& value = result.sample();
    if (live || first.kind == Note::Kind::kData) {
      Note note = data_note(schema, inputs, result);
      if (is_number(value)) result.note = note;
      if (value.isList() || value.isTuple()) notes_.set(value, std::vector<Note>(items_of(value).size(), note));
    } else if (first) {
      if (is_number(value)) result.note = number_note(schema, inputs, result);
      if (value.isList() || value.isTuple()) {
        notes_.set(value, std::vector<Note>(items_of(value).size(), Note::unexplained("a number of " + schema.name())));
      }
    }
  }
  set_results(node, std::move(results), frame);
}

std::vector<Slot> Recorder::execute(const Node* node, const c10::FunctionSchema& schema,
                                    const std::vector<Slot>& inputs) {
  std::vector<Slot> results;
  for (std::size_t world = 0; world < world_count(); ++world) {
    jit::Stack stack;
    for (const Slot& input : inputs) stack.push_back(input.worlds[world]);
    if (schema.is_vararg()) stack.emplace_back(static_cast<std::int64_t>(inputs.size()));
    try {
      call_with_wide_fallback(node->getOperation(), stack);
    } catch (const std::exception& error) {
      std::string text = message_of(error);
      if (region_ && !region_->is_taken) {
        throw Unsupported(schema.name() + " fails in " + region_->what + ", which the sample does not take: " + text,
                          "give inputs that take it, or make it work at all inputs");
      }
      if (world > 0 || !first_is_sample_) throw WorldFailed(schema.name() + " fails: " + text, here(), "T2N-R002");
      refuse("T2N-R001", "the model itself fails on the sample inputs: " + text, "check the inputs' shapes and dtypes",
             schema.name());
      throw RecordingStopped(text);
    }
    results.resize(stack.size());
    for (std::size_t i = 0; i < stack.size(); ++i) results[i].worlds.push_back(stack[i]);
  }
  return results;
}

// A Python number in a trace is a constant tensor of rank 0. libtorch's own executor takes it for a number, which does
// not promote a tensor's dtype, where it is the second operand of arithmetic; as the first it is a tensor like any
// other.
void Recorder::mark_number(const c10::FunctionSchema& schema, std::vector<Slot>& inputs) {
  auto index = schema.argumentIndexWithName("other");
  if (!index || *index != 1 || inputs.size() < 2 || !inputs[1].sample().isTensor()) return;
  const at::Tensor& tensor = inputs[1].sample().toTensor();
  if (!tensor.defined() || tensor.dim() != 0 ||
      (tensor.scalar_type() != at::kDouble && tensor.scalar_type() != at::kLong)) {
    return;
  }
  CellPtr cell = cells_.find(tensor);
  if (!cell || cell->owner != "constant") return;
  at::Tensor& number = numbers_[tensor.unsafeGetTensorImpl()];
  if (!number.defined()) {
    number = tensor.clone();
    number.unsafeGetTensorImpl()->set_wrapped_number(true);
    cells_.of(number)->owner = "constant";
  }
  inputs[1].worlds.assign(world_count(), number);
}

void Recorder::refuse_random(const c10::FunctionSchema& schema, const std::vector<Slot>& inputs) {
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
    refuse("T2N-R003", "the model draws random numbers with " + schema.name() + ", so it has no one result to export",
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
    refuse("T2N-R004", schema.name() + " is in training mode, so it drops values at random",
           "call .eval() on the model before it is traced", schema.name());
  }
  bool drops = !p || !p->isDouble() || p->toDouble() > 0;
  if (kDropouts.count(name) && trains && drops) {
    refuse("T2N-R004", schema.name() + " is in training mode, so it drops values at random",
           "call .eval() on the model before it is traced", schema.name());
  }
  if (drop && drop->isDouble() && drop->toDouble() > 0) {
    refuse("T2N-R004", schema.name() + " drops values at random (dropout_p > 0)",
           "call .eval() on the model before it is traced", schema.name());
  }
  if (trains && name.find("_norm") != std::string::npos) {
    diagnostics_.warning("T2N-R012",
                         schema.name() + " is in training mode: it normalises by the statistics of the batch", here(),
                         "call .eval() on the model before it is traced");
  }
}

void Recorder::run_tensor_operator(const Node* node, Frame& frame, const c10::FunctionSchema& schema,
                                   std::vector<Slot> inputs) {
  std::size_t refusals = refused_.size();
  refuse_random(schema, inputs);
  mark_number(schema, inputs);
  bool recorded = false;
  for (const Slot& input : inputs) recorded = recorded || is_live(input.sample()) || notes_.any(input);
  std::vector<Slot> results = execute(node, schema, inputs);
  if (schema.name().find("empty") != std::string::npos) clear(results);
  if (recorded && run_contents(schema, inputs, results)) return set_results(node, std::move(results), frame);
  std::int64_t result_bytes = bytes_of(results);
  const bool only_executes = tape_.tape().inputs.empty();
  if (!recorded && !only_executes && result_bytes > kLargestFold && result_bytes > bytes_of(inputs))
    recorded = !share_memory(results, inputs);
  std::size_t calls = tape_.tape().calls.size();
  record_results(schema, inputs, results, recorded);
  if (recorded && world_count() > 1) carry_range(schema, inputs, results);
  if (refused_.size() > refusals && tape_.tape().calls.size() > calls) tape_.tape().calls.back().refused = true;
  set_results(node, std::move(results), frame);
}

}  // namespace torch2nnef
