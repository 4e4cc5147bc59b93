// libtorch's types and tensors under the Tape's names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

ScalarType from_torch(at::ScalarType type);
// Throws std::invalid_argument for kOther.
at::ScalarType to_torch(ScalarType type);

// A tensor of libtorch as a constant of the Tape: the storage is shared, nothing is copied before it is written.
ConstantPtr make_constant(const at::Tensor& tensor);

// The tensors that represent one in a graph: itself, bfloat16 in float32, the parts of a complex one; none of a
// quantised one.
std::vector<at::Tensor> tensors_in_graph(const at::Tensor& tensor);

// The codes of a quantised tensor, less their zero points, in f32: what stands for it in a graph.
at::Tensor codes_of(const at::Tensor& quantised);
// To such codes from items of i8 (StoredValue::bytes), and back, by the tensor's type and zero point.
at::Tensor codes_of_bytes(const at::Tensor& bytes, const at::Tensor& quantised);
at::Tensor bytes_of_codes(const at::Tensor& codes, const at::Tensor& quantised);
// The numbers that a tensor means, in f64; integers and bools as they are.
at::Tensor numbers_of(const at::Tensor& tensor);

// A CPU tensor that owns a copy of the data.
at::Tensor to_tensor(const nnef::TensorData& data);

// The same without a copy where the data is a tensor of libtorch of that dtype.
at::Tensor shared_tensor(const nnef::TensorData& data);

// torch's own message without its C++ stack trace, one line.
std::string message_of(const std::exception& error);

}  // namespace torch2nnef
