#include "export/simplify/batch_scan.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "export/simplify/graph_facts.h"
#include "export/simplify/samples.h"
#include "nnef/arguments.h"
#include "nnef/builder/builder.h"
#include "nnef/makers.h"

namespace torch2nnef {
namespace {

using nnef::Argument;
using nnef::Dim;
using nnef::Graph;
using nnef::Operation;
using nnef::Shape;
using nnef::Value;

constexpr nnef::Version kMeasured{0, 23, 9};  // the first release of tract in which the loop is known to be faster

bool is_convolution(const Operation& operation) { return operation.op == "conv" || operation.op == "deconv"; }

// --- whether a loop is faster ---

double items(const Graph& graph, Value value, const nnef::Bindings& sizes) {
  return static_cast<double>(nnef::volume(graph.info(value).shape).evaluate(sizes));
}

// How many products of two numbers it adds; 0 of other operations.
double work_of(const Graph& graph, const Operation& operation, const nnef::Bindings& sizes) {
  const Value result = operation.results.front();
  if (is_convolution(operation)) {
    const Value input = *operation.find("input")->value(), filter = *operation.find("filter")->value();
    const double rows = static_cast<double>(graph.info(filter).shape.at(0).evaluate(sizes));
    return items(graph, operation.op == "conv" ? result : input, sizes) * items(graph, filter, sizes) / rows;
  }
  if (operation.op != "matmul" && operation.op != "linear") return 0;
  const Value* factor = operation.arguments.front().argument.value();
  const Argument* flips = operation.find("transposeA");
  if (factor == nullptr) return 0;
  const Shape& shape = graph.info(*factor).shape;
  const bool is_flipped = flips != nullptr && std::get<bool>(flips->is);
  const double depth = static_cast<double>(shape.at(shape.size() - (is_flipped ? 2 : 1)).evaluate(sizes));
  return items(graph, result, sizes) * depth;
}

// "" where a loop over the samples is faster.
std::string why_plain(const Graph& graph, const std::string& symbol, const nnef::Bindings& sample) {
  double convolutions = 0, products = 0;
  for (const Operation& operation : graph.operations) {
    const double work = work_of(graph, operation, sample);
    if (!is_convolution(operation)) {
      products += work;
      continue;
    }
    convolutions += work;
    for (const Dim& dim : graph.info(*operation.find("input")->value()).shape) {
      if (!dim.substitute({{symbol, Dim(1)}}).is_constant()) return "a convolution has another symbol, too";
    }
  }
  if (convolutions == 0) return "there is no convolution";
  return convolutions > products ? "" : "most of its work is in products of matrices";
}

// --- the loop ---

Argument at_one(const Argument& argument, const std::string& symbol) {
  if (const Dim* dim = argument.dim()) return dim->substitute({{symbol, Dim(1)}});
  const Argument::Array* array = argument.array();
  if (array == nullptr) return argument;
  Argument::Array result;
  result.is_tuple = array->is_tuple;
  for (const Argument& item : array->items) result.items.push_back(at_one(item, symbol));
  return result;
}

Shape at_one(const Shape& shape, const std::string& symbol) {
  Shape result;
  for (const Dim& dim : shape) result.push_back(dim.substitute({{symbol, Dim(1)}}));
  return result;
}

class SampleLoop {
 public:
  SampleLoop(Graph& graph, const nnef::Dialect& dialect, const Samples& samples, const std::string& symbol)
      : graph_(graph),
        dialect_(dialect),
        samples_(samples.of),
        symbol_(symbol),
        inner_(graph.values.size()),
        makers_(graph),
        given_(std::exchange(graph.operations, {})) {}

  void run() {
    body_.name = unused_name();
    nnef::Builder inner(body_, dialect_);
    take_inputs(inner);
    for (const Operation& operation : given_) {
      if (!is_of_samples(operation) || is_input(operation)) graph_.operations.push_back(operation);
    }
    for (const Operation& operation : given_) {
      if (is_of_samples(operation) && !is_input(operation)) copy(operation);
    }
    add_loop();
    remove_unread_variables();
  }

 private:
  const Operation* maker_of(Value value) const {
    const std::size_t place = makers_.place(value);
    return place == nnef::Makers::kNone ? nullptr : &given_[place];
  }
  const std::optional<SampleAxis>& samples(Value value) const { return samples_.at(index_of(value)); }
  bool is_input(const Operation& operation) const {
    return operation.op == "external" || operation.op == "tract_core_external";
  }
  bool is_of_samples(const Operation& operation) const { return bool(samples(operation.results.front())); }

  std::string unused_name() const {
    std::string name = "one_sample";
    const auto is_taken = [&](const nnef::Fragment& fragment) { return fragment.body.name == name; };
    while (std::any_of(graph_.fragments.begin(), graph_.fragments.end(), is_taken)) name += "_";
    return name;
  }

  // Whatever the loop reads: inputs of samples, by the place of the round or in slices; what is the same for all.
  void take_inputs(nnef::Builder& inner) {
    std::vector<Value> by_place;
    for (Value input : graph_.inputs) {
      if (samples(input) && samples(input)->each == Dim(1)) by_place.push_back(input);
      if (samples(input) && samples(input)->each != Dim(1)) take_in_slices(input, inner);
    }
    for (Value input : by_place) take_whole(input, inner);
    for (const Operation& operation : given_) {
      if (!is_of_samples(operation) || is_input(operation)) continue;
      for (const nnef::NamedArgument& named : operation.arguments) {
        nnef::for_each_value(named.argument, [&](Value value) {
          if (!samples(value) && !stays_constant(value) && !inner_[index_of(value)]) take_whole(value, inner);
        });
      }
    }
    place_ = inner.parameter(name_in_body("place"), nnef::DType::kI64, {Dim(1)});
    for (Value input : by_place) {
      const auto axis = static_cast<int>(samples(input)->axis);
      inner.set_scope("", graph_.info(input).name + "_of_sample", "");
      const Value all = inner_[index_of(input)];
      inner_[index_of(input)] = inner.add("tract_core_gather", {all, place_}, {{"axis", axis}});
    }
  }

  std::string name_in_body(std::string name) const {
    const auto is_taken = [&](const nnef::ValueInfo& info) { return info.name == name; };
    while (std::any_of(graph_.values.begin(), graph_.values.end(), is_taken)) name += "_";
    return name;
  }

  // Weights and literals stand in the body itself.
  bool stays_constant(Value value) const {
    const Operation* maker = maker_of(value);
    if (maker == nullptr || is_input(*maker)) return false;
    bool reads = false;
    for (const nnef::NamedArgument& named : maker->arguments) {
      nnef::for_each_value(named.argument, [&](Value) { reads = true; });
    }
    return !reads;
  }

  void take_whole(Value value, nnef::Builder& inner) {
    const nnef::ValueInfo& info = graph_.info(value);
    inner_[index_of(value)] = inner.parameter(info.name, info.dtype, info.shape);
    full_.items.push_back(Argument::tuple({info.name, value}));
  }

  void take_in_slices(Value input, nnef::Builder& inner) {
    const nnef::ValueInfo& info = graph_.info(input);
    inner_[index_of(input)] = inner.parameter(info.name, info.dtype, at_one(info.shape, symbol_));
    const auto axis = static_cast<std::int64_t>(samples(input)->axis);
    scan_.items.push_back(Argument::tuple({info.name, input, axis, samples(input)->each}));
  }

  // The operation on one sample.
  void copy(Operation operation) {
    for (nnef::NamedArgument& named : operation.arguments) {
      nnef::for_each_value(named.argument, [&](Value value) { copy_constant(value); });
    }
    append(std::move(operation));
  }

  void copy_constant(Value value) {
    if (!inner_[index_of(value)]) append(*maker_of(value));
  }

  void append(Operation operation) {
    for (nnef::NamedArgument& named : operation.arguments) {
      named.argument = at_one(named.argument, symbol_);
      nnef::for_each_value(named.argument, [&](Value& value) { value = inner_[index_of(value)]; });
    }
    for (Value& result : operation.results) {
      const nnef::ValueInfo& info = graph_.info(result);
      body_.values.push_back({info.name, info.dtype, at_one(info.shape, symbol_)});
      const Value copied{static_cast<std::int32_t>(body_.values.size()) - 1};
      inner_[index_of(result)] = copied;
      result = copied;
    }
    body_.operations.push_back(std::move(operation));
  }

  void add_loop() {
    nnef::Builder outer(graph_, dialect_);
    outer.set_scope("", "places", "");
    const Value places = outer.add("tract_core_range", {}, {{"start", 0}, {"end", Dim::symbol(symbol_)}, {"step", 1}});
    scan_.items.push_back(Argument::tuple({body_.info(place_).name, places, 0, 1}));
    Operation loop{"tract_core_scan", {}, {}, ""};
    Argument::Array output;
    for (Value result : graph_.outputs) {
      if (!samples(result)) continue;
      const Value of_sample = inner_[index_of(result)];
      body_.outputs.push_back(of_sample);
      const auto axis = static_cast<std::int64_t>(samples(result)->axis);
      output.items.push_back(Argument::tuple({body_.info(of_sample).name, "full", axis, samples(result)->each}));
      loop.results.push_back(result);
    }
    loop.arguments = {
        {"body", body_.name}, {"scan", scan_}, {"full", full_}, {"state", Argument::Array{}}, {"output", output}};
    graph_.fragments.push_back({std::move(body_)});
    graph_.operations.push_back(std::move(loop));
  }

  // Those that the body alone reads, which has them.
  void remove_unread_variables() {
    std::set<Value> read(graph_.outputs.begin(), graph_.outputs.end());
    for (const Operation& operation : graph_.operations) {
      for (const nnef::NamedArgument& named : operation.arguments) {
        nnef::for_each_value(named.argument, [&](Value value) { read.insert(value); });
      }
    }
    std::erase_if(graph_.operations, [&](const Operation& operation) {
      return stays_constant(operation.results.front()) && read.count(operation.results.front()) == 0;
    });
  }

  Graph& graph_;
  const nnef::Dialect& dialect_;
  const std::vector<std::optional<SampleAxis>>& samples_;
  const std::string symbol_;
  std::vector<Value> inner_;  // by Value::id: the value of the body
  const nnef::Makers makers_;
  const std::vector<Operation> given_;
  Graph body_;
  Value place_;
  Argument::Array scan_, full_;
};

// --- the choice ---

// The symbol whose multiples alone are sizes of inputs, where samples of it never meet; or why there is none.
struct Batch {
  std::string symbol, why_not;
  Samples samples;
};

// "" where outputs and inputs can be taken apart: their samples' parts are numbers.
std::string why_not_apart(const Graph& graph, const Samples& samples) {
  bool has_output = false;
  for (Value output : graph.outputs) has_output = has_output || samples.of[index_of(output)].has_value();
  if (!has_output) return "no output has an axis of samples";
  for (const auto& ends : {graph.inputs, graph.outputs}) {
    for (Value value : ends) {
      const auto& found = samples.of[index_of(value)];
      if (found && !found->each.is_constant())
        return "the part of a sample in " + graph.info(value).name + " is symbolic";
    }
  }
  return "";
}

Batch find_batch(const Graph& graph) {
  Batch first;
  for (const std::string& symbol : graph.symbols) {
    const bool is_size = std::any_of(graph.inputs.begin(), graph.inputs.end(), [&](Value input) {
      const Shape& shape = graph.info(input).shape;
      return std::any_of(shape.begin(), shape.end(), [&](const Dim& dim) {
        return !dim.is_constant() && nnef::exact_div(dim, Dim::symbol(symbol)).has_value();
      });
    });
    if (!is_size) continue;
    Batch batch{symbol, "", samples_of(graph, symbol)};
    batch.why_not = batch.samples.met_in.empty() ? why_not_apart(graph, batch.samples)
                                                 : "samples may meet in " + batch.samples.met_in;
    if (batch.why_not.empty()) return batch;
    if (first.symbol.empty()) first = std::move(batch);
  }
  return first;
}

}  // namespace

BatchReport scan_over_batch(Graph& graph, const nnef::Dialect& dialect, BatchForm form, const nnef::Bindings& sample) {
  const Batch batch = find_batch(graph);
  if (batch.symbol.empty()) return {"", false, "no axis of an input is a symbol that counts samples"};
  BatchReport choice{batch.symbol, false, ""};
  if (form == BatchForm::kPlain) {
    choice.why = "asked for";
  } else if (!batch.why_not.empty()) {
    choice.why = batch.why_not;
  } else if (!graph.quant.empty()) {
    choice.why = "values are quantised";
  } else if (form == BatchForm::kByContent && dialect.target().version < kMeasured) {
    choice.why = "it is for a release before tract " + kMeasured.to_string();
  } else if (form == BatchForm::kByContent) {
    choice.why = why_plain(graph, batch.symbol, sample);
  }
  if (form == BatchForm::kByContent && symbols_of_convolutions(graph).empty()) return {};  // and nobody asks
  if (!choice.why.empty()) return choice;
  SampleLoop(graph, dialect, batch.samples, batch.symbol).run();
  choice.is_scan = true;
  choice.why = form == BatchForm::kScan ? "asked for" : "most of its work is in convolutions";
  return choice;
}

std::vector<std::string> symbols_of_convolutions(const Graph& graph) {
  std::set<std::string> found;
  const auto collect = [&](const Graph& part) {
    for (const Operation& operation : part.operations) {
      if (!is_convolution(operation)) continue;
      for (const Dim& dim : part.info(*operation.find("input")->value()).shape) found.merge(dim.symbols());
    }
  };
  collect(graph);
  for (const nnef::Fragment& fragment : graph.fragments) collect(fragment.body);
  return {found.begin(), found.end()};
}

}  // namespace torch2nnef
