// Texts: graph.nnef and, behind a line "%%", graph.quant. A text that begins with "# khronos" is read for that target.
#include <string_view>

#include "fuzz.h"
#include "nnef/dialect/validate.h"
#include "nnef/io.h"
#include "nnef/khronos/khronos_rules.h"
#include "nnef/text/graph_reader.h"

namespace {

std::map<std::string, nnef::TensorDataPtr> variables() {
  const auto zeros = [](nnef::DType dtype, std::vector<std::int64_t> shape, std::size_t bytes) {
    return std::make_shared<nnef::OwnedTensor>(dtype, std::move(shape), std::vector<std::byte>(bytes));
  };
  return {{"w", zeros(nnef::DType::kF32, {2, 3}, 24)},
          {"i", zeros(nnef::DType::kI64, {4}, 32)},
          {"b", zeros(nnef::DType::kBool, {}, 1)}};
}

// What was read is written, and reads back as the same text.
void check_round_trip(std::string_view text, std::string_view quant, const nnef::Dialect& dialect) {
  nnef::Graph graph;
  std::string written;
  try {
    graph = nnef::read_text(text, quant, "graph.nnef", dialect, variables());
    nnef::validate(graph, dialect);
    written = nnef::write_text(graph, dialect);
    nnef::write_quant(graph);
  } catch (const std::runtime_error&) {
    return;
  }
  const nnef::Graph again = nnef::read_text(written, "", "graph.nnef", dialect, graph.variables);
  require(nnef::write_text(again, dialect) == written, "a text that was written reads back as it was");
}

// The reader that goes on after errors sees an error wherever the other one does.
void check_recovery(std::string_view text, std::string_view quant, const nnef::Dialect& dialect) {
  nnef::ParseLimits limits;
  int errors = 0;
  limits.on_error = [&](const nnef::SyntaxError&) { ++errors; };
  nnef::ReadLog log;
  try {
    const nnef::DocumentSyntax document = nnef::parse_document(text, "graph.nnef", limits);
    if (!document.graph) return;
    const auto tensors = variables();
    const nnef::Graph graph = nnef::read_document(document, quant, "graph.nnef", "graph.quant", dialect, tensors, &log);
    nnef::khronos_text_problems(document, dialect);
    nnef::khronos_graph_problems(graph, dialect);
    nnef::find_problems(graph, dialect);
    errors += static_cast<int>(log.errors.size() + log.quant_errors.size());
    if (document.version.empty()) return;
  } catch (const nnef::SyntaxError&) {
    return;
  }
  try {
    nnef::read_text(text, quant, "graph.nnef", dialect, variables());
    require(errors == 0, "a text that can be read has no errors");
  } catch (const std::runtime_error&) {
    require(errors > 0, "a text that cannot be read has errors");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const nnef::Dialect tract{nnef::Target{}}, khronos{*nnef::Target::parse("khronos")};
  std::string_view text(reinterpret_cast<const char*>(data), size), quant;
  const nnef::Dialect& dialect = text.starts_with("# khronos") ? khronos : tract;
  if (const std::size_t at = text.find("\n%%\n"); at != std::string_view::npos) {
    quant = text.substr(at + 4);
    text = text.substr(0, at + 1);
  }
  check_round_trip(text, quant, dialect);
  check_recovery(text, quant, dialect);
  return 0;
}
