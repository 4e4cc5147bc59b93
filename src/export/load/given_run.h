// What a model computes on further inputs of the user's (--inputs given again), and what the user has of it.
#pragma once

#include <filesystem>
#include <vector>

#include "export/tape/recording.h"

namespace torch2nnef {

struct GivenRun {
  std::filesystem::path file;
  Recording::Run run;                       // what the model computes
  std::vector<nnef::NamedTensor> expected;  // outputs that the file holds, by the names of the run's
};

}  // namespace torch2nnef
