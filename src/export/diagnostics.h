// What went wrong or is worth knowing, collected while exporting, and the errors that end an export.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef TORCH2NNEF_API {

enum class Severity { kNote, kWarning, kError };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;  // "T2N-R012": stable, listed in codes.def
  std::string op;    // "aten::lstm", "" when none is concerned
  Location where;
  std::string text;  // a sentence: what
  std::string hint;  // a sentence: what to do, or ""
  int count = 1;     // how many calls of this operator share it
};

class Diagnostics {
 public:
  void add(Diagnostic diagnostic) { list_.push_back(std::move(diagnostic)); }
  void note(std::string code, std::string text, Location where = {});
  void warning(std::string code, std::string text, Location where = {}, std::string hint = "");
  void error(std::string code, std::string text, Location where = {}, std::string hint = "", std::string op = "");
  const std::vector<Diagnostic>& list() const { return list_; }
  bool has_errors() const;
  bool has_warnings() const;

 private:
  std::vector<Diagnostic> list_;
};

// Ends an export. Each kind has its exit status: not exportable 1, usage 2, check failed 3, internal 70.
class ExportError : public std::runtime_error {
 public:
  enum class Kind { kNotExportable = 1, kUsage = 2, kCheckFailed = 3, kInternal = 70 };
  ExportError(Kind kind, std::vector<Diagnostic> diagnostics);
  ExportError(Kind kind, Diagnostic diagnostic);
  Kind kind() const { return kind_; }
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  Kind kind_;
  std::vector<Diagnostic> diagnostics_;
};

// Thrown by a lowering that cannot say a call faithfully: the reason, and what the user can do. Collected for all
// calls.
class Unsupported : public std::runtime_error {
 public:
  explicit Unsupported(const std::string& reason, std::string hint = "")
      : std::runtime_error(reason), hint_(std::move(hint)) {}
  const std::string& hint() const { return hint_; }

 private:
  std::string hint_;
};

}  // namespace torch2nnef
