#include "export/exported_program/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "export/exported_program/sample_values.h"
#include "export/load/drawn_inputs.h"
#include "export/sizes/dynamic_axes.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

std::vector<std::vector<std::int64_t>> sizes_of_samples(const ProgramPlan& plan) {
  std::vector<std::vector<std::int64_t>> sizes;
  for (const DynamicInput& input : plan.sizes.inputs) sizes.push_back(input.sizes);
  return sizes;
}

// Dynamic axes as options give them, made of the program's symbols.
class AxisPlanner {
 public:
  AxisPlanner(const ExportOptions& options, ProgramPlan& plan)
      : options_(options), plan_(plan), sizes_(plan.file_sizes) {
    try {
      sample_ = sizes_.bind(sizes_of_samples(plan));
    } catch (const std::invalid_argument& error) {
      refuse_options("T2N-M005", error.what(), "give a sample input of the size that the program was exported for");
    }
    result_ = options;
  }

  ExportOptions run() {
    if (options_.dynamic_axes.empty()) {
      for (const std::string& symbol : sizes_.symbols()) name_symbol(symbol);
    } else {
      take_names();
    }
    add_axes();
    return std::move(result_);
  }

 private:
  // A symbol is named after the first axis that it is.
  void name_symbol(const std::string& symbol) {
    const auto bounds = sizes_.bounds_of(symbol, sample_);
    const auto [input, axis] = first_axis(symbol);
    const std::string name = plan_.sizes.inputs[input].name;
    if (bounds.is_fixed || sample_.at(symbol) == 0) {
      plan_.narrowed.push_back("axis " + std::to_string(axis) + " of " + name + " stays " +
                               std::to_string(plan_.sizes.inputs[input].sizes[axis]) +
                               ": the program has a symbol for it, but torch's guards allow no other size");
      return;
    }
    add_symbol(symbol, unique(name + "_" + std::to_string(axis)), bounds);
  }

  std::pair<std::size_t, std::size_t> first_axis(const std::string& symbol) const {
    if (const auto axis = sizes_.axis_of(symbol)) return *axis;
    for (std::size_t i = 0; i < sizes_.inputs().size(); ++i) {
      for (std::size_t axis = 0; axis < sizes_.inputs()[i].shape.size(); ++axis) {
        std::set<std::string> names;
        sizes_.inputs()[i].shape[axis].collect_symbols(names);
        if (names.count(symbol) > 0) return {i, axis};
      }
    }
    return {0, 0};
  }

  std::string unique(std::string name) const {
    const auto is_taken = [&](const std::string& candidate) {
      return std::any_of(plan_.sizes.inputs.begin(), plan_.sizes.inputs.end(),
                         [&](const DynamicInput& input) { return input.name == candidate; }) ||
             !nnef::is_identifier(candidate) || std::any_of(dims_.begin(), dims_.end(), [&](const auto& entry) {
               return entry.second == nnef::Dim::symbol(candidate);
             });
    };
    while (is_taken(name)) name = "D_" + name;
    return name;
  }

  void add_symbol(const std::string& symbol, const std::string& name, const ProgramSizes::Bounds& bounds) {
    dims_.emplace(symbol, nnef::Dim::symbol(name));
    const bool is_bounded = std::any_of(result_.symbols.begin(), result_.symbols.end(),
                                        [&](const Symbol& known) { return known.name == name; });
    if (is_bounded || (bounds.minimum < 2 && !bounds.maximum)) return;
    Symbol bounded{name, std::nullopt, bounds.maximum};
    if (bounds.minimum > 1) bounded.minimum = bounds.minimum;
    result_.symbols.push_back(bounded);
  }

  [[noreturn]] static void refuse_fixed(const DynamicAxis& axis, std::int64_t size) {
    refuse_options("T2N-M008",
                   "--dynamic-axes " + axis.input + ":" + std::to_string(axis.axis) +
                       ": the program was exported for " + std::to_string(size) + " there, and for no other size",
                   "export it with that dimension in dynamic_shapes; torch.export fixes the time axis of a recurrent "
                   "layer even so, and torch.jit.trace does not");
  }

  // The user's names for symbols that are an axis by themselves.
  void take_names() {
    for (const DynamicAxis& axis : options_.dynamic_axes) {
      for (std::size_t i = 0; i < plan_.sizes.inputs.size(); ++i) {
        if (plan_.sizes.inputs[i].name != axis.input) continue;
        const ProgramShape& shape = sizes_.inputs()[i].shape;
        const auto rank = static_cast<int>(shape.size());
        const int place = axis.axis < 0 ? axis.axis + rank : axis.axis;
        if (place < 0 || place >= rank) continue;  // said by those who read the option
        given_.emplace(i, static_cast<std::size_t>(place));
        const Expression& size = shape[static_cast<std::size_t>(place)];
        if (size.op == Expression::Op::kInteger) refuse_fixed(axis, size.integer);
        if (!size.is_symbol() || dims_.count(size.symbol) > 0) continue;
        if (sizes_.bounds_of(size.symbol, sample_).is_fixed) refuse_fixed(axis, sample_.at(size.symbol));
        const std::set<std::string> names = axis.expression.symbols();
        const bool is_name = names.size() == 1 && axis.expression == nnef::Dim::symbol(*names.begin());
        if (is_name) {
          add_symbol(size.symbol, *names.begin(), sizes_.bounds_of(size.symbol, sample_));
        } else {
          dims_.emplace(size.symbol, axis.expression);
        }
      }
    }
  }

  // All axes of symbols that have a name, but for those that the user named.
  void add_axes() {
    for (std::size_t i = 0; i < plan_.sizes.inputs.size(); ++i) {
      const ProgramShape& shape = sizes_.inputs()[i].shape;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        if (shape[axis].op == Expression::Op::kInteger || given_.count({i, axis}) > 0) continue;
        const auto dim = to_dim(shape[axis], dims_);
        if (!dim || dim->is_constant()) continue;
        result_.dynamic_axes.push_back({plan_.sizes.inputs[i].name, static_cast<int>(axis), *dim});
      }
    }
  }

  const ExportOptions& options_;
  ProgramPlan& plan_;
  const ProgramSizes& sizes_;
  nnef::Bindings sample_;                  // of the file's symbols
  std::map<std::string, nnef::Dim> dims_;  // what they are called here
  std::set<std::pair<std::size_t, std::size_t>> given_;
  ExportOptions result_;
};

void check_ranks(const ProgramPlan& plan) {
  const std::vector<ProgramUserInput>& inputs = plan.file_sizes.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::size_t rank = plan.sizes.inputs[i].sizes.size();
    if (rank == inputs[i].shape.size()) continue;
    refuse_options("T2N-M005", "the sample of input " + plan.sizes.inputs[i].name + " has " + std::to_string(rank) +
                                   " axes, and the program takes " + std::to_string(inputs[i].shape.size()));
  }
}

}  // namespace

void refuse_options(const char* code, const std::string& text, const std::string& hint) {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, code, "", {}, text, hint});
}

ProgramPlan make_program_plan(const LoadedProgram& loaded, const std::filesystem::path& path,
                              const ExportOptions& options) {
  if (!options.module_path.empty() || options.method != "forward") {
    refuse_options("T2N-M007", "a .pt2 file holds one program: --module and --method are for TorchScript",
                   "export the part of the model alone, with torch.export.export(part, ...)");
  }
  ProgramPlan plan(loaded);
  plan.sizes.may_hold_sample_sizes = false;
  const std::vector<ProgramUserInput>& inputs = plan.file_sizes.inputs();
  if (!options.input_names.empty() && options.input_names.size() != inputs.size()) {
    refuse_options("T2N-M005", "--input-names gives " + std::to_string(options.input_names.size()) +
                                   " names, but the program takes " + std::to_string(inputs.size()) +
                                   (inputs.size() == 1 ? " input" : " inputs"));
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    names.push_back(options.input_names.empty() ? nnef::make_identifier(inputs[i].name) : options.input_names[i]);
  }
  ProgramSamples samples = program_samples(loaded, plan.file_sizes, names, path, options);
  plan.from = std::move(samples.from);
  plan.are_drawn = !samples.drawn.empty();
  plan.leaves = std::move(samples.values);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<std::int64_t> sizes = plan.leaves[i].sizes().vec();
    plan.sizes.inputs.push_back({names[i], sizes, nnef::make_shape(sizes)});
  }
  check_ranks(plan);
  plan.drawn = drawn_integers(plan.leaves, samples.drawn, plan.sizes.inputs);
  std::erase_if(plan.drawn, [&](const DrawnInput& one) { return inputs[one.place].is_number; });
  plan.sizes.axes = resolve_dynamic_axes(AxisPlanner(options, plan).run(), plan.sizes.inputs);
  return plan;
}

std::optional<ProgramPlan> with_tied_sizes(const ProgramPlan& plan, const ExportOptions& options) {
  if (!options.dynamic_axes.empty()) return std::nullopt;
  ProgramPlan tied = plan;
  tied.narrowed.clear();
  for (const std::string& guard : tied.file_sizes.tie_guards(tied.file_sizes.bind(sizes_of_samples(plan)))) {
    tied.narrowed.push_back("sizes are such that " + guard + ", as an equality, which they are in the samples: the " +
                            "program allows more, but cannot be exported for them");
  }
  std::map<std::pair<std::size_t, std::int64_t>, std::size_t> first;  // the input of an axis and size
  for (const std::string& symbol : plan.file_sizes.symbols()) {
    const auto place = plan.file_sizes.axis_of(symbol);
    if (!place) continue;
    const auto [input, axis] = *place;
    const auto [known, is_new] = first.try_emplace({axis, plan.sizes.inputs[input].sizes[axis]}, input);
    if (is_new) continue;
    tied.file_sizes.tie(symbol, plan.file_sizes.inputs()[known->second].shape[axis].symbol);
    tied.narrowed.push_back("axis " + std::to_string(axis) + " of " + plan.sizes.inputs[input].name +
                            " is as large as that of " + plan.sizes.inputs[known->second].name +
                            ": the program has a symbol for each, but cannot be exported where they differ");
  }
  if (tied.narrowed.empty()) return std::nullopt;
  for (DynamicInput& input : tied.sizes.inputs) input.shape = nnef::make_shape(input.sizes);
  tied.sizes.axes = resolve_dynamic_axes(AxisPlanner(options, tied).run(), tied.sizes.inputs);
  return tied;
}

}  // namespace torch2nnef
