#include "export/lower/standard.h"

#include <charconv>
#include <map>

#include "export/lower/module_sections.h"
#include "nnef/khronos/to_khronos.h"

namespace torch2nnef {
namespace {

// The call whose number the lowering left as a comment; null for inputs.
const TapeCall* call_of(const Tape& tape, const std::string& comment) {
  std::size_t number = 0;
  const auto end = std::from_chars(comment.data(), comment.data() + comment.size(), number);
  const bool known = end.ec == std::errc{} && end.ptr == comment.data() + comment.size() && number < tape.calls.size();
  return known ? &tape.calls[number] : nullptr;
}

}  // namespace

std::string comment_about(const Location& where) {
  Location shown = where;
  for (SourceLine& line : shown.stack) line.file.erase(0, line.file.find_last_of("/\\") + 1);
  return shown.to_string();
}

void to_standard(const Tape& tape, bool comments, nnef::Graph& graph, Diagnostics& diagnostics) {
  if (!tape.symbols.empty()) {
    diagnostics.error("T2N-L004", "Khronos NNEF has no dynamic axes", {}, "leave --dynamic-axes out, or choose tract");
    return;
  }
  std::vector<nnef::Untranslated> problems;
  nnef::Graph standard = nnef::to_khronos(graph, problems);
  // One entry for each operator and reason, at the first call that has it.
  std::map<std::pair<std::string, std::string>, Diagnostic> errors;
  for (const nnef::Untranslated& problem : problems) {
    const TapeCall* call = call_of(tape, graph.operations.at(problem.operation).comment);
    const std::string op = call ? call->full_name() : "";
    const Diagnostic error{Severity::kError,         "T2N-L004", op, call ? call->where : Location{}, problem.text,
                           "choose another --target"};
    const auto [known, is_new] = errors.try_emplace({op, problem.text}, error);
    if (!is_new) ++known->second.count;
  }
  for (auto& [key, error] : errors) diagnostics.add(std::move(error));
  if (!problems.empty()) return;
  std::vector<const TapeCall*> calls;
  for (nnef::Operation& operation : standard.operations) {
    calls.push_back(comments ? call_of(tape, operation.comment) : nullptr);
    operation.comment = calls.back() ? comment_about(calls.back()->where) : "";
  }
  if (comments) {
    divide_by_module(standard, tape, calls);
    put_weights_below_headings(standard);
  }
  graph = std::move(standard);
}

}  // namespace torch2nnef
