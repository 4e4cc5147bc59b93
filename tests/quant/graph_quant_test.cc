// Quantised models in the standard's way (--target khronos): numbers in the graph, their rounding in graph.quant. What
// such an archive means is computed here as the standard says, and held against PyTorch.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "../ops/op_case.h"
#include "../ops/op_module.h"
#include "export/load/compat_ops.h"
#include "export/record/torch_types.h"
#include "export/verify/compare.h"
#include "export/verify/private_folder.h"
#include "export/verify/reference/evaluator.h"
#include "nnef/archive/item_type.h"
#include "nnef/dialect/validate.h"

namespace torch2nnef {
namespace {

const nnef::Dialect& khronos() {
  static const nnef::Dialect dialect{*nnef::Target::parse("khronos")};
  return dialect;
}

const nnef::Argument& argument_of(const nnef::QuantEntry& entry, const char* name) {
  return std::find_if(entry.arguments.begin(), entry.arguments.end(),
                      [&](const nnef::NamedArgument& one) { return one.name == name; })
      ->argument;
}

// A number, or nested lists of them as a tensor of their shape.
at::Tensor tensor_of(const nnef::Argument& argument) {
  if (argument.dim()) return at::scalar_tensor(static_cast<double>(argument.dim()->value()), at::kDouble);
  if (!argument.array()) return at::scalar_tensor(std::get<double>(argument.is), at::kDouble);
  std::vector<at::Tensor> items;
  for (const nnef::Argument& item : argument.array()->items) items.push_back(tensor_of(item));
  return at::stack(items);
}

// Aligned at the first axis.
at::Tensor beside(at::Tensor parameters, std::int64_t rank) {
  while (parameters.dim() < rank && parameters.dim() > 0) parameters = parameters.unsqueeze(-1);
  return parameters;
}

struct Rounding {
  at::Tensor zero_point, scale;
  double low, high;

  Rounding(const nnef::QuantEntry& entry, std::int64_t rank)
      : zero_point(beside(tensor_of(argument_of(entry, "zero_point")), rank)),
        scale(beside(tensor_of(argument_of(entry, "scale")), rank)) {
    const std::int64_t bits = argument_of(entry, "bits").dim()->value();
    const bool is_signed = std::get<bool>(argument_of(entry, "signed").is);
    low = is_signed ? -std::exp2(static_cast<double>(bits - 1)) : 0;
    high = low + std::exp2(static_cast<double>(bits)) - 1;
  }
  at::Tensor numbers(const at::Tensor& items) const {
    return ((items.to(at::kDouble) - zero_point) * scale).to(at::kFloat);
  }
  at::Tensor rounded(const at::Tensor& x) const {
    return numbers(((x / scale.to(at::kFloat)).round() + zero_point).clamp(low, high));
  }
  // Where x lies between two items, and another kernel may take the other one.
  at::Tensor ties(const at::Tensor& x) const {
    const at::Tensor steps = x.to(at::kDouble) / scale;
    return ((steps - steps.floor()) - 0.5).abs().lt(1e-3);
  }
};

bool is_of_integers(const nnef::TensorData& data) { return nnef::is_quantised(nnef::item_type_of(data)); }

// Variables as the graph states them: quantised ones are numbers, other integers of any width are i64.
void set_variables(nnef::Graph& archive) {
  for (const nnef::Operation& operation : archive.operations) {
    if (operation.op != "variable") continue;
    nnef::TensorDataPtr& data = archive.variables.at(std::get<std::string>(operation.find("label")->is));
    const nnef::ValueInfo& info = archive.info(operation.results[0]);
    const at::Tensor items = shared_tensor(*data);
    if (is_of_integers(*data)) {
      data = make_constant(Rounding(archive.quant.at(info.name), items.dim()).numbers(items).contiguous());
    } else if (info.dtype == nnef::DType::kI64) {
      data = make_constant(items.to(at::kLong));
    }
  }
}

struct Computed {
  at::Tensor value, ties;  // ties are undefined where nothing was rounded
};

// The outputs of what the archive says: each tensor with an entry is rounded.
std::vector<Computed> computed(nnef::Graph archive, const std::vector<nnef::NamedTensor>& given) {
  set_variables(archive);
  std::vector<at::Tensor> inputs;
  for (const nnef::NamedTensor& input : given) inputs.push_back(shared_tensor(*input.data));
  Evaluator evaluator(archive, khronos(), inputs);
  std::map<nnef::Value, at::Tensor> ties;
  while (!evaluator.done()) {
    const nnef::Operation& operation = archive.operations[evaluator.next()];
    evaluator.step();
    for (const nnef::Value result : operation.results) {
      const auto entry = archive.quant.find(archive.info(result).name);
      const at::Tensor& value = evaluator.value(result);
      if (entry == archive.quant.end() || !value.defined() || operation.op == "variable") continue;
      const Rounding rounding(entry->second, value.dim());
      ties[result] = rounding.ties(value);
      evaluator.replace(result, rounding.rounded(value));
    }
  }
  std::vector<Computed> outputs;
  for (nnef::Value output : archive.outputs) outputs.push_back({evaluator.value(output), ties[output]});
  return outputs;
}

ExportOptions options_of(const op_tests::OpModule& module) {
  ExportOptions options;
  options.target = *nnef::Target::parse("khronos");
  for (const nnef::NamedTensor& input : module.inputs()) options.input_names.push_back(input.name);
  for (const nnef::NamedTensor& result : module.results()) options.output_names.push_back(result.name);
  return options;
}

// The same but for items that lie between two codes, here or, a few of them, on the way; by the largest scale at most.
void expect_same(const at::Tensor& expected, const Computed& actual, const nnef::Graph& archive,
                 const std::string& where) {
  double step = 0;
  for (const auto& [name, entry] : archive.quant)
    step = std::max(step, tensor_of(argument_of(entry, "scale")).max().item<double>());
  ASSERT_EQ(expected.sizes(), actual.value.sizes()) << where;
  const at::Tensor apart = (expected.to(at::kDouble) - actual.value.to(at::kDouble)).abs();
  EXPECT_LE(apart.max().item<double>(), 1.001 * step) << where;
  at::Tensor others = apart.gt(1e-4);
  if (actual.ties.defined()) others = others.logical_and(actual.ties.logical_not());
  EXPECT_LE(others.sum().item<std::int64_t>(), expected.numel() / 50 + 1) << where;
}

// The evaluator follows tract, which lays out filters of deconv otherwise and has its own cast.
bool is_evaluated(const nnef::Graph& archive) {
  return std::none_of(archive.operations.begin(), archive.operations.end(), [](const nnef::Operation& operation) {
    return operation.op == "deconv" || operation.op == "cast";
  });
}

nnef::Graph exported(const op_tests::OpModule& module, const PrivateFolder& folder) {
  module.export_to(folder.path() / "case", options_of(module));
  nnef::Graph archive = nnef::read_archive(folder.path() / "case", khronos());
  EXPECT_EQ(nnef::validate(archive, khronos()), std::vector<std::string>{});
  return archive;
}

TEST(GraphQuant, MeansWhatPyTorchComputes) {
  register_missing_operators();
  int computed_cases = 0, with_weights = 0;
  for (op_tests::OpCase one : op_tests::read_cases(CASES)) {
    one.dynamic_axes.clear();  // the standard has none
    const std::string where = fmt::format("line {}: {}", one.line, one.expression);
    op_tests::OpModule module(one, 0);
    module.draw(1, {});
    module.run();
    const PrivateFolder folder;
    nnef::Graph archive;
    try {
      archive = exported(module, folder);
    } catch (const ExportError& error) {
      EXPECT_EQ(error.kind(), ExportError::Kind::kNotExportable) << where << ": " << error.what();
      continue;
    }
    if (archive.quant.empty() || !is_evaluated(archive)) continue;
    const std::vector<Computed> actual = computed(archive, module.inputs());
    const std::vector<nnef::NamedTensor> expected = module.results();
    ASSERT_EQ(actual.size(), expected.size()) << where;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      expect_same(shared_tensor(*expected[i].data), actual[i], archive, where);
    }
    ++computed_cases;
    const bool has_weights = std::any_of(archive.variables.begin(), archive.variables.end(),
                                         [](const auto& one_of) { return is_of_integers(*one_of.second); });
    with_weights += has_weights ? 1 : 0;
  }
  EXPECT_GE(computed_cases, 30);
  EXPECT_GE(with_weights, 10);
}

TEST(GraphQuant, HoldsNoRoundingInTheGraph) {
  register_missing_operators();
  const std::vector<op_tests::OpCase> cases = op_tests::read_cases(CASES);
  const auto of_channels = std::find_if(cases.begin(), cases.end(), [](const op_tests::OpCase& one) {
    return one.expression.find("per_channel(w") != std::string::npos &&
           one.expression.find("quantized::conv2d_relu(") != std::string::npos;
  });
  ASSERT_NE(of_channels, cases.end());
  op_tests::OpCase one = *of_channels;
  one.dynamic_axes.clear();
  op_tests::OpModule module(one, 0);
  module.draw(1, {});
  module.run();
  const PrivateFolder folder;
  const nnef::Graph archive = exported(module, folder);
  std::vector<std::string> operations;
  for (const nnef::Operation& operation : archive.operations) operations.push_back(operation.op);
  EXPECT_EQ(operations,
            (std::vector<std::string>{"external", "copy", "variable", "variable", "reshape", "conv", "relu"}));
  EXPECT_EQ(archive.quant.size(), 3U);  // the input, the weight, the result
}

}  // namespace
}  // namespace torch2nnef
