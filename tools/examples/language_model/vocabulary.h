// The texts of tokens, from tokenizer.json. (Splitting a text into tokens takes the tokenizers library.)
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace language_model {

class Vocabulary {
 public:
  Vocabulary() = default;
  // Throws nnef::IoError or nnef::FormatError; a tokenizer whose decoder is not known gives an empty vocabulary.
  explicit Vocabulary(const std::filesystem::path& tokenizer);
  bool empty() const { return pieces_.empty(); }
  // UTF-8, unless a character is cut at either end. Special tokens are left out.
  std::string text_of(const std::vector<std::int64_t>& tokens) const;

 private:
  std::vector<std::string> pieces_;  // bytes, by token
};

}  // namespace language_model
