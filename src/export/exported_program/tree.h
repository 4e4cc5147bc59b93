// How arguments and results were nested in Python: the trees of a program's signature.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "export/exported_program/saved_values.h"

namespace torch2nnef {

struct TreeSpec {
  std::string type;               // "" for a leaf
  std::vector<std::string> keys;  // of a dict or a class with fields; else numbers
  std::vector<TreeSpec> children;
};

// Reads in_spec or out_spec. Throws nnef::FormatError.
TreeSpec parse_tree(std::string_view text);

// The leaves' names: "last_hidden_state", "0", "1_mask", and "" for a tree that is a leaf itself.
std::vector<std::string> leaf_names(const TreeSpec& tree);

// The numbers of the values at the leaves. Throws nnef::FormatError when the values are not nested like that.
std::vector<std::uint32_t> leaves_of(const TreeSpec& tree, const SavedValues& saved);

}  // namespace torch2nnef
