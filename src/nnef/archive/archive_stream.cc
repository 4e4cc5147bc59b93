#include "nnef/archive/archive_stream.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "nnef/archive/gzip_reader.h"
#include "nnef/archive/output_file.h"
#include "nnef/io.h"

namespace nnef {
namespace {

constexpr std::size_t kReadBlock = std::size_t{1} << 18;
constexpr std::uint64_t kLargestRatio = 1032;  // of what deflate packs
constexpr std::uint64_t kSlack = 1 << 20;

std::string message_of(archive* handle) {
  const char* const message = archive_error_string(handle);
  return message ? message : "unknown error";
}

}  // namespace

void ArchiveSink::Free::operator()(archive* handle) const {
  archive_write_fail(handle);  // no trailer when it was not closed
  archive_write_free(handle);
}

ArchiveSink::ArchiveSink(Format format, ByteSink sink) : sink_(std::move(sink)), handle_(archive_write_new()) {
  if (!handle_) throw std::bad_alloc();
  if (format == Format::kTar) {
    check(archive_write_set_format_pax_restricted(handle_.get()));
  } else {
    check(archive_write_set_format_zip(handle_.get()));
    check(archive_write_zip_set_compression_store(handle_.get()));
  }
  check(archive_write_set_bytes_per_block(handle_.get(), 0));  // pass on at once: the file gathers small writes
  check(archive_write_open(handle_.get(), this, nullptr, &ArchiveSink::receive, nullptr));
}

std::ptrdiff_t ArchiveSink::receive(archive* handle, void* self, const void* bytes, std::size_t count) {
  auto* const sink = static_cast<ArchiveSink*>(self);
  try {
    sink->sink_(bytes, count);
    return static_cast<std::ptrdiff_t>(count);
  } catch (...) {
    sink->error_ = std::current_exception();
    archive_set_error(handle, EIO, "write failed");
    return -1;
  }
}

void ArchiveSink::check(std::ptrdiff_t status) {
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  if (status < ARCHIVE_WARN) throw IoError("cannot write the archive: " + message_of(handle_.get()));
}

void ArchiveSink::add(const std::string& name, std::uint64_t size, const std::function<void(const ByteSink&)>& stream) {
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
  if (!entry) throw std::bad_alloc();
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  check(archive_write_header(handle_.get(), entry.get()));
  std::uint64_t given = 0;
  stream([&](const void* bytes, std::size_t count) {
    given += count;
    if (given > size) throw IoError("cannot write the archive: '" + name + "' has more bytes than it was to have");
    const char* at = static_cast<const char*>(bytes);
    while (count > 0) {  // it takes less than 2 GiB at once
      const la_ssize_t taken = archive_write_data(handle_.get(), at, std::min<std::size_t>(count, 1u << 30));
      if (taken <= 0) check(ARCHIVE_FATAL);
      at += taken;
      count -= static_cast<std::size_t>(taken);
    }
  });
  check(archive_write_finish_entry(handle_.get()));
}

void ArchiveSink::close() { check(archive_write_close(handle_.get())); }

void ArchiveSource::Free::operator()(archive* handle) const { archive_read_free(handle); }

// Not libarchive's filter: that one does not check the sum at the end.
struct ArchiveSource::Gzip {
  explicit Gzip(const std::filesystem::path& path) : reader(path) {}

  GzipReader reader;
  std::vector<char> block = std::vector<char>(kReadBlock);
};

std::ptrdiff_t ArchiveSource::refill(archive* handle, void* self, const void** block) {
  Gzip& gzip = *static_cast<ArchiveSource*>(self)->gzip_;
  try {
    const std::size_t got = gzip.reader.read(gzip.block.data(), gzip.block.size());
    *block = gzip.block.data();
    return static_cast<std::ptrdiff_t>(got);
  } catch (const std::exception& error) {
    archive_set_error(handle, EIO, "%s", error.what());
    return ARCHIVE_FATAL;
  }
}

ArchiveSource::ArchiveSource(const std::filesystem::path& path) : path_(path), handle_(archive_read_new()) {
  if (!handle_) throw std::bad_alloc();
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw_io_error("read", path, EISDIR);
  gzip_ = std::make_unique<Gzip>(path);
  archive_read_support_format_tar(handle_.get());
  const std::uintmax_t bytes = std::filesystem::file_size(path, ignored);
  if (!ignored && std::filesystem::is_regular_file(path, ignored)) most_ = bytes * kLargestRatio + kSlack;
  const int status = archive_read_open(handle_.get(), this, nullptr, &ArchiveSource::refill, nullptr);
  if (status != ARCHIVE_OK) fail();
}

ArchiveSource::~ArchiveSource() = default;

void ArchiveSource::fail() { throw FormatError(path_.string() + ": " + message_of(handle_.get())); }

// What stands behind the last entry is read too, for the sum.
void ArchiveSource::drain() {
  const void* block = nullptr;
  std::ptrdiff_t got = 1;
  while (got > 0) got = refill(handle_.get(), this, &block);
  if (got < 0) fail();
}

bool ArchiveSource::next() {
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(handle_.get(), &entry);
  if (status == ARCHIVE_EOF) {
    drain();
    return false;
  }
  if (status < ARCHIVE_WARN) fail();
  const char* const name = archive_entry_pathname(entry);
  if (!name) throw FormatError(path_.string() + ": an entry has no readable name");
  name_ = name;
  const bool link = archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr;
  is_file_ = archive_entry_filetype(entry) == AE_IFREG && !link;
  is_folder_ = archive_entry_filetype(entry) == AE_IFDIR;
  size_ = archive_entry_size_is_set(entry) ? static_cast<std::uint64_t>(archive_entry_size(entry)) : 0;
  // libarchive fills up what is not there with zeros, for entries that say they are sparse.
  if (size_ > most_)
    throw FormatError(path_.string() + ": entry '" + name_ + "' says that it is larger than it can be");
  return true;
}

std::size_t ArchiveSource::read(void* bytes, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const la_ssize_t got = archive_read_data(handle_.get(), static_cast<char*>(bytes) + done, count - done);
    if (got < 0) throw FormatError(path_.string() + ": entry '" + name_ + "': " + message_of(handle_.get()));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace nnef
