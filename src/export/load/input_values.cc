#include "export/load/input_values.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <torch/csrc/jit/serialization/unpickler.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

#include "export/load/pickle_opcodes.h"
#include "export/record/torch_types.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

[[noreturn]] void fail(const std::string& text) {
  throw ExportError(ExportError::Kind::kUsage, {Severity::kError, "T2N-M005", "", {}, text, ""});
}

std::vector<std::int64_t> sizes_of(const InputSpec& spec) {
  std::vector<std::int64_t> sizes;
  std::istringstream parts(spec.dims);
  for (std::string part; std::getline(parts, part, ',');) {
    std::size_t used = 0;
    std::int64_t size = -1;
    try {
      size = std::stoll(part, &used);
    } catch (const std::exception&) {
    }
    if (size < 0 || used != part.size()) fail("--input " + spec.name + ": '" + spec.dims + "' is not a list of sizes");
    sizes.push_back(size);
  }
  return sizes;
}

at::ScalarType type_of(const InputSpec& spec) {
  if (auto dtype = nnef::dtype_from_string(spec.dtype)) return to_torch(from_nnef(*dtype));
  if (spec.dtype == "bf16") return at::kBFloat16;  // which the format does not have
  for (ScalarType type :
       {ScalarType::kBool, ScalarType::kUInt8, ScalarType::kInt8, ScalarType::kInt16, ScalarType::kInt32,
        ScalarType::kInt64, ScalarType::kFloat16, ScalarType::kFloat32, ScalarType::kFloat64, ScalarType::kBFloat16}) {
    if (to_string(type) == spec.dtype) return to_torch(type);
  }
  fail("--input " + spec.name + ": there is no dtype '" + spec.dtype + "'");
}

// The bounds of "randint(LOW,HIGH)".
std::optional<std::pair<std::int64_t, std::int64_t>> range_of(std::string_view fill) {
  if (!fill.starts_with("randint(") || !fill.ends_with(")")) return std::nullopt;
  std::pair<std::int64_t, std::int64_t> range;
  const char* const end = fill.data() + fill.size() - 1;
  const auto low = std::from_chars(fill.data() + 8, end, range.first);
  if (low.ec != std::errc() || low.ptr == end || *low.ptr != ',') return std::nullopt;
  const auto high = std::from_chars(low.ptr + 1, end, range.second);
  return high.ec == std::errc() && high.ptr == end ? std::optional(range) : std::nullopt;
}

at::Tensor array_tensor(const std::string& name, const nnef::TensorData& data) {
  using nnef::DType;
  const DType type = data.dtype();
  if (type != DType::kU16 && type != DType::kU32 && type != DType::kU64) return to_tensor(data);
  const char* const names = type == DType::kU16 ? "uint16" : type == DType::kU32 ? "uint32" : "uint64";
  const char* const wider = type == DType::kU16 ? "int32" : "int64";
  fail(fmt::format("the array '{}' is of dtype {}, which PyTorch does not compute with: save it as {}", name, names,
                   wider));
}

at::Tensor array_of(const std::string& file) {
  try {
    return array_tensor(file, *nnef::read_npy(file));
  } catch (const nnef::FormatError& error) {
    fail(error.what());
  } catch (const nnef::IoError& error) {
    fail(error.what());
  }
}

// A size that the machine cannot hold is an error of the command line, found before the memory is taken.
void check_memory(const InputSpec& spec, at::ScalarType type, const std::vector<std::int64_t>& sizes) {
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  double bytes = static_cast<double>(c10::elementSize(type));
  for (std::int64_t size : sizes) bytes *= static_cast<double>(size);
  if (bytes <= memory / 2) return;
  fail(fmt::format("--input {}: a tensor of sizes {} takes {:.3g} GiB, more than half of the memory of this machine",
                   spec.name, spec.dims, bytes / (1 << 30)));
}

}  // namespace

at::Generator seeded_generator(std::uint64_t seed) { return at::detail::createCPUGenerator(seed); }

at::Tensor random_values(at::ScalarType type, const std::vector<std::int64_t>& sizes, at::Generator& generator) {
  if (type == at::kBool) return at::randint(0, 2, sizes, generator, at::TensorOptions().dtype(at::kLong)).to(at::kBool);
  if (c10::isIntegralType(type, false)) {
    return at::randint(0, 2, sizes, generator, at::TensorOptions().dtype(at::kLong)).to(type);
  }
  if (c10::isComplexType(type)) return at::randn(sizes, generator, at::TensorOptions().dtype(type));
  return at::randn(sizes, generator, at::TensorOptions().dtype(at::kFloat)).to(type);
}

at::Tensor specified_values(const InputSpec& spec, at::Generator& generator) {
  at::ScalarType type = type_of(spec);
  std::vector<std::int64_t> sizes = sizes_of(spec);
  check_memory(spec, type, sizes);
  if (spec.fill.empty()) return random_values(type, sizes, generator);
  if (spec.fill == "zeros") return at::zeros(sizes, type);
  if (spec.fill == "ones") return at::ones(sizes, type);
  if (const auto range = range_of(spec.fill)) {
    const auto [low, high] = *range;
    if (low >= high) fail("--input " + spec.name + ": " + spec.fill + " holds no number");
    return at::randint(low, high, sizes, generator, at::TensorOptions().dtype(at::kLong)).to(type);
  }
  at::Tensor values = array_of(spec.fill);
  if (values.sizes().vec() != sizes || values.scalar_type() != type) {
    fail("--input " + spec.name + ": the array in " + spec.fill + " has another dtype or other sizes");
  }
  return values;
}

std::vector<std::pair<std::string, at::Tensor>> npz_tensors(const std::vector<nnef::NamedTensor>& arrays) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const nnef::NamedTensor& one : arrays) tensors.emplace_back(one.name, array_tensor(one.name, *one.data));
  return tensors;
}

c10::IValue pickled_value(const std::filesystem::path& path) {
  try {
    caffe2::serialize::PyTorchStreamReader archive(path.string());
    const auto [bytes, size] = archive.getRecord("data.pkl");
    const std::string pickle = with_known_opcodes({static_cast<const char*>(bytes.get()), size});
    std::size_t read = 0;
    const auto next = [&](char* buffer, std::size_t count) {
      count = std::min(count, pickle.size() - read);
      std::copy_n(pickle.data() + read, count, buffer);
      read += count;
      return count;
    };
    const auto tensor = [&](const std::string& name) { return std::get<0>(archive.getRecord("data/" + name)); };
    return torch::jit::Unpickler(next, nullptr, nullptr, tensor, at::Device(at::kCPU)).parse_ivalue();
  } catch (const std::exception& error) {
    fail(path.filename().string() + " cannot be read as inputs saved by torch.save: " + message_of(error));
  }
}

std::optional<std::vector<c10::IValue>> bundled_inputs(const torch::jit::Module& module) {
  auto method = module.find_method("get_all_bundled_inputs");
  if (!method) return std::nullopt;
  c10::IValue all = (*method)({});
  if (!all.isList() || all.toListRef().empty()) return std::nullopt;
  const c10::IValue& first = all.toListRef()[0];
  if (!first.isTuple()) return std::nullopt;
  return std::vector<c10::IValue>(first.toTupleRef().elements().begin(), first.toTupleRef().elements().end());
}

}  // namespace torch2nnef
