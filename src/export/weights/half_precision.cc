#include "export/weights/half_precision.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "quant/half_graph.h"
#include "quant/path_pattern.h"

namespace torch2nnef {
namespace {

[[noreturn]] void refuse(ExportError::Kind kind, const char* code, const char* text, const char* hint) {
  throw ExportError(kind, {Severity::kError, code, "", {}, text, hint});
}

void require_float_model(const ExportOptions& options, const Tape& tape) {
  if (options.target.kind != nnef::Target::Kind::kTract) {
    refuse(ExportError::Kind::kNotExportable, "T2N-L004", "half precision is written for tract only",
           "choose another --target, or leave out --cast");
  }
  if (!options.quantize.empty()) {
    refuse(ExportError::Kind::kUsage, "T2N-U001", "--cast and --quantize exclude each other",
           "--cast=f16 stores the weights of products as f16 already");
  }
  const bool has_codes = std::any_of(tape.values.begin(), tape.values.end(),
                                     [](const TapeValueInfo& info) { return is_quantised(info.type); });
  if (has_codes) {
    refuse(ExportError::Kind::kUsage, "T2N-U001", "--cast=f16 is for float models, and this one is quantised",
           "leave out --cast, or export the float model");
  }
}

// By call of the Tape, whether --keep-f32 names it.
class Kept {
 public:
  Kept(const std::vector<std::string>& patterns, const Tape& tape) : is_kept_(tape.calls.size(), false) {
    for (const std::string& text : patterns) {
      const PathPattern pattern(text);
      bool is_used = false;
      for (std::size_t i = 0; i < tape.calls.size(); ++i) {
        const TapeCall& call = tape.calls[i];
        if (!pattern.found_in(call.where.module_path) && !pattern.found_in(call.op)) continue;
        is_kept_[i] = is_used = true;
      }
      if (!is_used) idle_.push_back(text);
    }
  }
  bool has(std::int32_t call) const { return call >= 0 && is_kept_.at(static_cast<std::size_t>(call)); }
  const std::vector<std::string>& idle() const { return idle_; }

 private:
  std::vector<bool> is_kept_;
  std::vector<std::string> idle_;
};

}  // namespace

void cast_to_half(nnef::Graph& graph, const ExportOptions& options, const Tape& tape, Lineage& lineage,
                  ExportReport& report) {
  if (!options.cast_to_half && !options.keep_single.empty()) {
    refuse(ExportError::Kind::kUsage, "T2N-U001", "--keep-f32 is for --cast=f16, which is not given", "");
  }
  if (!options.cast_to_half) return;
  require_float_model(options, tape);
  const Kept kept(options.keep_single, tape);
  for (const std::string& pattern : kept.idle()) {
    report.diagnostics.warning("T2N-L012", "--keep-f32 " + pattern + " matches no module and no operator", {},
                               "a module is matched by its path, an operator by its name as in aten::layer_norm");
  }
  const HalfGraph half = compute_in_half(
      graph, [&](nnef::Value value) { return kept.has(lineage.call_of.at(static_cast<std::size_t>(value.id))); });
  extend(lineage, half.added_for);
  report.half = HalfReport{half.in_half, half.in_single};
  if (half.in_half == 0) return;
  report.diagnostics.warning(
      "T2N-L011",
      half.has_filters ? "on x86, tract computes convolutions in f16 some hundred times slower than in f32"
                       : "on x86, tract computes most operations in f16 several times slower than in f32",
      {}, "f16 is for arm64 with FP16; for x86, store the weights as f16 (--quantize=f16) and compute in f32");
}

}  // namespace torch2nnef
