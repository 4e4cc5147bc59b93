#include "export/load/input_values.h"

#include <ATen/CPUGeneratorImpl.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <regex>
#include <sstream>

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
  if (spec.fill.empty()) return random_values(type, sizes, generator);
  if (spec.fill == "zeros") return at::zeros(sizes, type);
  if (spec.fill == "ones") return at::ones(sizes, type);
  static const std::regex kRange("randint\\((-?\\d+),(-?\\d+)\\)");
  std::smatch match;
  if (std::regex_match(spec.fill, match, kRange)) {
    std::int64_t low = std::stoll(match[1].str()), high = std::stoll(match[2].str());
    if (low >= high) fail("--input " + spec.name + ": " + spec.fill + " holds no number");
    return at::randint(low, high, sizes, generator, at::TensorOptions().dtype(at::kLong)).to(type);
  }
  at::Tensor values = to_tensor(*nnef::read_npy(spec.fill));
  if (values.sizes().vec() != sizes || values.scalar_type() != type) {
    fail("--input " + spec.name + ": the array in " + spec.fill + " has another dtype or other sizes");
  }
  return values;
}

std::vector<std::pair<std::string, at::Tensor>> npz_in_memory(const std::string& bytes) {
  // The reader takes files: a private one is made, and gone at the end.
  std::string name = (std::filesystem::temp_directory_path() / "torch2nnef-XXXXXX").string();
  int descriptor = mkstemp(name.data());
  if (descriptor < 0) fail("the archive's inputs.npz cannot be unpacked to a temporary file");
  ::close(descriptor);
  std::ofstream(name, std::ios::binary) << bytes;
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  try {
    for (const nnef::NamedTensor& one : nnef::read_npz(name)) tensors.emplace_back(one.name, to_tensor(*one.data));
  } catch (...) {
    std::filesystem::remove(name);
    throw;
  }
  std::filesystem::remove(name);
  return tensors;
}

std::vector<c10::IValue> pickled_arguments(const std::filesystem::path& path) {
  c10::IValue value;
  try {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    std::string text = bytes.str();
    value = torch::jit::pickle_load({text.begin(), text.end()});
  } catch (const std::exception& error) {
    fail(path.filename().string() + " cannot be read as inputs saved by torch.save: " + message_of(error));
  }
  if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    return std::vector<c10::IValue>(elements.begin(), elements.end());  // braces would make Bools of the iterators
  }
  if (value.isList()) return value.toListRef().vec();
  return {value};
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
