#include "tract_options.h"

#include <charconv>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace tract_run {

const char kUsage[] = R"(tract-run: run an NNEF archive in tract's shared library, with the tract command's own options

  tract-run MODEL [OPTIONS] run [RUN OPTIONS]     run it on given inputs
  tract-run MODEL [OPTIONS] dump [-q]             only load it (and optimise it, with -O)

MODEL is a folder, a .tar or a .tgz.

Options
  -O                          optimise before dump (a run is always optimised: the library knows no other)
  --set SYMBOL=VALUE          give a symbol its value before optimising (repeatable)
  --pulse SYMBOL=N            run the model as a stream, N of the symbol at a time (tract 0.23)
  --timeout SECONDS           give up after that time
  --nnef-tract-core, --nnef-tract-extra, --nnef-tract-transformers, --nnef-tract-onnx, --nnef-tract-pulse, --opl
                              accepted: every operator registry of the library is always on
  -v                          say what is done
  -q                          say nothing but errors (the default)
  --version                   version of the engine
  -h, --help                  this text

Run options
  --input-from-npz FILE       values of the inputs, by name (also --input-from-bundle)
  --allow-float-casts         cast f16, f32 and f64 values to the type of the input
  --save-outputs-npz FILE     write the results, by name; f16 as f32, as the tract command does (also --save-outputs)
  --assert-output-bundle FILE
                              compare the results with the entries of their names, dtypes included
  --approx LEVEL              exact, close (default), approximate, very, super, ultra
  --approx-custom A,R,O       |result - expected| <= A + R * |expected|, except for a share O of the values
  --allow-missing-outputs     results without an entry are not compared
A second --input-from-npz begins another run of the same model, which is loaded and optimised once: what it saves and is
compared with follows it.

With --pulse an input is a whole sequence, of some pulses. What is saved of an output begins with its first frame: the frames
by which tract's come late are left out, so that it equals what the whole sequence gives, up to where it ends. Beside
the outputs stand stream.delays, stream.axes and stream.frames: for each output its delay, its time axis, and its frames per
pulse.

The library is $TRACT_LIBRARY, else libtract.so beside this program, else the one that tools/get-tract fetched.

Exit status: 0 done, 1 the model, the run or the comparison failed, 2 usage, 101 the engine panicked, 124 out of time.
)";

namespace {

const std::set<std::string, std::less<>> kRegistryFlags = {"--nnef-tract-core",         "--nnef-tract-extra",
                                                           "--nnef-tract-transformers", "--nnef-tract-onnx",
                                                           "--nnef-tract-pulse",        "--opl"};

std::pair<std::string, std::int64_t> parse_symbol(const std::string& option, const std::string& text) {
  const std::size_t equals = text.find('=');
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  if (equals != std::string::npos && equals > 0) {
    const auto [stop, error] = std::from_chars(text.data() + equals + 1, end, value);
    if (error == std::errc() && stop == end) return {text.substr(0, equals), value};
  }
  throw UsageError(option + " needs SYMBOL=VALUE with an integer, not '" + text + "'");
}

double parse_seconds(const std::string& text) {
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || stop != end || !(seconds > 0)) {
    throw UsageError("--timeout needs a number of seconds above 0, not '" + text + "'");
  }
  return seconds;
}

torch2nnef::Tolerance parse_level(const std::string& text) {
  const auto level = torch2nnef::tolerance_from_string(text);
  if (level && to_string(*level) == text) return *level;  // a name, not a number
  throw UsageError("--approx needs exact, close, approximate, very, super or ultra, not '" + text + "'");
}

torch2nnef::Tolerance parse_bounds(const std::string& text) {
  torch2nnef::ToleranceBounds bounds;
  char rest = 0;
  const int read =
      std::sscanf(text.c_str(), "%lf,%lf,%lf%c", &bounds.absolute, &bounds.relative, &bounds.outliers, &rest);
  if (read != 3) throw UsageError("--approx-custom needs three numbers as in 1e-4,5e-4,0, not '" + text + "'");
  return {bounds, bounds};
}

// The arguments one after the other; `--name=value` is `--name value`.
class Arguments {
 public:
  explicit Arguments(const std::vector<std::string>& list) {
    for (const std::string& item : list) {
      const std::size_t equals = item.find('=');
      if (item.starts_with("--") && equals != std::string::npos) {
        list_.push_back(item.substr(0, equals));
        list_.push_back(item.substr(equals + 1));
      } else {
        list_.push_back(item);
      }
    }
  }
  bool done() const { return next_ == list_.size(); }
  std::string take() { return list_[next_++]; }
  std::string value_of(const std::string& option) {
    if (done()) throw UsageError(option + " needs a value");
    return take();
  }

 private:
  std::vector<std::string> list_;
  std::size_t next_ = 0;
};

// True when the option was one of those that belong to `run`.
bool parse_run_option(const std::string& option, Arguments& arguments, Options& options) {
  if (option == "--input-from-npz" || option == "--input-from-bundle") {
    if (!options.runs.back().inputs.empty()) options.runs.emplace_back();
    options.runs.back().inputs = arguments.value_of(option);
  } else if (option == "--save-outputs-npz" || option == "--save-outputs") {
    options.runs.back().save_outputs = arguments.value_of(option);
  } else if (option == "--assert-output-bundle") {
    options.runs.back().expected = arguments.value_of(option);
  } else if (option == "--approx") {
    options.tolerance = parse_level(arguments.value_of(option));
  } else if (option == "--approx-custom") {
    options.tolerance = parse_bounds(arguments.value_of(option));
  } else if (option == "--allow-missing-outputs") {
    options.allow_missing_outputs = true;
  } else if (option == "--allow-float-casts") {
    options.allow_float_casts = true;
  } else {
    return false;
  }
  return true;
}

// The options that may stand anywhere.
bool parse_option(const std::string& option, Arguments& arguments, Options& options) {
  if (option == "-O") {
    options.optimize = true;
  } else if (option == "-v") {
    options.verbose = true;
  } else if (option == "-q") {
    options.verbose = false;
  } else if (option == "--set") {
    options.symbols.push_back(parse_symbol(option, arguments.value_of(option)));
  } else if (option == "--pulse") {
    options.pulse = parse_symbol(option, arguments.value_of(option));
    if (options.pulse->second < 1) throw UsageError("--pulse needs at least 1 at a time");
  } else if (option == "--timeout") {
    options.timeout_seconds = parse_seconds(arguments.value_of(option));
  } else {
    return kRegistryFlags.count(option) > 0;
  }
  return true;
}

}  // namespace

Options parse_options(const std::vector<std::string>& list) {
  Options options;
  std::optional<Options::Command> command;
  Arguments arguments(list);
  while (!arguments.done()) {
    const std::string argument = arguments.take();
    if (argument == "-h" || argument == "--help" || argument == "--version") {
      options.command = argument == "--version" ? Options::Command::kVersion : Options::Command::kHelp;
      return options;
    }
    if (parse_option(argument, arguments, options)) continue;
    if (command == Options::Command::kRun && parse_run_option(argument, arguments, options)) continue;
    if (argument.starts_with("-")) throw UsageError("unexpected argument '" + argument + "'");
    if (options.model.empty()) {
      options.model = argument;
    } else if (!command && (argument == "run" || argument == "dump")) {
      command = argument == "run" ? Options::Command::kRun : Options::Command::kDump;
    } else {
      throw UsageError("unexpected argument '" + argument + "'");
    }
  }
  if (options.model.empty()) throw UsageError("a model is needed");
  if (!command) throw UsageError("a command is needed: run or dump");
  options.command = *command;
  return options;
}

}  // namespace tract_run
