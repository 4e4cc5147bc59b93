#include "nnef/archive/gzip_reader.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "nnef/io.h"

namespace nnef {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 18;
constexpr std::size_t kTrailer = 8;  // the sum and the length, behind a member

std::uint32_t number_at(const unsigned char* bytes) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
  return number;
}

}  // namespace

GzipReader::GzipReader(const std::filesystem::path& path) : file_(path), block_(kBlock) {
  stream_.next_in = block_.data() + kTrailer;
  if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  inflateValidate(&stream_, 0);  // the sum is taken here, see check_trailer()
}

GzipReader::~GzipReader() { inflateEnd(&stream_); }

// False at the end of the file; what was not used yet is still there then.
bool GzipReader::refill() {
  const std::size_t kept = kTrailer + stream_.avail_in;
  std::memmove(block_.data(), stream_.next_in - kTrailer, kept);
  const std::size_t got = file_.read(block_.data() + kept, block_.size() - kept);
  stream_.next_in = block_.data() + kTrailer;
  stream_.avail_in += static_cast<uInt>(got);
  return got > 0;
}

bool GzipReader::stands_at_member() {
  if (stream_.avail_in < 2) refill();
  return stream_.avail_in >= 2 && stream_.next_in[0] == 0x1f && stream_.next_in[1] == 0x8b;
}

std::size_t GzipReader::read_plain(unsigned char* bytes, std::size_t count) {
  const std::size_t at_hand = std::min<std::size_t>(stream_.avail_in, count);
  std::memcpy(bytes, stream_.next_in, at_hand);
  stream_.next_in += at_hand;
  stream_.avail_in -= static_cast<uInt>(at_hand);
  return at_hand + file_.read(bytes + at_hand, count - at_hand);
}

void GzipReader::check_trailer() {
  const unsigned char* const trailer = stream_.next_in - kTrailer;
  if (number_at(trailer) != sum_) throw FormatError("incorrect data check");
  if (number_at(trailer + 4) != length_) throw FormatError("incorrect length check");
}

void GzipReader::inflate_more() {
  if (stream_.avail_in == 0 && !refill()) throw FormatError("the file is cut short");
  const unsigned char* const begin = stream_.next_out;
  const int status = inflate(&stream_, Z_NO_FLUSH);
  const auto count = static_cast<std::size_t>(stream_.next_out - begin);
  sum_ = libdeflate_crc32(sum_, begin, count);
  length_ += static_cast<std::uint32_t>(count);
  if (status == Z_STREAM_END) {
    check_trailer();
    at_ = At::kBetween;
  } else if (status != Z_OK && status != Z_BUF_ERROR) {  // the latter: there was nothing to go on with
    throw FormatError(stream_.msg ? stream_.msg : "zlib cannot read it");
  }
}

std::size_t GzipReader::read(void* bytes, std::size_t count) {
  auto* const begin = static_cast<unsigned char*>(bytes);
  if (at_ == At::kStart) at_ = stands_at_member() ? At::kMember : At::kPlain;
  if (at_ == At::kPlain) return read_plain(begin, count);
  stream_.next_out = begin;
  stream_.avail_out = static_cast<uInt>(count);
  while (stream_.avail_out > 0 && at_ != At::kEnd) {
    if (at_ == At::kBetween) {
      at_ = stands_at_member() ? At::kMember : At::kEnd;
      inflateReset(&stream_);
      sum_ = length_ = 0;
    } else {
      inflate_more();
    }
  }
  return count - stream_.avail_out;
}

}  // namespace nnef
