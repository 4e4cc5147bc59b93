// Runs the real tract on an archive, as a child process with a time limit, and hands back what it computed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/io.h"

namespace torch2nnef TORCH2NNEF_API {

struct Engine {
  std::filesystem::path program;              // the tract command, or tract-run
  std::string version;                        // "0.23.9"
  std::vector<std::string> environment = {};  // NAME=VALUE that it needs beside ours
};

// --tract PATH, else $TRACT, else `tract` then `tract-run` on PATH, else beside this program, else where
// tools/get-tract puts it; among these the first of the wanted release (tract-run with the library of that release,
// when tools/get-tract has fetched it), else the first of any. A path that was given (by the argument or $TRACT) and
// does not work throws std::runtime_error with the reason; nothing found is nullopt.
std::optional<Engine> find_engine(const std::filesystem::path& explicit_path,
                                  const nnef::Version& wanted = nnef::Target{}.version);

// The files that find_engine() would try, those that there are.
std::vector<std::filesystem::path> engine_programs(const std::filesystem::path& explicit_path,
                                                   const nnef::Version& wanted = nnef::Target{}.version);

struct EngineRun {
  bool ran = false;
  int exit_status = 0;  // of the process; 128 + signal; -1 for a time-out
  std::string message;  // why not, condensed to a sentence (the innermost cause)
  std::string log;      // what it printed
  std::vector<std::string> command;
  std::vector<nnef::NamedTensor> outputs;
};

// Runs the archive, optimised, on inputs (by name). No shell. Temporary files live in a private folder that is removed.
// f16 results come back as f32 (compare_tensors knows). Throws only when a file cannot be written or read.
EngineRun run_engine(const Engine& engine, const std::filesystem::path& archive,
                     const std::vector<nnef::NamedTensor>& inputs, double timeout_seconds);

// The same as a stream: `pulse` frames of a symbol at a time. Beside the outputs, from their first frame on, are
// stream.delays, stream.axes and stream.frames, as tract-run --help explains them. Takes tract-run.
EngineRun run_engine_in_pulses(const Engine& engine, const std::filesystem::path& archive,
                               const std::vector<nnef::NamedTensor>& inputs, const std::string& symbol,
                               std::int64_t pulse, double timeout_seconds);

// The same at several inputs. tract-run loads and optimises the archive for all of them once; where one of them fails,
// it and those after it are run by themselves.
std::vector<EngineRun> run_engine_on_each(const Engine& engine, const std::filesystem::path& archive,
                                          const std::vector<std::vector<nnef::NamedTensor>>& inputs,
                                          double timeout_seconds);

// The arguments of both programs that run an archive: for run_engine() and for the script of a debug bundle. `inputs`
// may be empty. Float casts are needed when f16 inputs are given as f32, which is all that tract reads from an .npz.
std::vector<std::string> engine_arguments(const std::filesystem::path& archive, const std::filesystem::path& inputs,
                                          bool float_casts);

}  // namespace torch2nnef
