// nnef-dump: what is in an archive, and what differs between two.
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "archive_options.h"
#include "nnef/inspect/difference.h"
#include "nnef/inspect/drawing.h"
#include "nnef/inspect/tensor_statistics.h"
#include "nnef/io.h"
#include "terminal.h"

namespace {

using torch2nnef::cli::print;

using archive_tool::counted;
using archive_tool::Options;

constexpr const char* kHelp = R"(nnef-dump: shows what is in NNEF archives.

  nnef-dump [--target TARGET] [--graph] [--dot] [--tensors] ARCHIVE
  nnef-dump [--target TARGET] --diff ARCHIVE ARCHIVE

An ARCHIVE is a folder, a tar file or a gzipped one. Without a flag, a summary is printed.

  --graph          the graph, every expression and fragment expanded, with the type and shape of each value
  --dot            the graph as a drawing for graphviz: nnef-dump --dot ARCHIVE | dot -Tsvg > net.svg
  --tensors        a line for each tensor: label, type, shape, least, greatest and mean item
  --diff           what differs between two archives: - only in the first, + only in the second, ! tensors that differ
  --target TARGET  how to read it: tract, tract@VERSION or khronos (default: {})
  -h, --help       print this

Exit status: 0 printed, 1 the archives differ, or one cannot be read, 2 usage, or a file that cannot be opened.
)";

std::string fact(const nnef::ValueInfo& info) {
  return fmt::format("{}{}", nnef::to_string(info.dtype), nnef::to_string(info.shape));
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  const double kib = static_cast<double>(bytes) / 1024;
  return kib < 1024 ? fmt::format("{:.1f} KiB", kib) : fmt::format("{:.1f} MiB", kib / 1024);
}

void print_list(const char* name, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) print(fmt::format("  {:<12} {}\n", name, line));
}

void print_summary(const std::string& archive, const nnef::Graph& graph) {
  std::uint64_t bytes = 0;
  for (const auto& [label, data] : graph.variables) bytes += data->byte_size();
  print(fmt::format("{}: graph '{}', {}, {} with {}\n", archive, graph.name,
                    counted(graph.operations.size(), "operation"), counted(graph.variables.size(), "tensor"),
                    bytes_text(bytes)));
  print_list("registry", graph.registries);
  print_list("extension", graph.extensions);
  print_list("symbol", graph.symbols);
  print_list("assert", graph.asserts);
  for (const auto& [key, value] : graph.properties) print(fmt::format("  {:<12} {} = {}\n", "property", key, value));
  for (nnef::Value input : graph.inputs) {
    print(fmt::format("  {:<12} {} {}\n", "input", graph.info(input).name, fact(graph.info(input))));
  }
  for (nnef::Value output : graph.outputs) {
    print(fmt::format("  {:<12} {} {}\n", "output", graph.info(output).name, fact(graph.info(output))));
  }
  std::map<std::string, int> operators;
  for (const nnef::Operation& operation : graph.operations) ++operators[operation.op];
  for (const auto& [op, count] : operators) print(fmt::format("  {:<12} {} {}\n", "operator", count, op));
  for (const nnef::Fragment& fragment : graph.fragments) {
    print(fmt::format("  {:<12} {}, {}\n", "fragment", fragment.body.name,
                      counted(fragment.body.operations.size(), "operation")));
  }
  if (!graph.quant.empty()) print(fmt::format("  {:<12} {} entries\n", "quantised", graph.quant.size()));
}

void add_facts(nnef::Graph& graph) {
  for (nnef::Operation& operation : graph.operations) {
    operation.comment.clear();
    for (nnef::Value value : operation.results) {
      operation.comment += (operation.comment.empty() ? "" : ", ") + fact(graph.info(value));
    }
  }
}

void print_graph(nnef::Graph graph, const nnef::Dialect& dialect) {
  add_facts(graph);
  for (nnef::Fragment& fragment : graph.fragments) add_facts(fragment.body);
  nnef::TextOptions text;
  text.comments = true;
  print(nnef::write_text(graph, dialect, text));
  if (const std::string quant = nnef::write_quant(graph); !quant.empty())
    print(fmt::format("\n# graph.quant\n{}", quant));
}

// Floats with as many digits as tell f32 values apart, integers as they are.
std::string number_text(long double number, bool exact) {
  return exact && number == std::floor(number) ? fmt::format("{:.0f}", number) : fmt::format("{:.6g}", number);
}

void print_tensor(const std::string& label, const nnef::TensorData& tensor) {
  const std::string type = nnef::type_text(tensor);
  std::string line = fmt::format("{} {} {}", label, type, nnef::to_string(nnef::make_shape(tensor.shape())));
  const nnef::TensorStatistics s = nnef::tensor_statistics(tensor);
  const bool exact = !nnef::is_float(tensor.dtype());
  if (s.items > s.nans + s.infinities) {
    line += fmt::format(" min {} max {} mean {}", number_text(s.minimum, exact), number_text(s.maximum, exact),
                        number_text(s.mean, false));
  }
  for (const auto& [count, what] : {std::pair{s.zeros, "zero"}, {s.infinities, "infinite"}, {s.nans, "NaN"}}) {
    if (count > 0) line += fmt::format(", {} {}", count, what);
  }
  print(fmt::format("{}\n", line));
}

int print_difference(const Options& options, const nnef::Dialect& dialect) {
  if (options.archives().size() != 2) throw archive_tool::UsageError("--diff takes two archives");
  const nnef::Graph a = nnef::read_archive(options.archives()[0], dialect);
  const nnef::Graph b = nnef::read_archive(options.archives()[1], dialect);
  const std::vector<std::string> lines = nnef::graph_differences(a, b, dialect);
  for (const std::string& line : lines) print(fmt::format("{}\n", line));
  return lines.empty() ? archive_tool::kOk : archive_tool::kFailed;
}

int run(int argc, char** argv) {
  const Options options(argc, argv, {"graph", "dot", "tensors", "diff"});
  if (options.has("help")) {
    print(fmt::format(fmt::runtime(kHelp), nnef::Target{}.to_string()));
    return archive_tool::kOk;
  }
  const nnef::Dialect dialect(options.target());
  if (options.has("diff")) return print_difference(options, dialect);
  if (options.archives().size() != 1) throw archive_tool::UsageError("one archive must be named");
  const std::string& archive = options.archives()[0];
  const nnef::Graph graph = nnef::read_archive(archive, dialect);
  if (options.has("graph")) print_graph(graph, dialect);
  if (options.has("dot")) print(nnef::to_dot(graph));
  if (options.has("tensors")) {
    for (const auto& [label, data] : graph.variables) print_tensor(label, *data);
  }
  if (!options.has("graph") && !options.has("dot") && !options.has("tensors")) print_summary(archive, graph);
  return archive_tool::kOk;
}

}  // namespace

int main(int argc, char** argv) { return archive_tool::run_tool("nnef-dump", argc, argv, run); }
