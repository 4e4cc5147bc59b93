// Scripts that are exported and run by tract, at the sample and, with dynamic axes, at other sizes.
#pragma once

#include <gtest/gtest.h>
#include <torch/script.h>

#include <filesystem>
#include <string>
#include <vector>

#include "export/export.h"

namespace torch2nnef {

namespace fs = std::filesystem;

class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "record_test.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

inline at::Tensor sample(at::IntArrayRef sizes) {
  at::Tensor items = at::arange(c10::multiply_integers(sizes), at::kFloat);
  return at::sin(items * 1.7).reshape(sizes);
}

struct Outcome {
  ExportReport report;
  std::string code, text;  // of the first error; "" when it was exported and agrees
  bool left_output = false;
};

inline Outcome run(torch::jit::Module& module, const std::vector<c10::IValue>& inputs, ExportOptions options) {
  Scratch scratch;
  Outcome outcome;
  options.check = Check::kTract;
  fs::path output = scratch / "model.nnef.tgz";
  try {
    outcome.report = export_model_to_nnef(module, inputs, output, options);
    EXPECT_TRUE(fs::exists(output));
    EXPECT_TRUE(outcome.report.check.agrees());
  } catch (const ExportError& error) {
    outcome.code = error.diagnostics().at(0).code;
    for (const Diagnostic& one : error.diagnostics()) outcome.text += one.code + ": " + one.op + ": " + one.text + "\n";
    outcome.left_output = fs::exists(output);
  }
  EXPECT_FALSE(outcome.left_output);
  return outcome;
}

inline torch::jit::Module script(const std::string& body) {
  torch::jit::Module module("Fn");
  module.define(body);
  return module;
}

// Exported, and right in tract at every recorded size.
inline void expect_right(const std::string& body, const std::vector<c10::IValue>& inputs,
                         const ExportOptions& options = {}) {
  torch::jit::Module module = script(body);
  Outcome outcome = run(module, inputs, options);
  EXPECT_EQ(outcome.code, "") << outcome.text << body;
}

inline void expect_refused(const std::string& code, const std::string& body, const std::vector<c10::IValue>& inputs,
                           const ExportOptions& options = {}) {
  torch::jit::Module module = script(body);
  Outcome outcome = run(module, inputs, options);
  EXPECT_EQ(outcome.code, code) << outcome.text << body;
}

inline ExportOptions dynamic(std::vector<DynamicAxis> axes, std::vector<Symbol> symbols = {}) {
  ExportOptions options;
  options.dynamic_axes = std::move(axes);
  options.symbols = std::move(symbols);
  return options;
}
inline DynamicAxis axis(int place, const char* symbol) { return {"x", place, nnef::Dim::parse(symbol)}; }

}  // namespace torch2nnef
