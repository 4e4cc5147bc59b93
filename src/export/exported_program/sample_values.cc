#include "export/exported_program/sample_values.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "export/load/assemble_inputs.h"
#include "export/load/input_values.h"
#include "export/load/sample_inputs.h"
#include "export/record/ivalues.h"
#include "export/record/torch_types.h"
#include "nnef/builder/builder.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Values = std::vector<at::Tensor>;  // undefined where none is given

at::ScalarType type_of(const LoadedProgram& loaded, const ProgramUserInput& input) {
  if (input.is_number) return at::kLong;
  return dtype_of(loaded.program.graph.dtypes.at(input.name));
}

// "forward(x: float32[B,3], mask: bool[B])", with the file's symbols.
std::string describe(const LoadedProgram& loaded, const ProgramSizes& sizes) {
  std::string text;
  for (const ProgramUserInput& input : sizes.inputs()) {
    text += (text.empty() ? "" : ", ") + input.name + ": ";
    if (input.is_number) {
      text += "int";
      continue;
    }
    std::string axes;
    for (const Expression& size : input.shape) axes += (axes.empty() ? "" : ",") + to_text(size, {});
    text += std::string(to_string(from_torch(type_of(loaded, input)))) + "[" + axes + "]";
  }
  return "forward(" + text + ")";
}

// The place of the input that a name speaks of: its own, that in the archive, or input_N.
std::optional<std::size_t> place_of(const std::string& name, const ProgramSizes& sizes,
                                    const std::vector<std::string>& names) {
  const std::vector<ProgramUserInput>& inputs = sizes.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (name == inputs[i].name || name == names[i] || name == nnef::make_identifier(inputs[i].name)) return i;
  }
  const auto number = number_behind("input_", name);
  return number && *number < inputs.size() ? std::optional(static_cast<std::size_t>(*number)) : std::nullopt;
}

// By name where the names are the inputs', else one after the other.
Values arranged(const NamedTensors& tensors, const ProgramSizes& sizes, const std::vector<std::string>& names) {
  Values values(sizes.inputs().size());
  for (const auto& [name, tensor] : tensors) {
    if (const auto place = place_of(name, sizes, names)) values[*place] = tensor;
  }
  const bool none = std::none_of(values.begin(), values.end(), [](const at::Tensor& one) { return one.defined(); });
  if (none && tensors.size() == values.size()) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = tensors[i].second;
  }
  return values;
}

Values from_file(const LoadedProgram& loaded, const ProgramSizes& sizes, const std::vector<std::string>& names,
                 const std::filesystem::path& path) {
  Values values;
  if (path.extension() == ".pt") {
    const c10::IValue value = pickled_value(path);
    if (value.isGenericDict()) {
      NamedTensors tensors;
      for (const auto& entry : value.toGenericDict()) {
        if (entry.key().isString() && entry.value().isTensor()) {
          tensors.emplace_back(entry.key().toStringRef(), entry.value().toTensor());
        }
      }
      values = arranged(tensors, sizes, names);
    } else {
      values = tensors_in(value);
    }
  } else {
    values = arranged(read_inputs(path), sizes, names);
  }
  values.resize(sizes.inputs().size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].defined()) continue;
    refuse_inputs(path.filename().string() + " has no values for the input " + sizes.inputs()[i].name + " of " +
                  describe(loaded, sizes));
  }
  return values;
}

// Sizes that fit the program, where the file has no example: unlike for each symbol.
std::vector<std::int64_t> drawn_sizes(const ProgramUserInput& input, const ProgramSizes& sizes) {
  nnef::Bindings values;
  std::int64_t next = 5;
  for (const std::string& symbol : sizes.symbols()) values[symbol] = next++;
  std::vector<std::int64_t> result;
  for (const Expression& size : input.shape) {
    const auto value = evaluate(size, values);
    if (!value) refuse_inputs("no size is known for the input " + input.name, "give values with --inputs FILE.npz");
    result.push_back(static_cast<std::int64_t>(*value));
  }
  return result;
}

// An npz file cannot hold bfloat16, and Python's numbers have no dtype of their own.
at::Tensor of_type(const at::Tensor& value, at::ScalarType type, const std::string& name) {
  if (value.scalar_type() == type) return value;
  const bool fits = (type == at::kBFloat16 && value.scalar_type() == at::kFloat) || value.dim() == 0;
  if (fits) return value.to(type);
  refuse_inputs("the sample of input " + name + " is of dtype " +
                std::string(to_string(from_torch(value.scalar_type()))) + ", and the program takes " +
                std::string(to_string(from_torch(type))));
}

}  // namespace

ProgramSamples program_samples(const LoadedProgram& loaded, const ProgramSizes& sizes,
                               const std::vector<std::string>& names, const std::filesystem::path& path,
                               const ExportOptions& options) {
  ProgramSamples samples;
  const std::vector<ProgramUserInput>& inputs = sizes.inputs();
  at::Generator generator = seeded_generator(options.seed);
  if (!options.extra_arguments.empty()) {
    refuse_inputs("--arg gives values of numbers, which a .pt2 file holds fixed",
                  "export the program again with the values that you want");
  }
  samples.values.resize(inputs.size());
  if (!options.inputs_file.empty()) {
    samples.values = from_file(loaded, sizes, names, options.inputs_file);
    samples.from = "read from " + options.inputs_file.filename().string();
  } else if (loaded.samples) {
    samples.values = *loaded.samples;
    samples.from = "carried by the program";
  }
  std::size_t position = 0;
  for (const InputSpec& spec : options.inputs) {
    const auto place = spec.name.empty() ? std::optional(position++) : place_of(spec.name, sizes, names);
    if (!place || *place >= inputs.size()) {
      refuse_inputs("--input " + spec.name + ": there is no such input of " + describe(loaded, sizes));
    }
    samples.values[*place] = specified_values(spec, generator);
    samples.from = "made as --input says, seed " + std::to_string(options.seed);
    if (spec.fill.empty()) samples.drawn.push_back(samples.values[*place]);
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const at::ScalarType type = type_of(loaded, inputs[i]);
    if (!samples.values[i].defined()) {
      samples.values[i] = random_values(type, drawn_sizes(inputs[i], sizes), generator);
      samples.drawn.push_back(samples.values[i]);
      samples.from = "drawn with seed " + std::to_string(options.seed) + ": " + path.filename().string() +
                     " has no example inputs";
    }
    samples.values[i] = of_type(samples.values[i], type, names[i]);
  }
  if (inputs.empty()) samples.from = "none: forward takes no tensors";
  return samples;
}

}  // namespace torch2nnef
