#include "export/load/pickle_opcodes.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace torch2nnef {
namespace {

// Where the items on the unpickler's stack begin in the text; marks are among them.
class Rewriter {
 public:
  explicit Rewriter(const std::string& text) : text_(text) {}

  std::optional<std::string> run() {
    while (at_ < text_.size()) {
      const std::size_t begin = at_;
      const auto code = static_cast<unsigned char>(text_[at_++]);
      if (code == '.') return rewritten();
      if (!skip_argument(code) || !apply(code, begin)) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  struct Item {
    std::size_t begin;
    bool is_mark = false;
  };

  // Past the opcode's argument; false when the opcode is not known or the text ends.
  bool skip_argument(unsigned char code) {
    static const std::map<unsigned char, std::size_t> kFixed = {
        {0x80, 1}, {'q', 1}, {'r', 4},  {'h', 1},  {'j', 4},  {'K', 1},  {'M', 2},  {'J', 4}, {'G', 8}, {']', 0},
        {')', 0},  {'}', 0}, {'(', 0},  {'Q', 0},  {'N', 0},  {'t', 0},  {'R', 0},  {'b', 0}, {'a', 0}, {'e', 0},
        {'s', 0},  {'u', 0}, {0x81, 0}, {0x85, 0}, {0x86, 0}, {0x87, 0}, {0x88, 0}, {0x89, 0}};
    if (const auto fixed = kFixed.find(code); fixed != kFixed.end()) return skip(fixed->second);
    if (code == 'X' || code == 'T' || code == 'B' || code == 0x8b) return skip_counted(4);
    if (code == 'U' || code == 'C' || code == 0x8a) return skip_counted(1);
    return code == 'c' && skip_line() && skip_line();
  }
  bool skip(std::size_t count) {
    at_ += count;
    return at_ <= text_.size();
  }
  bool skip_counted(std::size_t bytes) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < bytes && at_ + i < text_.size(); ++i) {
      count |= static_cast<std::size_t>(static_cast<unsigned char>(text_[at_ + i])) << (8 * i);
    }
    return skip(bytes) && count <= text_.size() && skip(count);
  }
  bool skip_line() {
    const std::size_t end = text_.find('\n', at_);
    at_ = end == std::string::npos ? text_.size() : end + 1;
    return end != std::string::npos;
  }

  // Takes `count` items away and puts one in the place of the first of them.
  bool replace(std::size_t count) {
    if (items_.size() < count) return false;
    items_.resize(items_.size() - count + 1);
    items_.back().is_mark = false;
    return true;
  }
  bool drop(std::size_t count) {
    if (items_.size() <= count) return false;
    items_.resize(items_.size() - count);
    return true;
  }
  // Items behind the last mark, the mark included; 0 when there is none.
  std::size_t behind_mark() const {
    for (std::size_t i = items_.size(); i-- > 0;) {
      if (items_[i].is_mark) return items_.size() - i;
    }
    return 0;
  }

  bool apply(unsigned char code, std::size_t begin) {
    switch (code) {
      case 0x80:
      case 'q':
      case 'r':
        return true;
      case '(':
        items_.push_back({begin, true});
        return true;
      case 't':
        return behind_mark() > 0 && replace(behind_mark());
      case 'e':
      case 'u':
        return behind_mark() > 0 && drop(behind_mark());
      case 'a':
      case 's':
        return mark_before(code == 'a' ? 1 : 2, begin, code == 'a' ? 'e' : 'u');
      case 'R':
      case 0x81:
      case 0x86:
        return replace(2);
      case 'b':
        return drop(1);
      case 'Q':
      case 0x85:
        return replace(1);
      case 0x87:
        return replace(3);
      default:
        items_.push_back({begin});
        return true;
    }
  }

  // The last `count` items get a mark before them, and the opcode at `place` becomes the one that takes marked items.
  bool mark_before(std::size_t count, std::size_t place, char code) {
    if (items_.size() <= count) return false;
    ++marks_[items_[items_.size() - count].begin];
    codes_[place] = code;
    return drop(count);
  }

  std::string rewritten() const {
    std::string result;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (const auto marks = marks_.find(i); marks != marks_.end()) result.append(marks->second, '(');
      const auto code = codes_.find(i);
      result += code == codes_.end() ? text_[i] : code->second;
    }
    return result;
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::vector<Item> items_;
  std::map<std::size_t, std::size_t> marks_;  // how many to put in, by place
  std::map<std::size_t, char> codes_;
};

}  // namespace

std::string with_known_opcodes(const std::string& pickle) { return Rewriter(pickle).run().value_or(pickle); }

}  // namespace torch2nnef
