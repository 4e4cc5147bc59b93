// The command torch2nnef: a TorchScript archive in, an NNEF archive out. All work is done by the library; here is what
// the user asked for (cli_options.h), and what the user is told.
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "cli_info.h"
#include "cli_options.h"
#include "cli_progress.h"
#include "crash.h"
#include "export/export.h"
#include "export/modules/user_tables.h"
#include "export/report/html_page.h"
#include "export/report/json_report.h"
#include "export/report/text_report.h"
#include "export/verify/private_folder.h"
#include "export/verify/rerun.h"
#include "export/verify/tract_engine.h"
#include "janitor.h"
#include "nnef/io.h"
#include "sandbox.h"
#include "terminal.h"

namespace torch2nnef::cli {
namespace {

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw UsageError(fmt::format("--report: '{}' cannot be written", path.string()));
}

StepPrinter::Mode progress_mode(const CommandLine& line) {
  if (line.verbose) return StepPrinter::Mode::kLines;
  return !line.quiet && isatty(STDERR_FILENO) ? StepPrinter::Mode::kOneLine : StepPrinter::Mode::kSilent;
}

void say_exported(const CommandLine& line, const ExportReport& report) {
  const std::string notes = text_diagnostics(report.diagnostics);
  const std::string text = (line.options.dry_run ? "dry run, nothing is written: " : "") + text_report(report);
  if (!line.report.empty()) {
    const std::string kind = line.report.extension().string();
    write_file(line.report, kind == ".json"   ? json_report(report)
                            : kind == ".html" ? html_report(report, line.model.filename().string())
                                              : text + notes);
  }
  if (line.json) return print(json_report(report));
  if (!line.quiet) complain(notes);
  print(report.dump + (line.quiet ? "" : text));
}

// `known` is null when the model was not loaded.
void say_failed(const CommandLine& line, const ExportError& error, const ExportReport* known) {
  const std::string text = text_report(error, line.model.string());
  if (!line.report.empty()) {
    const std::string kind = line.report.extension().string();
    write_file(line.report, kind == ".json"   ? json_report(error, known)
                            : kind == ".html" ? html_report(error, known, line.model.filename().string())
                                              : text);
  }
  complain("torch2nnef: " + text);
  if (line.json) return print(json_report(error, known));
  if (known) print(known->dump);  // of a step that was passed
}

// Blocks of this size and more go back to the system when they are freed. The heap's own threshold grows with what is
// freed, up to 32 MiB; then an export takes some 60 MiB more than it needs. A check executes the model several times,
// and with blocks that come and go would wait for the system half of its time.
void return_memory() { mallopt(M_MMAP_THRESHOLD, 1 << 17); }

// What an export writes to and starts, beside the files that are open.
void take_away(const CommandLine& line) {
  if (!line.sandbox) {
    if (line.verbose) complain("sandbox: switched off\n");
    return;
  }
  const auto folder_of = [](const std::filesystem::path& file) {
    const std::filesystem::path folder = (file.has_filename() ? file : file.parent_path()).parent_path();
    return folder.empty() ? std::filesystem::path(".") : folder;
  };
  SandboxRules rules;
  rules.writable = {"/dev/null", temporary_place()};
  for (const std::filesystem::path& file : {line.output, line.report, line.options.debug_bundle}) {
    if (file.empty() || (&file == &line.output && line.options.dry_run)) continue;
    std::error_code error;
    const bool is_device = std::filesystem::exists(file, error) && !std::filesystem::is_regular_file(file, error) &&
                           !std::filesystem::is_directory(file, error);
    rules.writable.push_back(is_device ? file : folder_of(file));
  }
  const bool runs = line.options.check != Check::kNone && line.options.check != Check::kReference;
  if (runs) rules.programs = engine_programs(line.options.tract, line.options.target.version);
  const std::string taken = enter_sandbox(rules);
  if (line.verbose) complain(taken + "\n");
}

// libtorch reads and executes the model in these; the check executes it again.
void note_step(std::string_view step) {
  for (const char* of_model : {"load", "record", "check"}) {
    if (step == of_model) return enter_step(of_model, true);
  }
  for (const char* own : {"lower", "simplify", "write", "read back"}) {
    if (step == own) return enter_step(own, false);
  }
}

int export_model(CommandLine& line) {
  if (line.options.check == Check::kNone) return_memory();
  StepPrinter steps(progress_mode(line));
  line.options.progress = [&](std::string_view step) {
    if (step == "load") take_away(line);
    note_step(step);
    steps.begin(step);
  };
  std::optional<ExportReport> known;
  line.options.refused = [&](const ExportReport& report) { known = report; };
  try {
    const ExportReport report = export_model_to_nnef(line.model, line.output, line.options);
    steps.finish();
    say_exported(line, report);
    return 0;
  } catch (const ExportError& error) {
    steps.finish();
    say_failed(line, error, known ? &*known : nullptr);
    return static_cast<int>(error.kind());
  }
}

int rerun(const CommandLine& line) {
  try {
    take_away(line);
    const RerunResult result = rerun_bundle(line.bundle, line.options.tract, line.options.check_timeout_seconds);
    print(text_rerun(result, line.bundle.string()));
    return result.agrees() ? 0 : static_cast<int>(ExportError::Kind::kCheckFailed);
  } catch (const ExportError& error) {
    complain(
        fmt::format("torch2nnef: {} was not run\n\n{}", line.bundle.string(), text_diagnostics(error.diagnostics())));
    return static_cast<int>(error.kind());
  }
}

int run(const std::vector<std::string>& arguments) {
  CommandLine line = parse_command_line(arguments);
  if (line.action == CommandLine::Action::kExport || line.action == CommandLine::Action::kRerun) start_janitor();
  switch (line.action) {
    case CommandLine::Action::kHelp:
      print(help_text());
      break;
    case CommandLine::Action::kVersion:
      print(versions(line.options.tract));
      break;
    case CommandLine::Action::kListOps:
      print(list_operators(user_tables(line.options.plugins, line.options.fragment_files)));
      break;
    case CommandLine::Action::kExplain:
      print(explanation(line.subject, user_tables(line.options.plugins, line.options.fragment_files)));
      break;
    case CommandLine::Action::kRerun:
      return rerun(line);
    case CommandLine::Action::kExport:
      return export_model(line);
  }
  return 0;
}

// A closed standard stream would lend its number to the next file that is opened, and what is printed would go there. A
// limit on the size of files shall be an error message, as a full disk is, and so shall a pipe that nobody reads.
// Models are walked by recursion, as deep as they are nested: the stack may grow as far as the system has left room for
// it.
void prepare_process() {
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) == -1) static_cast<void>(open("/dev/null", O_RDWR));
  }
  for (int number : {SIGXFSZ, SIGPIPE}) signal(number, SIG_IGN);
  constexpr rlim_t kStack = rlim_t{100} << 20;
  rlimit stack{};
  if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur < kStack) {
    stack.rlim_cur = std::min(stack.rlim_max, kStack);
    setrlimit(RLIMIT_STACK, &stack);
  }
}

// Under a tight limit of memory, threads that libtorch's libraries start wait for theirs for ever, and whoever waits
// for them with them.
bool has_memory() {
  constexpr rlim_t kLeast = rlim_t{256} << 20;
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return true;
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return limit.rlim_cur >= pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + kLeast;
}

int signal_pipe[2] = {-1, -1};

void tell_of_signal(int number) {
  const int error = errno;
  const char byte = static_cast<char>(number);
  static_cast<void>(!write(signal_pipe[1], &byte, 1));
  errno = error;
}

// Ctrl-C and the like: what is half written goes, and the process ends by the signal. A thread does that, told by a
// handler; the signals are not blocked instead, since libraries have started threads before main() that would get them.
// A signal that is ignored (nohup) stays ignored.
void clean_up_on_signals() {
  if (pipe2(signal_pipe, O_CLOEXEC) != 0) return;
  std::thread([] {
    char number = 0;
    if (read(signal_pipe[0], &number, 1) != 1) return;
    remove_unfinished_outputs();
    signal(number, SIG_DFL);
    kill(getpid(), number);
  }).detach();
  for (int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action.sa_handler = tell_of_signal;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, nullptr);
  }
}

// Without the destructors of libtorch, which spend a tenth of the time of a small export on taking its tables apart.
[[noreturn]] void leave(int status) {
  std::fflush(nullptr);
  std::_Exit(status);
}

}  // namespace
}  // namespace torch2nnef::cli

namespace torch2nnef::cli {
namespace {

// Says why the program ends, and how. Messages may quote a file: what is too long to be read is cut.
int fail(bool json, ExportError::Kind kind, const std::string& code, std::string text, std::string_view more = "") {
  constexpr std::size_t kLongest = 2000;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  complain(fmt::format("torch2nnef: {}\n{}", text, more));
  const Diagnostic why{Severity::kError, code, "", {}, text, "", 1};
  try {
    if (json) print(json_report(ExportError(kind, why)));
  } catch (const PrintError&) {  // the exit status says it
  }
  return static_cast<int>(kind);
}

int run_and_explain(const std::vector<std::string>& arguments) {
  using Kind = ExportError::Kind;
  const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  try {
    if (!has_memory()) throw std::bad_alloc();
    return run(arguments);
  } catch (const PrintError& error) {
    return fail(false, Kind::kUsage, "", error.what());
  } catch (const ExportError& error) {  // a table of the user that is none
    const Diagnostic& first = error.diagnostics().front();
    return fail(json, error.kind(), first.code, first.text);
  } catch (const UsageError& error) {
    return fail(json, Kind::kUsage, "T2N-U001", error.what(), "Try torch2nnef --help.\n");
  } catch (const nnef::IoError& error) {
    return fail(json, Kind::kNotExportable, "T2N-W001", error.what());
  } catch (const std::system_error& error) {  // of the file system
    return fail(json, Kind::kNotExportable, "T2N-W001", error.what());
  } catch (const std::bad_alloc&) {
    return fail(json, Kind::kNotExportable, "T2N-W003", "there is not enough memory");
  } catch (const std::exception& error) {
    std::string text = error.what();
    text.resize(std::min(text.find('\n'), text.size()));  // torch's errors go on with a stack trace
    return fail(json, Kind::kInternal, "T2N-I003", "a bug in this program: " + text,
                "Please report it with the command line.\n");
  }
}

}  // namespace
}  // namespace torch2nnef::cli

int main(int argc, char** argv) {
  using namespace torch2nnef::cli;
  prepare_process();
  report_crashes();
  clean_up_on_signals();
  leave(run_and_explain({argv + 1, argv + argc}));
}
