// tract-run: runs an NNEF archive in tract's shared library. It stands in for the tract command where there is none,
// and takes the options that checking needs (tract_options.cc holds the help text).
//
// The engine works in a child process (this program once more), since its panics abort; the parent waits, with a time
// limit, and hands on what the child says.
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

#include "export/verify/engine_message.h"
#include "export/verify/float_cast.h"
#include "export/verify/subprocess.h"
#include "nnef/io.h"
#include "terminal.h"
#include "tract_compare.h"
#include "tract_library.h"
#include "tract_options.h"
#include "tract_stream.h"

namespace tract_run {
namespace {

using nnef::NamedTensor;
using nnef::TensorDataPtr;
using torch2nnef::cli::complain;
using torch2nnef::cli::print;

constexpr int kFailed = 1, kUsageStatus = 2, kPanicked = 101, kOutOfTime = 124;
constexpr double kForEver = 1e9;                             // seconds
constexpr const char* kWorkHere = "--work-in-this-process";  // the child's first argument, not for users

std::vector<NamedTensor> read_bundle(const std::filesystem::path& path) {
  if (path.empty()) return {};
  if (!std::filesystem::exists(path)) throw nnef::IoError("File not found " + path.string());
  return nnef::read_npz(path);
}

// The value of an input from the first bundle that has it, cast if that is allowed.
TensorDataPtr value_of(const InputFact& input, const std::vector<NamedTensor>& given, const Options& options) {
  for (const NamedTensor& tensor : given) {
    if (tensor.name != input.name) continue;
    const nnef::DType dtype = tensor.data->dtype();
    if (input.dtype == nnef::to_string(dtype)) return tensor.data;
    const auto wanted = nnef::dtype_from_string(input.dtype);
    if (options.allow_float_casts && wanted && nnef::is_float(*wanted) && nnef::is_float(dtype)) {
      return torch2nnef::cast_float(*tensor.data, *wanted);
    }
    throw EngineError(fmt::format("For input {}, can not reconcile model input fact {} with provided input of type {}",
                                  input.name, input.text, nnef::to_string(dtype)));
  }
  throw EngineError(fmt::format("Unmatched tensor {}: the input file has no entry of that name", input.name));
}

void run_model(Model& model, const Options& options) {
  const std::vector<std::string> names = result_names(options.model);
  const std::vector<InputFact> facts = model.inputs();
  PulseFacts pulses;
  if (options.pulse && options.runs.size() > 1)
    throw EngineError("a stream is run once: its state is that of one sequence");
  for (const Run& run : options.runs) {
    const std::vector<NamedTensor> expected = read_bundle(run.expected);
    std::vector<NamedTensor> given = read_bundle(run.inputs);
    given.insert(given.end(), expected.begin(), expected.end());
    std::vector<TensorDataPtr> inputs;
    inputs.reserve(facts.size());
    for (const InputFact& input : facts) inputs.push_back(value_of(input, given, options));
    if (&run == &options.runs.front()) {
      if (options.pulse) pulses = pulse_facts(model);
      model.prepare();
    }
    Streamed streamed;
    if (options.pulse) streamed = run_stream(model, pulses, inputs);
    const std::vector<TensorDataPtr> outputs = options.pulse ? streamed.outputs : model.run(inputs);
    if (names.size() != outputs.size()) {
      throw EngineError(fmt::format("The engine gave {} results, graph.nnef lists {}", outputs.size(), names.size()));
    }
    std::vector<NamedTensor> results;
    for (std::size_t i = 0; i < names.size(); ++i) results.push_back({names[i], outputs[i]});
    if (!run.save_outputs.empty()) {
      std::vector<NamedTensor> saved = results;
      if (options.pulse) std::ranges::copy(description_of(streamed), std::back_inserter(saved));
      save_results(saved, run.save_outputs);
    }
    if (!run.expected.empty()) assert_results(results, expected, options);
  }
}

// The whole work; what goes wrong is said on stderr. Returns the exit status.
int work(const Options& options) {
  try {
    const auto started = std::chrono::steady_clock::now();
    const auto say = [&](std::string_view what) {
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started;
      if (options.verbose) complain(fmt::format("{:8.3f} s  {}\n", time.count(), what));
    };
    const Library library(find_library());
    if (options.command == Options::Command::kVersion) {
      print(fmt::format("tract {}\n", library.version()));
      return 0;
    }
    say("library of tract " + library.version() + " loaded");
    if (!std::filesystem::exists(options.model)) throw nnef::IoError("File not found " + options.model.string());
    Model model(library, options.model);
    model.set_symbols(options.symbols);
    say("model loaded");
    if (options.pulse) model.to_pulses(options.pulse->first, options.pulse->second);
    if (options.command == Options::Command::kRun) {
      run_model(model, options);
      say("run");
    } else if (options.optimize) {
      model.prepare();
      say("optimised");
    }
    return 0;
  } catch (const std::exception& error) {
    complain(fmt::format("tract-run: {}\n", error.what()));
    return kFailed;
  }
}

// Starts this program once more to do the work, and says what came of it. Returns the exit status.
int work_in_child(const Options& options, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"/proc/self/exe", kWorkHere};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const double limit = options.timeout_seconds > 0 ? options.timeout_seconds : kForEver;
  const std::vector<std::string> environment = {"RUST_BACKTRACE=0"};  // stack traces hide the cause
  const torch2nnef::ProcessResult child =
      torch2nnef::run_process(command, limit, options.verbose ? std::vector<std::string>() : environment);
  if (!child.started) {
    complain(fmt::format("tract-run: no child process can be started: {}\n", child.why_not));
    return kFailed;
  }
  print(child.output);
  const bool panicked = child.exit_status == 128 + SIGABRT;
  if (!panicked || options.verbose) complain(child.errors);
  if (child.timed_out) {
    complain(fmt::format("tract-run: Timed out after {} s\n", options.timeout_seconds));
    return kOutOfTime;
  }
  if (panicked) {  // its own words end in a stack trace, whatever RUST_BACKTRACE says
    complain(fmt::format("tract-run: {}\n", torch2nnef::engine_message(child.exit_status, child.errors)));
    return kPanicked;
  }
  if (child.exit_status > 128) {
    complain(fmt::format("tract-run: the engine was ended by {}\n", strsignal(child.exit_status - 128)));
  }
  return child.exit_status;
}

// What the child does: the work itself.
int work_here(const Options& options) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever ends tract-run ends the engine
  const rlimit no_core{0, 0};        // a panic is reported, its memory is of no use
  setrlimit(RLIMIT_CORE, &no_core);
  const int status = work(options);
  std::fflush(nullptr);
  _exit(status);  // the engine's own clean-up at exit is nothing to wait for
}

}  // namespace
}  // namespace tract_run

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool here = !arguments.empty() && arguments[0] == tract_run::kWorkHere;
  if (here) arguments.erase(arguments.begin());
  try {
    const auto options = tract_run::parse_options(arguments);
    if (options.command == tract_run::Options::Command::kHelp) {
      torch2nnef::cli::print(tract_run::kUsage);
      return 0;
    }
    return here ? tract_run::work_here(options) : tract_run::work_in_child(options, arguments);
  } catch (const torch2nnef::cli::PrintError& error) {
    torch2nnef::cli::complain(fmt::format("tract-run: {}\n", error.what()));
    return tract_run::kFailed;
  } catch (const tract_run::UsageError& error) {
    torch2nnef::cli::complain(fmt::format("tract-run: {}\n\nTry tract-run --help.\n", error.what()));
    return tract_run::kUsageStatus;
  }
}
