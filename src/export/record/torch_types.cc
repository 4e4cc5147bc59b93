#include "export/record/torch_types.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "nnef/archive/block_items.h"

namespace torch2nnef {
namespace {

constexpr std::array<std::pair<ScalarType, at::ScalarType>, 16> kTypes = {{
    {ScalarType::kBool, at::kBool},
    {ScalarType::kUInt8, at::kByte},
    {ScalarType::kInt8, at::kChar},
    {ScalarType::kInt16, at::kShort},
    {ScalarType::kInt32, at::kInt},
    {ScalarType::kInt64, at::kLong},
    {ScalarType::kFloat16, at::kHalf},
    {ScalarType::kFloat32, at::kFloat},
    {ScalarType::kFloat64, at::kDouble},
    {ScalarType::kBFloat16, at::kBFloat16},
    {ScalarType::kComplex32, at::kComplexHalf},
    {ScalarType::kComplex64, at::kComplexFloat},
    {ScalarType::kComplex128, at::kComplexDouble},
    {ScalarType::kQInt8, at::kQInt8},
    {ScalarType::kQUInt8, at::kQUInt8},
    {ScalarType::kQInt32, at::kQInt32},
}};

constexpr std::int64_t kBlockItems = 1 << 20;  // what is copied at a time of a tensor that is not contiguous

// Feeds a tensor that is not contiguous in row-major order, a bounded number of items at a time.
void stream_blocks(const at::Tensor& tensor, const nnef::ByteSink& sink) {
  if (tensor.numel() <= kBlockItems || tensor.dim() == 0) {
    at::Tensor copy = tensor.contiguous();
    sink(copy.data_ptr(), static_cast<std::size_t>(copy.numel()) * copy.element_size());
    return;
  }
  std::int64_t per_row = std::max<std::int64_t>(tensor.numel() / tensor.size(0), 1);
  std::int64_t rows = std::max<std::int64_t>(kBlockItems / per_row, 1);
  if (rows == 1 && per_row > kBlockItems) {
    for (std::int64_t row = 0; row < tensor.size(0); ++row) stream_blocks(tensor.select(0, row), sink);
    return;
  }
  for (std::int64_t row = 0; row < tensor.size(0); row += rows) {
    at::Tensor copy = tensor.narrow(0, row, std::min(rows, tensor.size(0) - row)).contiguous();
    sink(copy.data_ptr(), static_cast<std::size_t>(copy.numel()) * copy.element_size());
  }
}

class TorchConstant final : public ConstantTensor {
 public:
  // `written_as` differs from the tensor's own type when the conversion is done block by block while writing.
  TorchConstant(at::Tensor tensor, at::ScalarType written_as)
      : tensor_(std::move(tensor)), written_as_(written_as), shape_(tensor_.sizes().vec()) {}

  nnef::DType dtype() const override {
    if (auto dtype = to_nnef(from_torch(written_as_))) return *dtype;
    throw std::logic_error("a constant of " + std::string(to_string(from_torch(written_as_))) + " has no item type");
  }
  const std::vector<std::int64_t>& shape() const override { return shape_; }
  ScalarType scalar_type() const override { return from_torch(written_as_); }

  void stream(const nnef::ByteSink& sink) const override {
    c10::InferenceMode guard;
    if (written_as_ == tensor_.scalar_type()) return stream_native(sink);
    at::Tensor flat = tensor_.is_contiguous() ? tensor_.view({-1}) : tensor_.reshape({-1});
    for (std::int64_t begin = 0; begin < flat.numel(); begin += kBlockItems) {
      at::Tensor block = flat.narrow(0, begin, std::min(kBlockItems, flat.numel() - begin)).to(written_as_);
      sink(block.data_ptr(), static_cast<std::size_t>(block.numel()) * block.element_size());
    }
  }

  std::vector<double> to_doubles() const override {
    c10::InferenceMode guard;
    at::Tensor items = converted_tensor().to(at::kDouble).contiguous();
    return {items.data_ptr<double>(), items.data_ptr<double>() + items.numel()};
  }
  std::vector<std::int64_t> to_integers() const override {
    c10::InferenceMode guard;
    at::Tensor items = converted_tensor().to(at::kLong).contiguous();
    return {items.data_ptr<std::int64_t>(), items.data_ptr<std::int64_t>() + items.numel()};
  }

  ConstantPtr permuted(const std::vector<std::int64_t>& axes) const override {
    c10::InferenceMode guard;
    return std::make_shared<TorchConstant>(tensor_.permute(axes), written_as_);
  }
  ConstantPtr reshaped(const std::vector<std::int64_t>& shape) const override {
    c10::InferenceMode guard;
    return std::make_shared<TorchConstant>(tensor_.reshape(shape), written_as_);
  }
  ConstantPtr converted(nnef::DType dtype) const override {
    at::ScalarType type = to_torch(from_nnef(dtype));
    if (written_as_ == tensor_.scalar_type()) return std::make_shared<TorchConstant>(tensor_, type);
    c10::InferenceMode guard;
    return std::make_shared<TorchConstant>(converted_tensor(), type);  // two roundings, as the two casts would do
  }

  ConstantPtr evaluated(std::string_view op, const std::vector<std::vector<std::int64_t>>& integers) const override {
    c10::InferenceMode guard;
    for (const auto& candidate : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(std::string(op)))) {
      torch::jit::Stack stack{converted_tensor()};
      if (!push_integers(candidate->schema(), integers, stack)) continue;
      candidate->getOperation()(stack);
      return std::make_shared<TorchConstant>(stack.at(0).toTensor(), stack.at(0).toTensor().scalar_type());
    }
    throw std::runtime_error("torch has no " + std::string(op) + " that takes one tensor and integers");
  }

  // In the type that it is written as.
  at::Tensor tensor() const {
    c10::InferenceMode guard;
    return converted_tensor();
  }

 private:
  void stream_native(const nnef::ByteSink& sink) const {
    if (tensor_.is_contiguous()) {
      sink(tensor_.data_ptr(), static_cast<std::size_t>(tensor_.numel()) * tensor_.element_size());
    } else {
      stream_blocks(tensor_, sink);
    }
  }
  at::Tensor converted_tensor() const {
    return written_as_ == tensor_.scalar_type() ? tensor_ : tensor_.to(written_as_);
  }

  // Fills the stack for a schema (Tensor, then ints and int lists); false when the schema is another.
  static bool push_integers(const c10::FunctionSchema& schema, const std::vector<std::vector<std::int64_t>>& integers,
                            torch::jit::Stack& stack) {
    const auto& formals = schema.arguments();
    if (formals.size() < integers.size() + 1 || !formals[0].type()->isSubtypeOf(*c10::TensorType::get())) return false;
    for (std::size_t i = 1; i < formals.size(); ++i) {
      if (i > integers.size()) {
        if (!formals[i].default_value()) return false;
        stack.push_back(*formals[i].default_value());
        continue;
      }
      const auto& type = formals[i].type();
      if (type->isSubtypeOf(*c10::ListType::ofInts())) {
        stack.emplace_back(integers[i - 1]);
      } else if (type->isSubtypeOf(*c10::IntType::get()) && integers[i - 1].size() == 1) {
        stack.emplace_back(integers[i - 1][0]);
      } else {
        return false;
      }
    }
    return true;
  }

  at::Tensor tensor_;
  at::ScalarType written_as_;
  std::vector<std::int64_t> shape_;
};

}  // namespace

ScalarType from_torch(at::ScalarType type) {
  for (const auto& [ours, torchs] : kTypes) {
    if (torchs == type) return ours;
  }
  return ScalarType::kOther;
}

at::ScalarType to_torch(ScalarType type) {
  for (const auto& [ours, torchs] : kTypes) {
    if (ours == type) return torchs;
  }
  throw std::invalid_argument("libtorch has no such dtype");
}

ConstantPtr make_constant(const at::Tensor& tensor) {
  const std::optional<nnef::DType> item = to_nnef(from_torch(tensor.scalar_type()));
  return std::make_shared<TorchConstant>(tensor, item ? to_torch(from_nnef(*item)) : tensor.scalar_type());
}

std::vector<at::Tensor> tensors_in_graph(const at::Tensor& tensor) {
  const Representation& kept = representation_of(from_torch(tensor.scalar_type()));
  switch (kept.form) {
    case Representation::Form::kPlain:
      return {tensor.resolve_neg()};
    case Representation::Form::kRounded:
      return {tensor.to(to_torch(from_nnef(kept.item)))};
    case Representation::Form::kPair: {
      const at::Tensor parts = at::view_as_real(tensor.resolve_conj());
      return {parts.select(-1, 0), parts.select(-1, 1)};
    }
    default:
      return {};
  }
}

namespace {

// Per-channel parameters beside their tensor.
at::Tensor along_channels(const at::Tensor& quantised, const at::Tensor& parameters) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(quantised.dim()), 1);
  shape.at(static_cast<std::size_t>(quantised.q_per_channel_axis())) = parameters.numel();
  return parameters.to(at::kDouble).reshape(shape);
}

double shift_of_bytes(const at::Tensor& quantised) {
  return shift_to_bytes(from_torch(quantised.scalar_type()), quantised.q_zero_point());
}

}  // namespace

at::Tensor codes_of(const at::Tensor& quantised) {
  const at::Tensor items = quantised.int_repr().to(at::kDouble);
  if (quantised.qscheme() == at::kPerTensorAffine) return (items - quantised.q_zero_point()).to(at::kFloat);
  return (items - along_channels(quantised, quantised.q_per_channel_zero_points())).to(at::kFloat);
}

at::Tensor codes_of_bytes(const at::Tensor& bytes, const at::Tensor& quantised) {
  return bytes.to(at::kFloat) - shift_of_bytes(quantised);
}

at::Tensor bytes_of_codes(const at::Tensor& codes, const at::Tensor& quantised) {
  return (codes + shift_of_bytes(quantised)).to(at::kChar);
}

at::Tensor numbers_of(const at::Tensor& tensor) {
  if (!tensor.is_quantized()) return at::isFloatingType(tensor.scalar_type()) ? tensor.to(at::kDouble) : tensor;
  const at::Tensor codes = codes_of(tensor).to(at::kDouble);
  if (tensor.qscheme() == at::kPerTensorAffine) return codes * tensor.q_scale();
  return codes * along_channels(tensor, tensor.q_per_channel_scales());
}

at::Tensor to_tensor(const nnef::TensorData& data) {
  at::Tensor tensor = at::empty(data.shape(), to_torch(from_nnef(data.dtype())));
  auto* place = static_cast<char*>(tensor.data_ptr());
  const nnef::ByteSink copy = [&](const void* bytes, std::size_t count) {
    std::copy_n(static_cast<const char*>(bytes), count, place);
    place += count;
  };
  if (nnef::item_type_of(data).is_block()) {
    nnef::stream_unpacked(data, copy);
  } else {
    data.stream(copy);
  }
  return tensor;
}

at::Tensor shared_tensor(const nnef::TensorData& data) {
  if (const auto* constant = dynamic_cast<const TorchConstant*>(&data)) return constant->tensor();
  return to_tensor(data);
}

std::string message_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch_error ? torch_error->what_without_backtrace() : error.what();
  // A failing TorchScript call carries the interpreter's trace; its last line says what went wrong.
  if (auto at = text.find("RuntimeError: "); at != std::string::npos) text = text.substr(at + 14);
  if (auto at = text.find("\nException raised from"); at != std::string::npos) text.resize(at);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace torch2nnef
