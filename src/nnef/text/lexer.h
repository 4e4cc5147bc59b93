// The tokens of NNEF text. Internal to the parser.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "nnef/text/syntax.h"

namespace nnef {

struct Token {
  enum class Kind {
    kEnd,
    kWord,       // identifiers and keywords; text: the name
    kName,       // i"any text", an identifier that is never a keyword; text: the contents
    kNumber,     // text: as written, without a sign
    kString,     // text: the contents, escapes resolved
    kSymbol,     // text: the operator or punctuation
    kExtension,  // a whole extension line; text: what stands between the keyword and ';', white space folded
  };
  Kind kind = Kind::kEnd;
  std::string text;
  std::string comment;  // the comment lines that end on the line before the token, without "# "
  int line = 1, column = 1;

  bool is_symbol(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
  bool is_word(std::string_view word) const { return kind == Kind::kWord && text == word; }
};

// What a message says of a token: "';'", "number 1.5", "the end of the file".
std::string describe(const Token& token);

class Lexer {
 public:
  // Both views must outlive the lexer.
  Lexer(std::string_view text, std::string_view file);

  // The token `ahead` places from the next one. Throws SyntaxError for text that is no token.
  const Token& peek(int ahead = 0);
  Token take();
  // Turns the next token ">=" into "=": the closing bracket of a type before a default value.
  void split_greater_equal();

  // Passes over what is no token.
  void skip_byte();

  [[noreturn]] void fail(const Token& at, std::string_view message) const;

 private:
  Token scan();
  void skip_blanks(std::string* comment);
  void scan_comment(bool own_line, std::string* comment);
  void scan_word(Token* token);
  void scan_number(Token* token);
  void scan_string(Token* token);
  void scan_symbol(Token* token);
  void scan_extension(Token* token);
  bool at_end() const { return at_ >= text_.size(); }
  char look(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  char advance();
  [[noreturn]] void fail_here(std::string_view message) const;

  std::string_view text_, file_;
  std::size_t at_ = 0;
  int line_ = 1, column_ = 1;
  int last_token_line_ = 0;  // a comment behind a token on its line belongs to no fragment
  int comment_line_ = 0;     // of the last comment line of the block being collected
  int braces_ = 0;
  bool statement_start_ = true;  // "extension" begins a raw line only where a statement may begin, outside bodies
  std::deque<Token> ahead_;
};

}  // namespace nnef
