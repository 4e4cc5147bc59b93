// The tables of the page about weights that are stored in another form.
#pragma once

#include <string>

#include "export/outcome.h"

namespace torch2nnef {

// What became of each weight that a rule names, and how far the outputs are from the float model's; "" where no weight
// is named.
std::string html_stored_weights(const ExportReport& report);

}  // namespace torch2nnef
