#include "export/record/memory_bound.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>

#include "export/torch_compat.h"

namespace torch2nnef {
namespace {

constexpr std::size_t kLarge = std::size_t{64} << 20;  // smaller ones are not worth a look
// libtorch's baddbmm multiplies memory that nobody set by its beta of 0: a NaN, where one is there. Larger results are
// made by kernels that do not.
constexpr std::size_t kZeroed = std::size_t{4} << 20;
constexpr std::uint8_t kPriority = 100;

std::size_t number_in(const char* file) {
  std::size_t number = 0;
  return std::ifstream(file) >> number ? number : std::numeric_limits<std::size_t>::max();
}

// In bytes; that of the control group, where it is less.
std::size_t free_memory() {
  std::size_t free = std::numeric_limits<std::size_t>::max();
  std::ifstream file("/proc/meminfo");
  for (std::string name, rest; file >> name; std::getline(file, rest)) {
    if (name == "MemAvailable:" && file >> free) free *= 1024;
  }
  const std::size_t most = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  const bool is_bounded = most != std::numeric_limits<std::size_t>::max() && used < most;
  return is_bounded ? std::min(free, most - used) : free;
}

}  // namespace

class MemoryBound::Allocator final : public OwnAllocator {
 public:
  Allocator() : inner_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, kPriority); }
  ~Allocator() override { c10::SetCPUAllocator(inner_, kPriority); }

  at::DeleterFnPtr raw_deleter() const override { return inner_->raw_deleter(); }

 private:
  at::DataPtr allocated(std::size_t bytes) const override {
    if (bytes >= kLarge) {
      const std::size_t free = free_memory();
      TORCH_CHECK(bytes <= free, "a tensor of ", bytes >> 20, " MiB does not fit into the ", free >> 20,
                  " MiB of memory that are free");
    }
    at::DataPtr memory = inner_->allocate(bytes);
    if (bytes > 0 && bytes <= kZeroed) std::memset(memory.get(), 0, bytes);
    return memory;
  }

  at::Allocator* inner_;
};

MemoryBound::MemoryBound() : allocator_(std::make_unique<Allocator>()) {}
MemoryBound::~MemoryBound() = default;

}  // namespace torch2nnef
