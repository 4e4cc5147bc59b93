// The inputs of a run, as Replay takes them.
#pragma once

#include <vector>

#include "export/record/torch_types.h"
#include "export/tape/recording.h"

namespace torch2nnef {

inline std::vector<at::Tensor> inputs_of(const Tape& tape, const Recording::Run& run) {
  std::vector<at::Tensor> inputs;
  for (TapeValue input : tape.inputs) {
    for (const nnef::NamedTensor& given : run.inputs) {
      if (given.name == tape.info(input).label) inputs.push_back(shared_tensor(*given.data));
    }
  }
  return inputs;
}

}  // namespace torch2nnef
