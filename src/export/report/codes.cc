// The table of codes.

#include "export/report/codes.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace torch2nnef {
namespace {

constexpr std::array<std::pair<char, std::string_view>, 9> kGroups = {{
    {'B', "Debug bundles"},
    {'C', "The check"},
    {'I', "Defects of torch2nnef"},
    {'L', "Lowering calls, declaring inputs and outputs"},
    {'M', "The model file and its sample inputs"},
    {'O', "Files of operators"},
    {'R', "Recording what the model does"},
    {'U', "The command line"},
    {'W', "Writing"},
}};

constexpr std::string_view kPageHead =
    "# Messages\n\n"
    "Every message has a code that stays the same in all releases. `torch2nnef --explain T2N-L001` prints an entry of\n"
    "this page; `--json` and report.json carry the code of each message. This page is made from codes.def by\n"
    "`codes_test --rebase`.\n";

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      break;
  }
  return "error";
}

const std::vector<Code>& all_codes() {
  static const std::vector<Code> table = {
#define T2N_CODE(code, severity, cause, cure) {code, Severity::severity, cause, cure},
#include "export/codes.def"
#undef T2N_CODE
  };
  return table;
}

const Code* find_code(std::string_view code) {
  for (const Code& one : all_codes()) {
    if (one.code == code) return &one;
  }
  return nullptr;
}

std::string_view group_of(std::string_view code) {
  for (const auto& [letter, title] : kGroups) {
    if (code.size() > 4 && code[4] == letter) return title;
  }
  return "";
}

std::string codes_page() {
  std::string page(kPageHead), group;
  for (const Code& one : all_codes()) {
    if (group_of(one.code) != group) {
      group = group_of(one.code);
      page += fmt::format("\n## {}\n\n| code | severity | cause | cure |\n| --- | --- | --- | --- |\n", group);
    }
    page += fmt::format("| {} | {} | {} | {} |\n", one.code, to_string(one.severity), one.cause, one.cure);
  }
  return page;
}

}  // namespace torch2nnef
