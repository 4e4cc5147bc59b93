// A language model of a folder that export_language_model.py wrote: its manifest, its archive in tract, and the cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tract_library.h"

namespace language_model {

// manifest.json, as the README next to this file describes it.
struct Manifest {
  struct Cache {
    std::string input, output;
    std::vector<std::int64_t> shape;  // of an empty cache
  };
  std::filesystem::path archive;
  std::filesystem::path tokenizer;  // empty: none
  std::int64_t longest = 0;         // tokens that the model can see
  std::string tokens, logits;       // names of the input and of the output
  std::vector<Cache> cache;
  std::vector<std::int64_t> ends;  // tokens that end a text
};

// Throws nnef::IoError or nnef::FormatError.
Manifest read_manifest(const std::filesystem::path& folder);

// One text. Tokens go in, in pieces of any length; what was seen stays in the cache, in the engine's memory.
class Session {
 public:
  // Throws tract_run::LibraryError or tract_run::EngineError.
  explicit Session(const Manifest& manifest);

  // The logits after the last of `tokens`. Throws tract_run::EngineError when the text becomes longer than the model's
  // limit.
  std::vector<float> step(const std::vector<std::int64_t>& tokens);
  std::int64_t length() const { return length_; }
  void clear();

 private:
  tract_run::Library library_;
  tract_run::Model model_;
  Manifest manifest_;
  std::vector<std::size_t> places_;   // of each of the model's inputs: 0 the tokens, i + 1 cache i
  std::vector<std::size_t> results_;  // of the logits, then of each cache
  std::vector<tract_run::EngineTensor> cache_;
  std::int64_t length_ = 0;
};

}  // namespace language_model
