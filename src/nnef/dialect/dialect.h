// The dialect: one table of every operator that may stand in a graph.nnef, for each target.
//
// Read from declarations in NNEF's own syntax (tract_ops.nnef, embedded at build time), one fragment declaration an
// operator, with annotations in the comment before it: registry, first tract version, whether Khronos NNEF 1.0.5 has
// it. The table validates what is emitted, tells the writer which registries a file needs, and says "needs tract >= X".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nnef/api.h"

namespace nnef TORCH2NNEF_API {

struct Version {
  int major = 0, minor = 0, patch = 0;
  static std::optional<Version> parse(std::string_view text);
  std::string to_string() const;
  friend auto operator<=>(const Version&, const Version&) = default;
};

struct Target {
  enum class Kind { kTract, kKhronos };
  Kind kind = Kind::kTract;
  Version version{0, 23, 9};  // of tract, or of the specification
  // "tract@0.23.9", "tract", "khronos"; nullopt for anything else.
  static std::optional<Target> parse(std::string_view text);
  std::string to_string() const;
};

struct Parameter {
  std::string name;
  std::string type;        // as declared: "tensor<scalar>", "integer[]", "(integer,integer)[]", ...
  bool is_tensor = false;  // tensor<..> or tensor<..>[]
  bool is_tensor_array = false;
  std::optional<std::string> default_text;  // the literal as written; parameters marked optional have "" here
  bool is_required() const { return !default_text.has_value(); }
};

struct OperatorDeclaration {
  std::string name;
  std::string registry;  // "" for the standard set, "tract_core", "tract_transformers", ...
  Version since;         // first tract release
  bool khronos = false;  // part of NNEF 1.0.5
  bool tract = true;     // known to tract and right there; false: specification only, or broken
  std::vector<Parameter> parameters;
  std::vector<std::string> results;
  bool result_is_array = false;  // unstack, scan

  const Parameter* find(std::string_view parameter) const;
};

class Dialect {
 public:
  explicit Dialect(Target target);
  const Target& target() const { return target_; }
  // The declaration whatever the target; null when no target has such an operator.
  const OperatorDeclaration* find(std::string_view op) const;
  // Why the target lacks the operator ("needs tract >= 0.23.3", "is not in Khronos NNEF 1.0.5"), or "" when it has it.
  std::string why_not(const OperatorDeclaration& declaration) const;
  bool has(std::string_view op) const;

 private:
  Target target_;
};

}  // namespace nnef
