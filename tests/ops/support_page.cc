#include "support_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "export/lower/lowering.h"
#include "export/verify/private_folder.h"
#include "nnef/dialect/dialect.h"
#include "nnef/dialect/target_rules.h"
#include "op_case.h"
#include "op_check.h"
#include "op_module.h"

namespace op_tests {
namespace {

using nnef::Version;

std::string without_overload(const std::string& name) { return name.substr(0, name.find('.')); }

// The first release that has all operators of a graph, and is right about them.
Version needed_by(const nnef::Graph& graph, const nnef::Dialect& dialect) {
  Version needed;
  for (const nnef::Operation& operation : graph.operations) {
    if (const nnef::OperatorDeclaration* found = dialect.find(operation.op)) needed = std::max(needed, found->since);
    needed = std::max(needed, nnef::first_right(graph, operation));
  }
  for (const nnef::Fragment& fragment : graph.fragments) needed = std::max(needed, needed_by(fragment.body, dialect));
  return needed;
}

// What the lines say of each operator.
struct Facts {
  std::optional<Version> release;  // the least that a line with it needs
  std::vector<std::string> errors;
};

std::set<std::string> operators_of(const OpCase& one, const OpModule& module) {
  std::set<std::string> names;
  for (const std::string& name : module.operators()) names.insert(without_overload(name));
  static const std::regex written("(aten|quantized)::[A-Za-z0-9_]+");  // synonyms, too
  for (std::sregex_iterator at(one.expression.begin(), one.expression.end(), written), end; at != end; ++at) {
    names.insert(at->str());
  }
  return names;
}

// Nothing is checked here, so that the page is the same with a libtorch that computes a line wrongly.
void add_line(const OpCase& one, const nnef::Dialect& dialect, std::map<std::string, Facts>& facts) {
  OpModule module(one, 0);
  module.draw(1, one.sample_bindings());
  module.run();
  const torch2nnef::PrivateFolder folder;
  const std::filesystem::path archive = folder.path() / "case";
  torch2nnef::ExportOptions options = export_options(one, module);
  options.check = torch2nnef::Check::kNone;
  module.export_to(archive, options);
  const Version needed = needed_by(nnef::read_archive(archive, dialect), dialect);
  const std::set<std::string> names = operators_of(one, module);
  for (const std::string& name : names) {
    std::optional<Version>& release = facts[name].release;
    release = release ? std::min(*release, needed) : needed;
  }
  if (one.largest_error == 0) return;
  // The first operator that is written is the one that the note is about.
  std::smatch first;
  static const std::regex written("aten::[A-Za-z0-9_]+");
  if (!std::regex_search(one.expression, first, written)) return;
  std::string ranges;
  for (const CaseTensor& tensor : one.tensors) {
    ranges += fmt::format("{}{} in {}", ranges.empty() ? "" : ", ", tensor.name, tensor.fill);
  }
  facts[first.str()].errors.push_back(fmt::format("error below {:g} for {}", one.largest_error, ranges));
}

// A line that is skipped with this libtorch may run all the same.
void add_line_where_it_runs(const OpCase& one, const nnef::Dialect& dialect, std::map<std::string, Facts>& facts) {
  if (why_skipped(one).empty()) return add_line(one, dialect, facts);
  try {
    add_line(one, dialect, facts);
  } catch (const std::exception&) {
  }
}

struct Entry {
  std::set<std::string> said_by, limits;
};

std::map<std::string, Entry> entries() {
  std::map<std::string, Entry> table;
  for (const torch2nnef::Lowering* lowering : torch2nnef::builtin_registry().all()) {
    Entry& entry = table[without_overload(lowering->name)];
    const bool is_row = lowering->kind == torch2nnef::Lowering::Kind::kRow;
    entry.said_by.insert(is_row ? "row" : lowering->source);
    if (!lowering->notes.empty()) entry.limits.insert(lowering->notes);
  }
  return table;
}

std::string release_text(const std::optional<Version>& release) {
  if (!release) return "";
  return *release == Version{} ? "any" : release->to_string();
}

}  // namespace

std::string support_page(const std::filesystem::path& folder) {
  const nnef::Dialect dialect{nnef::Target{}};
  std::map<std::string, Facts> facts;
  std::set<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() == ".cases") files.insert(file.path());
  }
  for (const std::filesystem::path& file : files) {
    for (const OpCase& one : read_cases(file)) {
      // Of the arithmetic that is the default.
      if (!one.is_refused && !one.where_known && !one.is_integer) add_line_where_it_runs(one, dialect, facts);
    }
  }
  const std::map<std::string, Entry> table = entries();
  const auto of_aten =
      std::count_if(table.begin(), table.end(), [](const auto& one) { return one.first.starts_with("aten::"); });
  std::string page = fmt::format(
      "# Operators\n\n"
      "Generated from the op table and from the cases in `tests/ops`; a test holds it current. `ops_test --support\n"
      "src/export/ops/SUPPORT.md tests/ops --rebase` writes it again.\n\n"
      "{} operators, {} of them of `aten`. *said by*: rows of the format's own language\n"
      "(`torch2nnef --explain` shows them), or the file that lowers it. *tract*: the first release that runs a case "
      "of\n"
      "it. An error is a part of max(1, |result|), against libtorch in double precision.\n\n"
      "| operator | said by | tract | limits |\n| --- | --- | --- | --- |\n",
      table.size(), of_aten);
  for (const auto& [name, entry] : table) {
    const Facts& fact = facts[name];
    std::vector<std::string> limits(entry.limits.begin(), entry.limits.end());
    limits.insert(limits.end(), fact.errors.begin(), fact.errors.end());
    page += fmt::format("| {} | {} | {} | {} |\n", name, fmt::join(entry.said_by, ", "), release_text(fact.release),
                        fmt::join(limits, "; "));
  }
  return page;
}

}  // namespace op_tests
