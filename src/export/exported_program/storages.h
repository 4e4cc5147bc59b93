// Tensors of a program as views of the mapped file: nothing is copied, and what is not used is never read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/exported_program/container.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// The place of a tensor in its storage, in items.
struct StoredView {
  std::vector<std::int64_t> sizes, strides;
  std::int64_t offset = 0;
};

class Storages {
 public:
  explicit Storages(std::shared_ptr<const nnef::MappedFile> memory) : memory_(std::move(memory)) {}

  // A view of a storage's bytes. Views of the same bytes and dtype share memory. Throws nnef::FormatError when the view
  // is not inside.
  at::Tensor view(std::string_view bytes, at::ScalarType type, const StoredView& view);

 private:
  const at::Tensor& whole(std::string_view bytes, at::ScalarType type);

  std::shared_ptr<const nnef::MappedFile> memory_;
  std::map<std::pair<const char*, at::ScalarType>, at::Tensor> wholes_;
};

}  // namespace torch2nnef
