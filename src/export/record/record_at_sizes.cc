#include "export/record/record_at_sizes.h"

#include <algorithm>
#include <optional>

#include "export/record/aliases/cells.h"
#include "export/record/failures.h"
#include "export/sizes/baked_sizes.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;

constexpr std::size_t kTried = 3;       // worlds, when sizes are looked for
constexpr std::int64_t kSmallSize = 4;  // of a batch and the like

ExportError stopped(const Diagnostics& diagnostics) {
  std::vector<Diagnostic> errors;
  for (const Diagnostic& one : diagnostics.list()) {
    if (one.severity == Severity::kError) errors.push_back(one);
  }
  return {ExportError::Kind::kNotExportable, std::move(errors)};
}

// Executes, and throws ExportError with all that was found when the recording ends before its time.
Recording execute_or_stop(FrontEnd& front_end, const SizePlan& plan, const std::vector<Bindings>& worlds,
                          Diagnostics& diagnostics, Recording* refused) {
  Recording recording;
  try {
    front_end.execute(plan, worlds, diagnostics, recording);
    return recording;
  } catch (const RecordingStopped&) {
  } catch (const Unsupported& error) {
    diagnostics.error("T2N-R009", error.what(), {}, error.hint());
  } catch (const AttributeWritten& written) {
    diagnostics.error("T2N-R015",
                      std::string(written.what()) + " at some sizes or values, but not on the sample inputs", {},
                      "give sample inputs with which it is written");
  }
  if (refused) *refused = std::move(recording);
  throw stopped(diagnostics);
}

// Executes at the sizes of a plan, and at the sample's when that is not among them.
Recording execute_dynamic(FrontEnd& front_end, const SizePlan& plan, const std::vector<Bindings>& worlds,
                          Diagnostics& diagnostics, Recording* refused) {
  Recording recording = execute_or_stop(front_end, plan, worlds, diagnostics, refused);
  const auto sample_run = std::find_if(recording.runs.begin(), recording.runs.end(),
                                       [&](const Recording::Run& run) { return run.sizes == plan.axes.sample; });
  if (sample_run != recording.runs.end()) {
    std::rotate(recording.runs.begin(), sample_run, sample_run + 1);
    return recording;
  }
  // The sample hides broadcasting, but it is what the user gave: it is checked as well.
  Diagnostics unused;
  SizePlan fixed = plan;
  fixed.axes.symbols.clear();
  Recording sample = execute_or_stop(front_end, fixed, {plan.axes.sample}, unused, nullptr);
  recording.runs.insert(recording.runs.begin(), sample.runs.front());
  return recording;
}

// Of symbols that are not as small as a batch, no sizes above the sample's.
DynamicAxes up_to_sample(DynamicAxes axes) {
  for (Symbol& symbol : axes.symbols) {
    const std::int64_t size = axes.sample.at(symbol.name);
    if (size > kSmallSize) symbol.maximum = std::min(symbol.maximum.value_or(size), size);
  }
  return axes;
}

// The sizes at which the model does execute: any, or multiples of a number, which models need that halve and double
// their axes or cut them into pieces, or none above the sample's (a table of positions ends). Each symbol gets the
// finest grid that does.
class GridSearch {
 public:
  GridSearch(FrontEnd& front_end, const SizePlan& plan) : front_end_(front_end), plan_(plan) {}

  // Puts the bounds that were found into the plan. Throws ExportError when there are none.
  Grids run(SizePlan& plan) {
    if (auto grids = find()) return *grids;
    plan_.axes = up_to_sample(plan_.axes);
    if (auto grids = find()) {
      plan.axes = plan_.axes;
      return *grids;
    }
    fail();
  }

  [[noreturn]] void fail() const {
    if (!first_) {
      throw ExportError(ExportError::Kind::kUsage,
                        {Severity::kError,
                         "T2N-M005",
                         "",
                         {},
                         "the bounds of --symbol leave too few sizes to execute the model at",
                         "widen them, or make the axis static"});
    }
    const std::string hint =
        !first_->hint().empty() ? first_->hint()
        : first_->bounds().empty()
            ? "a size may be hard-coded in the model: read it from the input's shape instead; or make "
              "the axis static, or restrict it with --symbol"
            : "give bounds within which it goes the same way (--symbol " + first_->bounds() +
                  "), or make the axis static";
    throw ExportError(ExportError::Kind::kNotExportable, {Severity::kError, first_->code(), "", first_->where(),
                                                          std::string(first_->what()) + " (at " + sizes_ + ")", hint});
  }

 private:
  // 1 once more, for what fails there. Powers of two are what most models need.
  static constexpr std::int64_t kGrids[] = {1, 2, 4, 8, 16, 32, 64, 3, 6, 12, 24, 48, 5, 10, 20, 7, 14, 28};

  std::optional<Grids> find() {
    std::size_t count = plan_.axes.symbols.size();
    for (std::int64_t grid : kGrids) {
      Grids grids = grids_of(grid);
      if ((grid > 1 && grids == Grids(count, 1)) || !works(grids)) continue;
      // Of a single symbol all finer ones have been tried.
      for (std::size_t i = 0; count > 1 && i < count; ++i) {
        for (std::int64_t finer = 1; finer < grids[i]; ++finer) {
          Grids one = grids;
          one[i] = finer;
          if (grid % finer != 0 || !works(one)) continue;
          grids = one;
          break;
        }
      }
      return grids;
    }
    return std::nullopt;
  }

  // The same for all symbols; but multiples of just the sample's own size are what a model takes that has that size as
  // a number, and only powers of two are common enough to be something else.
  Grids grids_of(std::int64_t grid) const {
    const bool is_power_of_two = (grid & (grid - 1)) == 0;
    Grids grids;
    for (const Symbol& symbol : plan_.axes.symbols) {
      grids.push_back(is_power_of_two || plan_.axes.sample.at(symbol.name) >= 2 * grid ? grid : 1);
    }
    return grids;
  }

  bool works(const Grids& grids) {
    std::vector<Bindings> worlds = worlds_on(plan_.axes, plan_.inputs, grids, false);
    if (worlds.empty()) return false;
    worlds.resize(kTried);
    Diagnostics unused;
    Recording attempt;
    try {
      front_end_.execute(plan_, worlds, unused, attempt);
    } catch (const WorldFailed& failed) {
      if (!first_) {
        first_ = failed;
        for (const auto& [name, size] : worlds.back()) {
          sizes_ += (sizes_.empty() ? "" : ", ") + name + " = " + std::to_string(size);
        }
      }
      return false;
    } catch (const std::exception&) {
      return true;  // not for its sizes; reported when it is executed again
    }
    return true;
  }

  FrontEnd& front_end_;
  SizePlan plan_;
  std::optional<WorldFailed> first_;
  std::string sizes_;
};

// Where the sample's own size serves as one of those to execute at. Not all models go the same way at 1 and above:
// then at others, and it is executed by itself.
std::optional<Recording> try_with_sample(FrontEnd& front_end, const SizePlan& plan, Diagnostics& diagnostics) {
  const std::vector<Bindings> worlds = worlds_with_sample(plan.axes);
  if (worlds.empty()) return std::nullopt;
  Diagnostics attempt;
  try {
    Recording recording = execute_dynamic(front_end, plan, worlds, attempt, nullptr);
    if (attempt.has_errors()) return std::nullopt;
    for (const Diagnostic& one : attempt.list()) diagnostics.add(one);
    return recording;
  } catch (const WorldFailed&) {
  } catch (const ExportError&) {
  }
  return std::nullopt;
}

// At sizes far from the sample's, or where the model does not take those (a table of positions ends), at near ones.
std::optional<Recording> try_sizes(FrontEnd& front_end, const SizePlan& plan, Diagnostics& diagnostics,
                                   Recording* refused) {
  for (bool wide : {true, false}) {
    std::vector<Bindings> worlds = worlds_on(plan.axes, plan.inputs, Grids(plan.axes.symbols.size(), 1), wide);
    if (worlds.empty()) continue;
    Diagnostics attempt;
    try {
      Recording recording = execute_dynamic(front_end, plan, worlds, attempt, refused);
      for (const Diagnostic& one : attempt.list()) diagnostics.add(one);
      return recording;
    } catch (const WorldFailed&) {
    }
  }
  return std::nullopt;
}

// At the few sizes at which the model was found to work.
Recording record_at_near_sizes(FrontEnd& front_end, const SizePlan& plan, const GridSearch& search,
                               Diagnostics& diagnostics, Recording* refused) {
  std::vector<Bindings> worlds = worlds_on(plan.axes, plan.inputs, Grids(plan.axes.symbols.size(), 1), false);
  if (worlds.empty()) search.fail();
  worlds.resize(kTried);
  try {
    return execute_dynamic(front_end, plan, worlds, diagnostics, refused);
  } catch (const WorldFailed&) {
    search.fail();
  }
}

Recording record_on_grid(FrontEnd& front_end, SizePlan plan, Diagnostics& diagnostics, Recording* refused) {
  GridSearch search(front_end, plan);
  const Grids grids = search.run(plan);
  Bindings on_grid;  // the sample's sizes of symbols that are multiples
  for (std::size_t i = 0; i < grids.size(); ++i) {
    const std::string& symbol = plan.axes.symbols[i].name;
    if (grids[i] > 1) on_grid[symbol] = plan.axes.sample.at(symbol);
  }
  std::vector<std::string> conditions = fix_multiples(plan.axes, plan.inputs, grids);
  auto recording = try_sizes(front_end, plan, diagnostics, refused);
  if (!recording) recording = record_at_near_sizes(front_end, plan, search, diagnostics, refused);
  // Then the multiples are those at which such a view happens to come out even.
  if (plan.may_hold_sample_sizes && views_by_sample_size(recording->tape, on_grid)) search.fail();
  recording->tape.constraints.insert(recording->tape.constraints.begin(), conditions.begin(), conditions.end());
  return std::move(*recording);
}

std::optional<Recording> record_anywhere(FrontEnd& front_end, const SizePlan& plan, Diagnostics& diagnostics,
                                         Recording* refused) {
  if (auto recording = try_with_sample(front_end, plan, diagnostics)) return recording;
  return try_sizes(front_end, plan, diagnostics, refused);
}

void warn_of_baked_numbers(const Tape& tape, const Bindings& sample, Diagnostics& diagnostics) {
  for (const BakedNumber& baked : baked_numbers(tape, sample)) {
    const std::string number = std::to_string(baked.number);
    diagnostics.warning("T2N-R019",
                        "the number " + number + " of " + baked.op + " is the size of " + baked.size +
                            " in the sample: if it was computed from there, the trace holds it fixed at all sizes",
                        baked.where, "if so, take it from the shape (x.shape[0], not len(x)), which tracing records");
  }
}

// What holds at the sizes of the worlds, but not at all.
void check_for_sample_sizes(const Recording& recording, const SizePlan& plan, Diagnostics& diagnostics) {
  if (!plan.may_hold_sample_sizes) return;
  if (const auto unrolled = unrolled_axis(recording.tape, recording.runs.front().sizes)) {
    const std::string count = std::to_string(unrolled->count);
    throw ExportError(
        ExportError::Kind::kNotExportable,
        {Severity::kError, "T2N-R006", "aten::select", unrolled->where,
         "the " + count + " items along axis " + std::to_string(unrolled->axis) + " are taken one by one, as many as " +
             unrolled->size.to_string() + " has in the sample: a loop that the trace unrolled",
         "script the function that has the loop (torch.jit.script), or make the axis static"});
  }
  warn_of_baked_numbers(recording.tape, plan.axes.sample, diagnostics);
}

}  // namespace

Recording record_at_sizes(FrontEnd& front_end, const SizePlan& sizes, Diagnostics& diagnostics, Recording* refused) {
  if (sizes.axes.symbols.empty()) return execute_or_stop(front_end, sizes, {Bindings{}}, diagnostics, refused);
  auto recording = record_anywhere(front_end, sizes, diagnostics, refused);
  if (!recording) recording = record_on_grid(front_end, sizes, diagnostics, refused);
  check_for_sample_sizes(*recording, sizes, diagnostics);
  return std::move(*recording);
}

std::optional<Recording> record_at_all_sizes(FrontEnd& front_end, const SizePlan& sizes, Diagnostics& diagnostics) {
  auto recording = record_anywhere(front_end, sizes, diagnostics, nullptr);
  if (recording) check_for_sample_sizes(*recording, sizes, diagnostics);
  return recording;
}

void execute_at(FrontEnd& front_end, SizePlan plan, const std::vector<Bindings>& sizes, Recording& recording) {
  plan.axes.symbols.clear();
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    plan.inputs[i].shape = recording.tape.info(recording.tape.inputs.at(i)).shape;
  }
  for (const Bindings& one : sizes) {
    Diagnostics problems;
    Recording attempt;
    try {
      front_end.execute(plan, {one}, problems, attempt);
      if (!problems.has_errors()) recording.runs.push_back(attempt.runs.front());
    } catch (const std::exception&) {
      continue;  // the model does not take these sizes
    }
  }
}

}  // namespace torch2nnef
