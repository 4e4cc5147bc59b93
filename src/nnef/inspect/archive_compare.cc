// Whether an archive on disk says what a graph says: one pass over the container, tensors compared piece by piece.
#include <algorithm>
#include <array>
#include <cstring>

#include "nnef/archive/archive_walk.h"
#include "nnef/archive/tensor_header.h"
#include "nnef/io.h"
#include "nnef/text/text_fold.h"

namespace nnef {
namespace {

constexpr std::size_t kComparedPiece = std::size_t{1} << 18;
constexpr std::size_t kMaxComparedText = std::size_t{1} << 30;

// Ends the stream of a tensor at its first difference.
struct Difference {
  std::string text;
};

std::string shown_type(DType dtype, const std::vector<std::int64_t>& shape) {
  return std::string(to_string(dtype)) + to_string(make_shape(shape));
}

// The rest of the file, whose header was read, against the bytes that the tensor would be written as. `piece` is room
// for kComparedPiece bytes.
void compare_data(ArchiveFile& file, const TensorData& tensor, std::vector<char>& piece) {
  std::uint64_t at = 0;
  const ItemType type = item_type_of(tensor);
  const auto place_of = [&](std::uint64_t byte) {
    return type.is_block() ? "byte " + std::to_string(byte) : "item " + std::to_string(byte * 8 / type.bits);
  };
  std::size_t skip = kTensorHeaderSize;
  write_tensor(tensor, file.name, [&](const void* bytes, std::size_t count) {
    const std::size_t skipped = std::min(skip, count);
    skip -= skipped;
    count -= skipped;
    const char* wanted = static_cast<const char*>(bytes) + skipped;
    while (count > 0) {
      const std::size_t step = std::min(count, kComparedPiece);
      if (file.read(piece.data(), step) != step) throw Difference{file.name + " is cut short"};
      if (std::memcmp(piece.data(), wanted, step) != 0) {
        const auto place =
            std::mismatch(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(step), wanted).first;
        const std::uint64_t byte = at + static_cast<std::uint64_t>(place - piece.begin());
        throw Difference{file.name + " differs from " + place_of(byte) + " on"};
      }
      wanted += step;
      at += step;
      count -= step;
    }
  });
  if (file.read(piece.data(), 1) != 0) throw Difference{file.name + " is longer than its tensor"};
}

TensorDataPtr compare_tensor(ArchiveFile& file, const std::string& label, const Graph& graph,
                             std::vector<char>& piece) {
  const auto found = graph.variables.find(label);
  if (found == graph.variables.end()) throw Difference{file.name + " belongs to no variable of the graph"};
  std::array<std::byte, kTensorHeaderSize> bytes{};
  const std::size_t got = file.read(bytes.data(), bytes.size());
  TensorHeader header = parse_tensor_header(bytes.data(), got, file.name);
  const TensorData& tensor = *found->second;
  if (header.dtype != tensor.dtype() || header.shape != tensor.shape()) {
    throw Difference{file.name + " is " + shown_type(header.dtype, header.shape) + ", the graph has " +
                     shown_type(tensor.dtype(), tensor.shape())};
  }
  if (header.item_type != item_type_of(tensor)) {
    throw Difference{file.name + " holds " + describe(header.item_type) + ", the graph has " +
                     describe(item_type_of(tensor))};
  }
  compare_data(file, tensor, piece);
  return tensor_of(std::move(header));
}

std::string read_whole(ArchiveFile& file) {
  std::string text;
  for (std::size_t got = kComparedPiece; got == kComparedPiece;) {
    const std::size_t at = text.size();
    text.resize(at + kComparedPiece);
    got = file.read(text.data() + at, kComparedPiece);
    text.resize(at + got);
    if (text.size() > kMaxComparedText) throw FormatError(file.name + " is too large");
  }
  return text;
}

// --- texts ---

class GraphComparison {
 public:
  GraphComparison(const Graph& disk, const Graph& memory, bool classes_only)
      : disk_(disk), memory_(memory), classes_only_(classes_only) {}

  void run() const {
    same(disk_.name == memory_.name, "its name");
    same(disk_.registries == memory_.registries, "the registries");
    same(disk_.symbols == memory_.symbols, "the symbols");
    same(disk_.asserts == memory_.asserts, "the asserts");
    same(disk_.extensions == memory_.extensions, "the extensions");
    same(disk_.properties == memory_.properties, "the properties");
    same(names(disk_, disk_.inputs) == names(memory_, memory_.inputs), "the inputs");
    same(names(disk_, disk_.outputs) == names(memory_, memory_.outputs), "the outputs");
    compare_operations();
    compare_quant();
    compare_fragments();
  }

 private:
  void same(bool equal, const std::string& what) const {
    if (!equal) throw Difference{"graph '" + memory_.name + "': " + what + " differ"};
  }

  static std::vector<std::string> names(const Graph& graph, const std::vector<Value>& values) {
    std::vector<std::string> list;
    for (Value value : values) list.push_back(graph.info(value).name);
    return list;
  }

  // Khronos texts tell a class of item types, not the type.
  bool same_dtype(DType a, DType b) const {
    if (!classes_only_) return a == b;
    return a == b || (is_float(a) && is_float(b)) || (is_integer(a) && is_integer(b));
  }

  bool same_arguments(const Graph& disk, const std::vector<NamedArgument>& a, const Graph& memory,
                      const std::vector<NamedArgument>& b) const {
    if (a.size() != b.size()) return false;
    return std::all_of(a.begin(), a.end(), [&](const NamedArgument& argument) {
      const auto other =
          std::find_if(b.begin(), b.end(), [&](const NamedArgument& o) { return o.name == argument.name; });
      return other != b.end() && same_argument(disk, argument.argument, memory, other->argument);
    });
  }

  void compare_operations() const {
    same(disk_.operations.size() == memory_.operations.size(), "the numbers of operations");
    for (std::size_t i = 0; i < memory_.operations.size(); ++i) {
      const Operation &a = disk_.operations[i], &b = memory_.operations[i];
      const std::vector<std::string> results = names(memory_, b.results);
      const std::string what = "the operation " + b.op + " of '" + (results.empty() ? "" : results[0]) + "'";
      same(a.op == b.op && names(disk_, a.results) == results, what);
      same(same_arguments(disk_, a.arguments, memory_, b.arguments), "the arguments of " + what);
      for (std::size_t k = 0; k < b.results.size(); ++k) {
        const ValueInfo &x = disk_.info(a.results[k]), &y = memory_.info(b.results[k]);
        same(same_dtype(x.dtype, y.dtype) && x.shape == y.shape,
             "the results of " + what + ", " + std::string(to_string(x.dtype)) + to_string(x.shape) + " on disk and " +
                 std::string(to_string(y.dtype)) + to_string(y.shape) + ",");
      }
    }
  }

  void compare_quant() const {
    bool equal = disk_.quant.size() == memory_.quant.size();
    for (const auto& [name, entry] : memory_.quant) {
      const auto other = disk_.quant.find(name);
      equal = equal && other != disk_.quant.end() && other->second.function == entry.function &&
              same_arguments(disk_, other->second.arguments, memory_, entry.arguments);
    }
    same(equal, "the quantisation entries");
  }

  void compare_fragments() const {
    same(disk_.fragments.size() == memory_.fragments.size(), "the numbers of fragments");
    for (const Fragment& fragment : memory_.fragments) {
      const auto other = std::find_if(disk_.fragments.begin(), disk_.fragments.end(),
                                      [&](const Fragment& f) { return f.body.name == fragment.body.name; });
      same(other != disk_.fragments.end(), "the fragments '" + fragment.body.name + "'");
      GraphComparison(other->body, fragment.body, classes_only_).run();
    }
  }

  const Graph& disk_;
  const Graph& memory_;
  const bool classes_only_;
};

Graph compare_all(const std::filesystem::path& path, const Graph& graph, const Dialect& dialect) {
  std::map<std::string, TensorDataPtr> headers;
  std::map<std::string, std::string> texts;
  std::vector<char> piece(kComparedPiece);
  walk_archive(path, [&](ArchiveFile& file) {
    if (file.name.ends_with(".dat")) {
      const std::string label = file.name.substr(0, file.name.size() - 4);
      headers[label] = compare_tensor(file, label, graph, piece);
    } else if (file.name == "graph.nnef" || file.name == "graph.quant") {
      texts[file.name] = read_whole(file);
    } else {
      throw Difference{"the file '" + file.name + "' does not belong to the graph"};
    }
  });
  for (const auto& [label, data] : graph.variables) {
    if (headers.count(label) == 0) throw Difference{label + ".dat is missing"};
  }
  if (texts.count("graph.nnef") == 0) throw Difference{"graph.nnef is missing"};
  Graph disk = read_text(texts["graph.nnef"], texts["graph.quant"], "graph.nnef", dialect, headers);
  GraphComparison(disk, graph, dialect.target().kind == Target::Kind::kKhronos).run();
  for (auto& [label, data] : disk.variables) data = graph.variables.at(label);
  return disk;
}

}  // namespace

std::string compare_archive(const std::filesystem::path& path, const Graph& graph, const Dialect& dialect,
                            Graph* read_back) {
  try {
    Graph disk = compare_all(path, graph, dialect);
    if (read_back != nullptr) *read_back = std::move(disk);
    return "";
  } catch (const Difference& difference) {
    return difference.text;
  }
}

}  // namespace nnef
