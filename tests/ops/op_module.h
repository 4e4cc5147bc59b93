// A case as libtorch sees it: a module whose forward is the expression, values for its inputs, the results it computes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "export/torchscript/record.h"
#include "nnef/io.h"
#include "op_case.h"

namespace op_tests {

class OpModule {
 public:
  // Throws what libtorch says when the expression is wrong.
  OpModule(const OpCase& op_case, std::size_t variant);
  ~OpModule();

  // New values for the inputs at these sizes; equal arguments give equal values. Hard ones are those at which two
  // engines are likely to part: NaN, infinities, halves, the ends of the ranges; only for inputs without a FILL. Edges
  // are finite: zeros of both signs, equal items, halves, large and tiny ones; for inputs whose FILL is no list.
  void draw(std::uint64_t seed, const nnef::Bindings& bindings);
  void draw_hard(std::uint64_t seed, const nnef::Bindings& bindings);
  void draw_edges(std::uint64_t seed, const nnef::Bindings& bindings);
  // forward on the values; tuples and lists flattened depth first, numbers as tensors, None dropped.
  void run();
  // Whether the last run was of f16, and by kernels of libtorch's own.
  bool ran_in_half() const { return ran_in_half_; }
  std::vector<nnef::NamedTensor> inputs() const;
  std::vector<nnef::NamedTensor> results() const;  // output_0, output_1, ...

  // The module with the values as the arguments of forward, for the steps of an export.
  torch2nnef::Model model() const;
  // Exports the module with the values as sample inputs.
  torch2nnef::ExportReport export_to(const std::filesystem::path& output, torch2nnef::ExportOptions options) const;
  // What forward calls: "aten::add.Tensor", in-place operators by the functional one's name.
  std::vector<std::string> operators() const;

 private:
  struct Torch;
  void draw_with(std::uint64_t seed, const nnef::Bindings& bindings, const std::string& fill, bool in_ranges = false);
  void run_widened();
  const OpCase& case_;
  std::size_t variant_;
  bool ran_in_half_ = false;
  std::unique_ptr<Torch> torch_;
};

// Why the case is not for the linked libtorch, or "".
std::string why_skipped(const OpCase& one);
// Has the linked libtorch an operator of that name ("aten::add" or "aten::add.Tensor")?
bool torch_has(const std::string& name);

}  // namespace op_tests
