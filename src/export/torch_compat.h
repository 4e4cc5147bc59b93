// The one place that includes libtorch's headers and tells its versions apart; precompiled for src/export/record.
//
// Everything used here is in 1.13 as in the newest version: the JIT's IR and its operators (not the shape passes),
// serialization, and ATen's tensor interface.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/import_read.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/library.h>
#include <torch/script.h>
#include <torch/version.h>

namespace torch2nnef {

// Memory of one's own: `allocate` is const in 1.13, and newer releases ask how to copy.
class OwnAllocator : public at::Allocator {
 public:
#if TORCH_VERSION_MAJOR >= 2
  at::DataPtr allocate(std::size_t bytes) final { return allocated(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const final { default_copy_data(to, from, bytes); }
#else
  at::DataPtr allocate(std::size_t bytes) const final { return allocated(bytes); }
#endif

 private:
  virtual at::DataPtr allocated(std::size_t bytes) const = 0;
};

// While one lives, libtorch's own warnings in this thread, which it would print, go nowhere: they are about the writing
// of kernels and deprecated arguments, and differ from release to release.
class QuietTorch {
 public:
  QuietTorch() : guard_(&handler_) {}
  QuietTorch(const QuietTorch&) = delete;
  QuietTorch& operator=(const QuietTorch&) = delete;

 private:
  class Handler final : public c10::WarningHandler {
#if TORCH_VERSION_MAJOR >= 2
    void process(const c10::Warning& /*warning*/) override {}
#else
    void process(const c10::SourceLocation& /*where*/, const std::string& /*text*/, bool /*verbatim*/) override {}
#endif
  };

  Handler handler_;
#if TORCH_VERSION_MAJOR >= 2
  c10::WarningUtils::WarningHandlerGuard guard_;
#else
  c10::Warning::WarningHandlerGuard guard_;
#endif
};

}  // namespace torch2nnef
