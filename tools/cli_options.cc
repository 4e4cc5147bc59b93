// One table of flags: what cxxopts parses, the help text and the messages all come from its rows.

#include "cli_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cxxopts.hpp>
#include <functional>
#include <set>

#include "cli_values.h"
#include "nnef/archive/folder_kind.h"
#include "nnef/io.h"

namespace torch2nnef::cli {
namespace {

namespace fs = std::filesystem;

using Line = CommandLine;
using Text = const std::string&;

// The first file is the sample.
void add_inputs_file(Line& line, fs::path file) {
  if (line.options.inputs_file.empty()) {
    line.options.inputs_file = std::move(file);
  } else {
    line.options.other_inputs_files.push_back(std::move(file));
  }
}

// A flag. `value` is how the help calls its value: "" takes none, "[=HOW]" may be left out.
struct Flag {
  const char* name;
  char letter;  // 0: none
  const char* value;
  bool repeatable;
  std::function<void(Line&, Text)> apply;  // the value, "" when there is none
  const char* help;                        // lines
};
struct Group {
  const char* title;
  std::vector<Flag> flags;
};

// clang-format off
Group output_flags() {
  return {"Output", {
    {"output", 'o', "OUT", false, [](Line& line, Text v) { line.output = v; },
     "output: NAME.nnef.tgz, NAME.nnef.tar or a folder\n(default: MODEL with the ending .nnef.tgz)"},
    {"target", 0, "TARGET", false, [](Line& line, Text v) { line.options.target = target_name(v); },
     "tract, tract@VERSION or khronos (default: tract@0.23.9)"},
    {"quantize", 0, "FORM[:REGEX]", true, [](Line& line, Text v) { line.options.quantize.push_back(weight_rule(v)); },
     "store float weights whose path matches as f16 or q4_0 (4 bits),\nor compute linear layers in int8_dynamic (8 bits); the first\n"
     "rule that matches counts"},
    {"calibrate", 0, "", false, [](Line& line, Text) { line.options.calibrate = true; },
     "with q4_0: choose the codes of linear layers so that errors\ncancel out on the sample inputs (give typical ones)"},
    {"quantised-arithmetic", 0, "HOW", false,
     [](Line& line, Text v) { line.options.integer_arithmetic = arithmetic(v); },
     "of quantised layers: float (default) is fast on every CPU;\ninteger where it has dot products of 8 bits (VNNI, SDOT),\n"
     "elsewhere about twice as slow"},
    {"cast", 0, "TYPE", false, [](Line& line, Text v) { line.options.cast_to_half = cast_type(v); },
     "f16: compute products in half precision, and what else is\naccurate in it, for arm64 with FP16; slow on x86"},
    {"keep-f32", 0, "REGEX", true, [](Line& line, Text v) { line.options.keep_single.push_back(path_pattern(v)); },
     "with --cast: the modules (by path) and operators (by name)\nthat stay in f32"},
    {"compression", 0, "LEVEL", false,
     [](Line& line, Text v) { line.options.compression = static_cast<int>(integer_in(v, 0, 9)); },
     "of a .tgz, 0 (stored, default) to 9"},
    {"naming", 0, "SCHEME", false, [](Line& line, Text v) { line.options.naming = naming_scheme(v); },
     "natural (default), natural_verbose or numeric"},
    {"comments", 0, "", false, [](Line& line, Text) { line.options.comments = true; },
     "divide graph.nnef by module, with the Python lines as\ncomments"},
    {"fragments", 0, "FILE.nnef", true,
     [](Line& line, Text v) { line.options.fragment_files.push_back(file_to_read(v, {".nnef"})); },
     "your own operators and modules, as expressions; they\ntake precedence over the built-in ones"},
    {"plugin", 0, "FILE.so", true,
     [](Line& line, Text v) { line.options.plugins.push_back(file_to_read(v, {".so"})); },
     "your own operators and modules, in C++"},
    {"force", 0, "", false, [](Line& line, Text) { line.force = true; },
     "replace a folder that holds an archive of another\nprogram; folders with other files never are"},
    {"dry-run", 0, "", false, [](Line& line, Text) { line.options.dry_run = true; },
     "do everything but leave no output"}}};
}

Group sample_flags() {
  return {"Sample inputs", {
    {"inputs", 0, "FILE", true, [](Line& line, Text v) { add_inputs_file(line, file_to_read(v, {".npz", ".pt"})); },
     "arguments of forward: an .npz by name or position, or a .pt;\nmore of them, of other sizes or values, are checked "
     "with the\noutputs that they hold (output_0, ...)"},
    {"input", 0, "NAME:DTYPE:DIMS[=FILL]", true,
     [](Line& line, Text v) { line.options.inputs.push_back(input_spec(v)); },
     "one tensor, as in x:f32:1,3,224,224; FILL is zeros, ones,\nrandint(LOW,HIGH) or FILE.npy "
     "(default: seeded values)"},
    {"arg", 0, "VALUE", true, [](Line& line, Text v) { line.options.extra_arguments.push_back(v); },
     "the next argument of forward that is not a tensor"},
    {"input-names", 0, "A,B", false, [](Line& line, Text v) { line.options.input_names = tensor_names(v); },
     "names of the inputs in the archive"},
    {"output-names", 0, "C,D", false, [](Line& line, Text v) { line.options.output_names = tensor_names(v); },
     "names of the outputs in the archive"}}};
}

Group part_flags() {
  return {"Parts and state", {
    {"module", 0, "PATH", false, [](Line& line, Text v) { line.options.module_path = v; },
     "export one module of the model, as in encoder.layers.0;\nits sample inputs are what the model calls it with"},
    {"method", 0, "NAME", false, [](Line& line, Text v) { line.options.method = v; },
     "the method to export (default: forward)"},
    {"state", 0, "HOW", false, [](Line& line, Text v) { line.options.state_io = state_handling(v); },
     "attributes that the model modifies: io exports each as an\ninput and an output; refuse (default) is an error"},
    {"max-iterations", 0, "N", false,
     [](Line& line, Text v) { line.options.max_iterations = integer_in(v, 1, 100000); },
     "maximum iterations of a loop whose exit depends on data"},
    {"max-operations", 0, "N", false,
     [](Line& line, Text v) { line.options.max_operations = integer_in(v, 1, 1000000000); },
     "operators that may be executed to record the model\n(default: 250000)"},
    {"complex-outputs", 0, "HOW", false,
     [](Line& line, Text v) { line.options.complex_pairs = complex_outputs(v); },
     "complex outputs: pairs exports each as a real tensor with\na last axis of 2; refuse (default) is an error"},
    {"keep-nan", 0, "", false, [](Line& line, Text) { line.options.keep_nan = true; },
     "write operations in forms that keep NaN and infinities,\nwhich tract loses else"}}};
}

Group axis_flags() {
  return {"Dynamic axes", {
    {"dynamic-axes", 0, "NAME:AXIS=EXPR", true,
     [](Line& line, Text v) { line.options.dynamic_axes.push_back(dynamic_axis(v)); },
     "an axis of any size, as in input:2=S"},
    {"symbol", 0, "S=MIN..MAX", true, [](Line& line, Text v) { line.options.symbols.push_back(symbol_bounds(v)); },
     "bounds of a symbol, as in S=16..4096"},
    {"batch", 0, "FORM", false, [](Line& line, Text v) { line.options.batch = batch_form(v); },
     "of a symbolic batch: scan (a loop over its samples) or plain\n(default: the one that is faster in tract)"},
    {"stream", 0, "S[=PULSE]", true, [](Line& line, Text v) { line.options.streams.push_back(stream_spec(v)); },
      "S is a time axis: check the archive as a stream, too, which\ngets PULSE frames at a time (default: 8)"}}};
}

Group check_flags() {
  return {"Checking", {
    {"check", 0, "[=HOW]", false,
     [](Line& line, Text v) { line.options.check = check_level(v.empty() ? "tract" : v); },
     "check the result against PyTorch: tract, reference\n(built in, needs no tract) or none (default: both,\ntract if it is found)"},
    {"tract", 0, "PATH", false, [](Line& line, Text v) { line.options.tract = file_to_read(v, {}); },
     "the tract command (default: $TRACT, PATH, tools/get-tract's)"},
    {"timeout", 0, "SECONDS", false,
     [](Line& line, Text v) { line.options.check_timeout_seconds = static_cast<double>(integer_in(v, 1, 86400)); },
     "how long tract may take at each size (default: 300)"},
    {"tolerance", 0, "LEVEL", false, [](Line& line, Text v) { line.options.tolerance = tolerance_level(v); },
     "a number (default: 1e-4) or exact, close, approximate, very, super, ultra"},
    {"debug-bundle", 0, "PLACE", false, [](Line& line, Text v) { line.options.debug_bundle = file_to_write(v, {}); },
     "write what reproduces a failed check to a folder or\nFILE.tgz"},
    {"rerun-bundle", 0, "BUNDLE", false, [](Line& line, Text v) {
       line.action = Line::Action::kRerun;
       line.bundle = existing(v);
     }, "run a debug bundle again: exit status 3 if it still fails"}}};
}

Group report_flags() {
  return {"Report", {
    {"report", 0, "FILE", false, [](Line& line, Text v) {
       line.report = file_to_write(v, {".html", ".json", ".txt"});
       line.options.model_tree = line.options.call_errors = line.report.extension() == ".html";
     }, "write the report to FILE.json, FILE.txt or FILE.html as well;\nthe page shows every call of the model"},
    {"json", 0, "", false, [](Line& line, Text) { line.json = true; }, "print the report as JSON"},
    {"dump-after", 0, "STEP", false, [](Line& line, Text v) { line.options.dump_after = step_name(v); },
     "print the result of a step: record, lower or simplify"},
    {"warnings-as-errors", 0, "", false, [](Line& line, Text) { line.options.warnings_as_errors = true; },
     "treat warnings as errors"},
    {"no-sandbox", 0, "", false, [](Line& line, Text) { line.sandbox = false; },
     "keep what an export gives up by default: sockets,\nother programs, writing to other folders"},
    {"verbose", 'v', "", false, [](Line& line, Text) { line.verbose = true; }, "print the steps and their times"},
    {"quiet", 'q', "", false, [](Line& line, Text) { line.quiet = true; }, "print errors only"}}};
}

Group information_flags() {
  return {"Information", {
    {"list-ops", 0, "", false, [](Line& line, Text) { line.action = Line::Action::kListOps; },
     "list the operators that can be exported"},
    {"explain", 0, "OP", false, [](Line& line, Text v) { line.action = Line::Action::kExplain; line.subject = v; },
     "how an operator is exported (aten::NAME), or what a\nmessage code means (T2N-...)"},
    {"version", 0, "", false, [](Line& line, Text) { line.action = Line::Action::kVersion; },
     "print the versions of torch2nnef, torch, tract and the dialect"},
    {"help", 'h', "", false, [](Line& line, Text) { line.action = Line::Action::kHelp; }, "print this"}}};
}
// clang-format on

const std::vector<Group>& groups() {
  static const std::vector<Group> table = {output_flags(), sample_flags(), part_flags(),       axis_flags(),
                                           check_flags(),  report_flags(), information_flags()};
  return table;
}

const Flag* find_flag(const std::function<bool(const Flag&)>& matches) {
  for (const Group& group : groups()) {
    for (const Flag& flag : group.flags) {
      if (matches(flag)) return &flag;
    }
  }
  return nullptr;
}

// `written` as it stands in the command line, with its value.
[[noreturn]] void unknown_flag(std::string written) {
  written = written.substr(0, written.find('='));
  const std::string name = written.substr(std::min(written.find_first_not_of('-'), written.size()));
  std::vector<std::string> names;
  for (const Group& group : groups()) {
    for (const Flag& flag : group.flags) names.emplace_back(flag.name);
  }
  const std::string near = nearest(name, names);
  const std::string guess = near.empty() ? "" : fmt::format("; did you mean --{}?", near);
  throw UsageError(fmt::format("unknown flag {}{}", written, guess));
}

// Does the argument name a flag of the table? (A negative number does not: it is a value.)
bool is_flag(const std::string& argument) {
  return argument.starts_with("--") &&
         find_flag([&](const Flag& flag) { return argument.substr(2, argument.find('=') - 2) == flag.name; });
}

[[noreturn]] void value_is_missing(const Flag& flag) {
  throw UsageError(fmt::format("--{} needs a value: {}", flag.name, flag.value));
}

// Every flag takes text; the table's functions make values of it. cxxopts would read lists at commas, which names and
// sizes contain.
cxxopts::ParseResult parse_arguments(const std::vector<std::string>& arguments) {
  cxxopts::Options options("torch2nnef");
  for (const Group& group : groups()) {
    for (const Flag& flag : group.flags) {
      const auto value = cxxopts::value<std::string>();
      if (*flag.value == 0 || *flag.value == '[') value->implicit_value("");
      const std::string letter = flag.letter ? std::string(1, flag.letter) + "," : "";
      options.add_options()(letter + flag.name, "", value);
    }
  }
  options.allow_unrecognised_options();  // set_model() answers them with what was meant
  std::vector<const char*> words = {"torch2nnef"};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  try {
    return options.parse(static_cast<int>(words.size()), words.data());
  } catch (const cxxopts::exceptions::missing_argument&) {  // only the last argument can lack its value
    const std::string& last = arguments.back();
    value_is_missing(*find_flag([&](const Flag& flag) {
      return last.starts_with("--") ? last.substr(2) == flag.name : last.back() == flag.letter;
    }));
  }
}

bool is_check_level(const std::string& text) { return text == "none" || text == "tract" || text == "reference"; }

// From the arguments that are no flag and no value of one.
void set_model(CommandLine& line, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument.size() > 1 && argument[0] == '-') unknown_flag(argument);
  }
  for (const std::string& argument : arguments) {
    if (argument.empty() || argument == "-") throw UsageError(fmt::format("'{}' is not a model file", argument));
    if (!line.model.empty()) {
      std::string text =
          fmt::format("unexpected argument '{}': there is a MODEL already, {}", argument, line.model.string());
      if (is_check_level(argument)) text += fmt::format("; did you mean --check={}?", argument);
      throw UsageError(text);
    }
    line.model = argument;
  }
}

void apply(CommandLine& line, const Flag& flag, const std::string& value, bool is_first) {
  const std::string_view takes = flag.value;
  if (takes.empty() && !value.empty()) throw UsageError(fmt::format("--{} takes no value", flag.name));
  if (!takes.empty() && is_flag(value)) value_is_missing(flag);
  if (!is_first && !flag.repeatable && !takes.empty()) throw UsageError(fmt::format("--{} is given twice", flag.name));
  try {
    flag.apply(line, value);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("--{}: {}", flag.name, error.what()));
  }
}

// Applies the flags in their order; `given` gets their names.
CommandLine apply_arguments(const cxxopts::ParseResult& parsed, std::set<std::string>& given) {
  CommandLine line;
  set_model(line, parsed.unmatched());
  for (const cxxopts::KeyValue& one : parsed.arguments()) {
    const Flag* flag = find_flag([&](const Flag& candidate) { return one.key() == candidate.name; });
    apply(line, *flag, one.value(), given.insert(one.key()).second);
  }
  return line;
}

// Where the archive goes when nobody says: MODEL without .pt or .pt2, with .nnef.tgz.
fs::path default_output(fs::path model) {
  static const std::set<std::string> endings = {".pt", ".pt2", ".pth", ".ts", ".zip", ".torchscript", ".ptl"};
  if (endings.count(model.extension().string()) > 0) model.replace_extension();
  return model += ".nnef.tgz";
}

// Nobody's files are lost: what is replaced is an archive.
void check_folder(const CommandLine& line) {
  const nnef::FolderKind kind = nnef::folder_kind(line.output);
  if (kind == nnef::FolderKind::kOther) {
    throw UsageError(
        fmt::format("--output: '{}' is a folder that holds something else than an NNEF archive; accepted: a "
                    "folder that is new or empty",
                    line.output.string()));
  }
  if (kind == nnef::FolderKind::kArchive && !line.force) {
    throw UsageError(
        fmt::format("--output: '{}' is a folder with an archive that torch2nnef did not write; --force "
                    "replaces it",
                    line.output.string()));
  }
}

void check_output(const CommandLine& line, bool compressed) {
  static const std::set<std::string> wrong = {".zip", ".gz",  ".bz2",  ".xz",  ".pt",
                                              ".pt2", ".pth", ".onnx", ".txt", ".json"};
  const std::string text = line.output.string();
  const nnef::Container container = nnef::container_of(line.output);
  const bool is_folder = container == nnef::Container::kFolder;
  constexpr std::string_view kAccepted = "accepted: NAME.nnef.tgz, NAME.nnef.tar or a folder";
  if (text.empty()) throw UsageError(fmt::format("--output: '' is not a name; {}", kAccepted));
  if (is_folder && wrong.count(line.output.extension().string()) > 0) {
    throw UsageError(fmt::format("--output: '{}' has an ending of something else; {}", text, kAccepted));
  }
  std::error_code error;
  const fs::file_status there = fs::status(line.output, error);
  if (error && there.type() != fs::file_type::not_found) {
    throw UsageError(fmt::format("--output: '{}' cannot be written: {}", text, error.message()));
  }
  if (is_folder && fs::exists(there) && !fs::is_directory(there)) {
    throw UsageError(fmt::format("--output: '{}' is a file, and by its ending would be a folder; {}", text, kAccepted));
  }
  if (!is_folder && fs::is_directory(there)) throw UsageError(fmt::format("--output: '{}' is a folder", text));
  const fs::path parent = fs::path(text.ends_with('/') ? text.substr(0, text.size() - 1) : text).parent_path();
  if (!parent.empty() && !fs::is_directory(parent, error)) {
    throw UsageError(fmt::format("--output: '{}' lies in a folder that does not exist", text));
  }
  if (is_folder) check_folder(line);
  if (compressed && container != nnef::Container::kTarGz) {
    throw UsageError(fmt::format("--compression: '{}' is not compressed; accepted: with NAME.nnef.tgz", text));
  }
}

// Flags that have no meaning together, so that nothing is silently ignored.
void check_together(const CommandLine& line, const std::set<std::string>& given) {
  const auto refuse = [&](std::string_view flag, std::string_view with, std::string_view why) {
    if (given.count(std::string(flag)) == 0) return;
    throw UsageError(fmt::format("--{} has no meaning {}: {}", flag, with, why));
  };
  if (line.action != CommandLine::Action::kExport) {
    const std::string_view name = line.action == CommandLine::Action::kListOps   ? "list-ops"
                                  : line.action == CommandLine::Action::kExplain ? "explain"
                                  : line.action == CommandLine::Action::kRerun   ? "rerun-bundle"
                                                                                 : "version";
    const bool asks_engine = line.action == CommandLine::Action::kVersion || line.action == CommandLine::Action::kRerun;
    for (const std::string& flag : given) {
      const bool is_table = flag == "fragments" || flag == "plugin";
      if (flag == name || (asks_engine ? flag == "tract" : is_table)) continue;
      refuse(flag, fmt::format("with --{}", name), "it only prints and exports nothing");
    }
    if (!line.model.empty()) throw UsageError(fmt::format("--{} takes no MODEL", name));
    return;
  }
  if (line.options.check == Check::kNone) {
    for (const char* flag : {"tract", "timeout", "tolerance", "debug-bundle", "stream"}) {
      refuse(flag, "with --check=none", "nothing is checked");
    }
  }
  if (line.options.check == Check::kReference) {
    for (const char* flag : {"tract", "timeout", "stream"}) refuse(flag, "with --check=reference", "tract is not run");
  }
  if (!line.options.inputs_file.empty()) refuse("input", "with --inputs", "the file gives all of them");
  if (line.verbose) refuse("quiet", "with --verbose", "they say the opposite");
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  std::set<std::string> given;
  CommandLine line = apply_arguments(parse_arguments(arguments), given);
  if (line.action == CommandLine::Action::kHelp) return line;
  check_together(line, given);
  if (line.action != CommandLine::Action::kExport) return line;
  if (line.model.empty())
    throw UsageError("a MODEL is needed: the exported program (.pt2) or TorchScript archive to export");
  std::error_code error;
  const fs::file_status status = fs::status(line.model, error);
  if (!fs::exists(status)) throw UsageError(missing(line.model.string(), status, error));
  if (fs::is_directory(status)) throw UsageError(fmt::format("'{}' is a folder, not a model", line.model.string()));
  if (given.count("output") == 0) line.output = default_output(line.model);
  check_output(line, given.count("compression") > 0);
  line.options.command_line = arguments;
  return line;
}

namespace {

// The lines of a text, the following ones beginning at a column.
std::string indented(std::string_view text, std::size_t column) {
  std::string result;
  for (char letter : text) {
    result += letter;
    if (letter == '\n') result.append(column, ' ');
  }
  return result;
}

std::string help_of(const Flag& flag) {
  constexpr std::size_t kColumn = 31;
  const std::string_view value = flag.value;
  std::string left = flag.letter ? fmt::format("  -{}, --", flag.letter) : "      --";
  left += flag.name;
  if (!value.empty()) left += value[0] == '[' ? std::string(value) : fmt::format(" {}", value);
  left += left.size() < kColumn ? std::string(kColumn - left.size(), ' ') : "\n" + std::string(kColumn, ' ');
  return left + indented(flag.help, kColumn) + (flag.repeatable ? " (repeatable)\n" : "\n");
}

}  // namespace

std::string help_text() {
  std::string text =
      "Usage: torch2nnef MODEL [FLAGS]\n\n"
      "Turns a PyTorch model, an exported program (.pt2) or a TorchScript archive (.pt), into an NNEF archive\n"
      "for the tract engine, and checks it.\n";
  for (const Group& group : groups()) {
    text += fmt::format("\n{}:\n", group.title);
    for (const Flag& flag : group.flags) text += help_of(flag);
  }
  return text +
         "\nExit status: 0 exported, and checked if asked; 1 the model cannot be exported;\n"
         "2 the command line is wrong; 3 the check failed; 70 a bug in torch2nnef.\n"
         "After 1, 3 and 70 there is no output.\n";
}

}  // namespace torch2nnef::cli
