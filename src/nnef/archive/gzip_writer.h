// A gzip stream, compressed on all cores. Internal to the archive writer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "nnef/graph.h"

namespace nnef {

// One gzip member whose deflate blocks are made from independent pieces of 1 MiB, so that the bytes depend on the input
// and the level alone. Level 0 stores, at once: large writes are passed on without a copy. The output is given to the
// sink in order, on the caller's thread.
class GzipWriter {
 public:
  GzipWriter(int level, ByteSink sink);
  ~GzipWriter();
  GzipWriter(const GzipWriter&) = delete;
  GzipWriter& operator=(const GzipWriter&) = delete;

  // What the sink throws passes through; the writer is of no use afterwards.
  void write(const void* bytes, std::size_t count);
  void finish();

 private:
  struct Piece {
    std::vector<unsigned char> input, output;
    std::uint32_t crc = 0;
    bool done = false;
    std::exception_ptr error;
  };

  void store(const unsigned char* bytes, std::size_t count);
  void store_block(const unsigned char* bytes, std::size_t count);
  void start_workers();
  void work();
  void compress(Piece* piece) const;
  void submit();
  void emit_oldest();

  const int level_;
  const ByteSink sink_;
  std::uint32_t crc_ = 0;
  std::uint64_t size_ = 0;
  std::vector<unsigned char> block_;  // level 0: the beginning of a stored block
  std::unique_ptr<Piece> filling_;
  std::deque<std::unique_ptr<Piece>> pieces_;  // in order, oldest first; workers take at next_
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Piece>> spare_;  // their memory is used again
  std::mutex mutex_;
  std::condition_variable work_ready_, piece_done_;
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace nnef
