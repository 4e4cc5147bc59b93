// Which modules of a Tape have modules of their own.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "export/tape/tape.h"

namespace torch2nnef {

class ModulePaths {
 public:
  explicit ModulePaths(const Tape& tape) {
    for (const TapeCall& call : tape.calls) {
      std::string path = call.where.module_path;
      while (!path.empty()) {
        path = std::string(parent_of(path));
        if (!with_modules_.insert(path).second) break;
      }
    }
  }

  bool has_modules(const std::string& path) const { return with_modules_.contains(path); }

  // "layer1.0" of "layer1.0.conv1"
  static std::string_view parent_of(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
  }

 private:
  std::set<std::string> with_modules_;
};

}  // namespace torch2nnef
