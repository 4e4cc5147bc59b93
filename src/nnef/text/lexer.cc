#include "nnef/text/lexer.h"

#include <array>

namespace nnef {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word_part(char c) { return is_word_start(c) || is_digit(c); }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' || c == '\n'; }

std::string show_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte > 0x20 && byte < 0x7f) return std::string("'") + c + "'";
  constexpr std::string_view kDigits = "0123456789abcdef";
  return std::string("byte 0x") + kDigits[byte >> 4] + kDigits[byte & 15];
}

// Longest first.
constexpr std::array<std::string_view, 26> kSymbols = {
    "->", "<=", ">=", "==", "!=", "&&", "||", "(", ")", "[", "]", "{", "}",
    "<",  ">",  "=",  "+",  "-",  "*",  "/",  "^", "!", ",", ";", ":", "?",
};

}  // namespace

SyntaxError::SyntaxError(std::string_view file, int line, int column, std::string_view message)
    : std::runtime_error(std::string(file) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
                         std::string(message)),
      line_(line),
      column_(column),
      message_(message) {}

std::string describe(const Token& token) {
  std::string text = token.text.size() > 40 ? token.text.substr(0, 37) + "..." : token.text;
  switch (token.kind) {
    case Token::Kind::kEnd:
      return "the end of the file";
    case Token::Kind::kNumber:
      return "number " + text;
    case Token::Kind::kString:
      return "string \"" + text + "\"";
    case Token::Kind::kExtension:
      return "an extension";
    default:
      return "'" + text + "'";
  }
}

Lexer::Lexer(std::string_view text, std::string_view file) : text_(text), file_(file) {
  if (text.starts_with("\xef\xbb\xbf")) fail_here("the text begins with a byte order mark, which NNEF does not allow");
}

const Token& Lexer::peek(int ahead) {
  while (ahead_.size() <= static_cast<std::size_t>(ahead)) ahead_.push_back(scan());
  return ahead_[static_cast<std::size_t>(ahead)];
}

Token Lexer::take() {
  peek();
  Token token = std::move(ahead_.front());
  ahead_.pop_front();
  return token;
}

void Lexer::split_greater_equal() {
  peek();
  ahead_.front().text = "=";
  ++ahead_.front().column;
}

void Lexer::skip_byte() {
  if (!at_end()) advance();
}

void Lexer::fail(const Token& at, std::string_view message) const {
  throw SyntaxError(file_, at.line, at.column, message);
}

void Lexer::fail_here(std::string_view message) const { throw SyntaxError(file_, line_, column_, message); }

char Lexer::advance() {
  const char c = text_[at_++];
  if (c == '\n') {
    ++line_;
    column_ = 1;
  } else {
    ++column_;
  }
  return c;
}

void Lexer::scan_comment(bool own_line, std::string* comment) {
  const int line = line_;
  advance();
  if (look() == ' ') advance();
  const std::size_t begin = at_;
  while (!at_end() && look() != '\n') advance();
  if (!own_line) return;
  std::string_view content = text_.substr(begin, at_ - begin);
  while (!content.empty() && is_blank(content.back())) content.remove_suffix(1);
  if (comment_line_ != line - 1) comment->clear();
  if (!comment->empty()) *comment += '\n';
  *comment += content;
  comment_line_ = line;
}

void Lexer::skip_blanks(std::string* comment) {
  while (!at_end()) {
    if (look() == '#') {
      scan_comment(line_ != last_token_line_, comment);
    } else if (is_blank(look())) {
      advance();
    } else {
      break;
    }
  }
  if (comment_line_ != line_ - 1) comment->clear();
}

Token Lexer::scan() {
  Token token;
  skip_blanks(&token.comment);
  token.line = line_;
  token.column = column_;
  if (at_end()) return token;
  if (is_word_start(look())) {
    scan_word(&token);
  } else if (is_digit(look())) {
    scan_number(&token);
  } else if (look() == '"' || look() == '\'') {
    scan_string(&token);
  } else {
    scan_symbol(&token);
  }
  last_token_line_ = line_;
  statement_start_ = token.kind == Token::Kind::kExtension || token.is_symbol(";") || token.is_symbol("}");
  return token;
}

void Lexer::scan_word(Token* token) {
  if (look() == 'i' && (look(1) == '"' || look(1) == '\'')) {  // tract's spelling of names that are no identifiers
    advance();
    scan_string(token);
    token->kind = Token::Kind::kName;
    return;
  }
  const std::size_t begin = at_;
  while (is_word_part(look())) advance();
  token->kind = Token::Kind::kWord;
  token->text = text_.substr(begin, at_ - begin);
  if (token->text == "extension" && statement_start_ && braces_ == 0) scan_extension(token);
}

void Lexer::scan_extension(Token* token) {
  token->kind = Token::Kind::kExtension;
  token->text.clear();
  bool gap = false;
  while (look() != ';') {
    if (at_end()) fail(*token, "the extension has no ';'");
    const char c = advance();
    if (is_blank(c)) {
      gap = true;
    } else {
      if (gap && !token->text.empty()) token->text += ' ';
      gap = false;
      token->text += c;
    }
  }
  advance();
  if (token->text.empty()) fail(*token, "the extension has no name");
}

void Lexer::scan_number(Token* token) {
  const std::size_t begin = at_;
  while (is_digit(look())) advance();
  if (look() == '.') {
    advance();
    while (is_digit(look())) advance();
  }
  if (look() == 'e' || look() == 'E') {
    advance();
    if (look() == '+' || look() == '-') advance();
    if (!is_digit(look())) fail(*token, "the number has no digits in its exponent");
    while (is_digit(look())) advance();
  }
  if (is_word_part(look()) || look() == '.') {
    fail(*token,
         "the number " + std::string(text_.substr(begin, at_ - begin)) + " is followed by " + show_character(look()));
  }
  token->kind = Token::Kind::kNumber;
  token->text = text_.substr(begin, at_ - begin);
}

void Lexer::scan_string(Token* token) {
  const char quote = advance();
  while (at_end() || look() != quote) {
    if (at_end()) fail(*token, "the string is not closed");
    char c = advance();
    if (c == '\0') fail(*token, "the string holds a zero byte");
    if (c == '\\') {
      if (at_end()) fail(*token, "the string is not closed");
      c = advance();
    }
    token->text += c;
  }
  advance();
  token->kind = Token::Kind::kString;
}

void Lexer::scan_symbol(Token* token) {
  for (std::string_view symbol : kSymbols) {
    if (!text_.substr(at_).starts_with(symbol)) continue;
    for (std::size_t i = 0; i < symbol.size(); ++i) advance();
    token->kind = Token::Kind::kSymbol;
    token->text = symbol;
    if (symbol == "{") ++braces_;
    if (symbol == "}" && braces_ > 0) --braces_;
    return;
  }
  fail_here("unexpected " + show_character(look()));
}

}  // namespace nnef
