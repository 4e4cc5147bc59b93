#include "export/diagnostics.h"

#include <algorithm>

namespace torch2nnef {
namespace {

bool any_of_severity(const std::vector<Diagnostic>& list, Severity severity) {
  return std::any_of(list.begin(), list.end(), [&](const Diagnostic& one) { return one.severity == severity; });
}

// One line a diagnostic: what() of an error that carries several.
std::string summary(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& one : diagnostics) {
    if (one.severity != Severity::kError) continue;
    if (!text.empty()) text += '\n';
    text += one.code + ": " + one.text;
  }
  return text;
}

}  // namespace

void Diagnostics::note(std::string code, std::string text, Location where) {
  add({Severity::kNote, std::move(code), "", std::move(where), std::move(text), "", 1});
}

void Diagnostics::warning(std::string code, std::string text, Location where, std::string hint) {
  add({Severity::kWarning, std::move(code), "", std::move(where), std::move(text), std::move(hint), 1});
}

void Diagnostics::error(std::string code, std::string text, Location where, std::string hint, std::string op) {
  add({Severity::kError, std::move(code), std::move(op), std::move(where), std::move(text), std::move(hint), 1});
}

bool Diagnostics::has_errors() const { return any_of_severity(list_, Severity::kError); }

bool Diagnostics::has_warnings() const { return any_of_severity(list_, Severity::kWarning); }

ExportError::ExportError(Kind kind, std::vector<Diagnostic> diagnostics)
    : std::runtime_error(summary(diagnostics)), kind_(kind), diagnostics_(std::move(diagnostics)) {}

ExportError::ExportError(Kind kind, Diagnostic diagnostic)
    : ExportError(kind, std::vector<Diagnostic>{std::move(diagnostic)}) {}

}  // namespace torch2nnef
