// A bound on the tensors that libtorch allocates, that follows from the machine's memory.
#pragma once

#include <memory>

namespace torch2nnef {

// While one lives, an operator whose result does not fit into the memory that is free fails with a message, where the
// system would promise the memory and end the process when it is used. Small tensors begin as zeros: what an operator
// makes of memory that it does not set is the same in every run.
class MemoryBound {
 public:
  MemoryBound();
  ~MemoryBound();
  MemoryBound(const MemoryBound&) = delete;
  MemoryBound& operator=(const MemoryBound&) = delete;

 private:
  class Allocator;
  std::unique_ptr<Allocator> allocator_;
};

}  // namespace torch2nnef
