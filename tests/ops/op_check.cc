#include "op_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "export/verify/compare.h"
#include "export/verify/private_folder.h"
#include "export/verify/reference.h"
#include "nnef/dialect/validate.h"
#include "op_module.h"

namespace op_tests {
namespace {

constexpr std::uint64_t kSampleSeed = 1, kOtherSeed = 2;
constexpr double kTimeoutSeconds = 60;

std::string sizes_text(const nnef::Bindings& bindings) {
  std::string text;
  for (const auto& [name, size] : bindings) text += fmt::format(" {}={}", name, size);
  return text.empty() ? "" : " at" + text;
}

std::string text_of(const torch2nnef::ExportError& error) {
  std::string text;
  for (const torch2nnef::Diagnostic& one : error.diagnostics()) {
    text += fmt::format("{}{} {}: {}", text.empty() ? "" : "\n", one.code, one.op, one.text);
    if (!one.hint.empty()) text += " (" + one.hint + ")";
  }
  return text;
}

// Factorisations whose vectors may have either sign, which what is made of them does not show.
bool has_free_signs(const std::string& text) {
  for (const char* name : {"aten::linalg_eigh", "aten::linalg_svd", "aten::svd"}) {
    if (text.find(name) != std::string::npos) return true;
  }
  return false;
}

// What the check says rightly. A quantised result stands in the archive by its codes and is not compared call by call.
bool is_expected(const torch2nnef::Diagnostic& one) {
  if (one.code == "T2N-C008") {
    return one.text.ends_with("its result is quantised") || one.text.ends_with("its weights are packed");
  }
  if (one.code == "T2N-C010") return true;  // of operators whose results depend on nothing, or are zeros
  return one.code == "T2N-C007" && has_free_signs(one.text);
}

std::vector<double> doubles_of(const nnef::TensorData& data) {
  std::vector<double> numbers(static_cast<std::size_t>(data.numel()));
  auto* place = reinterpret_cast<char*>(numbers.data());
  data.stream([&](const void* bytes, std::size_t count) {
    std::memcpy(place, bytes, count);
    place += count;
  });
  return numbers;
}

// What is wrong with a note of accuracy. One that promises far less than what was measured is wrong, too.
std::string error_problem(const OpCase& one, const std::vector<nnef::NamedTensor>& expected,
                          const std::vector<nnef::NamedTensor>& actual) {
  const nnef::TensorData& wanted = *expected.at(0).data;
  const nnef::TensorData& given = *actual.at(0).data;
  if (wanted.dtype() != nnef::DType::kF64 || given.dtype() != nnef::DType::kF64 || wanted.shape() != given.shape()) {
    return "a note of accuracy is for one result in f64";
  }
  const std::vector<double> right = doubles_of(wanted), numbers = doubles_of(given);
  double largest = 0;
  for (std::size_t i = 0; i < right.size(); ++i) {
    const double error = std::abs(numbers[i] - right[i]) / std::max(1.0, std::abs(right[i]));
    if (std::isnan(error)) return fmt::format("item {} is {} instead of {}", i, numbers[i], right[i]);
    largest = std::max(largest, error);
  }
  if (largest > one.largest_error) return fmt::format("the largest error is {:.2g}", largest);
  const bool is_vain = one.largest_error > 1e-15 && largest < one.largest_error / 100;
  return is_vain ? fmt::format("the largest error is only {:.2g}", largest) : "";
}

// One set of values at one set of sizes.
struct Values {
  nnef::Bindings bindings;
  std::string kind;  // "", or of values at which both engines may differ from PyTorch
  bool is_hard() const { return !kind.empty(); }
  std::vector<nnef::NamedTensor> inputs, expected;
};

std::string place_of(const Values& values) {
  return (values.is_hard() ? " on " + values.kind : "") + sizes_text(values.bindings);
}

// Not those of LAPACK, which takes minutes to find that a matrix with a NaN has no factors; and not where an engine
// adds infinities in another order, leaves out weights of 0 (T-INF-MUL-ZERO), or loses a NaN by the order of operands.
bool takes_hard_values(const OpCase& one) {
  for (const char* name :
       {"aten::linalg_", "svd", "inverse", "aten::matrix_rank", "fft", "aten::stft", "aten::istft",
        "aten::upsample_bilinear2d", "aten::grid_sampler", "aten::corrcoef", "linear_relu_dynamic"}) {
    if (one.expression.find(name) != std::string::npos) return false;
  }
  return true;
}

// A sum halfway between two codes becomes the one or the other by its last bit.
bool takes_edges(const OpCase& one) { return one.expression.find("quantized::conv") == std::string::npos; }

// Values other than the sample's at all sizes; at the first of them edges and hard ones, too, where PyTorch takes them.
// The evaluator computes functions at their edges as the newest release does.
std::vector<Values> all_values(OpModule& module, const OpCase& one, bool is_newest) {
  std::vector<Values> all;
  for (const nnef::Bindings& bindings : one.all_bindings()) {
    module.draw(kOtherSeed, bindings);
    module.run();
    all.push_back({bindings, "", module.inputs(), module.results()});
  }
  const auto add = [&](const char* kind, auto draw) {
    try {
      (module.*draw)(kOtherSeed, all.front().bindings);
      module.run();
      all.push_back({all.front().bindings, kind, module.inputs(), module.results()});
    } catch (const std::exception&) {
    }
  };
  if (is_newest && takes_edges(one)) add("edges", &OpModule::draw_edges);
  if (takes_hard_values(one)) add("hard values", &OpModule::draw_hard);
  return all;
}

std::string differences(const std::vector<torch2nnef::CheckReport::Output>& outputs) {
  std::string text;
  for (const auto& output : outputs) {
    if (!output.agrees) text += fmt::format("{}: {}\n", output.name, output.detail);
  }
  return text;
}

// What tract makes of the values, and whether the reference evaluator judges alike: on hard values, both may differ
// from PyTorch.
std::string judge(const Values& values, const torch2nnef::EngineRun& run, const nnef::Graph& archive,
                  const nnef::Dialect& dialect, const OpCase& one) {
  if (!values.is_hard() && !run.ran) return fmt::format("tract{}: {}", place_of(values), run.message);
  if (!values.is_hard() && one.largest_error > 0) return error_problem(one, values.expected, run.outputs);
  const auto compared = [&](const std::vector<nnef::NamedTensor>& outputs) {
    return differences(torch2nnef::compare_outputs(values.expected, outputs, one.tolerance));
  };
  const std::string in_tract = run.ran ? compared(run.outputs) : run.message;
  if (!values.is_hard() && !in_tract.empty()) return "tract" + place_of(values) + ": " + in_tract;
  std::string in_evaluator;
  try {
    in_evaluator = compared(torch2nnef::evaluate_graph(archive, dialect, values.inputs));
  } catch (const std::exception& error) {
    in_evaluator = error.what();
  }
  if (in_tract.empty() == in_evaluator.empty()) return "";
  return fmt::format("{} alone agrees with PyTorch{}: {}", in_tract.empty() ? "tract" : "the evaluator",
                     place_of(values), in_tract + in_evaluator);
}

// The archive is read back, valid, and right in both engines.
std::string judge_archive(const std::filesystem::path& file, const nnef::Target& target, OpModule& module,
                          const OpCase& one, const torch2nnef::Engine& engine) {
  const nnef::Dialect dialect{target};
  const nnef::Graph archive = nnef::read_archive(file, dialect);
  const std::vector<std::string> problems = nnef::validate(archive, dialect);
  if (!problems.empty()) return fmt::format("the archive is not valid: {}", fmt::join(problems, "; "));
  const bool is_newest = target.version == nnef::Target{}.version;
  const std::vector<Values> all = all_values(module, one, is_newest);
  std::vector<std::vector<nnef::NamedTensor>> inputs;
  for (const Values& values : all) inputs.push_back(values.inputs);
  const auto runs = torch2nnef::run_engine_on_each(engine, file, inputs, kTimeoutSeconds);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::string problem = judge(all[i], runs[i], archive, dialect, one); !problem.empty()) return problem;
  }
  return "";
}

}  // namespace

torch2nnef::ExportOptions export_options(const OpCase& one, const OpModule& module) {
  torch2nnef::ExportOptions options;
  options.check = torch2nnef::Check::kReference;  // tract's judgement is made here, at other values
  options.tolerance = one.tolerance;
  options.call_errors = true;
  options.dynamic_axes = one.dynamic_axes;
  options.symbols = one.bounds;
  options.integer_arithmetic = one.is_integer;
  for (const nnef::NamedTensor& input : module.inputs()) options.input_names.push_back(input.name);
  for (const nnef::NamedTensor& result : module.results()) options.output_names.push_back(result.name);
  return options;
}

std::string check_case(const OpCase& given, std::size_t variant, const torch2nnef::Engine& engine,
                       const nnef::Target& target) {
  OpCase op_case = given.for_target(target);
  OpModule module(op_case, variant);
  module.draw(kSampleSeed, op_case.sample_bindings());
  try {
    module.run();
  } catch (const std::exception&) {
    if (!op_case.derived_dtype.empty()) return "";  // libtorch does not compute it
    throw;
  }
  if (op_case.native_half && module.ran_in_half()) op_case.tolerance = *op_case.native_half;
  const torch2nnef::PrivateFolder folder;
  const std::filesystem::path archive = folder.path() / "case";
  try {
    torch2nnef::ExportOptions options = export_options(op_case, module);
    options.target = target;
    const torch2nnef::ExportReport report = module.export_to(archive, options);
    for (const torch2nnef::Diagnostic& one : report.diagnostics.list()) {
      if (one.code.starts_with("T2N-C") && !is_expected(one)) return one.code + ": " + one.text;
    }
    for (const torch2nnef::CallError& call : report.check.calls) {
      if (call.own_agrees || has_free_signs(call.aten)) continue;
      return fmt::format("{} = {} of {} differs by {}", call.name, call.operation, call.aten, call.own_abs);
    }
  } catch (const torch2nnef::ExportError& error) {
    const std::string text = text_of(error);
    if (!op_case.is_refused || error.kind() == torch2nnef::ExportError::Kind::kCheckFailed) {
      return "not exported: " + text;
    }
    if (error.kind() != torch2nnef::ExportError::Kind::kNotExportable) return "refused as a defect: " + text;
    if (!given.is_refused && !text.starts_with("T2N-L004")) return "refused, but not for its target: " + text;
    return text.find(op_case.refusal) != std::string::npos ? "" : "refused with other words: " + text;
  }
  if (op_case.is_refused) return "exported, though it should be refused";
  return judge_archive(archive, target, module, op_case, engine);
}

}  // namespace op_tests
