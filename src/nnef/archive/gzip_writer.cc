#include "nnef/archive/gzip_writer.h"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <system_error>

namespace nnef {
namespace {

constexpr std::size_t kPieceSize = std::size_t{1} << 20;
constexpr std::size_t kStoredSize = 65535;  // the most that a stored deflate block holds
constexpr unsigned kMaxWorkers = 16;

void append(std::vector<unsigned char>* out, const void* bytes, std::size_t count) {
  const auto* begin = static_cast<const unsigned char*>(bytes);
  out->insert(out->end(), begin, begin + count);
}

// Ends on a byte boundary and not as the last block, so that pieces can be joined.
void deflate_piece(int level, const std::vector<unsigned char>& input, std::vector<unsigned char>* output) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  output->resize(deflateBound(&stream, static_cast<uLong>(input.size())) + 16);
  stream.next_in = const_cast<unsigned char*>(input.data());  // zlib does not write there
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = output->data();
  stream.avail_out = static_cast<uInt>(output->size());
  const int status = deflate(&stream, Z_SYNC_FLUSH);
  const bool whole = status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0;
  output->resize(output->size() - stream.avail_out);
  deflateEnd(&stream);
  if (!whole) throw std::runtime_error("zlib did not compress a block");
}

}  // namespace

GzipWriter::GzipWriter(int level, ByteSink sink) : level_(std::clamp(level, 0, 9)), sink_(std::move(sink)) {
  if (level_ == 0) {
    block_.reserve(kStoredSize);
  } else {
    start_workers();
    filling_ = std::make_unique<Piece>();
    filling_->input.reserve(kPieceSize);
  }
  // No name, no time, unknown system: nothing that differs from run to run.
  const unsigned char header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
  sink_(header, sizeof header);
}

GzipWriter::~GzipWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_ready_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void GzipWriter::start_workers() {
  const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1u, kMaxWorkers);
  try {
    while (workers_.size() < count) workers_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // As many as the system gives; with none the caller's thread does the work.
  }
}

void GzipWriter::compress(Piece* piece) const {
  piece->output.clear();
  piece->crc = libdeflate_crc32(0, piece->input.data(), piece->input.size());
  deflate_piece(level_, piece->input, &piece->output);
}

// zlib's own level 0 copies twice and writes blocks of its window's size; this is the sum and the block headers.
void GzipWriter::store_block(const unsigned char* bytes, std::size_t count) {
  const auto low = static_cast<unsigned char>(count & 255), high = static_cast<unsigned char>(count >> 8);
  const unsigned char header[5] = {0, low, high, static_cast<unsigned char>(~low), static_cast<unsigned char>(~high)};
  crc_ = libdeflate_crc32(crc_, bytes, count);
  sink_(header, sizeof header);
  sink_(bytes, count);
}

// Blocks are full whatever the sizes of the writes.
void GzipWriter::store(const unsigned char* bytes, std::size_t count) {
  while (count > 0) {
    if (block_.empty() && count >= kStoredSize) {
      store_block(bytes, kStoredSize);
      bytes += kStoredSize;
      count -= kStoredSize;
      continue;
    }
    const std::size_t part = std::min(count, kStoredSize - block_.size());
    append(&block_, bytes, part);
    bytes += part;
    count -= part;
    if (block_.size() < kStoredSize) continue;
    store_block(block_.data(), block_.size());
    block_.clear();
  }
}

void GzipWriter::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_ready_.wait(lock, [this] { return stop_ || next_ < pieces_.size(); });
    if (stop_) return;
    Piece* const piece = pieces_[next_++].get();
    lock.unlock();
    std::exception_ptr error;
    try {
      compress(piece);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    piece->error = error;
    piece->done = true;
    piece_done_.notify_all();
  }
}

void GzipWriter::submit() {
  if (workers_.empty()) {
    compress(filling_.get());
    filling_->done = true;
  }
  {
    const std::lock_guard lock(mutex_);
    pieces_.push_back(std::move(filling_));
    if (workers_.empty()) next_ = pieces_.size();
  }
  work_ready_.notify_one();
  while (pieces_.size() > 2 * workers_.size() + 1) emit_oldest();
  if (spare_.empty()) {
    filling_ = std::make_unique<Piece>();
    filling_->input.reserve(kPieceSize);
  } else {
    filling_ = std::move(spare_.back());
    spare_.pop_back();
  }
}

void GzipWriter::emit_oldest() {
  std::unique_ptr<Piece> piece;
  {
    std::unique_lock lock(mutex_);
    piece_done_.wait(lock, [this] { return pieces_.front()->done; });
    piece = std::move(pieces_.front());
    pieces_.pop_front();
    --next_;
  }
  if (piece->error) std::rethrow_exception(piece->error);
  crc_ = static_cast<std::uint32_t>(crc32_combine(crc_, piece->crc, static_cast<z_off_t>(piece->input.size())));
  sink_(piece->output.data(), piece->output.size());
  piece->input.clear();
  piece->done = false;
  spare_.push_back(std::move(piece));
}

void GzipWriter::write(const void* bytes, std::size_t count) {
  const auto* begin = static_cast<const unsigned char*>(bytes);
  size_ += count;
  if (level_ == 0) return store(begin, count);
  while (count > 0) {
    const std::size_t part = std::min(count, kPieceSize - filling_->input.size());
    append(&filling_->input, begin, part);
    begin += part;
    count -= part;
    if (filling_->input.size() == kPieceSize) submit();
  }
}

void GzipWriter::finish() {
  if (!block_.empty()) store_block(block_.data(), block_.size());
  if (filling_ && !filling_->input.empty()) submit();
  while (!pieces_.empty()) emit_oldest();
  const auto size = static_cast<std::uint32_t>(size_);  // modulo 2^32 by definition
  unsigned char trailer[13] = {1, 0, 0, 0xff, 0xff};    // an empty stored block, the last one
  for (int i = 0; i < 4; ++i) {
    trailer[5 + i] = static_cast<unsigned char>(crc_ >> (8 * i));
    trailer[9 + i] = static_cast<unsigned char>(size >> (8 * i));
  }
  sink_(trailer, sizeof trailer);
}

}  // namespace nnef
