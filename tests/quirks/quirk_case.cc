#include "quirk_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "export/verify/float_cast.h"
#include "quant/block.h"

namespace torch2nnef_test {
namespace {

using nnef::DType;

struct Declared {
  std::string name, shape;  // as it stands in the graph: "S,2"
  DType dtype = DType::kF32;
  nnef::TensorDataPtr data;
};

template <class T>
nnef::TensorDataPtr tensor_of(DType dtype, const std::vector<std::int64_t>& shape, const std::vector<double>& items) {
  std::vector<std::byte> bytes(items.size() * sizeof(T));
  for (std::size_t i = 0; i < items.size(); ++i) {
    const T item = static_cast<T>(items[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &item, sizeof(T));
  }
  return std::make_shared<nnef::OwnedTensor>(dtype, shape, std::move(bytes));
}

nnef::TensorDataPtr tensor(DType dtype, const std::vector<std::int64_t>& shape, const std::vector<double>& items) {
  switch (dtype) {
    case DType::kBool:
    case DType::kU8:
      return tensor_of<std::uint8_t>(dtype, shape, items);
    case DType::kI8:
      return tensor_of<std::int8_t>(dtype, shape, items);
    case DType::kI32:
      return tensor_of<std::int32_t>(dtype, shape, items);
    case DType::kI64:
      return tensor_of<std::int64_t>(dtype, shape, items);
    case DType::kF16:
      return torch2nnef::cast_float(*tensor_of<float>(DType::kF32, shape, items), dtype);
    case DType::kF32:
      return tensor_of<float>(dtype, shape, items);
    case DType::kF64:
      return tensor_of<double>(dtype, shape, items);
    default:
      throw std::runtime_error("no items of this dtype");
  }
}

double number(const std::string& word) {
  std::size_t read = 0;
  const double value = std::stod(word, &read);  // nan and inf, too
  if (read != word.size()) throw std::runtime_error("'" + word + "' is not a number");
  return value;
}

std::vector<double> items_of(std::istringstream& words, std::size_t count) {
  std::vector<double> items;
  for (std::string word; words >> word;) {
    if (word == "ramp") {
      for (std::size_t i = 0; i < count; ++i) items.push_back(static_cast<double>(i));
    } else if (word == "parity") {
      for (std::size_t i = 0; i < count; ++i) items.push_back(static_cast<double>(i % 2));
    } else if (word == "codes") {
      for (std::size_t i = 0; i < count; ++i) items.push_back(static_cast<double>(i % 16) - 8);
    } else if (word == "all" && words >> word) {
      items.assign(count, number(word));
    } else {
      items.push_back(number(word));
    }
  }
  if (items.size() != count) throw std::runtime_error(fmt::format("{} items for {} places", items.size(), count));
  return items;
}

// NAME DTYPE [SIZE,EXPRESSION=SIZE] ITEM...
Declared declared(std::istringstream& words) {
  Declared one;
  std::string dtype, sizes;
  words >> one.name >> dtype >> sizes;
  const bool is_block = dtype == "q4_0";
  const auto type = is_block ? DType::kF32 : nnef::dtype_from_string(dtype);
  if (!type || sizes.size() < 2 || sizes.front() != '[' || sizes.back() != ']') {
    throw std::runtime_error("a declaration is NAME DTYPE [SHAPE] ITEM...");
  }
  one.dtype = *type;
  std::vector<std::int64_t> shape;
  std::size_t count = 1;
  std::istringstream list(sizes.substr(1, sizes.size() - 2));
  for (std::string size; std::getline(list, size, ',');) {
    const std::size_t equals = size.find('=');
    if (!one.shape.empty()) one.shape += ", ";
    one.shape += size.substr(0, equals);
    shape.push_back(std::stoll(equals == std::string::npos ? size : size.substr(equals + 1)));
    count *= static_cast<std::size_t>(shape.back());
  }
  one.data = tensor(one.dtype, shape, items_of(words, count));
  if (is_block) one.data = torch2nnef::packed_q4_0(*one.data);
  return one;
}

template <class T>
std::vector<double> items_as(const std::vector<std::byte>& bytes) {
  std::vector<double> items(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < items.size(); ++i) {
    T item;
    std::memcpy(&item, bytes.data() + i * sizeof(T), sizeof(T));
    items[i] = static_cast<double>(item);
  }
  return items;
}

// f16 is handed out by the engine as f32.
std::vector<double> items_of(const nnef::TensorData& tensor) {
  std::vector<std::byte> bytes;
  tensor.stream([&](const void* data, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  });
  switch (tensor.dtype()) {
    case DType::kBool:
    case DType::kU8:
      return items_as<std::uint8_t>(bytes);
    case DType::kI8:
      return items_as<std::int8_t>(bytes);
    case DType::kI32:
      return items_as<std::int32_t>(bytes);
    case DType::kI64:
      return items_as<std::int64_t>(bytes);
    case DType::kF32:
      return items_as<float>(bytes);
    case DType::kF64:
      return items_as<double>(bytes);
    default:
      throw std::runtime_error("no items of this dtype");
  }
}

bool is_same(double expected, double actual) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  if (std::isinf(expected) || std::isinf(actual)) return expected == actual;
  return std::abs(expected - actual) <= 1e-4 * std::max(1.0, std::abs(expected));
}

// f16 is compared as f32, which is what the engine gives.
nnef::TensorDataPtr widened(const nnef::TensorDataPtr& tensor) {
  return tensor->dtype() == DType::kF16 ? torch2nnef::cast_float(*tensor, DType::kF32) : tensor;
}

class Reader {
 public:
  void read(const std::string& line) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (in_graph_ && first == "fast") {
      in_fast_ = true;
    } else if (in_graph_) {
      (in_fast_ ? fast_ : body_) += "  " + line + "\n";
    } else if (first == "graph") {
      in_graph_ = true;
    } else if (first == "symbol" || first == "assert" || first == "registry") {
      std::string rest;
      std::getline(words >> std::ws, rest);
      extensions_ += fmt::format("extension tract_{} {};\n", first, rest);
    } else if (first == "quant") {
      std::string rest;
      std::getline(words >> std::ws, rest);
      case_.quant += rest + "\n";
    } else if (first == "in") {
      add_input(declared(words));
    } else if (first == "data") {
      const Declared one = declared(words);
      variables_ += fmt::format("  {} = variable(label = '{}', shape = [{}]);\n", one.name, one.name, one.shape);
      case_.data.push_back({one.name, one.data});
    } else if (first == "out") {
      const Declared one = declared(words);
      results_ += (results_.empty() ? "" : ", ") + one.name;
      case_.expected.push_back({one.name, one.data});
    } else {
      fragments_ += line + "\n";
    }
  }

  QuirkCase result() && {
    if (!in_graph_ || case_.expected.empty()) throw std::runtime_error("no graph, or no `out`");
    case_.text = text_with(body_);
    if (in_fast_) case_.fast_text = text_with(fast_);
    return std::move(case_);
  }

 private:
  std::string text_with(const std::string& body) const {
    return "version 1.0;\nextension tract_registry tract_core;\n" + extensions_ + fragments_ +
           fmt::format("graph net({}) -> ({}) {{\n{}{}{}}}\n", names_, results_, externals_, variables_, body);
  }

  void add_input(const Declared& one) {
    names_ += (names_.empty() ? "" : ", ") + one.name;
    externals_ += fmt::format("  {} = tract_core_external(shape = [{}], datum_type = '{}');\n", one.name, one.shape,
                              nnef::to_string(one.dtype));
    case_.inputs.push_back({one.name, one.data});
  }

  QuirkCase case_;
  std::string extensions_, fragments_, names_, results_, externals_, variables_, body_, fast_;
  bool in_graph_ = false, in_fast_ = false;
};

}  // namespace

QuirkCase read_quirk_case(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error(file.string() + " cannot be read");
  Reader reader;
  int number_of_line = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number_of_line;
    if (line.empty() || line[0] == '#') continue;
    try {
      reader.read(line);
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}:{}: {}", file.filename().string(), number_of_line, error.what()));
    }
  }
  return std::move(reader).result();
}

void write_archive(const QuirkCase& one, const std::string& text, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "graph.nnef") << text;
  if (!one.quant.empty()) std::ofstream(folder / "graph.quant") << one.quant;
  for (const nnef::NamedTensor& tensor : one.data) {
    std::ofstream file(folder / (tensor.name + ".dat"), std::ios::binary);
    nnef::write_tensor(*tensor.data, [&](const void* bytes, std::size_t size) {
      file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    });
  }
}

std::string difference(const QuirkCase& one, const std::vector<nnef::NamedTensor>& outputs) {
  if (outputs.size() != one.expected.size()) return fmt::format("{} results", outputs.size());
  std::string text;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const std::string& name = one.expected[k].name;
    const nnef::TensorDataPtr expected = widened(one.expected[k].data), actual = widened(outputs[k].data);
    if (expected->dtype() != actual->dtype()) {
      text += fmt::format("{} is {}; ", name, nnef::to_string(actual->dtype()));
    } else if (expected->shape() != actual->shape()) {
      text += fmt::format("{} is [{}]; ", name, fmt::join(actual->shape(), ","));
    } else {
      const std::vector<double> wanted = items_of(*expected), found = items_of(*actual);
      const auto at = std::mismatch(wanted.begin(), wanted.end(), found.begin(), is_same);
      if (at.first == wanted.end()) continue;
      text += fmt::format("{}[{}] is {}, not {}; ", name, at.first - wanted.begin(), *at.second, *at.first);
    }
  }
  return text;
}

}  // namespace torch2nnef_test
