// The tables of the exporter as text.

#include "cli_info.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "cli_options.h"
#include "cli_values.h"
#include "export/export.h"
#include "export/lower/lowering.h"
#include "export/report/codes.h"
#include "export/verify/tract_engine.h"

namespace torch2nnef::cli {
namespace {

std::string_view kind_of(const Lowering& lowering) { return lowering.kind == Lowering::Kind::kRow ? "row" : "code"; }

std::string without_overload(const std::string& name) { return name.substr(0, name.find('.')); }

// The lowerings that serve `subject`: its own, all overloads of an operator named without one, or those of the operator
// for an overload that has none of its own.
std::vector<const Lowering*> lowerings_of(const std::string& subject, const Tables& tables) {
  std::vector<const Lowering*> exact, overloads, general;
  for (const Lowering* lowering : tables.all()) {
    if (lowering->name == subject) exact.push_back(lowering);
    if (without_overload(lowering->name) == subject && lowering->name != subject) overloads.push_back(lowering);
    if (lowering->name == without_overload(subject)) general.push_back(lowering);
  }
  if (subject.find('.') != std::string::npos) return exact.empty() ? general : exact;
  exact.insert(exact.end(), overloads.begin(), overloads.end());
  return exact;
}

std::string explain_code(const Code& code) {
  return fmt::format("{} ({})\n  cause  {}\n  cure   {}\n", code.code, to_string(code.severity), code.cause, code.cure);
}

std::string explain_lowering(const Lowering& lowering) {
  std::string text = lowering.name + (lowering.origin.empty() ? "" : ", of " + lowering.origin) + "\n";
  if (!lowering.notes.empty()) text += fmt::format("  limits: {}\n", lowering.notes);
  if (lowering.kind == Lowering::Kind::kCode && !lowering.origin.empty()) {
    return text + fmt::format("  lowered by code of '{}'\n", lowering.source);
  }
  if (lowering.kind == Lowering::Kind::kCode) {
    return text + fmt::format("  lowered by src/export/ops/{}\n", lowering.source);
  }
  return text + "  lowered by this row (parameters are the schema's arguments):\n\n" + lowering.source;
}

}  // namespace

std::string list_operators(const Tables& tables) {
  // An operator may have several candidates of either kind; each kind is one line.
  std::map<std::pair<std::string, std::string_view>, std::string> lines;
  std::set<std::string> names;
  for (const Lowering* lowering : tables.all()) {
    std::string& notes = lines[{lowering->name, kind_of(*lowering)}];
    if (notes.empty()) notes = lowering->notes;
    names.insert(without_overload(lowering->name));
  }
  std::string text;
  for (const auto& [key, notes] : lines) {
    std::string line = fmt::format("{:<44} {:<4}  {}", key.first, key.second, notes);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text + fmt::format("{} operators\n", names.size());
}

std::string explanation(const std::string& subject, const Tables& tables) {
  if (const Code* code = find_code(subject)) return explain_code(*code);
  const std::string name = subject.find("::") == std::string::npos ? "aten::" + subject : subject;
  std::string text;
  bool said_built_in = false;
  for (const Lowering* lowering : lowerings_of(name, tables)) {
    const bool is_next = !text.empty();
    if (is_next && lowering->origin.empty() && text.find(", of ") != std::string::npos && !said_built_in) {
      text += "\nwhere that does not apply, the built-in one:\n";
      said_built_in = true;
    }
    text += (is_next ? "\n" : "") + explain_lowering(*lowering);
  }
  if (!text.empty()) return text;
  std::vector<std::string> known;
  for (const Lowering* lowering : tables.all()) known.push_back(without_overload(lowering->name));
  for (const Code& code : all_codes()) known.emplace_back(code.code);
  const std::string near = nearest(subject.starts_with("T2N-") ? subject : name, known);
  const std::string guess = near.empty() ? "--list-ops lists the operators" : fmt::format("did you mean {}?", near);
  throw UsageError(
      fmt::format("--explain: '{}' is not an operator of the table and not a message code; {}", subject, guess));
}

std::string versions(const std::filesystem::path& tract) {
  const VersionInfo version = version_info();
  std::string engine = "not found (tools/get-tract fetches it)";
  try {
    if (const auto found = find_engine(tract)) engine = found->version;
  } catch (const std::exception& error) {
    if (!tract.empty()) throw UsageError(fmt::format("--tract: {}", error.what()));
    engine = error.what();
  }
  return fmt::format("{}\ntorch {}\ntract {}\ndialect {}\n", version.torch2nnef, version.torch, engine,
                     version.dialect);
}

}  // namespace torch2nnef::cli
