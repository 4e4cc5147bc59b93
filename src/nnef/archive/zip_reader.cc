#include "nnef/archive/zip_reader.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "nnef/archive/output_file.h"
#include "nnef/io.h"

namespace nnef {
namespace {

constexpr std::uint32_t kEndMark = 0x06054b50, kEnd64Mark = 0x06064b50, kLocator64Mark = 0x07064b50;
constexpr std::uint32_t kDirectoryMark = 0x02014b50, kLocalMark = 0x04034b50;
constexpr std::size_t kEndSize = 22, kLocatorSize = 20, kEnd64Size = 56, kDirectorySize = 46, kLocalSize = 30;
constexpr std::uint64_t kMostDirectory = std::uint64_t{1} << 28;
constexpr std::uint32_t kIn64 = 0xffffffff;  // the number stands in a field of 64 bits
constexpr unsigned kEncrypted = 1, kSizesBehind = 8;
// What a deflated entry can unpack to at most is a thousand times its size. Weights do not come near a hundred.
constexpr std::uint64_t kMostRatio = 200, kMostSmall = std::uint64_t{1} << 28;
constexpr std::size_t kBlock = std::size_t{1} << 16;

std::uint64_t number(const char* bytes, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}
std::uint16_t number16(const char* bytes) { return static_cast<std::uint16_t>(number(bytes, 2)); }
std::uint32_t number32(const char* bytes) { return static_cast<std::uint32_t>(number(bytes, 4)); }
std::uint64_t number64(const char* bytes) { return number(bytes, 8); }

[[noreturn]] void damaged(const std::string& how) { throw FormatError("a damaged zip file: " + how); }
[[noreturn]] void bad_entry(const std::string& name, const std::string& how) {
  throw FormatError("entry '" + name + "' " + how);
}

// The field of the numbers that do not fit in 32 bits, "" when there is none.
std::string_view wide_numbers(std::string_view extra, const std::string& name) {
  while (extra.size() >= 4) {
    const std::size_t size = number16(extra.data() + 2);
    if (size > extra.size() - 4) bad_entry(name, "has a damaged header");
    if (number16(extra.data()) == 1) return extra.substr(4, size);
    extra.remove_prefix(4 + size);
  }
  return {};
}

void widen(std::uint64_t& value, std::string_view& wide, const std::string& name) {
  if (value != kIn64) return;
  if (wide.size() < 8) bad_entry(name, "has a damaged header");
  value = number64(wide.data());
  wide.remove_prefix(8);
}

}  // namespace

ZipReader::ZipReader(const std::filesystem::path& path) : path_(path) {
  descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw_io_error("read", path, errno);
  try {
    struct stat facts {};
    if (fstat(descriptor_, &facts) != 0) throw_io_error("read", path, errno);
    if (S_ISDIR(facts.st_mode)) throw_io_error("read", path, EISDIR);
    size_ = static_cast<std::uint64_t>(facts.st_size);
    read_directory();
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

ZipReader::ZipReader(std::string_view bytes) : bytes_(bytes), size_(bytes.size()) { read_directory(); }

ZipReader::~ZipReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

const ZipEntry* ZipReader::find(std::string_view name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &entries_[found->second];
}

void ZipReader::read_at(std::uint64_t offset, void* bytes, std::size_t count) const {
  if (offset > size_ || count > size_ - offset) damaged("it is cut short");
  if (descriptor_ < 0) {
    std::memcpy(bytes, bytes_.data() + offset, count);
    return;
  }
  auto* to = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t got = pread(descriptor_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io_error("read", path_, errno);
    if (got == 0) damaged("it is cut short");
    to += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
}

// Every reader of zip files looks for the last mark of an end; one that is followed by other than its own comment would
// be read differently by different readers.
ZipReader::Directory ZipReader::find_directory() const {
  const std::size_t tail_size = static_cast<std::size_t>(std::min<std::uint64_t>(size_, kEndSize + 65535));
  std::string tail(tail_size, '\0');
  read_at(size_ - tail_size, tail.data(), tail_size);
  const std::size_t at = tail.rfind("PK\x05\x06");
  if (at == std::string::npos || tail.size() - at < kEndSize) damaged("its end is missing");
  const char* const end = tail.data() + at;
  if (tail.size() - at - kEndSize != number16(end + 20)) damaged("its end is not the end of the file");
  std::uint64_t end_at = size_ - tail_size + at;
  Directory directory{number32(end + 16), number32(end + 12), number16(end + 10)};
  if (number16(end + 4) != 0 || number16(end + 6) != 0 || number16(end + 8) != number16(end + 10)) {
    damaged("it is one of several parts");
  }
  std::array<char, kLocatorSize> locator{};
  if (end_at >= kLocatorSize) read_at(end_at - kLocatorSize, locator.data(), kLocatorSize);
  if (number32(locator.data()) == kLocator64Mark) {
    const std::uint64_t at64 = number64(&locator[8]), locator_at = end_at - kLocatorSize;
    if (locator_at < kEnd64Size || at64 != locator_at - kEnd64Size) damaged("its directory is not where it says");
    std::array<char, kEnd64Size> end64{};
    read_at(at64, end64.data(), kEnd64Size);
    if (number32(end64.data()) != kEnd64Mark || number64(&end64[24]) != number64(&end64[32])) {
      damaged("its directory is not where it says");
    }
    directory = {number64(&end64[48]), number64(&end64[40]), number64(&end64[32])};
    end_at = at64;
  }
  if (directory.size > end_at || directory.offset != end_at - directory.size) {
    damaged("its directory is not where it says");
  }
  if (directory.size > kMostDirectory || directory.entries > directory.size / kDirectorySize) {
    damaged("its directory is too large");
  }
  return directory;
}

ZipEntry ZipReader::read_entry(const std::string& directory, std::uint64_t directory_at, std::size_t& at) const {
  const char* const header = directory.data() + at;
  if (directory.size() - at < kDirectorySize || number32(header) != kDirectoryMark) damaged("its directory is damaged");
  const std::size_t name_size = number16(header + 28), extra_size = number16(header + 30);
  const std::size_t whole = kDirectorySize + name_size + extra_size + number16(header + 32);
  if (directory.size() - at < whole || name_size == 0) damaged("its directory is damaged");
  ZipEntry entry;
  entry.name.assign(header + kDirectorySize, name_size);
  entry.name_at = directory_at + at + kDirectorySize;
  at += whole;
  if (entry.name.find('\0') != std::string::npos) damaged("the name of an entry has a zero byte");
  if (number16(header + 8) & kEncrypted) bad_entry(entry.name, "is encrypted");
  const unsigned method = number16(header + 10);
  if (method != 0 && method != 8) bad_entry(entry.name, "is compressed in a way that is not read here");
  entry.is_stored = method == 0;
  entry.sum = number32(header + 16);
  entry.stored_size = number32(header + 20);
  entry.size = number32(header + 24);
  entry.header = number32(header + 42);
  std::string_view wide = wide_numbers({header + kDirectorySize + name_size, extra_size}, entry.name);
  widen(entry.size, wide, entry.name);
  widen(entry.stored_size, wide, entry.name);
  widen(entry.header, wide, entry.name);
  if (entry.is_stored && entry.stored_size != entry.size) bad_entry(entry.name, "has two sizes");
  if (entry.header >= directory_at || entry.stored_size > directory_at) bad_entry(entry.name, "lies beyond the file");
  return entry;
}

// It repeats what the directory says; what differs would be read differently by different readers.
void ZipReader::read_local_header(ZipEntry& entry) const {
  std::array<char, kLocalSize> header{};
  read_at(entry.header, header.data(), kLocalSize);
  const std::size_t name_size = number16(&header[26]), extra_size = number16(&header[28]);
  if (number32(header.data()) != kLocalMark || name_size != entry.name.size()) bad_entry(entry.name, "has no header");
  std::string name(name_size, '\0');
  read_at(entry.header + kLocalSize, name.data(), name_size);
  const bool sizes_follow = (number16(&header[6]) & kSizesBehind) != 0;
  const auto agrees = [&](std::size_t place, std::uint64_t value) {
    const std::uint32_t here = number32(&header[place]);
    return here == value || here == kIn64 || (sizes_follow && here == 0);
  };
  if (name != entry.name || (number16(&header[8]) == 0) != entry.is_stored || !agrees(14, entry.sum) ||
      !agrees(18, entry.stored_size) || !agrees(22, entry.size)) {
    bad_entry(entry.name, "has a header that says other than the directory");
  }
  entry.data = entry.header + kLocalSize + name_size + extra_size;
}

void ZipReader::read_directory() {
  const Directory place = find_directory();
  std::string directory(static_cast<std::size_t>(place.size), '\0');
  read_at(place.offset, directory.data(), directory.size());
  entries_.reserve(static_cast<std::size_t>(place.entries));
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < place.entries; ++i) {
    entries_.push_back(read_entry(directory, place.offset, at));
    read_local_header(entries_.back());
  }
  if (at != directory.size()) damaged("its directory is damaged");
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!places_.emplace(entries_[i].name, i).second) bad_entry(entries_[i].name, "occurs twice");
  }
  check_layout(place.offset);
}

void ZipReader::check_layout(std::uint64_t directory_at) const {
  std::vector<const ZipEntry*> order;
  std::uint64_t unpacked = 0;
  for (const ZipEntry& entry : entries_) {
    order.push_back(&entry);
    if (entry.is_stored) continue;
    const std::uint64_t most = kMostSmall + kMostRatio * size_;
    if (entry.size > most || (unpacked += entry.size) > most) {
      bad_entry(entry.name, "unpacks to more than " + std::to_string(kMostRatio) + " times the size of the file");
    }
  }
  std::sort(order.begin(), order.end(), [](const ZipEntry* a, const ZipEntry* b) { return a->header < b->header; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint64_t end = i + 1 < order.size() ? order[i + 1]->header : directory_at;
    if (order[i]->data > end || order[i]->stored_size > end - order[i]->data) {
      bad_entry(order[i]->name, "overlaps what follows it");
    }
  }
}

std::string ZipReader::read(const ZipEntry& entry, std::uint64_t most) const {
  if (entry.size > most) bad_entry(entry.name, "has more than " + std::to_string(most) + " bytes");
  std::string contents(static_cast<std::size_t>(entry.size), '\0');
  ZipStream stream(*this, entry);
  stream.read(contents.data(), contents.size());
  return contents;
}

void ZipReader::stream(const ZipEntry& entry, const ByteSink& sink) const {
  std::vector<unsigned char> block(4 * kBlock);
  ZipStream stream(*this, entry);
  while (const std::size_t got = stream.read(block.data(), block.size())) sink(block.data(), got);
}

ZipStream::ZipStream(const ZipReader& file, const ZipEntry& entry) : file_(file), entry_(entry) {
  if (entry.is_stored) return;
  block_.resize(kBlock);
  if (inflateInit2(&inflate_, -15) != Z_OK) throw std::bad_alloc();
}

ZipStream::~ZipStream() {
  if (!entry_.is_stored) inflateEnd(&inflate_);
}

std::size_t ZipStream::inflate_some(unsigned char* bytes, std::size_t count) {
  inflate_.next_out = bytes;
  inflate_.avail_out = static_cast<uInt>(std::min<std::size_t>(count, 1u << 30));
  const uInt wanted = inflate_.avail_out;
  while (inflate_.avail_out > 0) {
    if (inflate_.avail_in == 0 && taken_ < entry_.stored_size) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, entry_.stored_size - taken_));
      file_.read_at(entry_.data + taken_, block_.data(), part);
      taken_ += part;
      inflate_.next_in = block_.data();
      inflate_.avail_in = static_cast<uInt>(part);
    }
    const int status = inflate(&inflate_, Z_NO_FLUSH);
    if (status != Z_OK && !(status == Z_STREAM_END && inflate_.avail_out == 0)) bad_entry(entry_.name, "is damaged");
  }
  return wanted;
}

std::size_t ZipStream::read(void* bytes, std::size_t count) {
  auto* const to = static_cast<unsigned char*>(bytes);
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count, entry_.size - given_));
  std::size_t done = 0;
  while (done < wanted) {
    std::size_t got = 0;
    if (entry_.is_stored) {
      got = std::min<std::size_t>(wanted - done, 4 * kBlock);  // so that the sum is taken from the cache
      file_.read_at(entry_.data + given_, to + done, got);
    } else {
      got = inflate_some(to + done, wanted - done);
    }
    sum_ = libdeflate_crc32(sum_, to + done, got);
    done += got;
    given_ += got;
  }
  if (given_ == entry_.size && sum_ != entry_.sum) bad_entry(entry_.name, "is damaged: its sum does not agree");
  return done;
}

}  // namespace nnef
