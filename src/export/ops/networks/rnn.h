// Recurrent layers without the engine's own cells, for graphs that must not hold these.
#pragma once

#include <memory>

#include "export/lower/lowering.h"

namespace torch2nnef {

// A table that goes before the built-in one. The standard has no such cells, and they lose a NaN inside, where nothing
// can be added to them (T-NAN-LSTM, T-NAN-GRU).
std::shared_ptr<const Registry> written_recurrent_layers();

}  // namespace torch2nnef
