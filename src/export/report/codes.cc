// The table of codes.

#include "export/report/codes.h"

namespace torch2nnef {

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

}  // namespace torch2nnef
