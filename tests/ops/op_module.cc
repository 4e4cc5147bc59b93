#include "op_module.h"

#include <fmt/format.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <regex>
#include <sstream>

namespace op_tests {
namespace {

// The dtypes of cases; bf16 has no place in the format and is only met inside of expressions.
const std::map<std::string, c10::ScalarType> kScalarTypes = {
    {"f16", c10::kHalf}, {"f32", c10::kFloat}, {"f64", c10::kDouble}, {"bf16", c10::kBFloat16}, {"u8", c10::kByte},
    {"i8", c10::kChar},  {"i16", c10::kShort}, {"i32", c10::kInt},    {"i64", c10::kLong},      {"b8", c10::kBool}};

nnef::DType dtype_of(c10::ScalarType type) {
  switch (type) {
    case c10::kHalf:
      return nnef::DType::kF16;
    case c10::kFloat:
      return nnef::DType::kF32;
    case c10::kDouble:
      return nnef::DType::kF64;
    case c10::kByte:
      return nnef::DType::kU8;
    case c10::kChar:
      return nnef::DType::kI8;
    case c10::kShort:
      return nnef::DType::kI16;
    case c10::kInt:
      return nnef::DType::kI32;
    case c10::kLong:
      return nnef::DType::kI64;
    case c10::kBool:
      return nnef::DType::kBool;
    default:
      throw std::runtime_error(fmt::format("a result of dtype {} cannot be compared", c10::toString(type)));
  }
}

nnef::TensorDataPtr tensor_data(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous();
  const auto* begin = static_cast<const std::byte*>(flat.data_ptr());
  return std::make_shared<nnef::OwnedTensor>(dtype_of(flat.scalar_type()), flat.sizes().vec(),
                                             std::vector<std::byte>(begin, begin + flat.nbytes()));
}

// What an expression names: torch's operators, and those of the quantised library.
struct Names : torch::jit::NativeResolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction& method,
                                                         const torch::jit::SourceRange& place) override {
    if (name == "quantized") return std::make_shared<torch::jit::BuiltinModule>("quantized");
    return NativeResolver::resolveValue(name, method, place);
  }
};

// forward's source: `aten::name` is `torch.name`, dtypes become numbers, parameters attributes.
std::string source_of(const OpCase& one) {
  std::string text = std::regex_replace(one.expression, std::regex("aten::"), "torch.");
  text = std::regex_replace(text, std::regex("quantized::"), "quantized.");
  for (const auto& [name, type] : kScalarTypes) {
    text = std::regex_replace(text, std::regex("\\b" + name + "\\b"), std::to_string(static_cast<int>(type)));
  }
  std::string source = "def forward(self";
  for (const CaseTensor& tensor : one.tensors) {
    if (!tensor.is_parameter) source += ", " + tensor.name;
  }
  source += "):\n";
  for (const CaseTensor& tensor : one.tensors) {
    if (tensor.is_parameter) source += fmt::format("  {0} = self.{0}\n", tensor.name);
  }
  for (std::size_t end; (end = text.find("; ")) != std::string::npos; text.erase(0, end + 2)) {
    source += "  " + text.substr(0, end) + "\n";
  }
  return source + "  return " + text + "\n";
}

class Values {
 public:
  Values(std::string fill, std::uint64_t seed) : fill_(std::move(fill)), random_(seed) {}

  at::Tensor tensor(c10::ScalarType type, const std::vector<std::int64_t>& sizes) {
    std::int64_t count = 1;
    for (std::int64_t size : sizes) count *= size;
    std::vector<double> numbers(static_cast<std::size_t>(count));
    fill(numbers, type);
    return torch::tensor(numbers, torch::kDouble).to(type).reshape(sizes);
  }

 private:
  void fill(std::vector<double>& numbers, c10::ScalarType type) {
    const bool is_float = c10::isFloatingType(type);
    const std::size_t dots = fill_.find("..");
    if (fill_ == "distinct") {
      const double step = is_float ? 0.25 : 1;
      const auto half = type == c10::kByte ? 0 : static_cast<std::int64_t>(numbers.size() / 2);
      for (std::size_t i = 0; i < numbers.size(); ++i)
        numbers[i] = step * (static_cast<double>(i) - static_cast<double>(half));
      std::shuffle(numbers.begin(), numbers.end(), random_);
    } else if (!fill_.empty() && fill_.front() == '[') {
      const std::vector<double> given = list();
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = given[i % given.size()];
    } else if (dots != std::string::npos) {
      uniform(numbers, is_float, std::stod(fill_.substr(0, dots)), std::stod(fill_.substr(dots + 2)));
    } else if (fill_ == "hard" || fill_ == "edges") {
      hard(numbers, type);
    } else if (fill_.empty()) {
      const bool is_unsigned = type == c10::kByte;
      if (type == c10::kBool) return uniform(numbers, false, 0, 2);
      uniform(numbers, is_float, is_float ? -2 : is_unsigned ? 0 : -4, is_float ? 2 : is_unsigned ? 9 : 5);
    } else {
      throw std::runtime_error(fmt::format("'{}' is no fill", fill_));
    }
  }

  void uniform(std::vector<double>& numbers, bool is_float, double low, double high) {
    for (double& number : numbers) {
      const double share = static_cast<double>(random_() >> 11) * 0x1p-53;
      number = is_float ? low + share * (high - low) : std::floor(low + share * (high - low));
    }
  }

  // Each second one is plain, so that sums are not NaN throughout.
  void hard(std::vector<double>& numbers, c10::ScalarType type) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    static const std::vector<double> kFloats = {std::numeric_limits<double>::quiet_NaN(),
                                                kInfinity,
                                                -kInfinity,
                                                0.0,
                                                -0.0,
                                                0.5,
                                                1.5,
                                                2.5,
                                                -0.5,
                                                1e4,
                                                -1e4,
                                                1e-4};
    static const std::map<c10::ScalarType, std::vector<double>> kIntegers = {
        {c10::kByte, {0, 1, 254, 255}},
        {c10::kChar, {-128, -127, 126, 127}},
        {c10::kShort, {-32768, 32767, 255, -255}},
        {c10::kInt, {-2147483648.0, 2147483647, 65536, -65537}},
        {c10::kLong, {-0x1p62, 0x1p62, 2147483648.0, -2147483649.0, 4294967296.0}}};
    static const std::vector<double> kFinite = {0.0, -0.0, 0.5, 1.0, 1.0, -1.0, 2.5, 1e4, -1e4, 1e-4, 1e-40};
    const auto integers = kIntegers.find(type);
    if (type == c10::kBool) return uniform(numbers, false, 0, 2);
    uniform(numbers, integers == kIntegers.end(), type == c10::kByte ? 0 : -4, 5);
    const std::vector<double>& floats = fill_ == "edges" ? kFinite : kFloats;
    const std::vector<double>& edges = integers == kIntegers.end() ? floats : integers->second;
    for (std::size_t i = 0; i < numbers.size(); i += 2) numbers[i] = edges[random_() % edges.size()];
  }

  std::vector<double> list() const {
    std::vector<double> numbers;
    std::istringstream stream(fill_.substr(1, fill_.size() - 2));
    for (std::string one; std::getline(stream, one, ',');) numbers.push_back(std::stod(one));
    return numbers;
  }

  std::string fill_;
  std::mt19937_64 random_;
};

void flatten(const c10::IValue& value, std::vector<at::Tensor>& tensors) {
  if (value.isTensor()) {
    tensors.push_back(value.toTensor());
  } else if (value.isTuple()) {
    for (const c10::IValue& one : value.toTupleRef().elements()) flatten(one, tensors);
  } else if (value.isList()) {
    for (const c10::IValue& one : value.toListRef()) flatten(one, tensors);
  } else if (value.isScalar()) {
    tensors.push_back(at::scalar_tensor(value.toScalar(), value.isDouble() ? c10::kFloat
                                                          : value.isBool() ? c10::kBool
                                                                           : c10::kLong));
  }
}

}  // namespace

struct OpModule::Torch {
  torch::jit::Module module{"OpCase"};
  std::vector<c10::IValue> inputs;
  std::vector<at::Tensor> results;

  // Of the inputs, since forward may write into its arguments; f16 in another type if one is given.
  std::vector<c10::IValue> copies(std::optional<c10::ScalarType> instead_of_half) const {
    std::vector<c10::IValue> list;
    for (const c10::IValue& input : inputs) {
      const at::Tensor tensor = input.toTensor();
      const bool is_half = tensor.scalar_type() == c10::kHalf;
      list.emplace_back(is_half && instead_of_half ? tensor.to(*instead_of_half) : tensor.clone());
    }
    return list;
  }
};

OpModule::OpModule(const OpCase& op_case, std::size_t variant)
    : case_(op_case), variant_(variant), torch_(std::make_unique<Torch>()) {
  for (const CaseTensor& tensor : case_.tensors) {
    if (!tensor.is_parameter) continue;
    const std::uint64_t seed = 1000 + static_cast<std::uint64_t>(&tensor - case_.tensors.data());
    const c10::ScalarType type = kScalarTypes.at(case_.dtype(tensor, variant));
    torch_->module.register_buffer(tensor.name, Values(tensor.fill, seed).tensor(type, tensor.sizes));
  }
  torch_->module.define(source_of(case_), std::make_shared<Names>());
  torch_->module.eval();
}

OpModule::~OpModule() = default;

void OpModule::draw(std::uint64_t seed, const nnef::Bindings& bindings) { draw_with(seed, bindings, ""); }

void OpModule::draw_hard(std::uint64_t seed, const nnef::Bindings& bindings) { draw_with(seed, bindings, "hard"); }
void OpModule::draw_edges(std::uint64_t seed, const nnef::Bindings& bindings) {
  draw_with(seed, bindings, "edges", true);
}

// `fill` for the inputs that have none, and where it is `in_ranges` for floats between two bounds as well.
void OpModule::draw_with(std::uint64_t seed, const nnef::Bindings& bindings, const std::string& fill, bool in_ranges) {
  torch_->inputs.clear();
  for (const CaseTensor& tensor : case_.tensors) {
    if (tensor.is_parameter) continue;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const c10::ScalarType type = kScalarTypes.at(case_.dtype(tensor, variant_));
    const bool has_range = in_ranges && c10::isFloatingType(type) && tensor.fill.find("..") != std::string::npos;
    const std::string& own = tensor.fill.empty() || has_range ? fill : tensor.fill;
    torch_->inputs.emplace_back(Values(own, seed).tensor(type, case_.sizes_at(tensor, bindings)));
  }
}

void OpModule::run() {
  const c10::InferenceMode no_gradients;
  // Operator by operator: a libtorch with LLVM compiles what it ran twice, and then leaves out roundings to bf16 and
  // f16.
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  torch_->results.clear();
  ran_in_half_ = std::any_of(case_.tensors.begin(), case_.tensors.end(),
                             [&](const CaseTensor& tensor) { return case_.dtype(tensor, variant_) == "f16"; });
  try {
    flatten(torch_->module.forward(torch_->copies(std::nullopt)), torch_->results);
  } catch (const std::exception& error) {
    if (std::string_view(error.what()).find("not implemented for 'Half'") == std::string_view::npos) throw;
    ran_in_half_ = false;
    run_widened();
  }
}

// In f32, for what libtorch has no f16 kernel on CPU: the exporter records such calls the same way.
void OpModule::run_widened() {
  torch::jit::Module wide = torch_->module.deepcopy();
  wide.to(c10::kFloat);
  flatten(wide.forward(torch_->copies(c10::kFloat)), torch_->results);
  for (at::Tensor& result : torch_->results) {
    if (result.scalar_type() == c10::kFloat) result = result.to(c10::kHalf);
  }
}

std::vector<nnef::NamedTensor> OpModule::inputs() const {
  std::vector<nnef::NamedTensor> named;
  auto value = torch_->inputs.begin();
  for (const CaseTensor& tensor : case_.tensors) {
    if (!tensor.is_parameter) named.push_back({tensor.name, tensor_data((value++)->toTensor())});
  }
  return named;
}

std::vector<nnef::NamedTensor> OpModule::results() const {
  std::vector<nnef::NamedTensor> named;
  for (const at::Tensor& tensor : torch_->results) {
    named.push_back({fmt::format("output_{}", named.size()), tensor_data(tensor)});
  }
  return named;
}

torch2nnef::Model OpModule::model() const { return torch2nnef::Model::wrap(torch_->module, torch_->inputs); }

torch2nnef::ExportReport OpModule::export_to(const std::filesystem::path& output,
                                             torch2nnef::ExportOptions options) const {
  return torch2nnef::export_model_to_nnef(torch_->module, torch_->inputs, output, options);
}

std::vector<std::string> OpModule::operators() const {
  std::vector<std::string> names;
  for (const torch::jit::Node* node : torch_->module.get_method("forward").graph()->nodes()) {
    const c10::FunctionSchema* schema = node->maybeSchema();
    if (!schema) continue;
    std::string name = schema->name();
    const bool is_in_place = name.ends_with('_') && !name.ends_with("__");
    if (is_in_place) name.pop_back();
    names.push_back(schema->overload_name().empty() ? name : name + "." + schema->overload_name());
  }
  return names;
}

std::string why_skipped(const OpCase& one) {
  const std::string release = torch2nnef::torch_version();
  if (one.before_torch && nnef::Version::parse(release).value() >= *one.before_torch) {
    return fmt::format("for libtorch before {}: {}", one.before_torch->to_string(), one.only_before);
  }
  static const std::regex written("aten::[A-Za-z0-9_]+");
  for (std::sregex_iterator at(one.expression.begin(), one.expression.end(), written), end;
       one.where_known && at != end; ++at) {
    if (!torch_has(at->str())) return fmt::format("libtorch {} has no {}", release, at->str());
  }
  return "";
}

bool torch_has(const std::string& name) {
  const std::size_t dot = name.find('.');
  const auto operators = torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name.substr(0, dot)));
  return std::any_of(operators.begin(), operators.end(), [&](const auto& one) {
    return dot == std::string::npos || one->schema().overload_name() == name.substr(dot + 1);
  });
}

}  // namespace op_tests
