#include "export/verify/tract_engine.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <stdexcept>

#include "export/verify/engine_message.h"
#include "export/verify/float_cast.h"
#include "export/verify/private_folder.h"
#include "export/verify/subprocess.h"
#include "export/verify/tract_place.h"

namespace torch2nnef {

namespace fs = std::filesystem;
using nnef::DType;
using nnef::NamedTensor;

namespace {

constexpr double kVersionTimeout = 20;
// Stack traces would hide the cause.
const std::vector<std::string> kEnvironment = {"RUST_BACKTRACE=0"};

// "0.23.9" of "tract-cli 0.23.9\n"; "" when the text is nothing like it.
std::string version_in(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  if (!line.starts_with("tract")) return "";
  const std::string version = line.substr(line.rfind(' ') + 1);
  return !version.empty() && std::isdigit(static_cast<unsigned char>(version[0])) ? version : "";
}

std::vector<std::string> with_own(std::vector<std::string> environment) {
  environment.insert(environment.end(), kEnvironment.begin(), kEnvironment.end());
  return environment;
}

// The engine behind a program, or why it is none.
std::optional<Engine> probe(const fs::path& program, std::string& why_not,
                            const std::vector<std::string>& environment = {}) {
  const ProcessResult result = run_process({program.string(), "--version"}, kVersionTimeout, with_own(environment));
  if (!result.started) {
    why_not = result.why_not;
  } else if (result.timed_out) {
    why_not = "it does not answer --version";
  } else if (result.exit_status != 0) {
    why_not = engine_message(result.exit_status, result.errors);
  } else if (const std::string version = version_in(result.output); !version.empty()) {
    return Engine{program, version, environment};
  } else {
    why_not = "its --version does not begin with 'tract' and end with a version";
  }
  return std::nullopt;
}

// What makes tract-run use the library that tools/get-tract has fetched; empty when it has not.
std::vector<std::string> library_of(const std::string& version) {
  const fs::path place = tract_place(version);
  std::error_code error;
  if (place.empty() || !fs::is_regular_file(place / "libtract.so", error)) return {};
  return {"TRACT_LIBRARY=" + (place / "libtract.so").string()};
}

std::vector<fs::path> candidates(const std::string& version) {
  std::vector<fs::path> programs = {"tract", "tract-run"};  // on PATH
  if (const fs::path folder = program_folder(); !folder.empty()) {
    programs.push_back(folder / "tract");
    programs.push_back(folder / "tract-run");
  }
  if (const fs::path place = tract_place(version); !place.empty()) programs.push_back(place / "bin" / "tract");
  return programs;
}

// Empty when nobody names one.
fs::path given_program(const fs::path& explicit_path) {
  const char* const variable = std::getenv("TRACT");
  return explicit_path.empty() && variable && *variable ? fs::path(variable) : explicit_path;
}

// Writes the inputs as tract takes them; true when f16 among them had to be widened.
bool write_inputs(const std::vector<NamedTensor>& inputs, const fs::path& file) {
  std::vector<NamedTensor> written = inputs;
  bool widened = false;
  for (NamedTensor& input : written) {
    if (input.data->dtype() != DType::kF16) continue;
    input.data = cast_float(*input.data, DType::kF32);
    widened = true;
  }
  nnef::write_npz(file, written);
  return widened;
}

}  // namespace

std::vector<fs::path> engine_programs(const fs::path& explicit_path, const nnef::Version& wanted_version) {
  std::vector<fs::path> named = {given_program(explicit_path)}, programs;
  if (named[0].empty()) named = candidates(wanted_version.to_string());
  for (const fs::path& name : named) {
    std::error_code error;
    const fs::path program = find_program(name.string());
    if (fs::is_regular_file(program, error)) programs.push_back(program);
  }
  return programs;
}

std::optional<Engine> find_engine(const fs::path& explicit_path, const nnef::Version& wanted_version) {
  const std::string version = wanted_version.to_string();
  const fs::path wanted = given_program(explicit_path);
  std::string why_not;
  if (!wanted.empty()) {
    if (auto engine = probe(wanted, why_not)) return engine;
    throw std::runtime_error(fmt::format("{} does not work as tract: {}", wanted.string(), why_not));
  }
  std::optional<Engine> other;  // of another version
  for (const fs::path& program : candidates(version)) {
    std::optional<Engine> engine = probe(program, why_not);
    if (engine && engine->version != version && program.filename() == "tract-run") {
      if (const std::vector<std::string> library = library_of(version); !library.empty()) {
        engine = probe(program, why_not, library);
      }
    }
    if (engine && engine->version == version) return engine;
    if (!other) other = std::move(engine);
  }
  return other;
}

std::vector<std::string> engine_arguments(const fs::path& archive, const fs::path& inputs, bool float_casts) {
  std::vector<std::string> arguments = {
      archive.string(), "--nnef-tract-core", "--nnef-tract-extra", "--nnef-tract-transformers", "-O", "run"};
  if (!inputs.empty()) arguments.insert(arguments.end(), {"--input-from-npz", inputs.string()});
  if (float_casts) arguments.push_back("--allow-float-casts");
  return arguments;
}

namespace {

EngineRun run_with(const Engine& engine, const fs::path& archive, const std::vector<NamedTensor>& inputs,
                   const std::vector<std::string>& options, double timeout_seconds) {
  const PrivateFolder folder;
  const fs::path input_file = folder.path() / "inputs.npz", output_file = folder.path() / "outputs.npz";
  const bool widened = !inputs.empty() && write_inputs(inputs, input_file);

  EngineRun run;
  run.command = engine_arguments(archive, inputs.empty() ? fs::path() : input_file, widened);
  run.command.insert(run.command.begin(), engine.program.string());
  run.command.insert(run.command.end(), {"--save-outputs-npz", output_file.string()});
  run.command.insert(run.command.end(), options.begin(), options.end());
  const ProcessResult process = run_process(run.command, timeout_seconds, with_own(engine.environment));
  run.log = process.output + process.errors;
  run.exit_status = process.timed_out ? -1 : process.exit_status;
  if (!process.started) {
    run.exit_status = 127;  // as a shell has it
    run.message = fmt::format("{} cannot be started: {}", engine.program.string(), process.why_not);
  } else if (process.timed_out) {
    run.message = fmt::format("tract gave no answer within {} s", timeout_seconds);
  } else if (process.exit_status != 0) {
    run.message = engine_message(process.exit_status, process.errors);
  } else if (!fs::exists(output_file)) {
    run.message = "tract ended without a message and without results";
  } else {
    run.outputs = nnef::read_npz(output_file);
    run.ran = true;
  }
  return run;
}

// What tract-run gives in one process; only the runs before the first that fails.
std::vector<EngineRun> run_at_once(const Engine& engine, const fs::path& archive,
                                   const std::vector<std::vector<NamedTensor>>& inputs, double timeout_seconds) {
  const PrivateFolder folder;
  const auto file = [&](const char* kind, std::size_t i) { return folder.path() / fmt::format("{}_{}.npz", kind, i); };
  bool widened = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) widened = write_inputs(inputs[i], file("inputs", i)) || widened;
  std::vector<std::string> command = engine_arguments(archive, {}, widened);
  command.insert(command.begin(), engine.program.string());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    command.insert(command.end(),
                   {"--input-from-npz", file("inputs", i).string(), "--save-outputs-npz", file("outputs", i).string()});
  }
  const ProcessResult process = run_process(command, timeout_seconds, with_own(engine.environment));
  std::vector<EngineRun> runs;
  for (std::size_t i = 0; i < inputs.size() && fs::exists(file("outputs", i)); ++i) {
    EngineRun run;
    run.ran = true;
    run.log = process.output + process.errors;
    run.command = command;
    run.outputs = nnef::read_npz(file("outputs", i));
    runs.push_back(std::move(run));
  }
  if (process.exit_status != 0 && runs.size() == inputs.size()) runs.pop_back();
  return runs;
}

}  // namespace

EngineRun run_engine(const Engine& engine, const fs::path& archive, const std::vector<NamedTensor>& inputs,
                     double timeout_seconds) {
  return run_with(engine, archive, inputs, {}, timeout_seconds);
}

EngineRun run_engine_in_pulses(const Engine& engine, const fs::path& archive, const std::vector<NamedTensor>& inputs,
                               const std::string& symbol, std::int64_t pulse, double timeout_seconds) {
  return run_with(engine, archive, inputs, {"--pulse", fmt::format("{}={}", symbol, pulse)}, timeout_seconds);
}

std::vector<EngineRun> run_engine_on_each(const Engine& engine, const fs::path& archive,
                                          const std::vector<std::vector<NamedTensor>>& inputs, double timeout_seconds) {
  std::vector<EngineRun> runs;
  if (inputs.size() > 1 && !inputs.front().empty() && engine.program.filename() == "tract-run") {
    runs = run_at_once(engine, archive, inputs, timeout_seconds * static_cast<double>(inputs.size()));
  }
  while (runs.size() < inputs.size()) {
    runs.push_back(run_engine(engine, archive, inputs[runs.size()], timeout_seconds));
  }
  return runs;
}

}  // namespace torch2nnef
