#include "tract_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "export/verify/float_cast.h"

namespace tract_run {

using nnef::TensorDataPtr;

namespace {

// A tensor as rows of bytes: `outer` times `length` along an axis times `inner` bytes.
struct Rows {
  std::size_t outer = 1, length = 1, inner = 1;
};

Rows rows_of(const nnef::TensorData& tensor, std::int64_t axis) {
  Rows rows;
  rows.inner = nnef::item_size(tensor.dtype());
  for (std::size_t i = 0; i < tensor.shape().size(); ++i) {
    const auto size = static_cast<std::size_t>(tensor.shape()[i]);
    const auto place = static_cast<std::int64_t>(i);
    (place < axis ? rows.outer : place == axis ? rows.length : rows.inner) *= size;
  }
  return rows;
}

TensorDataPtr slice(const nnef::TensorData& tensor, std::int64_t axis, std::int64_t begin, std::int64_t end) {
  const Rows rows = rows_of(tensor, axis);
  const std::vector<std::byte> bytes = torch2nnef::bytes_of(tensor);
  std::vector<std::int64_t> shape = tensor.shape();
  shape.at(static_cast<std::size_t>(axis)) = end - begin;
  std::vector<std::byte> part;
  for (std::size_t i = 0; i < rows.outer; ++i) {
    const std::byte* const row = bytes.data() + i * rows.length * rows.inner;
    part.insert(part.end(), row + static_cast<std::size_t>(begin) * rows.inner,
                row + static_cast<std::size_t>(end) * rows.inner);
  }
  return std::make_shared<nnef::OwnedTensor>(tensor.dtype(), std::move(shape), std::move(part));
}

TensorDataPtr concatenated(const std::vector<TensorDataPtr>& parts, std::int64_t axis) {
  const Rows rows = rows_of(*parts.front(), axis);
  std::vector<std::int64_t> shape = parts.front()->shape();
  shape.at(static_cast<std::size_t>(axis)) *= static_cast<std::int64_t>(parts.size());
  std::vector<std::vector<std::byte>> contents;
  for (const TensorDataPtr& part : parts) contents.push_back(torch2nnef::bytes_of(*part));
  std::vector<std::byte> whole;
  const auto size = static_cast<std::ptrdiff_t>(rows.length * rows.inner);
  for (std::size_t i = 0; i < rows.outer; ++i) {
    for (const std::vector<std::byte>& content : contents) {
      const auto begin = content.begin() + static_cast<std::ptrdiff_t>(i) * size;
      whole.insert(whole.end(), begin, begin + size);
    }
  }
  return std::make_shared<nnef::OwnedTensor>(parts.front()->dtype(), std::move(shape), std::move(whole));
}

std::int64_t size_of(const nnef::TensorData& tensor, std::int64_t axis) {
  return tensor.shape().at(static_cast<std::size_t>(axis));
}

// The parts of an input, one per pulse; the same one again for an input without a time axis.
std::vector<TensorDataPtr> pulses_of(const TensorDataPtr& input, std::int64_t axis, std::int64_t count) {
  std::vector<TensorDataPtr> parts(static_cast<std::size_t>(count), input);
  if (axis < 0) return parts;
  const std::int64_t whole = size_of(*input, axis);
  if (whole % count != 0) throw EngineError(fmt::format("an input of {} is not {} whole pulses", whole, count));
  const std::int64_t length = whole / count;
  for (std::int64_t i = 0; i < count; ++i) {
    parts[static_cast<std::size_t>(i)] = slice(*input, axis, i * length, (i + 1) * length);
  }
  return parts;
}

}  // namespace

Streamed run_stream(Model& model, const Model::Pulses& pulses, std::int64_t pulse,
                    const std::vector<TensorDataPtr>& inputs) {
  const auto first = std::find_if(pulses.input_axes.begin(), pulses.input_axes.end(), [](auto axis) { return axis >= 0; });
  if (first == pulses.input_axes.end()) throw EngineError("no input has a time axis");
  const std::int64_t whole = size_of(*inputs.at(static_cast<std::size_t>(first - pulses.input_axes.begin())), *first);
  if (whole < pulse || whole % pulse != 0) {
    throw EngineError(fmt::format("an input of {} is not a whole number of pulses of {}", whole, pulse));
  }
  const std::int64_t count = whole / pulse;
  std::vector<std::vector<TensorDataPtr>> given, results(pulses.delays.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) given.push_back(pulses_of(inputs[i], pulses.input_axes.at(i), count));
  for (std::size_t turn = 0; turn < static_cast<std::size_t>(count); ++turn) {
    std::vector<TensorDataPtr> arguments;
    for (const auto& parts : given) arguments.push_back(parts[turn]);
    const std::vector<TensorDataPtr> outputs = model.run(arguments);
    for (std::size_t i = 0; i < results.size(); ++i) results[i].push_back(outputs.at(i));
  }
  Streamed streamed{{}, pulses.delays, pulses.output_axes, {}};
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::int64_t axis = pulses.output_axes[i];
    if (axis < 0) throw EngineError(fmt::format("output {} has no time axis", i));
    const TensorDataPtr all = concatenated(results[i], axis);
    const std::int64_t frames = size_of(*all, axis);
    streamed.outputs.push_back(slice(*all, axis, std::min(pulses.delays[i], frames), frames));
    streamed.frames.push_back(frames / count);
  }
  return streamed;
}

std::vector<nnef::NamedTensor> description_of(const Streamed& streamed) {
  return {{"stream.delays", nnef::vector_tensor(nnef::DType::kI64, streamed.delays)},
          {"stream.axes", nnef::vector_tensor(nnef::DType::kI64, streamed.axes)},
          {"stream.frames", nnef::vector_tensor(nnef::DType::kI64, streamed.frames)}};
}

}  // namespace tract_run
