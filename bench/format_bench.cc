// The format library by itself: dimension expressions, text, archives.
#include <benchmark/benchmark.h>

#include "export/verify/private_folder.h"
#include "nnef/builder/builder.h"
#include "nnef/io.h"

namespace {

using nnef::Dim;
using nnef::DType;

// Sizes as a convolutional net with strides makes them: each line of a shape divides and adds.
void dim_arithmetic(benchmark::State& state) {
  for (auto step : state) {
    Dim size = Dim::symbol("S");
    for (int i = 0; i < state.range(0); ++i) size = floor_div(size + 2 * 1 - 3, 2) + 1;
    benchmark::DoNotOptimize(size);
  }
}
BENCHMARK(dim_arithmetic)->Arg(1)->Arg(5);

void dim_equality(benchmark::State& state) {
  const Dim s = Dim::symbol("S"), t = Dim::symbol("T");
  const Dim a = (s + t) * (s - t) + 4 * t, b = s * s - t * t + t * 4;
  for (auto step : state) benchmark::DoNotOptimize(a == b);
}
BENCHMARK(dim_equality);

// Values that look like weights to a compressor: the sign, the exponent and the upper bits vary little.
std::shared_ptr<const nnef::OwnedTensor> weights(std::int64_t items, std::uint64_t seed) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(items) * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    bytes[i] = std::byte(seed >> 56), bytes[i + 1] = std::byte(seed >> 48), bytes[i + 2] = std::byte(seed >> 40 & 0xbf);
    bytes[i + 3] = std::byte(0x3c | (seed >> 32 & 0x80));
  }
  return std::make_shared<nnef::OwnedTensor>(DType::kF32, std::vector<std::int64_t>{1, items}, std::move(bytes));
}

// A chain of additions and multiplications by parameters of `items` values.
nnef::Graph chain(const nnef::Dialect& dialect, std::int64_t operations, std::int64_t items) {
  nnef::Graph graph;
  nnef::Builder builder(graph, dialect);
  nnef::Value x = builder.external("x", DType::kF32, {Dim::symbol("S"), Dim(items)});
  graph.symbols = {"S"};
  for (std::int64_t i = 0; i < operations; ++i) {
    const nnef::Value w = builder.variable("w" + std::to_string(i), weights(items, static_cast<std::uint64_t>(i)));
    x = builder.binary(i % 2 == 0 ? "mul" : "add", x, w);
  }
  graph.outputs = {builder.name_output(x, "y")};
  builder.finish();
  return graph;
}

void build_graph(benchmark::State& state) {
  const nnef::Dialect dialect{nnef::Target{}};
  for (auto step : state) benchmark::DoNotOptimize(chain(dialect, state.range(0), 1));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(build_graph)->Arg(100)->Arg(5000);

void write_text(benchmark::State& state) {
  const nnef::Dialect dialect{nnef::Target{}};
  const nnef::Graph graph = chain(dialect, state.range(0), 1);
  for (auto step : state) benchmark::DoNotOptimize(nnef::write_text(graph, dialect));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_text)->Arg(100)->Arg(5000);

void read_text(benchmark::State& state) {
  const nnef::Dialect dialect{nnef::Target{}};
  const nnef::Graph graph = chain(dialect, state.range(0), 1);
  const std::string text = nnef::write_text(graph, dialect);
  for (auto step : state) benchmark::DoNotOptimize(nnef::read_text(text, "", "graph.nnef", dialect, graph.variables));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(read_text)->Arg(100)->Arg(5000);

// 64 MiB of parameters; the argument is the gzip level, or -1 for a .tar.
void write_archive(benchmark::State& state) {
  const nnef::Dialect dialect{nnef::Target{}};
  const nnef::Graph graph = chain(dialect, 16, 1 << 20);
  const torch2nnef::PrivateFolder folder;
  nnef::WriteOptions options;
  options.compression = static_cast<int>(std::max<std::int64_t>(state.range(0), 0));
  const auto place = folder.path() / (state.range(0) < 0 ? "model.nnef.tar" : "model.nnef.tgz");
  nnef::Written written;
  for (auto step : state) written = nnef::write_archive(graph, dialect, place, options);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(written.tensor_bytes));
}
BENCHMARK(write_archive)->Arg(-1)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
