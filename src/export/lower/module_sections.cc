#include "export/lower/module_sections.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "export/lower/module_paths.h"
#include "nnef/arguments.h"

namespace torch2nnef {
namespace {

using nnef::Operation;

class Sections {
 public:
  explicit Sections(const Tape& tape) : paths_(tape) {
    for (const TapeCall& call : tape.calls) classes_.emplace(call.where.module_path, call.where.module_class);
  }

  std::string path_of(const TapeCall& call) const {
    const std::string& path = call.where.module_path;
    return path.empty() || paths_.has_modules(path) ? path : std::string(ModulePaths::parent_of(path));
  }

  // "encoder.layer.0.attention (BertAttention)"
  std::string heading(const std::string& path) const {
    const auto known = classes_.find(path);
    std::string name = known == classes_.end() ? "" : known->second;
    name.erase(0, name.rfind('.') + 1);
    if (path.empty()) return name.empty() ? "the model itself" : name;
    return name.empty() ? path : path + " (" + name + ")";
  }

 private:
  const ModulePaths paths_;
  std::map<std::string, std::string> classes_;  // by path, of modules that make calls themselves
};

bool is_external(const Operation& operation) {
  return operation.op == "external" || operation.op == "tract_core_external";
}

// By operation, the module under whose heading it stands: of those that no call is known of, the next one's. Inputs
// are above all headings.
std::vector<std::string> places(const nnef::Graph& graph, const Sections& sections,
                                const std::vector<const TapeCall*>& calls) {
  std::vector<std::string> paths(graph.operations.size());
  const TapeCall* next = nullptr;
  for (std::size_t i = paths.size(); i-- > 0;) {
    if (is_external(graph.operations[i])) continue;
    if (calls[i] != nullptr && graph.operations[i].op != "variable") next = calls[i];
    if (next != nullptr) paths[i] = sections.path_of(*next);
  }
  return paths;
}

// Takes the blank line and the heading out of a comment.
std::string take_heading(std::string& comment) {
  const std::size_t end = comment.starts_with('\n') ? comment.find('\n', 1) + 1 : 0;
  std::string heading = comment.substr(0, end);
  comment.erase(0, end);
  return heading;
}

struct Section {
  std::string heading;
  std::vector<Operation> inputs, weights, others;

  void append_to(std::vector<Operation>& operations) {
    const std::size_t first = operations.size();
    for (std::vector<Operation>* part : {&inputs, &weights, &others})
      std::move(part->begin(), part->end(), std::back_inserter(operations));
    if (operations.size() > first) operations[first].comment.insert(0, heading);
  }
};

void leave_out_repeated_comments(std::vector<Operation>::iterator begin, std::vector<Operation>::iterator end) {
  std::string before;
  for (auto operation = begin; operation != end; ++operation) {
    if (operation->op == "variable") operation->comment.clear();
    if (operation->comment == before) {
      operation->comment.clear();
    } else if (!operation->comment.empty()) {
      before = operation->comment;
    }
  }
}

}  // namespace

void divide_by_module(nnef::Graph& graph, const Tape& tape, const std::vector<const TapeCall*>& calls) {
  const Sections sections(tape);
  const std::vector<std::string> paths = places(graph, sections, calls);
  std::vector<Operation>& operations = graph.operations;
  std::size_t begin = 0;
  while (begin < operations.size() && is_external(operations[begin])) ++begin;
  while (begin < operations.size()) {
    std::size_t end = begin + 1;
    while (end < operations.size() && paths[end] == paths[begin]) ++end;
    const auto first = operations.begin() + static_cast<std::ptrdiff_t>(begin);
    leave_out_repeated_comments(first, operations.begin() + static_cast<std::ptrdiff_t>(end));
    first->comment.insert(0, "\n" + sections.heading(paths[begin]) + "\n");
    begin = end;
  }
}

void divide_by_module(nnef::Graph& graph, const Tape& tape, const Lineage& lineage) {
  std::vector<const TapeCall*> calls;
  for (const Operation& operation : graph.operations) {
    const auto value = static_cast<std::size_t>(operation.results.at(0).id);
    const std::int32_t call = value < lineage.call_of.size() ? lineage.call_of[value] : -1;
    calls.push_back(call < 0 ? nullptr : &tape.calls.at(static_cast<std::size_t>(call)));
  }
  divide_by_module(graph, tape, calls);
}

void put_weights_below_headings(nnef::Graph& graph) {
  std::vector<Section> sections(1);
  std::map<nnef::Value, Operation> weights;
  for (Operation& operation : graph.operations) {
    if (std::string heading = take_heading(operation.comment); !heading.empty())
      sections.push_back({std::move(heading), {}, {}, {}});
    if (operation.op == "variable") {
      weights.emplace(operation.results.at(0), std::move(operation));
    } else {
      (is_external(operation) ? sections.back().inputs : sections.back().others).push_back(std::move(operation));
    }
  }
  graph.operations.clear();
  for (Section& section : sections) {
    for (const Operation& operation : section.others) {
      for (const nnef::NamedArgument& named : operation.arguments) {
        nnef::for_each_value(named.argument, [&](const nnef::Value& value) {
          if (auto weight = weights.extract(value)) section.weights.push_back(std::move(weight.mapped()));
        });
      }
    }
  }
  for (auto& [value, weight] : weights) sections.front().weights.push_back(std::move(weight));  // nothing reads it
  for (Section& section : sections) section.append_to(graph.operations);
}

}  // namespace torch2nnef
