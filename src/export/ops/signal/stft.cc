// Short-time Fourier transforms: of overlapping windows of a signal, and back.

#include <cmath>
#include <cstring>

#include "export/ops/shape/shape_util.h"
#include "export/ops/signal/fourier.h"

namespace torch2nnef {
namespace {

// The windows: `size` items (n_fft), one every `hop` of them.
struct Frames {
  std::int64_t size = 0, hop = 0;
  std::optional<Value> window;  // [size]; none for ones
  bool is_constant = true;      // the window
};

// A constant [size] with `items` in its middle and zeros around them.
Value centred_constant(Call& call, const std::vector<double>& items, std::size_t size, DType dtype) {
  std::vector<double> padded(size, 0.0);
  std::copy(items.begin(), items.end(), padded.begin() + static_cast<std::ptrdiff_t>((size - items.size()) / 2));
  std::vector<std::byte> bytes(size * nnef::item_size(dtype));
  if (dtype == DType::kF64) {
    std::memcpy(bytes.data(), padded.data(), bytes.size());
  } else {
    const std::vector<float> narrow(padded.begin(), padded.end());
    std::memcpy(bytes.data(), narrow.data(), bytes.size());
  }
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(size)};
  return call.variable("window", std::make_shared<nnef::OwnedTensor>(dtype, shape, std::move(bytes)));
}

Frames frames_of(Call& call, DType dtype) {
  Builder& b = call.builder();
  if (call.is_complex("window")) throw Unsupported("a complex window");
  Frames frames;
  frames.size = call.integer("n_fft");
  frames.hop = call.has("hop_length") ? call.integer("hop_length") : frames.size / 4;
  std::int64_t width = call.has("win_length") ? call.integer("win_length") : frames.size;
  const bool is_short = width < frames.size, is_f16 = dtype == DType::kF16;
  if (!call.has("window") && !is_short) return frames;
  // The operator takes a window of its full length only, and only as a constant.
  if (is_short && !is_f16 && (!call.has("window") || call.constant("window"))) {
    const std::vector<double> items = call.has("window") ? call.constant("window")->to_doubles()
                                                         : std::vector<double>(static_cast<std::size_t>(width), 1.0);
    frames.window = centred_constant(call, items, static_cast<std::size_t>(frames.size), dtype);
    return frames;
  }
  frames.window =
      call.has("window") ? call.tensor_as("window", dtype) : filled(call, constant_of(call, 1, dtype), {Dim(width)});
  frames.is_constant = call.has("window") && call.constant("window") && !is_short;
  if (is_short) {
    const std::int64_t before = (frames.size - width) / 2, after = frames.size - width - before;
    std::vector<Value> parts;
    if (before > 0) parts.push_back(zeros(call, dtype, {Dim(before)}));
    parts.push_back(*frames.window);
    if (after > 0) parts.push_back(zeros(call, dtype, {Dim(after)}));
    frames.window = b.concat(parts, 0);
  }
  return frames;
}

bool flag_or(const Call& call, std::string_view name, bool otherwise) {
  return call.has(name) ? call.flag(name) : otherwise;
}

// x [B, T, 2] with half a window of other samples before and after.
Value centered(Call& call, Value x, std::int64_t size) {
  static const std::map<std::string, std::string> kBorders = {
      {"constant", "constant"}, {"reflect", "reflect"}, {"replicate", "replicated"}};
  auto border = kBorders.find(call.text("pad_mode"));
  if (border == kBorders.end()) throw Unsupported("stft with padding of mode '" + call.text("pad_mode") + "'");
  std::vector<std::pair<Dim, Dim>> pairs{{0, 0}, {size / 2, size / 2}, {0, 0}};
  return call.builder().add("pad", {x}, {{"padding", pairs}, {"border", border->second}});
}

// [B, T, 2] to [B, frames, size, 2].
Value transformed_frames(Call& call, Value x, const Frames& frames) {
  Builder& b = call.builder();
  if (frames.window && !frames.is_constant) {  // the operator wants a constant
    Dim count = floor_div(b.shape(x)[1] - frames.size, frames.hop) + 1;
    Value starts = b.unsqueeze(affine_range(call, count, frames.hop), {1});
    Value places = b.binary("add", starts, affine_range(call, frames.size));
    Value cut = b.add("tract_core_gather", {x, places}, {{"axis", 1}});
    return transformed(call, b.binary("mul", cut, b.unsqueeze(*frames.window, {1})), 2, Direction::kForward);
  }
  std::vector<Argument> inputs{x};
  if (frames.window) inputs.push_back(*frames.window);
  return b.add("tract_core_stft", std::move(inputs), {{"axis", 1}, {"frame", frames.size}, {"stride", frames.hop}});
}

void lower_stft(Call& call) {
  Builder& b = call.builder();
  bool is_complex_result = is_complex(call.result_type());
  DType dtype = call.part_dtype();
  Frames frames = frames_of(call, dtype);
  Value x = packed_argument(call, "self", dtype);
  bool is_single = call.rank("self") == 1;
  if (is_single) x = b.unsqueeze(x, {0});
  if (flag_or(call, "center", false)) x = centered(call, x, frames.size);
  Value y = transformed_frames(call, x, frames);
  if (flag_or(call, "onesided", !call.is_complex("self"))) y = b.slice(y, 2, 0, frames.size / 2 + 1);
  y = b.transpose(y, {0, 2, 1, 3});
  if (call.flag("normalized")) y = normalized(call, y, "ortho", Direction::kForward, frames.size);
  if (is_single) y = b.squeeze(y, {0});
  is_complex_result ? call.result_packed(y) : call.result(y);
}

// Frames [B, count, size] added up at a distance of `hop`: [B, at least size + (count - 1) * hop].
Value overlapped(Call& call, Value x, const Frames& frames) {
  Builder& b = call.builder();
  std::int64_t blocks = (frames.size + frames.hop - 1) / frames.hop;
  Shape shape = b.shape(x);
  x = b.reshape(resized(call, x, 2, blocks * frames.hop), {shape[0], shape[1], blocks, frames.hop});
  Value sum;
  for (std::int64_t block = 0; block < blocks; ++block) {
    Value part = b.squeeze(b.slice(x, 2, block, block + 1), {2});
    std::vector<std::pair<Dim, Dim>> pairs{{0, 0}, {block, blocks - 1 - block}, {0, 0}};
    if (blocks > 1) part = b.add("pad", {part}, {{"padding", pairs}, {"border", "constant"}});
    sum = block == 0 ? part : b.binary("add", sum, part);
  }
  return b.reshape(sum, {shape[0], (shape[1] + (blocks - 1)) * frames.hop});
}

// The inverse transform of each frame: [B, count, size]. For a real result torch looks at the first half of all
// frequencies only.
Value frames_from(Call& call, Value spectrum, const Frames& frames) {
  Value y = real_from_half(call, spectrum, 2, frames.size);
  return normalized(call, y, call.flag("normalized") ? "ortho" : "backward", Direction::kInverse, frames.size);
}

// What the windows put on each sample when they overlap: [1, samples].
Value envelope_of(Call& call, const Frames& frames, const Dim& count, DType dtype) {
  Builder& b = call.builder();
  Value square = frames.window ? b.binary("mul", *frames.window, *frames.window) : constant_of(call, 1, dtype);
  return overlapped(call, b.broadcast_to(square, {1, count, frames.size}), frames);
}

void lower_istft(Call& call) {
  Builder& b = call.builder();
  if (is_complex(call.result_type())) throw Unsupported("istft with a complex result");
  DType dtype = call.result_dtype();
  Frames frames = frames_of(call, dtype);
  Value spectrum = packed_argument(call, "self", dtype);
  bool is_single = call.rank("self") == 2;
  if (is_single) spectrum = b.unsqueeze(spectrum, {0});
  spectrum = b.transpose(spectrum, {0, 2, 1, 3});
  Dim count = b.shape(spectrum)[1];
  Value y = frames_from(call, spectrum, frames);
  if (frames.window) y = b.binary("mul", y, *frames.window);
  y = overlapped(call, y, frames);
  Value envelope = envelope_of(call, frames, count, dtype);

  Dim full = Dim(frames.size) + (count - 1) * frames.hop;
  Dim begin = flag_or(call, "center", true) ? frames.size / 2 : 0;
  Dim wanted = begin + call.result_shape().back();
  Sign spare = sign_of(call, full - wanted);
  if (spare == Sign::kBoth) throw Unsupported("istft of a length that is cut at some sizes and filled up at others");
  Dim end = spare == Sign::kNegative ? full : wanted;
  y = b.binary("div", b.slice(y, 1, begin, end), b.slice(envelope, 1, begin, end));
  y = resized(call, y, 1, call.result_shape().back());
  call.result(is_single ? b.squeeze(y, {0}) : y);
}

}  // namespace

void register_stft(Registry& registry) {
  registry.add("aten::stft", lower_stft, "", Domain::kBoth);
  registry.add("aten::istft", lower_istft, "to real signals", Domain::kBoth);
}

}  // namespace torch2nnef
