#include "export/exported_program/program_results.h"

#include <algorithm>

#include "export/exported_program/tree.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

// A name for each result of the user, by the tree of the results.
std::vector<std::string> tree_names(const Program& program, std::size_t count) {
  std::vector<std::string> names;
  if (!program.out_spec.empty()) names = leaf_names(parse_tree(program.out_spec));
  if (names.size() != count) {
    names.clear();
    for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  }
  for (std::string& name : names) {
    const bool is_place = name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0;
    if (is_place) name = name.empty() ? "output" : "output_" + name;
    name = nnef::make_identifier(name);
  }
  return names;
}

void make_unique(const SizePlan& sizes, std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto is_taken = [&](const std::string& name) {
      const auto end = names.begin() + static_cast<std::ptrdiff_t>(i);
      return std::find(names.begin(), end, name) != end ||
             std::any_of(sizes.inputs.begin(), sizes.inputs.end(),
                         [&](const DynamicInput& input) { return input.name == name; }) ||
             std::any_of(sizes.axes.symbols.begin(), sizes.axes.symbols.end(),
                         [&](const Symbol& symbol) { return symbol.name == name; });
    };
    while (is_taken(names[i])) names[i] += "_out";
  }
}

void note_left_out(const std::vector<std::string>& kinds, Diagnostics& diagnostics) {
  if (kinds.empty()) return;
  std::string text;
  for (const std::string& kind : kinds) text += (text.empty() ? "" : ", ") + kind;
  diagnostics.note("T2N-R013", "results of forward that are not tensors are left out: " + text);
}

void check_names(const ExportOptions& options, const SizePlan& sizes, std::size_t tensors) {
  if (options.output_names.size() != tensors) {
    refuse_options("T2N-M005", "--output-names gives " + std::to_string(options.output_names.size()) +
                                   " names, but the program returns " + std::to_string(tensors) +
                                   (tensors == 1 ? " tensor" : " tensors"));
  }
  for (const Symbol& symbol : sizes.axes.symbols) {
    const auto& names = options.output_names;
    if (std::find(names.begin(), names.end(), symbol.name) == names.end()) continue;
    refuse_options("T2N-M006", "--dynamic-axes: the symbol " + symbol.name + " has the name of an output",
                   "choose another name, such as S");
  }
}

}  // namespace

ProgramResults program_results(const ProgramPlan& plan, const SizePlan& sizes, const ExportOptions& options,
                               const Slots& outputs, Diagnostics& diagnostics) {
  const Program& program = plan.loaded.program;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < program.outputs.size(); ++i) {
    if (program.outputs[i].kind == ProgramOutput::Kind::kUser) places.push_back(i);
  }
  const std::vector<std::string> names = tree_names(program, places.size());
  // Numbers are results as well, unless the user counts tensors only.
  const auto count = [&](bool with_numbers) {
    return std::count_if(places.begin(), places.end(), [&](std::size_t place) {
      const Slot& slot = outputs[place];
      return slot.sample().isTensor() || (with_numbers && is_number(slot.sample()) && slot.note);
    });
  };
  const bool with_numbers =
      options.output_names.empty() || static_cast<std::int64_t>(options.output_names.size()) != count(false);
  ProgramResults results;
  std::vector<std::string> left_out;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Slot& slot = outputs[places[i]];
    if (slot.sample().isTensor() || (with_numbers && is_number(slot.sample()) && slot.note)) {
      results.names.push_back(names[i]);
      results.values.push_back(slot);
    } else {
      left_out.push_back(names[i] + (slot.sample().isNone() ? " (None)" : " (a " + slot.sample().tagKind() + ")"));
    }
  }
  note_left_out(left_out, diagnostics);
  if (results.values.empty() && plan.states.empty()) {
    throw Unsupported("the program returns no tensor, so there is nothing to export");
  }
  if (options.output_names.empty()) {
    make_unique(sizes, results.names);
  } else {
    check_names(options, sizes, results.values.size());
    results.names = options.output_names;
  }
  return results;
}

}  // namespace torch2nnef
