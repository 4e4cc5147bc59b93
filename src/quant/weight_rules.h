// The rules of --quantize by path.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quant/path_pattern.h"
#include "quant/weight_form.h"

namespace torch2nnef {

// The first rule that names a path counts.
class WeightRules {
 public:
  // Throws std::invalid_argument for a pattern that is not one.
  explicit WeightRules(const std::vector<WeightRule>& rules) {
    for (const WeightRule& rule : rules) rules_.emplace_back(PathPattern(rule.pattern), rule.form);
  }
  std::optional<WeightForm> form_of(const std::string& path) const {
    for (const auto& [pattern, form] : rules_) {
      if (pattern.found_in(path)) return form;
    }
    return std::nullopt;
  }

 private:
  std::vector<std::pair<PathPattern, WeightForm>> rules_;
};

}  // namespace torch2nnef
