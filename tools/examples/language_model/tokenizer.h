// Texts to tokens and back: the tokenizers library (crates.io), which tools/get-tokenizers builds, loaded at run time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace language_model {

// The library is not there, or says no.
class TokenizerError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Tokenizer {
 public:
  // Reads a tokenizer.json. Throws TokenizerError.
  explicit Tokenizer(const std::filesystem::path& path);

  // With the tokens that the tokenizer puts around a text. Throws TokenizerError.
  std::vector<std::int64_t> ids_of(const std::string& text) const;
  // Without special tokens. Throws TokenizerError.
  std::string text_of(const std::vector<std::int64_t>& ids) const;

 private:
  struct Functions;
  std::shared_ptr<const Functions> functions_;
  std::shared_ptr<void> handle_;
};

}  // namespace language_model
