// Fourier transforms of tensors whose last axis holds real and imaginary parts.

#include "export/verify/reference/eval_call.h"

namespace torch2nnef {
namespace {

at::Tensor complex_of(const at::Tensor& x) { return at::view_as_complex(widened(x).contiguous()); }

// The inverse is not divided by the length.
Tensors fourier(const EvalCall& call) {
  at::Tensor x = complex_of(call.tensor("input"));
  const std::int64_t axis = call.integer("axis");
  at::Tensor y =
      call.logical("inverse") ? at::fft_ifft(x, c10::nullopt, axis, "forward") : at::fft_fft(x, c10::nullopt, axis);
  return {at::view_as_real(y).to(call.result_type())};
}

// [.., T, .., 2] gives [.., frames, frame, .., 2].
Tensors short_time_fourier(const EvalCall& call) {
  at::Tensor x = complex_of(call.tensor("input"));
  const std::int64_t axis = call.integer("axis");
  at::Tensor frames = x.unfold(axis, call.integer("frame"), call.integer("stride"));
  if (call.has("window")) frames = frames * widened(call.tensor("window"));
  at::Tensor y = at::fft_fft(frames, c10::nullopt, -1).movedim(-1, axis + 1);
  return {at::view_as_real(y.contiguous()).to(call.result_type())};
}

}  // namespace

void add_signal_evaluation(EvalTable& table) {
  table.emplace("tract_core_fft", fourier);
  table.emplace("tract_core_stft", short_time_fourier);
}

}  // namespace torch2nnef
