#include "export/verify/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <future>

#include "export/report/json_report.h"
#include "export/verify/bundle.h"
#include "export/verify/judge.h"
#include "export/verify/rounding.h"
#include "export/verify/tract_engine.h"
#include "export/verify/tract_failure.h"
#include "export/verify/tract_place.h"
#include "export/verify/weak_outputs.h"
#include "export/version.h"

namespace torch2nnef {
namespace {

constexpr const char* kMakeBundle = "please report it; attach the file written by --debug-bundle FILE.tgz";

[[noreturn]] void no_engine(const std::string& text, const std::string& how_to_get_one = "") {
  throw ExportError(ExportError::Kind::kUsage,
                    {Severity::kError, "T2N-C001", "", {}, text, how_to_get_one + "check with --check=reference"});
}

[[noreturn]] void not_evaluated(const std::string& text) {
  throw ExportError(
      ExportError::Kind::kUsage,
      {Severity::kError, "T2N-C005", "", {}, text, "check in tract (--check=tract), or not (--check=none)"});
}

// " at S = 3 on other values of the inputs"
std::string text_of(const CheckSubject& subject, const Recording::Run& run) {
  std::string text;
  for (const auto& [name, size] : run.sizes)
    text += (text.empty() ? " at " : ", ") + name + " = " + std::to_string(size);
  return subject.has_other_values(run) ? text + " on other values of the inputs" : text;
}

// What one engine found wrong at one size.
struct Failure {
  const Recording::Run* run;
  std::vector<Diagnostic> problems;
  std::string log;
  std::optional<SmallestPart> smallest = {};
  bool is_rounding = false;  // of f32, and nothing else
};

using RoundingOf = std::map<std::string, Rounding>;  // by name of the output

const nnef::TensorData* find_tensor(const std::vector<nnef::NamedTensor>& tensors, const std::string& name) {
  for (const nnef::NamedTensor& tensor : tensors) {
    if (tensor.name == name) return tensor.data.get();
  }
  return nullptr;
}

// The rounding that makes outputs differ, when each that differs does so for that reason. Evaluates the archive once
// more; empty where that is not possible, and then the difference is told without it.
RoundingOf only_rounding(const CheckSubject& subject, const Recording::Run& run,
                         const std::vector<nnef::NamedTensor>& computed,
                         const std::vector<CheckReport::Output>& outputs) {
  const auto agrees = [](const CheckReport::Output& output) { return output.agrees; };
  if (std::all_of(outputs.begin(), outputs.end(), agrees)) return {};
  if (is_quantised_model(subject)) return {};  // f64 keeps what codes round
  RoundingOf found;
  try {
    const auto exact = evaluate_in_f64(subject.archive, subject.dialect, run.inputs);
    for (const CheckReport::Output& output : outputs) {
      if (output.agrees) continue;
      const nnef::TensorData* actual = find_tensor(computed, output.name);
      if (actual == nullptr) return {};
      const auto rounding =
          rounding_of(*find_tensor(run.outputs, output.name), *actual, *find_tensor(exact, output.name));
      if (!rounding) return {};
      found.emplace(output.name, *rounding);
    }
  } catch (const std::exception&) {
    return {};
  }
  return found;
}

Diagnostic rounding_problem(const std::string& text, const std::string& engine, const Rounding& rounding) {
  return {Severity::kError,
          "T2N-C009",
          "",
          {},
          fmt::format("{}; this is rounding, which grows in the model: PyTorch's own values are up to {:.2g} from "
                      "those in f64, and {}'s up to {:.2g}",
                      text, rounding.expected, engine, rounding.actual),
          fmt::format("where that is exact enough, accept it with --tolerance={}", rounding.accepts)};
}

// An error about each output that differs. `first` is the call where the values part, if that is known.
std::vector<Diagnostic> problems_of(const CheckSubject& subject, const Recording::Run& run,
                                    const std::vector<CheckReport::Output>& outputs, const char* code,
                                    const std::string& whose, const std::optional<Divergence>& first,
                                    const RoundingOf& rounding) {
  std::vector<Diagnostic> problems;
  for (const CheckReport::Output& output : outputs) {
    if (output.agrees) continue;
    std::string text = "output " + output.name + text_of(subject, run) + " differs: " + output.detail;
    if (output.steps) {
      text += fmt::format("; the root mean square is {:.3g}, and what inputs moved by one step explain is {:.3g}",
                          output.steps->rms, output.steps->accepted);
    }
    if (const auto found = rounding.find(output.name); found != rounding.end()) {
      problems.push_back(rounding_problem(text, output.engine, found->second));
      continue;
    }
    Diagnostic problem{
        Severity::kError, code, "", {}, text, std::string("this is a bug in ") + whose + "; " + kMakeBundle};
    if (first) {
      problem.op = first->aten;
      problem.where = first->where;
      problem.text += "; the first value to differ is " + first->to_string();
    }
    problems.push_back(std::move(problem));
  }
  return problems;
}

std::vector<const Recording::Run*> runs_of(const CheckSubject& subject) {
  std::vector<const Recording::Run*> runs;
  for (const Recording::Run& run : subject.recording.runs) runs.push_back(&run);
  if (subject.other_values != nullptr) runs.push_back(subject.other_values);
  return runs;
}

// What was found of the outputs of a run. Those of other values are shown with the sample's, unless they differ.
void add_outputs(bool is_second, const std::vector<CheckReport::Output>& outputs, CheckReport& check) {
  for (const CheckReport::Output& output : outputs) {
    const auto of_sample =
        std::find_if(check.outputs.begin(), check.outputs.end(), [&](const CheckReport::Output& known) {
          return known.engine == output.engine && known.name == output.name && known.sizes == output.sizes;
        });
    if (!is_second || of_sample == check.outputs.end()) {
      check.outputs.push_back(output);
    } else if (of_sample->agrees && !output.agrees) {
      *of_sample = output;
    } else {
      of_sample->max_abs = std::max(of_sample->max_abs, output.max_abs);
      of_sample->max_rel = std::max(of_sample->max_rel, output.max_rel);
    }
  }
}

// Values that nobody gave do not refuse an export for rounding that grows.
bool is_excused(const CheckSubject& subject, const Recording::Run& run, const RoundingOf& rounding) {
  return subject.has_other_values(run) && !rounding.empty();
}

void warn_of_weak_outputs(const CheckSubject& subject, Diagnostics& diagnostics) {
  for (const WeakOutput& weak : weak_outputs(subject)) {
    diagnostics.warning("T2N-C010", "output " + weak.name + " " + weak.why + "; its check shows little", {},
                        "where that is not meant, give inputs at which it is otherwise (--inputs, --seed)");
  }
}

// --- the reference evaluator ---

// Outputs agree, and yet values on the way to them do not: told when a call is wrong by itself, not for rounding errors
// that grew. Takes several times as long as the evaluation did.
void warn_of_values(const CheckSubject& subject, const Recording::Run& run, const ExportOptions& options,
                    ExportReport& report) {
  const LockStep steps = compare_in_lock_step(subject, run, options.tolerance);
  const bool is_wrong =
      std::any_of(steps.calls.begin(), steps.calls.end(), [](const CallError& call) { return !call.own_agrees; });
  if (!is_wrong || !steps.divergence) return;
  report.diagnostics.warning(
      "T2N-C007", "every output agrees" + text_of(subject, run) + ", but not " + steps.divergence->to_string(),
      steps.divergence->where, "try other inputs (--inputs, --seed)");
}

struct Evaluated {
  std::string not_evaluated;   // why nothing was compared
  bool values_differ = false;  // on the way to outputs that agree
  std::optional<Failure> failure;
};

Evaluated evaluate_at(const CheckSubject& subject, const Recording::Run& run, const ExportOptions& options,
                      ExportReport& report) {
  const ReferenceRun result = run_reference(subject, run, options.tolerance);
  if (!result.not_evaluated.empty()) return {result.not_evaluated, false, std::nullopt};
  const bool agrees = std::all_of(result.outputs.begin(), result.outputs.end(), [](const auto& o) { return o.agrees; });
  const RoundingOf rounding = only_rounding(subject, run, result.computed, result.outputs);
  if (is_excused(subject, run, rounding)) return {};
  add_outputs(subject.has_other_values(run), result.outputs, report.check);
  if (agrees) return {"", !result.differences.empty(), std::nullopt};
  if (rounding.empty()) report.check.divergence = find_divergence(subject, run, options.tolerance).divergence;
  return {
      "", false,
      Failure{&run,
              problems_of(subject, run, result.outputs, "T2N-C004", "torch2nnef", report.check.divergence, rounding),
              "", std::nullopt, !rounding.empty()}};
}

// An output that agrees with torch's exact engine alone, though the calls show nothing that its usual engine misses.
std::optional<Failure> not_shown_to_saturate(const Recording::Run& run, const CheckReport& check) {
  for (const CheckReport::Output* output : check.verdicts()) {
    if (!output->steps || !output->steps->is_exact_engine) continue;
    return Failure{&run,
                   {{Severity::kError,
                     "T2N-C003",
                     "",
                     {},
                     "output " + output->name + " agrees with PyTorch's qnnpack engine alone",
                     std::string("this is a bug in torch2nnef or in tract; ") + kMakeBundle}},
                   ""};
  }
  return std::nullopt;
}

// The calls of a quantised model one by one: what its outputs may differ by does not show that each is right.
std::optional<Failure> check_codes(const CheckSubject& subject, const ExportOptions& options, ExportReport& report) {
  if (!is_quantised_model(subject) || subject.recording.runs.empty()) return std::nullopt;
  const Recording::Run& run = subject.recording.runs.front();
  LockStep steps = compare_in_lock_step(subject, run, options.tolerance);
  if (!steps.incomplete.empty()) {
    report.diagnostics.warning("T2N-C008", "the codes of single calls are not known from here on: " + steps.incomplete);
  }
  for (const std::string& call : steps.codes.inexact_in_torch) {
    report.diagnostics.warning(
        "T2N-C014", "PyTorch's own kernel misses the exact result of " + call, {},
        "its sums saturate: quantise the activations to 7 bits (reduce_range), or with another engine");
  }
  const bool saturates = !steps.codes.inexact_in_torch.empty();
  report.check.codes = std::move(steps.codes);
  if (!steps.wrong_codes) return saturates ? std::nullopt : not_shown_to_saturate(run, report.check);
  const Divergence& first = *steps.wrong_codes;
  Failure failure{&run,
                  {{Severity::kError, "T2N-C013", first.aten, first.where,
                    "on PyTorch's own values, " + first.to_string() + " is wrong: " + first.detail,
                    std::string("this is a bug in torch2nnef; ") + kMakeBundle}},
                  ""};
  report.check.divergence = std::move(steps.wrong_codes);
  return failure;
}

// At every size, until one differs.
std::optional<Failure> evaluate(const CheckSubject& subject, const ExportOptions& options, ExportReport& report) {
  report.check.engine = "reference";
  bool was_looked_into = false;  // once is enough, since rounding grows at every size alike
  for (const Recording::Run* each : runs_of(subject)) {
    const Recording::Run& run = *each;
    Evaluated evaluated = evaluate_at(subject, run, options, report);
    if (!evaluated.not_evaluated.empty()) {
      if (options.check == Check::kReference) not_evaluated(evaluated.not_evaluated);
      report.check.engine.clear();
      report.check.outputs.clear();
      report.check.not_run_because = evaluated.not_evaluated;
      return std::nullopt;
    }
    if (evaluated.failure) return std::move(evaluated.failure);
    if (evaluated.values_differ && !was_looked_into) warn_of_values(subject, run, options, report);
    was_looked_into = was_looked_into || evaluated.values_differ;
  }
  if (options.call_errors && !subject.recording.runs.empty()) {
    LockStep steps = compare_in_lock_step(subject, subject.recording.runs.front(), options.tolerance);
    report.check.calls = std::move(steps.calls);
    if (!steps.incomplete.empty()) {
      report.diagnostics.warning("T2N-C008",
                                 "the errors of single calls are not known from here on: " + steps.incomplete);
    }
  }
  return std::nullopt;
}

// --- tract ---

// The engine to run: nothing when none is found or wanted, and then the report says why.
std::optional<Engine> engine_for(const ExportOptions& options, ExportReport& report) {
  if (options.check == Check::kReference) return std::nullopt;
  const std::string how_to_get_one = how_to_get_tract(options.target.version.to_string());
  std::optional<Engine> engine;
  try {
    engine = find_engine(options.tract, options.target.version);
  } catch (const std::exception& error) {
    no_engine(error.what(), how_to_get_one + ", or ");
  }
  if (engine) return engine;
  if (options.check == Check::kTract) no_engine("tract was not found", how_to_get_one + ", or ");
  report.check.not_run_because = "no tract was found: " + how_to_get_one;
  return std::nullopt;
}

// What one run of the engine shows; nothing when all outputs agree.
std::optional<Failure> judge(const Engine& engine, const CheckSubject& subject, const Recording::Run& run,
                             const EngineRun& result, const ExportOptions& options, ExportReport& report) {
  if (!result.ran) {
    for (const nnef::NamedTensor& output : run.outputs) {
      report.check.outputs.push_back(
          {"tract " + engine.version, output.name, run.sizes, 0, 0, false, "was not computed", {}});
    }
    const bool is_slow = result.exit_status == -1;
    return Failure{&run,
                   {{Severity::kError,
                     "T2N-C002",
                     "",
                     {},
                     "tract does not run the archive" + text_of(subject, run) + ": " + result.message,
                     is_slow ? "allow more time with --timeout SECONDS, or check without tract (--check=reference)"
                             : std::string("this is a bug in torch2nnef; ") + kMakeBundle}},
                   result.log};
  }
  std::vector<CheckReport::Output> outputs = judge_outputs(subject, run, result.outputs, options.tolerance);
  for (CheckReport::Output& output : outputs) {
    output.engine = "tract " + engine.version;
    output.sizes = run.sizes;
  }
  const RoundingOf rounding = only_rounding(subject, run, result.outputs, outputs);
  if (is_excused(subject, run, rounding)) return std::nullopt;
  add_outputs(subject.has_other_values(run), outputs, report.check);
  Failure failure{
      &run, problems_of(subject, run, outputs, "T2N-C003", "torch2nnef or in tract", report.check.divergence, rounding),
      result.log, std::nullopt, !rounding.empty()};
  if (failure.problems.empty()) return std::nullopt;
  return failure;
}

// Names the operation that is to blame, where it can be found.
void explain(const Engine& engine, const CheckSubject& subject, const EngineRun& result, const ExportOptions& options,
             ExportReport& report, Failure& failure) {
  std::optional<ExplainedFailure> explained = explain_tract_failure(engine, subject, *failure.run, result, options);
  if (!explained) return;
  for (Diagnostic& problem : failure.problems) {
    problem.op = explained->first.aten;
    problem.where = explained->first.where;
    problem.text += "; " + explained->first.detail;
  }
  failure.smallest = std::move(explained->smallest);
  report.check.divergence = std::move(explained->first);
}

std::vector<EngineRun> run_in_tract(const Engine& engine, const std::filesystem::path& archive,
                                    const CheckSubject& subject, double timeout_seconds) {
  std::vector<std::vector<nnef::NamedTensor>> inputs;
  for (const Recording::Run* run : runs_of(subject)) inputs.push_back(run->inputs);
  return run_engine_on_each(engine, archive, inputs, timeout_seconds);
}

std::optional<Failure> judge_all(const Engine& engine, const CheckSubject& subject,
                                 const std::vector<EngineRun>& results, const ExportOptions& options,
                                 ExportReport& report) {
  report.check.engine += (report.check.engine.empty() ? "tract " : " and tract ") + engine.version;
  std::optional<Failure> rounding;  // told unless there is worse at another size
  const std::vector<const Recording::Run*> runs = runs_of(subject);
  for (std::size_t i = 0; i < results.size(); ++i) {
    std::optional<Failure> failure = judge(engine, subject, *runs[i], results[i], options, report);
    if (!failure) continue;
    if (failure->is_rounding) {
      if (!rounding) rounding = std::move(failure);
      continue;
    }
    // What differs in the evaluator, too, is in the archive and already found.
    if (results[i].ran && report.check.divergence) return failure;
    if (options.progress) options.progress("find the operation");
    explain(engine, subject, results[i], options, report, *failure);
    return failure;
  }
  return rounding;
}

void write_bundle(const std::filesystem::path& archive, Failure& failure, const ExportOptions& options,
                  const ExportReport& report) {
  DebugBundle bundle;
  bundle.archive = archive;
  bundle.inputs = failure.run->inputs;
  bundle.expected = failure.run->outputs;
  bundle.tolerance = options.tolerance;
  VersionInfo versions = version_info();
  bundle.versions = versions.torch2nnef + "\nlibtorch " + versions.torch + "\n" + report.check.engine + "\n";
  bundle.log = failure.log;
  for (const Diagnostic& problem : failure.problems) bundle.log += "\n" + problem.text + "\n";
  bundle.report_json = json_report(ExportError(ExportError::Kind::kCheckFailed, failure.problems), &report);
  bundle.smallest = std::move(failure.smallest);
  write_debug_bundle(options.debug_bundle, bundle);
}

}  // namespace

void check_archive(const std::filesystem::path& archive, const CheckSubject& subject, const ExportOptions& options,
                   ExportReport& report) {
  if (options.check == Check::kNone) {
    report.check.not_run_because = "--check=none";
    return;
  }
  if (options.target.kind == nnef::Target::Kind::kKhronos) {
    if (options.check == Check::kTract) no_engine("tract reads its own dialect, and the target is khronos");
    if (options.check == Check::kReference) not_evaluated("the evaluator follows tract, and the target is khronos");
    report.check.not_run_because = "the target is not tract";
    return;
  }
  const std::optional<Engine> engine = engine_for(options, report);
  std::future<std::vector<EngineRun>> in_tract;  // a process of its own, at work while the evaluator is
  if (engine) {
    in_tract = std::async(std::launch::async, run_in_tract, *engine, archive, std::cref(subject),
                          options.check_timeout_seconds);
  }
  std::optional<Failure> failure = evaluate(subject, options, report);
  if (engine) {
    const std::optional<Failure> reference = std::move(failure);
    failure = judge_all(*engine, subject, in_tract.get(), options, report);
    if (reference && !failure && !reference->is_rounding) {
      const Diagnostic& problem = reference->problems.front();
      report.diagnostics.warning("T2N-C006", "in the reference evaluator, " + problem.text + "; tract agrees",
                                 problem.where, std::string("this is a bug in torch2nnef; ") + kMakeBundle);
      report.check.divergence.reset();
    }
  }
  if (!failure) failure = check_codes(subject, options, report);
  if (!failure) return warn_of_weak_outputs(subject, report.diagnostics);
  if (!options.debug_bundle.empty()) write_bundle(archive, *failure, options, report);
  throw ExportError(ExportError::Kind::kCheckFailed, failure->problems);
}

}  // namespace torch2nnef
