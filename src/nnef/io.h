// Reading and writing whole graphs: text, tensor files, containers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "nnef/dialect/dialect.h"
#include "nnef/graph.h"

namespace nnef TORCH2NNEF_API {

// A file that is not what it should be, or cannot be read or written. `what()` names the file and the place in it.
class FormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// The operating system said no (full disk, no permission). `what()` names the path and the reason.
class IoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// --- text ---

struct TextOptions {
  bool comments = false;  // Operation::comment as `#` lines before the statement
};
// graph.nnef of a graph: one operation a statement, tensors positional, attributes named, literals by dtype. Throws
// FormatError for what the text cannot hold (a NaN literal).
std::string write_text(const Graph& graph, const Dialect& dialect, const TextOptions& options = {});
// graph.quant, "" when there are no entries.
std::string write_quant(const Graph& graph);

// The inverse: parse, resolve names, bind arguments by the dialect's declarations, expand compositional expressions and
// fragments of the document into flat operations (except those that a scan names as its body), infer dtypes and shapes.
// Variables take dtype and shape from `variables` (by label). Throws SyntaxError or FormatError.
Graph read_text(std::string_view text, std::string_view quant, std::string_view file, const Dialect& dialect,
                const std::map<std::string, TensorDataPtr>& variables);

// --- tensor file (NNEF 1.0.5 section 5.2; tract's vendor types are recognised and refused by name) ---

// The 128 bytes before the data. Throws FormatError when the tensor is 4 GiB or more, or of rank above 8.
std::vector<std::byte> tensor_header(DType dtype, const std::vector<std::int64_t>& shape);
void write_tensor(const TensorData& tensor, const ByteSink& sink);
TensorDataPtr read_tensor(const void* bytes, std::size_t size, std::string_view file);

// --- containers ---

enum class Container { kFolder, kTar, kTarGz };
// By the ending of a path: .tgz and .tar.gz, .tar, else a folder.
Container container_of(const std::filesystem::path& path);

struct WriteOptions {
  int compression = 0;  // gzip level 0 .. 9; 0 stores
  TextOptions text;
  bool sync = true;  // false: the caller calls sync_archive() when it needs the archive to be on disk
  // Called after each file with bytes written so far and in all; may throw to stop.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
};
struct Written {
  std::uint64_t bytes = 0;  // of the container on disk
  std::uint64_t tensor_bytes = 0;
  int tensors = 0;
};
// Writes the graph as an archive that has the place's name only once it is whole: built beside it, synced, renamed. An
// existing folder is replaced only if it holds a graph.nnef (or is empty). Entries in a fixed order, with zero times
// and owners: equal graphs give equal bytes. Throws IoError or FormatError and leaves nothing behind.
Written write_archive(const Graph& graph, const Dialect& dialect, const std::filesystem::path& path,
                      const WriteOptions& options = {});
// Waits until an archive that was written without a sync is on disk; it has been on its way since then. Throws IoError.
void sync_archive(const std::filesystem::path& path);

// All files of an archive (folder, tar, gzipped tar), by path inside it. Paths that leave the archive, links, devices
// and sizes above the limit are FormatErrors.
struct ReadLimits {
  std::uint64_t total_bytes = std::uint64_t{1} << 36;
};
std::map<std::string, std::vector<std::byte>> read_files(const std::filesystem::path& path,
                                                         const ReadLimits& limits = {});
// read_files, then read_text with every tensor file.
Graph read_archive(const std::filesystem::path& path, const Dialect& dialect, const ReadLimits& limits = {});

// Compares the archive on disk with the graph that it was written from, tensor by tensor as a stream, and its text by
// reading it back. Returns what differs, "" for nothing. Bounded memory: no tensor is held whole. When nothing differs,
// `read_back` is the graph that the text says; its variables are those of `graph`, which the tensor files were found
// equal to.
std::string compare_archive(const std::filesystem::path& path, const Graph& graph, const Dialect& dialect,
                            Graph* read_back = nullptr);

// --- numpy's .npy and .npz (version 1.0 .. 3.0, little-endian, C or Fortran order; stored or deflated entries) ---

struct NamedTensor {
  std::string name;
  TensorDataPtr data;
};
std::vector<NamedTensor> read_npz(const std::filesystem::path& path);
TensorDataPtr read_npy(const std::filesystem::path& path);
void write_npz(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors);

}  // namespace nnef
