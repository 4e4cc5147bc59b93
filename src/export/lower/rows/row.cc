// Reading row files: checks, and one Lowering a row.

#include "export/lower/rows/row.h"

#include <memory>
#include <set>

#include "export/lower/rows/row_binder.h"
#include "export/lower/rows/row_expander.h"
#include "nnef/dialect/dialect.h"
#include "nnef/embedded.h"
#include "nnef/text/syntax.h"

namespace torch2nnef {
namespace {

using nnef::Expression;
using nnef::FragmentSyntax;

constexpr std::string_view kHeader = "torch2nnef_rows 1";
// Rows of this namespace are helpers of other rows and stand for no operator.
constexpr std::string_view kHelpers = "row__";

[[noreturn]] void fail(const Row& row, int line, const std::string& message) {
  throw RowError(row.file + ":" + std::to_string(line) + ": " + message);
}

// "aten__add__Tensor" is "aten::add.Tensor". Underscores around the operator stay: "aten___softmax" is
// "aten::_softmax", "aten____and____Tensor" is "aten::__and__.Tensor".
std::string operator_name(const Row& row) {
  const std::string& name = row.syntax.name;
  std::size_t space = name.find("__");
  if (space == std::string::npos || space == 0) fail(row, row.syntax.line, name + " is not named after an operator");
  std::size_t begin = space + 2;
  std::size_t overload = name.find("__", name.find_first_not_of('_', begin));
  bool dunder = name.compare(begin, 2, "__") == 0 && overload != std::string::npos;
  if (dunder) overload = overload + 2 < name.size() ? overload + 2 : std::string::npos;
  std::string op = name.substr(0, space) + "::" + name.substr(begin, overload - begin);
  return overload == std::string::npos ? op : op + "." + name.substr(overload + 2);
}

// "module__models__vit__Attention" is "module::models.vit.Attention", "path__encoder__0" is "path::encoder.0"; any
// other row is of an operator.
std::string lowered_name(const Row& row) {
  const std::string& name = row.syntax.name;
  for (auto [prefix, space] : {std::pair("module__", kModuleClass), std::pair("path__", kModulePath)}) {
    if (!name.starts_with(prefix)) continue;
    std::string claimed = name.substr(std::string_view(prefix).size());
    for (std::size_t at = claimed.find("__"); at != std::string::npos; at = claimed.find("__", at + 1)) {
      claimed.replace(at, 2, ".");
    }
    if (claimed.empty()) fail(row, row.syntax.line, name + " names no module");
    return std::string(space) + claimed;
  }
  return operator_name(row);
}

// Every call in a body names a row, a built-in or an operator of the dialect.
class CallCheck {
 public:
  CallCheck(const Row& row, const RowTable& table) : row_(row), table_(table), dialect_(nnef::Target{}) {}

  void run() {
    for (const nnef::AssignmentSyntax& assignment : row_.syntax.body) visit(*assignment.value);
  }

 private:
  void visit(const Expression& expression) {
    if (expression.kind == Expression::Kind::kInvocation) check(expression);
    for (const nnef::ExpressionPtr& child : expression.children) {
      if (child) visit(*child);
    }
    if (expression.condition) visit(*expression.condition);
    if (expression.value) visit(*expression.value);
  }

  void check(const Expression& call) {
    bool known = is_row_builtin(call.text) ? true
                 : is_row_name(call.text)  ? table_.find(call.text) != nullptr
                                           : dialect_.find(call.text) != nullptr;
    if (!known) fail(row_, call.line, call.text + " is neither an operator of the dialect nor a row");
  }

  const Row& row_;
  const RowTable& table_;
  const nnef::Dialect dialect_;
};

void lower_row(Call& call, const std::shared_ptr<const Row>& row, const RowTable& table) {
  RowExpander expander(call.builder(), table);
  std::vector<RowOperand> results = expander.expand(*row, bind_call(call, *row, expander));
  for (std::size_t i = 0; i < call.result_count(); ++i) {
    if (!call.wanted(i)) continue;
    if (i >= results.size()) throw DoesNotApply("result " + std::to_string(i) + " is not supported");
    call.result(i, expander.materialize(results[i], call.result_dtype(i)));
  }
}

// The text of a row, for --explain: its comment and its lines in the file.
std::string source_text(std::string_view text, const FragmentSyntax& fragment) {
  std::string source;
  if (!fragment.comment.empty()) source = "# " + fragment.comment + "\n";
  int line = 1;
  bool open = false;
  for (std::size_t at = 0; at < text.size(); ++line) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view one = text.substr(at, end - at);
    open = open || line == fragment.line;
    if (open) source += std::string(one) + "\n";
    if (open && one == "}") break;
    at = end + 1;
  }
  return source;
}

struct SourceFile {
  std::string_view text, name;
};

void register_files(Registry& registry, const std::vector<SourceFile>& files, const std::shared_ptr<RowTable>& table) {
  std::vector<std::pair<std::shared_ptr<const Row>, std::string>> rows;
  const nnef::Dialect dialect{nnef::Target{}};
  for (const SourceFile& file : files) {
    nnef::DocumentSyntax document = nnef::parse_document(file.text, file.name);
    if (document.extensions.empty() || document.extensions.front() != kHeader) {
      throw RowError(std::string(file.name) + ":1: a row file begins with `extension torch2nnef_rows 1;`");
    }
    for (FragmentSyntax& fragment : document.fragments) {
      auto row = std::make_shared<Row>(Row{std::move(fragment), std::string(file.name)});
      const FragmentSyntax& syntax = row->syntax;
      if (!syntax.has_body) fail(*row, syntax.line, syntax.name + " has no body");
      if (dialect.find(syntax.name)) fail(*row, syntax.line, syntax.name + " is an operator of the dialect");
      table->rows[syntax.name].push_back(row);
      rows.emplace_back(row, source_text(file.text, syntax));
    }
  }
  for (const auto& [row, source] : rows) {
    CallCheck(*row, *table).run();
    if (row->syntax.name.rfind(kHelpers, 0) == 0) continue;
    auto lower = [row = row, table](Call& call) { lower_row(call, row, *table); };
    registry.add(
        Lowering{lowered_name(*row), Lowering::Kind::kRow, lower, source, row->syntax.comment, Domain::kReal, ""});
  }
}

// The built-in rows, also those that users' rows call.
std::shared_ptr<RowTable>& builtin_table() {
  static std::shared_ptr<RowTable> table = std::make_shared<RowTable>();
  return table;
}

}  // namespace

void register_rows(Registry& registry, std::string_view text, std::string_view file) {
  builtin_registry();
  auto table = std::make_shared<RowTable>();
  table->parent = builtin_table().get();
  register_files(registry, {{text, file}}, table);
}

void register_builtin_rows(Registry& registry) {
  std::vector<SourceFile> files;
  for (const torch2nnef_embedded::File& file : torch2nnef_embedded::row_files())
    files.push_back({file.text, file.name});
  builtin_table()->rows.clear();
  register_files(registry, files, builtin_table());
}

}  // namespace torch2nnef
