// Packed weights of quantised operators, made again of what the Tape keeps of them.
#pragma once

#include <functional>
#include <string>

#include "export/tape/tape.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// `class_name` is the qualified name of the schema's class
// ("__torch__.torch.classes.quantized.Conv2dPackedParamsBase"), `held` what CallArguments::all() writes of such an
// argument. Throws std::runtime_error for a class that is unknown here, and what libtorch throws.
c10::IValue packed_again(const std::string& class_name, const TapeList& held,
                         const std::function<at::Tensor(TapeValue)>& value);

}  // namespace torch2nnef
