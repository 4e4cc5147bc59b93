#include "export/verify/stream_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "export/verify/compare.h"
#include "export/verify/float_cast.h"
#include "export/verify/frames.h"
#include "export/verify/stream_obstacles.h"
#include "export/verify/tract_engine.h"

namespace torch2nnef {

using nnef::NamedTensor;
using nnef::TensorData;

namespace {

constexpr std::int64_t kFrames = 192, kPulses = 6;  // of the sequence, at least

const Symbol& symbol_of(const Tape& tape, const std::string& name) {
  const auto found = std::ranges::find(tape.symbols, name, &Symbol::name);
  if (found != tape.symbols.end()) return *found;
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError,
                                                "T2N-U001",
                                                "",
                                                {},
                                                fmt::format("--stream: there is no symbol {}", name),
                                                "give the time axis a symbol, as in --dynamic-axes input:1=" + name});
}

// The engine's results and what it says of them.
const TensorData& result_named(const std::vector<NamedTensor>& results, const std::string& name) {
  const auto found = std::ranges::find(results, name, &NamedTensor::name);
  if (found == results.end()) throw std::runtime_error("tract-run gave no " + name);
  return *found->data;
}

std::vector<std::int64_t> numbers_named(const std::vector<NamedTensor>& results, const std::string& name) {
  const TensorData& tensor = result_named(results, name);
  const std::vector<std::byte> bytes = bytes_of(tensor);
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(tensor.numel()));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

// The first frames of both, of which `late` of the stream are passed over.
Comparison compare_frames(const TensorData& whole, const TensorData& streamed, std::int64_t late,
                          StreamReport::Output& output, const Tolerance& tolerance) {
  const auto axis = static_cast<std::size_t>(output.axis);
  output.compared = std::min(whole.shape().at(axis), streamed.shape().at(axis) - late);
  return compare_tensors(*frames_of(whole, output.axis, 0, output.compared),
                         *frames_of(streamed, output.axis, late, late + output.compared), tolerance, 0);
}

// Compares an output, and finds its delay where tract states a smaller one: behind a transposed convolution with a
// stride, tract counts the delay in frames before it.
void judge_output(const TensorData& whole, const TensorData& streamed, const Tolerance& tolerance,
                  StreamReport::Output& output) {
  const std::int64_t frames = streamed.shape().at(static_cast<std::size_t>(output.axis));
  const Comparison stated = compare_frames(whole, streamed, 0, output, tolerance);
  output.max_abs = stated.max_abs;
  output.detail = stated.detail;
  output.agrees = stated.agrees && output.compared >= output.frames;
  if (output.agrees) return;
  if (output.compared < output.frames) output.detail = fmt::format("only {} frames could be compared", output.compared);
  const std::int64_t compared = output.compared;
  for (std::int64_t late = 1; late + 2 * output.frames <= frames; ++late) {
    const Comparison other = compare_frames(whole, streamed, late, output, tolerance);
    if (!other.agrees) continue;
    output.delay += late;
    output.max_abs = other.max_abs;
    output.detail.clear();
    output.agrees = true;
    return;
  }
  output.compared = compared;
}

const Recording::Run& run_of(const CheckSubject& subject, const StreamSpec& stream) {
  const nnef::Bindings sizes = sizes_of_stream(stream, subject.recording.tape);
  const auto found = std::ranges::find(subject.recording.runs, sizes, &Recording::Run::sizes);
  if (found != subject.recording.runs.end()) return *found;
  throw ExportError(ExportError::Kind::kNotExportable,
                    {Severity::kError,
                     "T2N-R002",
                     "",
                     {},
                     fmt::format("the model fails at {} = {}, the length that a stream is checked with", stream.symbol,
                                 sizes.at(stream.symbol)),
                     "bound the symbol with --symbol"});
}

// The call whose operation the engine's message names last: "... #5 "gru_3" GruSeq ...".
std::optional<std::int32_t> call_named(const CheckSubject& subject, const std::string& message) {
  std::optional<std::int32_t> call;
  std::size_t begin = 0;
  while ((begin = message.find('"', begin)) != std::string::npos) {
    const std::size_t end = message.find('"', ++begin);
    if (end == std::string::npos) break;
    const auto value =
        std::ranges::find(subject.graph.values, message.substr(begin, end - begin), &nnef::ValueInfo::name);
    begin = end + 1;
    if (value == subject.graph.values.end()) continue;
    const std::int32_t of_value =
        subject.lineage.call_of.at(static_cast<std::size_t>(value - subject.graph.values.begin()));
    if (of_value >= 0) call = of_value;
  }
  return call;
}

std::vector<Diagnostic> possible_obstacles(const CheckSubject& subject, const StreamSpec& stream) {
  return stream_obstacles(subject.graph, subject.lineage, subject.recording.tape, stream.symbol).possible;
}

[[noreturn]] void not_cut(const CheckSubject& subject, const StreamSpec& stream, const EngineRun& result) {
  std::vector<Diagnostic> problems = possible_obstacles(subject, stream);
  if (problems.empty()) {
    Diagnostic problem{Severity::kError,
                       "T2N-R024",
                       "",
                       {},
                       fmt::format("tract cannot run the model in pulses of {}: {}", stream.pulse, result.message),
                       "a pulse must be a multiple of the strides; try another one, or leave out --stream"};
    if (const auto call = call_named(subject, result.log)) {
      problem.op = subject.recording.tape.calls.at(static_cast<std::size_t>(*call)).op;
      problem.where = subject.recording.tape.calls.at(static_cast<std::size_t>(*call)).where;
    }
    problems.push_back(std::move(problem));
  }
  throw ExportError(ExportError::Kind::kNotExportable, std::move(problems));
}

StreamReport check_stream(const Engine& engine, const std::filesystem::path& archive, const CheckSubject& subject,
                          const StreamSpec& stream, const ExportOptions& options, Diagnostics& diagnostics) {
  const Recording::Run& run = run_of(subject, stream);
  StreamReport report{stream.symbol, stream.pulse, run.sizes.at(stream.symbol), {}};
  const EngineRun result =
      run_engine_in_pulses(engine, archive, run.inputs, stream.symbol, stream.pulse, options.check_timeout_seconds);
  if (!result.ran) not_cut(subject, stream, result);
  const std::vector<std::int64_t> delays = numbers_named(result.outputs, "stream.delays"),
                                  axes = numbers_named(result.outputs, "stream.axes"),
                                  frames = numbers_named(result.outputs, "stream.frames");
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    const std::string& name = run.outputs[i].name;
    StreamReport::Output output;
    output.name = name;
    output.axis = axes.at(i);
    output.delay = delays.at(i);
    output.frames = frames.at(i);
    judge_output(*run.outputs[i].data, result_named(result.outputs, name), options.tolerance, output);
    if (output.delay != delays[i]) {
      diagnostics.warning("T2N-L015",
                          fmt::format("tract states a delay of {} for output {} in pulses of {}, and it is {}",
                                      delays[i], name, stream.pulse, output.delay),
                          {}, "skip the number of frames that this report gives");
    }
    report.outputs.push_back(std::move(output));
  }
  return report;
}

}  // namespace

void refuse_streams(const nnef::Graph& graph, const Lineage& lineage, const Tape& tape, const ExportOptions& options) {
  std::vector<Diagnostic> problems;
  for (const StreamSpec& stream : options.streams) {
    symbol_of(tape, stream.symbol);
    for (Diagnostic& one : stream_obstacles(graph, lineage, tape, stream.symbol).certain) {
      problems.push_back(std::move(one));
    }
  }
  if (!problems.empty()) throw ExportError(ExportError::Kind::kNotExportable, std::move(problems));
}

nnef::Bindings sizes_of_stream(const StreamSpec& stream, const Tape& tape) {
  const Symbol& symbol = symbol_of(tape, stream.symbol);
  const std::int64_t wanted = std::max(kPulses, (kFrames + stream.pulse - 1) / stream.pulse) * stream.pulse;
  const std::int64_t most = symbol.maximum.value_or(wanted) / stream.pulse * stream.pulse;
  if (most < 2 * stream.pulse) {
    throw ExportError(ExportError::Kind::kUsage,
                      {Severity::kError,
                       "T2N-U001",
                       "",
                       {},
                       fmt::format("--stream: {} holds less than two pulses of {}", symbol.name, stream.pulse),
                       "give it a larger bound with --symbol, or a smaller pulse"});
  }
  nnef::Bindings sizes = tape.worlds.front();
  sizes[symbol.name] = std::min(wanted, most);
  return sizes;
}

void check_streams(const std::filesystem::path& archive, const CheckSubject& subject, const ExportOptions& options,
                   ExportReport& report) {
  if (options.streams.empty()) return;
  const std::optional<Engine> engine = find_engine(options.tract, options.target.version);
  if (!engine || engine->program.filename() != "tract-run") {
    throw ExportError(ExportError::Kind::kUsage,
                      {Severity::kError,
                       "T2N-C001",
                       "",
                       {},
                       "streams are checked by tract-run and tract's library, which were not found",
                       "run tools/get-tract --library, and leave out --tract and $TRACT or name tract-run with them"});
  }
  std::vector<Diagnostic> problems;
  for (const StreamSpec& stream : options.streams) {
    report.streams.push_back(check_stream(*engine, archive, subject, stream, options, report.diagnostics));
    for (const StreamReport::Output& output : report.streams.back().outputs) {
      if (output.agrees) continue;
      problems.push_back(
          {Severity::kError,
           "T2N-C003",
           "",
           {},
           fmt::format("output {} in pulses of {} {} differs from that of the whole sequence: {}", output.name,
                       stream.pulse, stream.symbol, output.detail),
           "this is a bug in torch2nnef or in tract; leave out --stream if the archive gets whole sequences"});
    }
  }
  if (problems.empty()) return;
  std::vector<Diagnostic> causes;  // what compares frames with all others, without the mask that would leave a window
  for (const StreamSpec& stream : options.streams) {
    for (Diagnostic& one : possible_obstacles(subject, stream)) causes.push_back(std::move(one));
  }
  if (!causes.empty()) throw ExportError(ExportError::Kind::kNotExportable, std::move(causes));
  throw ExportError(ExportError::Kind::kCheckFailed, std::move(problems));
}

}  // namespace torch2nnef
