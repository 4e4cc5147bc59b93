#include "nnef/inspect/check.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "nnef/archive/archive_walk.h"
#include "nnef/archive/tensor_header.h"
#include "nnef/dialect/quant_rules.h"
#include "nnef/dialect/validate.h"
#include "nnef/khronos/khronos_rules.h"
#include "nnef/text/graph_reader.h"

namespace nnef {
namespace {

using Severity = Finding::Severity;

constexpr std::size_t kPiece = std::size_t{1} << 16;
constexpr std::size_t kMaxText = std::size_t{1} << 28;
constexpr std::size_t kMaxFindings = 1000;

constexpr const char* kText = "graph.nnef";
constexpr const char* kQuant = "graph.quant";

class Checker {
 public:
  Checker(const Dialect& dialect, const ReadLimits& limits)
      : dialect_(dialect), khronos_(dialect.target().kind == Target::Kind::kKhronos), limits_(limits) {}

  CheckedArchive run(const std::filesystem::path& path);

 private:
  void say(std::string file, int line, int column, std::string text, Severity severity = Severity::kError) {
    if (text.ends_with('.')) text.pop_back();
    result_.findings.push_back({severity, std::move(file), line, column, std::move(text)});
  }
  void say(const char* file, const SyntaxError& error, Severity severity = Severity::kError) {
    say(file, error.line(), error.column(), error.message(), severity);
  }

  void read_file(ArchiveFile& file);
  std::string read_text_file(ArchiveFile& file);
  void read_tensor_file(ArchiveFile& file);
  void count(std::uint64_t bytes);
  void check_text();
  void check_graph(const ReadLog& log);
  void check_quant();
  void check_files();
  void sort_findings();

  const Dialect& dialect_;
  const bool khronos_;
  const ReadLimits limits_;
  std::uint64_t total_ = 0;
  std::map<std::string, std::string> texts_;
  std::map<std::string, TensorDataPtr> tensors_;
  std::set<std::string> broken_tensors_;
  CheckedArchive result_;
};

// --- the container and its files ---

void Checker::count(std::uint64_t bytes) {
  total_ += bytes;
  if (total_ > limits_.total_bytes) {
    throw FormatError("the archive holds more than " + std::to_string(limits_.total_bytes) + " bytes");
  }
}

std::string Checker::read_text_file(ArchiveFile& file) {
  std::string text;
  for (std::size_t got = kPiece; got == kPiece;) {
    const std::size_t at = text.size();
    text.resize(at + kPiece);
    got = file.read(text.data() + at, kPiece);
    text.resize(at + got);
    count(got);
    if (text.size() > kMaxText) throw FormatError(file.name + " is larger than " + std::to_string(kMaxText) + " bytes");
  }
  return text;
}

void Checker::read_tensor_file(ArchiveFile& file) {
  const std::string label = file.name.substr(0, file.name.size() - 4);
  std::array<std::byte, kTensorHeaderSize> bytes{};
  const std::size_t got = file.read(bytes.data(), bytes.size());
  std::vector<char> piece(kPiece);
  std::uint64_t data = 0;
  for (std::size_t step = kPiece; step == kPiece; data += step) {
    step = file.read(piece.data(), kPiece);
    count(step);
  }
  try {
    TensorHeader header = parse_tensor_header(bytes.data(), got, "");
    if (data != header.data_size) {
      throw FormatError(": the file has " + std::to_string(data) + " bytes of data, but its header gives " +
                        std::to_string(header.data_size));
    }
    tensors_.emplace(label, tensor_of(std::move(header)));
  } catch (const FormatError& error) {
    say(file.name, 0, 0, std::string(error.what()).substr(2));
    broken_tensors_.insert(label);
  }
}

void Checker::read_file(ArchiveFile& file) {
  if (file.name == kText || file.name == kQuant) {
    texts_.emplace(file.name, read_text_file(file));
  } else if (file.name.ends_with(".dat")) {
    read_tensor_file(file);
  } else {
    say(file.name, 0, 0, "the file is not part of a graph", Severity::kWarning);
  }
}

// --- the graph ---

// A statement may be wrong twice in one way, as when a fragment is expanded twice.
void add_errors(const std::vector<SyntaxError>& errors, const std::function<void(const SyntaxError&)>& add) {
  std::set<std::string> seen;
  for (const SyntaxError& error : errors) {
    if (seen.insert(error.what()).second) add(error);
  }
}

void Checker::check_text() {
  const auto text = texts_.find(kText);
  if (text == texts_.end()) return say("", 0, 0, "graph.nnef is missing");
  ParseLimits parse;
  parse.on_error = [this](const SyntaxError& error) {
    if (result_.findings.size() < kMaxFindings) say(kText, error);
  };
  DocumentSyntax document;
  try {
    document = parse_document(text->second, kText, parse);
  } catch (const SyntaxError& error) {
    return say(kText, error);
  }
  if (document.version.empty()) say(kText, 1, 1, "the version line is missing");
  if (!document.graph) return say(kText, 1, 1, "the graph is missing");
  // A variable whose tensor file is wrong is not missing too.
  for (const std::string& label : broken_tensors_) tensors_.emplace(label, nullptr);
  ReadLog log;
  result_.graph = read_document(document, texts_[kQuant], kText, kQuant, dialect_, tensors_, &log);
  add_errors(log.errors, [this](const SyntaxError& error) { say(kText, error); });
  add_errors(log.warnings, [this](const SyntaxError& error) { say(kText, error, Severity::kWarning); });
  add_errors(log.quant_errors, [this](const SyntaxError& error) { say(kQuant, error); });
  if (khronos_) {
    for (const SyntaxError& error : khronos_text_problems(document, dialect_)) say(kText, error);
  }
  check_graph(log);
}

void Checker::check_graph(const ReadLog& log) {
  const Graph& graph = result_.graph;
  const bool whole = std::none_of(result_.findings.begin(), result_.findings.end(),
                                  [](const Finding& f) { return f.severity == Severity::kError && f.file == kText; });
  const auto place_of = [&](const Problem& problem) {
    if (problem.operation < 0) return Place{};
    const auto at = static_cast<std::size_t>(problem.operation);
    if (problem.fragment < 0) return at < log.operations.size() ? log.operations[at] : Place{};
    const auto body = log.in_fragments.find(graph.fragments[static_cast<std::size_t>(problem.fragment)].body.name);
    return body != log.in_fragments.end() && at < body->second.size() ? body->second[at] : Place{};
  };
  std::vector<Problem> problems = find_problems(graph, dialect_);
  if (khronos_) {
    const std::vector<Problem> more = khronos_graph_problems(graph, dialect_);
    problems.insert(problems.end(), more.begin(), more.end());
  }
  for (const Problem& problem : problems) {
    // What is said of the whole of a graph that was read in part may be a consequence.
    if (!whole && problem.operation < 0) continue;
    const Place place = place_of(problem);
    say(kText, place.line, place.column, problem.text);
  }
  check_quant();
  if (whole) check_files();
}

void Checker::check_quant() {
  const std::vector<QuantProblem> problems = quant_problems(result_.graph, dialect_);
  if (problems.empty()) return;
  const auto entries = parse_quant(texts_[kQuant], kQuant);  // it was parsed before, or there would be no entries
  for (const QuantProblem& problem : problems) {
    const auto entry =
        std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first == problem.name; });
    say(kQuant, entry->second->line, entry->second->column, problem.text,
        problem.is_ignored ? Severity::kWarning : Severity::kError);
  }
}

void Checker::check_files() {
  for (const auto& [label, data] : tensors_) {
    if (result_.graph.variables.count(label) != 0 || !data) continue;
    say(label + ".dat", 0, 0, "no variable has this label", Severity::kWarning);
  }
}

void Checker::sort_findings() {
  const auto key = [](const Finding& f) { return std::tie(f.file, f.line, f.column); };
  std::stable_sort(result_.findings.begin(), result_.findings.end(),
                   [&](const Finding& a, const Finding& b) { return key(a) < key(b); });
}

CheckedArchive Checker::run(const std::filesystem::path& path) {
  try {
    walk_archive(path, [this](ArchiveFile& file) { read_file(file); });
    check_text();
  } catch (const FormatError& error) {
    std::string text = error.what();
    if (text.starts_with(path.string() + ": ")) text.erase(0, path.string().size() + 2);
    say("", 0, 0, text);
  }
  sort_findings();
  return std::move(result_);
}

}  // namespace

std::string to_string(const Finding& finding) {
  std::string text = finding.file;
  if (finding.line > 0) text += ":" + std::to_string(finding.line) + ":" + std::to_string(finding.column);
  if (!text.empty()) text += ": ";
  return text + (finding.severity == Severity::kError ? "error: " : "warning: ") + finding.text;
}

bool CheckedArchive::is_valid() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.severity == Severity::kError; });
}

CheckedArchive check_archive(const std::filesystem::path& path, const Dialect& dialect, const ReadLimits& limits) {
  return Checker(dialect, limits).run(path);
}

}  // namespace nnef
