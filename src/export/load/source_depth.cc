#include "export/load/source_depth.h"

#include <cctype>
#include <string>
#include <vector>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr std::size_t kDeepestSource = 400, kDeepestBlock = 100;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Walks the tokens. Each open bracket and each operator since the last comma may be a level of recursion.
class Depth {
 public:
  explicit Depth(std::string_view text) : text_(text) {}

  void run() {
    begin_line();
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        end_line();
      } else if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        skip_string(c);
      } else if (is_word(c)) {
        word();
      } else {
        sign(c);
      }
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw nnef::FormatError("line " + std::to_string(line_) + " " + what);
  }
  void count_level() {
    ++levels_.back();
    if (++total_ > kDeepestSource) fail("has an expression that is nested more than 400 deep");
  }
  void drop_levels() {
    total_ -= levels_.back();
    levels_.back() = 0;
  }
  void end_line() {
    ++line_;
    ++at_;
    if (levels_.size() > 1) return;  // inside of brackets an expression goes on
    drop_levels();
    begin_line();
  }
  // The blocks that a line is in are the different indentations above it.
  void begin_line() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    if (at_ == text_.size() || text_[at_] == '\n' || text_[at_] == '#') return;
    const std::size_t indent = at_ - begin;
    while (!indents_.empty() && indents_.back() >= indent) indents_.pop_back();
    indents_.push_back(indent);
    if (indents_.size() > kDeepestBlock) fail("has blocks that are nested more than 100 deep");
  }
  void skip_string(char quote) {
    const std::string three(3, quote);
    if (text_.substr(at_).starts_with(three)) {
      const std::size_t end = text_.find(three, at_ + 3);
      const std::size_t next = end == std::string_view::npos ? text_.size() : end + 3;
      for (; at_ < next; ++at_) line_ += text_[at_] == '\n';
      return;
    }
    for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_) at_ += text_[at_] == '\\';
    at_ = std::min(at_ + (at_ < text_.size() && text_[at_] == quote), text_.size());
  }
  void word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    // A conditional or comprehension, and the operators that are words.
    if (name == "if" || name == "else" || name == "for" || name == "not" || name == "and" || name == "or" ||
        name == "in" || name == "is" || name == "lambda") {
      count_level();
    }
  }
  void sign(char c) {
    ++at_;
    if (c == '(' || c == '[' || c == '{') {
      count_level();
      levels_.push_back(0);
    } else if (c == ')' || c == ']' || c == '}') {
      if (levels_.size() == 1) return;  // the parser will say so
      drop_levels();
      levels_.pop_back();
    } else if (c == ',' || c == ';') {
      drop_levels();
    } else if (c != ' ' && c != '\t' && c != '\r') {
      count_level();
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1, total_ = 0;
  std::vector<std::size_t> levels_ = {0};  // of each open bracket
  std::vector<std::size_t> indents_;
};

}  // namespace

void check_source_depth(std::string_view source) { Depth(source).run(); }

void check_expression_depth(std::string_view text) { Depth(text).run(); }

}  // namespace torch2nnef
