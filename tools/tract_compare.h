// Results of a run: named as in graph.nnef, saved, compared with a bundle.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "nnef/io.h"
#include "tract_options.h"

namespace tract_run {

// A result differs from the bundle, or has no entry in it. `what()` has a line for each.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The names in the result list of the archive's graph. (The engine's interface knows only positions.)
std::vector<std::string> result_names(const std::filesystem::path& archive);

// Writes an .npz; f16 as f32, as the tract command does. A name that stands twice in the result list is written once.
void save_results(const std::vector<nnef::NamedTensor>& results, const std::filesystem::path& path);

// Compares each result with the entry of its name in options.expected. Throws Mismatch.
void assert_results(const std::vector<nnef::NamedTensor>& results, const std::vector<nnef::NamedTensor>& bundle,
                    const Options& options);

}  // namespace tract_run
