// numpy's files: .npy is a header that holds a Python literal, then items; .npz is a zip container of them.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <system_error>

#include "nnef/archive/archive_stream.h"
#include "nnef/archive/input_file.h"
#include "nnef/archive/npz_bytes.h"
#include "nnef/archive/output_file.h"
#include "nnef/archive/zip_reader.h"
#include "nnef/io.h"

namespace nnef {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = std::size_t{1} << 20;
constexpr std::uint64_t kMostOfAPipe = std::uint64_t{1} << 30;
constexpr std::size_t kMaxRank = 64;

// Up to `count` bytes; fewer only at the end.
using ByteSource = std::function<std::size_t(void* bytes, std::size_t count)>;

struct DescrType {
  std::string_view descr;
  DType dtype;
};
constexpr std::array kDescrTypes = {
    DescrType{"|b1", DType::kBool}, DescrType{"|u1", DType::kU8},  DescrType{"<u2", DType::kU16},
    DescrType{"<u4", DType::kU32},  DescrType{"<u8", DType::kU64}, DescrType{"|i1", DType::kI8},
    DescrType{"<i2", DType::kI16},  DescrType{"<i4", DType::kI32}, DescrType{"<i8", DType::kI64},
    DescrType{"<f2", DType::kF16},  DescrType{"<f4", DType::kF32}, DescrType{"<f8", DType::kF64},
};

struct NpyHeader {
  DType dtype = DType::kF32;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

[[noreturn]] void fail(const std::string& where, const std::string& message) {
  throw FormatError(where + ": " + message);
}

std::string type_name(const std::string& descr) {
  const std::string quoted = " ('" + descr + "')";
  if (descr.starts_with('>')) return "big-endian items" + quoted;
  switch (descr.size() > 1 ? descr[1] : '\0') {
    case 'c':
      return "complex numbers" + quoted;
    case 'S':
    case 'U':
      return "strings" + quoted;
    case 'O':
      return "Python objects" + quoted;
    case 'M':
    case 'm':
      return "dates" + quoted;
    case 'V':
      return "items without a numpy type, such as bfloat16" + quoted;
    default:
      return "items of an unknown type" + quoted;
  }
}

// The Python literal {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, keys in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {}

  NpyHeader parse() {
    NpyHeader header;
    int seen = 0;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        header.dtype = dtype();
        seen |= 1;
      } else if (key == "fortran_order") {
        header.fortran_order = logical();
        seen |= 2;
      } else if (key == "shape") {
        header.shape = shape();
        seen |= 4;
      } else {
        bad();
      }
      if (!accept(',') && look() != '}') bad();
    }
    if (seen != 7) bad();
    return header;
  }

 private:
  [[noreturn]] void bad() { fail(where_, "the npy header cannot be read at byte " + std::to_string(at_)); }
  char look() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (look() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad();
  }
  std::string string() {
    const char quote = look();
    if (quote != '\'' && quote != '"') bad();
    const std::size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) bad();
    std::string text(text_.substr(at_, end - at_));
    at_ = end + 1;
    return text;
  }
  bool logical() {
    look();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return value;
    }
    bad();
  }
  DType dtype() {
    if (look() == '[') fail(where_, "holds records of several fields");
    const std::string descr = string();
    const auto type =
        std::find_if(kDescrTypes.begin(), kDescrTypes.end(), [&](const DescrType& t) { return t.descr == descr; });
    if (type == kDescrTypes.end()) fail(where_, "holds " + type_name(descr));
    return type->dtype;
  }
  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> extents;
    expect('(');
    while (!accept(')')) {
      std::int64_t extent = 0;
      if (look() < '0' || look() > '9') bad();
      for (; look() >= '0' && look() <= '9'; ++at_) {
        extent = extent * 10 + (text_[at_] - '0');
        if (extent > (std::int64_t{1} << 48)) fail(where_, "has an extent that is too large");
      }
      accept('L');  // Python 2
      extents.push_back(extent);
      if (extents.size() > kMaxRank) fail(where_, "has more than 64 axes");
      if (!accept(',') && look() != ')') bad();
    }
    return extents;
  }

  std::string_view text_;
  std::string where_;
  std::size_t at_ = 0;
};

void read_exactly(const ByteSource& source, void* bytes, std::size_t count, const std::string& where) {
  if (source(bytes, count) != count) fail(where, "the data ends too early");
}

NpyHeader read_header(const ByteSource& source, const std::string& where) {
  std::array<unsigned char, 8> start{};
  if (source(start.data(), start.size()) != start.size() ||
      std::memcmp(start.data(), kMagic.data(), kMagic.size()) != 0) {
    fail(where, "not a npy file");
  }
  const int version = start[6];
  if (version < 1 || version > 3) fail(where, "npy version " + std::to_string(version) + " is unknown");
  std::array<unsigned char, 4> length{};
  read_exactly(source, length.data(), version == 1 ? 2 : 4, where);
  const std::size_t size = length[0] | length[1] << 8 | length[2] << 16 | static_cast<std::size_t>(length[3]) << 24;
  if (size > kMaxHeader) fail(where, "the npy header is too large");
  std::string text(size, '\0');
  read_exactly(source, text.data(), size, where);
  return HeaderParser(text, where).parse();
}

std::uint64_t data_size(const NpyHeader& header, const std::string& where) {
  std::uint64_t size = item_size(header.dtype);
  for (std::int64_t extent : header.shape) {
    if (extent != 0 && size > (std::uint64_t{1} << 60) / static_cast<std::uint64_t>(extent)) {
      fail(where, "the shape " + to_string(make_shape(header.shape)) + " is too large");
    }
    size *= static_cast<std::uint64_t>(extent);
  }
  return size;
}

// Fortran order has the first axis innermost: item by item to row-major.
std::vector<std::byte> to_row_major(const std::vector<std::byte>& items, const NpyHeader& header) {
  const std::size_t width = item_size(header.dtype), rank = header.shape.size();
  std::vector<std::byte> result(items.size());
  std::vector<std::size_t> strides, index(rank, 0);
  for (std::size_t stride = width; std::int64_t extent : header.shape) {
    strides.push_back(stride);
    stride *= static_cast<std::size_t>(extent);
  }
  std::size_t from = 0;
  for (std::size_t to = 0; to < result.size(); to += width) {
    std::memcpy(&result[to], &items[from], width);
    for (std::size_t axis = rank; axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < static_cast<std::size_t>(header.shape[axis])) break;
      from -= strides[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return result;
}

// `there` are the bytes that the file has, header included.
TensorDataPtr read_array(const ByteSource& source, std::uint64_t there, const std::string& where) {
  const NpyHeader header = read_header(source, where);
  const std::uint64_t size = data_size(header, where);
  if (size > there) fail(where, "the data ends too early");
  std::vector<std::byte> items(size);
  read_exactly(source, items.data(), items.size(), where);
  char extra = 0;
  if (source(&extra, 1) != 0) fail(where, "there is more data than the shape needs");
  if (header.dtype == DType::kBool) {
    for (std::byte& item : items) item = item == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  if (header.fortran_order && header.shape.size() > 1) items = to_row_major(items, header);
  return std::make_shared<OwnedTensor>(header.dtype, header.shape, std::move(items));
}

// Version 1.0, padded so that the items begin at a multiple of 64 bytes, as numpy does.
std::string make_header(const TensorData& tensor) {
  const auto type = std::find_if(kDescrTypes.begin(), kDescrTypes.end(),
                                 [&](const DescrType& t) { return t.dtype == tensor.dtype(); });
  std::string text = "{'descr': '" + std::string(type->descr) + "', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < tensor.shape().size(); ++i) text += (i ? ", " : "") + std::to_string(tensor.shape()[i]);
  text += tensor.shape().size() == 1 ? ",), }" : "), }";
  const std::size_t prefix = kMagic.size() + 4;
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text += '\n';
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(text.size() & 255), static_cast<char>(text.size() >> 8)};
  return header + text;
}

std::vector<NamedTensor> read_arrays(const ZipReader& file, const std::string& where) {
  std::vector<NamedTensor> tensors;
  for (const ZipEntry& entry : file.entries()) {
    if (entry.name.ends_with('/')) continue;
    const std::string shown = where + ": entry '" + entry.name + "'";
    if (!entry.name.ends_with(".npy")) fail(shown, "not a npy file");
    ZipStream stream(file, entry);
    const ByteSource source = [&](void* bytes, std::size_t count) { return stream.read(bytes, count); };
    tensors.push_back({entry.name.substr(0, entry.name.size() - 4), read_array(source, entry.size, shown)});
  }
  return tensors;
}

[[noreturn]] void fail_of(const std::string& where, const FormatError& error) {
  const std::string text = error.what();
  throw FormatError(text.starts_with(where) ? text : where + ": " + text);
}

}  // namespace

std::vector<NamedTensor> read_npz(const fs::path& path) {
  try {
    return read_arrays(ZipReader(path), path.string());
  } catch (const FormatError& error) {
    fail_of(path.string(), error);
  }
}

std::vector<NamedTensor> read_npz(std::string_view bytes, const std::string& name) {
  try {
    return read_arrays(ZipReader(bytes), name);
  } catch (const FormatError& error) {
    fail_of(name, error);
  }
}

TensorDataPtr read_npy(const fs::path& path) {
  FileReader file(path);
  std::error_code error;
  const std::uintmax_t there = fs::is_regular_file(path, error) ? fs::file_size(path, error) : kMostOfAPipe;
  return read_array([&](void* bytes, std::size_t count) { return file.read(bytes, count); }, there, path.string());
}

void write_npz(const fs::path& path, const std::vector<NamedTensor>& tensors) {
  StagingPlace staging(path);
  FileWriter file(staging.path());
  ArchiveSink archive(ArchiveSink::Format::kZip,
                      [&](const void* bytes, std::size_t count) { file.write(bytes, count); });
  for (const NamedTensor& tensor : tensors) {
    const std::string header = make_header(*tensor.data);
    archive.add(tensor.name + ".npy", header.size() + tensor.data->byte_size(), [&](const ByteSink& sink) {
      sink(header.data(), header.size());
      tensor.data->stream(sink);
    });
  }
  archive.close();
  file.finish();
  staging.commit();
}

}  // namespace nnef
