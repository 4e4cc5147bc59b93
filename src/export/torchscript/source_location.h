// Where in the user's Python a node of TorchScript comes from.
#pragma once

#include <string>
#include <vector>

#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// The lines that `node` came from, innermost first: for a trace the Python stack without torch's own frames, for a
// script the line of the function. Empty when the archive carries no source records.
std::vector<SourceLine> source_lines(const torch::jit::Node* node);

// "__torch__.torch.nn.___torch_mangle_3.Linear" gives "torch.nn.Linear".
std::string normalized_class(const std::string& qualified_name);

}  // namespace torch2nnef
