// The report as text.

#include "export/report/text_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "export/report/codes.h"

namespace torch2nnef {
namespace {

constexpr std::size_t kMostOperators = 12;  // in the line of operators; the rest is counted
constexpr std::size_t kMostOutputs = 40;
constexpr std::size_t kMostWeights = 6;  // those with the largest errors

std::string row(std::string_view title, std::string_view text) { return fmt::format("  {:<12} {}\n", title, text); }

std::string counted(int count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string bounds_text(const Symbol& symbol) {
  if (!symbol.minimum && !symbol.maximum) return symbol.name;
  return fmt::format("{}={}..{}", symbol.name, symbol.minimum ? std::to_string(*symbol.minimum) : "",
                     symbol.maximum ? std::to_string(*symbol.maximum) : "");
}

std::string sizes_text(const nnef::Bindings& sizes) {
  std::string text;
  for (const auto& [name, size] : sizes) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, size);
  return text;
}

std::string tensors_text(std::string_view title, const std::vector<IoReport>& list) {
  std::string text;
  for (const IoReport& one : list) {
    text += row(title, fmt::format("{} {}{}", one.name, one.dtype, nnef::to_string(one.shape)));
  }
  return text;
}

// "axis 2 of image, axis 0 of mask (2*S)"
std::string places_text(const ExportReport& report, const std::string& symbol) {
  std::string text;
  for (const SymbolPlace& place : report.places_of(symbol)) {
    text += fmt::format("{}axis {} of {}", text.empty() ? "" : ", ", place.axis, place.input);
    if (const std::string size = place.size.to_string(); size != symbol) text += fmt::format(" ({})", size);
  }
  return text;
}

std::string symbols_text(const ExportReport& report) {
  std::string text;
  for (const Symbol& symbol : report.symbols) {
    text += row("symbol", fmt::format("{:<8} {}", bounds_text(symbol), places_text(report, symbol.name)));
  }
  if (!report.symbols.empty()) {
    std::vector<std::string> sizes;
    for (const nnef::Bindings& one : report.recorded_sizes) sizes.push_back(sizes_text(one));
    text += row("recorded at", fmt::format("{}", fmt::join(sizes, ", ")));
  }
  for (const std::string& constraint : report.constraints) text += row("constraint", constraint);
  if (report.batch.is_scan) {
    text +=
        row("batch", fmt::format("a scan over {}, one sample each round: {}", report.batch.symbol, report.batch.why));
  } else if (!report.batch.symbol.empty()) {
    text += row("batch", fmt::format("plain operations on all {} samples: {}", report.batch.symbol, report.batch.why));
  }
  return text;
}

std::string states_text(const std::vector<StateReport>& states) {
  constexpr std::size_t kMostCharacters = 60;
  std::string text;
  for (const StateReport& state : states) {
    std::string initial = state.initial.substr(0, kMostCharacters);
    if (initial.size() < state.initial.size()) initial += "...";
    text += row("state", fmt::format("{} -> {}, initial value: {}", state.input, state.output, initial));
  }
  return text;
}

std::string operators_text(const std::map<std::string, int>& operators) {
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [name, count] : operators) sorted.emplace_back(-count, name);
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < std::min(sorted.size(), kMostOperators); ++i) {
    parts.push_back(fmt::format("{} {}", -sorted[i].first, sorted[i].second));
  }
  if (sorted.size() > kMostOperators) parts.push_back(fmt::format("{} more", sorted.size() - kMostOperators));
  return parts.empty() ? "" : row("operators", fmt::format("{}", fmt::join(parts, ", ")));
}

// "8.6 %" of the size of the numbers themselves.
std::string share_text(double error, double of) {
  return of > 0 ? fmt::format("{:.2g} %", 100 * error / of) : fmt::format("{:.2g}", error);
}

// What storing a layer's matrix does to the layer's output.
std::string layer_text(const std::optional<WeightReport::Output>& output) {
  if (!output) return "";
  return fmt::format("; output {}, {} under the scales of the largest items",
                     share_text(output->error, output->root_mean_square),
                     share_text(output->plain_error, output->root_mean_square));
}

// How many weights stay, by the reason.
std::string left_alone_text(const std::vector<WeightReport>& weights) {
  std::map<std::string, int> reasons;
  for (const WeightReport& one : weights) {
    if (one.form.empty()) ++reasons[one.why_not];
  }
  std::string text;
  for (const auto& [reason, count] : reasons)
    text += row("", fmt::format("{} f32: {}", count == 1 ? "1 stays" : fmt::format("{} stay", count), reason));
  return text;
}

std::string weights_text(const ExportReport& report) {
  std::uint64_t before = 0, after = 0;
  std::map<std::string, int> forms;
  std::vector<const WeightReport*> stored;
  for (const WeightReport& one : report.weights) {
    before += one.float_bytes;
    after += one.bytes;
    if (one.form.empty()) continue;
    ++forms[one.form];
    stored.push_back(&one);
  }
  if (report.weights.empty()) return "";
  std::string counts;
  for (const auto& [form, count] : forms) counts += fmt::format("{}{} as {}", counts.empty() ? "" : ", ", count, form);
  std::string text =
      row("weights", fmt::format("{}: {} instead of {}", counts.empty() ? "none is stored otherwise" : counts,
                                 text_size(after), text_size(before)));
  const auto share = [](const WeightReport& one) {
    return one.root_mean_square > 0 ? std::sqrt(one.mean_squared_error) / one.root_mean_square : 0;
  };
  std::stable_sort(stored.begin(), stored.end(), [&](const auto* a, const auto* b) { return share(*a) > share(*b); });
  for (std::size_t i = 0; i < std::min(stored.size(), kMostWeights); ++i) {
    const WeightReport& one = *stored[i];
    text += row("", fmt::format("{} {}: rms error {}, largest {:.2g}{}", one.path, one.form,
                                share_text(std::sqrt(one.mean_squared_error), one.root_mean_square), one.largest_error,
                                layer_text(one.output)));
  }
  if (stored.size() > kMostWeights)
    text += row("", fmt::format("and {} more with smaller errors", stored.size() - kMostWeights));
  text += left_alone_text(report.weights);
  for (std::size_t i = 0; i < std::min(report.float_distance.size(), kMostOutputs); ++i) {
    const FloatDistance& one = report.float_distance[i];
    const std::string at = one.sizes.empty() ? "" : " at " + sizes_text(one.sizes);
    text += row(i == 0 ? "float model" : "",
                fmt::format("{}{}: rms error {} ({:.2g}), largest {:.2g}", one.output, at,
                            share_text(one.rms_error, one.root_mean_square), one.rms_error, one.largest_error));
  }
  return text;
}

std::string half_text(const std::optional<HalfReport>& half) {
  if (!half) return "";
  return row("precision", fmt::format("f16 in {} of {} operations on floats, f32 in the others", half->in_half,
                                      half->in_half + half->in_single));
}

std::string verdict_text(const CheckReport::Output& output) {
  std::string name = output.name;
  if (!output.sizes.empty()) name += " at " + sizes_text(output.sizes);
  std::string text = fmt::format("{}: {} (max abs {:.2g}, max rel {:.2g}", name, output.agrees ? "agrees" : "DIFFERS",
                                 output.max_abs, output.max_rel);
  if (output.steps) {
    text += fmt::format("; rms {:.2g} of {:.2g} that inputs moved by one step explain{}", output.steps->rms,
                        output.steps->accepted, output.steps->is_exact_engine ? ", to PyTorch's qnnpack engine" : "");
  }
  return text + ")" + (output.detail.empty() ? "" : ": " + output.detail);
}

std::string codes_text(const CheckReport::Codes& codes) {
  if (codes.others == 0) {
    return fmt::format("{} have PyTorch's {} codes", counted(codes.calls, "quantised call"), codes.items);
  }
  return fmt::format("{}, of {} codes {} are not PyTorch's; they are up to {:.3f} steps from the exact result",
                     counted(codes.calls, "quantised call"), codes.items, codes.others, codes.largest);
}

std::string check_text(const CheckReport& check) {
  if (check.outputs.empty()) {
    return row("check", "not run" + (check.not_run_because.empty() ? "" : ": " + check.not_run_because));
  }
  std::string text = row("check", fmt::format("{}: {}", check.engine,
                                              check.agrees() ? "every output agrees with PyTorch" : "outputs DIFFER"));
  if (!check.not_run_because.empty()) text += row("", "not in tract: " + check.not_run_because);
  const std::vector<const CheckReport::Output*> verdicts = check.verdicts();
  for (std::size_t i = 0; i < std::min(verdicts.size(), kMostOutputs); ++i) {
    text += row("", verdict_text(*verdicts[i]));
  }
  if (verdicts.size() > kMostOutputs) {
    text += row("", fmt::format("and {} more", verdicts.size() - kMostOutputs));
  }
  if (check.codes && check.codes->calls > 0) text += row("", codes_text(*check.codes));
  return text;
}

std::string stream_text(const StreamReport& stream) {
  std::string text = row("stream", fmt::format("{} in pulses of {}: {} frames give what the whole sequence gives",
                                               stream.symbol, stream.pulse, stream.length));
  for (const StreamReport::Output& output : stream.outputs) {
    text += row("", fmt::format("{}: {} per pulse along axis {}, {} late ({} compared, max abs {:.2g})", output.name,
                                counted(static_cast<int>(output.frames), "frame"), output.axis, output.delay,
                                output.compared, output.max_abs));
  }
  return text;
}

std::string place_of(const Location& where) {
  std::string text = where.to_string();
  if (!where.stack.empty() && !where.module_path.empty()) text += "  (in " + where.module_path + ")";
  return text;
}

// Frames of the interpreter itself say nothing about the model.
bool is_of_python(const SourceLine& line) { return line.file.starts_with("<frozen "); }

std::string diagnostic_text(const Diagnostic& one) {
  std::string text = fmt::format("{} {}: ", to_string(one.severity), one.code);
  if (!one.op.empty()) text += one.op + (one.count > 1 ? fmt::format(" ({})", counted(one.count, "call")) : "") + ": ";
  text += one.text + "\n";
  if (const std::string place = place_of(one.where); !place.empty()) text += "    at   " + place + "\n";
  for (std::size_t i = 1; i < one.where.stack.size(); ++i) {
    const SourceLine& caller = one.where.stack[i];
    if (is_of_python(caller)) continue;
    text += fmt::format("    from {}:{} in {}", caller.file, caller.line, caller.function);
    text += caller.text.empty() ? "\n" : ": " + caller.text + "\n";
  }
  if (!one.hint.empty()) text += "    hint " + one.hint + "\n";
  return text;
}

// Operators that have no lowering, or not for these arguments: the codes of lowering (codes.def).
bool is_about_operator(const Diagnostic& one) {
  return one.severity == Severity::kError && !one.op.empty() && one.code.starts_with("T2N-L");
}

// ": 3 operators in 7 calls cannot be exported", or "" when nothing is about an operator.
std::string operators_summary(const std::vector<Diagnostic>& list) {
  std::set<std::string> names;
  int calls = 0;
  for (const Diagnostic& one : list) {
    if (!is_about_operator(one)) continue;
    names.insert(one.op);
    calls += one.count;
  }
  if (names.empty()) return "";
  const int count = static_cast<int>(names.size());
  return fmt::format(": {} in {} cannot be exported", counted(count, "operator"), counted(calls, "call"));
}

// What helps beyond the hints of the messages themselves, one flag per line.
std::string next_steps(const ExportError& error) {
  const std::vector<Diagnostic>& list = error.diagnostics();
  if (list.empty()) return "";
  std::string text = "Next steps:\n";
  const auto found = std::find_if(list.begin(), list.end(), is_about_operator);
  if (found == list.end()) {
    text += fmt::format("  torch2nnef --explain {}    cause and cure\n", list.front().code);
  } else {
    if (found->code != "T2N-L001") {
      text += fmt::format("  torch2nnef --explain {}    the supported uses of this operator\n", found->op);
    }
    text += "  torch2nnef --list-ops    all supported operators\n";
    text += "  --fragments FILE.nnef    define an operator yourself, as an expression\n";
  }
  // Before a call was recorded there is nothing to see.
  const std::string_view letter = std::string_view(list.front().code).substr(4, 1);
  if (error.kind() == ExportError::Kind::kNotExportable && (letter == "L" || letter == "P" || letter == "R")) {
    text += "  --report FILE.html    see every call of the model, and where the export stopped\n";
  }
  return text;
}

std::string failure_title(const ExportError& error, const std::string& model) {
  switch (error.kind()) {
    case ExportError::Kind::kNotExportable:
      return model + " was not exported" + operators_summary(error.diagnostics());
    case ExportError::Kind::kUsage:
      return model + " was not exported: the command line does not fit it";
    case ExportError::Kind::kCheckFailed:
      return error.diagnostics().front().code == "T2N-C011"
                 ? model + " was not exported: it gives other outputs than a file of --inputs"
                 : model + ": the exported archive's outputs differ from PyTorch's";
    case ExportError::Kind::kInternal:
      break;
  }
  return model + " was not exported because of a bug in torch2nnef; please report it";
}

}  // namespace

std::string text_size(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  return fmt::format("{:.1f} {}", size, unit);
}

std::string drawn_text(const DrawnInput& one) {
  return fmt::format("{}: {} to {} ({}: {})", one.input, one.lowest, highest_of(one).to_string(), to_string(one.use),
                     one.why);
}

std::string text_report(const ExportReport& report) {
  std::string text =
      fmt::format("{}: {}, {} in {}, {} from {}\n", report.output.string(), text_size(report.archive_bytes),
                  text_size(report.tensor_bytes), counted(report.tensors, "tensor"),
                  counted(report.operations, "operation"), counted(report.calls, "call"));
  text += tensors_text("input", report.inputs) + tensors_text("output", report.outputs) + states_text(report.states) +
          symbols_text(report);
  if (!report.inputs_from.empty()) text += row("samples", report.inputs_from);
  for (const DrawnInput& one : report.drawn) text += row("drawn", drawn_text(one));
  text += operators_text(report.operators) + weights_text(report) + half_text(report.half) + check_text(report.check);
  for (const StreamReport& stream : report.streams) text += stream_text(stream);
  return text;
}

std::string text_diagnostics(const Diagnostics& diagnostics) {
  std::string text;
  for (const Diagnostic& one : diagnostics.list()) {
    if (one.severity == Severity::kError) continue;
    text += diagnostic_text(one);
  }
  return text;
}

std::string text_diagnostics(const std::vector<Diagnostic>& list) {
  std::string text;
  for (const Diagnostic& one : list) text += diagnostic_text(one);
  return text;
}

std::string text_rerun(const RerunResult& result, const std::string& bundle) {
  if (!result.failure.empty()) {
    return fmt::format("{}: still fails: {} does not run the archive: {}\n", bundle, result.check.engine,
                       result.failure);
  }
  return fmt::format("{}: {}\n{}", bundle, result.agrees() ? "does not fail any more" : "still fails",
                     check_text(result.check));
}

std::string text_report(const ExportError& error, const std::string& model) {
  std::string text = failure_title(error, model) + "\n\n";
  std::vector<Diagnostic> list = error.diagnostics();
  std::stable_sort(list.begin(), list.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return static_cast<int>(a.severity) > static_cast<int>(b.severity);
  });
  return text + text_diagnostics(list) + "\n" + next_steps(error);
}

}  // namespace torch2nnef
