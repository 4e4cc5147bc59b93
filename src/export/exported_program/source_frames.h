// Places in the user's Python, from what the file says of a node.
#pragma once

#include <string>
#include <vector>

#include "export/exported_program/program.h"
#include "export/tape/tape.h"

namespace torch2nnef {

// The frames outside of torch, innermost first, with the file's name alone; torch's own where there are no others. The
// innermost module is the node's.
Location location_of(const ProgramNode& node);

// One call of a module.
struct ModuleFrame {
  std::string key;  // unlike that of another call
  std::string path, class_name;
  friend bool operator==(const ModuleFrame&, const ModuleFrame&) = default;
};
// The modules that a node is in, outermost first.
std::vector<ModuleFrame> module_frames(const ProgramNode& node);

}  // namespace torch2nnef
