#include "quant/path_pattern.h"

#include <cctype>
#include <stdexcept>
#include <string>

namespace torch2nnef {
namespace {

constexpr std::size_t kMostSteps = 10000;
constexpr int kDeepest = 100, kMostRepeats = 1000;

[[noreturn]] void bad_pattern(std::string_view text, const std::string& why) {
  throw std::invalid_argument("'" + std::string(text) + "' is not a regular expression: " + why);
}

std::bitset<256> characters_where(int (*matches)(int)) {
  std::bitset<256> set;
  for (int c = 0; c < 128; ++c) set[static_cast<std::size_t>(c)] = matches(c) != 0;
  return set;
}

int is_word(int c) { return std::isalnum(c) != 0 || c == '_' ? 1 : 0; }

}  // namespace

// Recursive descent; the steps of a part are relative, so that parts are joined by appending.
class PatternParser {
 public:
  using Step = PathPattern::Step;
  using Steps = PathPattern::Steps;
  using Kind = Step::Kind;

  explicit PatternParser(std::string_view text) : text_(text) {}

  Steps parse() {
    Steps steps = alternatives(0);
    if (at_ < text_.size()) bad_pattern(text_, "a ')' without its '('");
    return steps;
  }

 private:
  bool is_next(char c) const { return at_ < text_.size() && text_[at_] == c; }

  static void append(Steps& to, const Steps& steps, std::string_view text) {
    to.insert(to.end(), steps.begin(), steps.end());
    if (to.size() > kMostSteps) bad_pattern(text, "it is too large");
  }
  static Step go(Kind kind, std::size_t first, std::size_t second = 0) {
    return {kind, static_cast<std::int32_t>(first), static_cast<std::int32_t>(second)};
  }

  Steps alternatives(int depth) {
    if (depth > kDeepest) bad_pattern(text_, "its groups are nested too deep");
    Steps all = sequence(depth);
    while (is_next('|')) {
      ++at_;
      const Steps other = sequence(depth);
      Steps joined{go(Kind::kSplit, 1, all.size() + 2)};
      append(joined, all, text_);
      joined.push_back(go(Kind::kJump, other.size() + 1));
      append(joined, other, text_);
      all = std::move(joined);
    }
    return all;
  }

  Steps sequence(int depth) {
    Steps all;
    while (at_ < text_.size() && text_[at_] != '|' && text_[at_] != ')') append(all, repeated(depth), text_);
    return all;
  }

  Steps repeated(int depth) {
    Steps part = atom(depth);
    while (at_ < text_.size() && std::string_view("*+?{").find(text_[at_]) != std::string_view::npos) {
      int least = 0, most = -1;  // -1: any number
      const char sign = text_[at_++];
      if (sign == '+') least = 1;
      if (sign == '?') most = 1;
      if (sign == '{') counts(least, most);
      if (is_next('?')) ++at_;  // what is found is the same
      part = times(part, least, most);
    }
    return part;
  }

  Steps times(const Steps& part, int least, int most) const {
    Steps all;
    for (int i = 0; i < least; ++i) append(all, part, text_);
    for (int i = least; i < most; ++i) {
      all.push_back(go(Kind::kSplit, 1, part.size() + 1));
      append(all, part, text_);
    }
    if (most >= 0) return all;
    all.push_back(go(Kind::kSplit, 1, part.size() + 2));
    append(all, part, text_);
    Step back{Kind::kJump, -static_cast<std::int32_t>(part.size()) - 1, 0};
    all.push_back(back);
    return all;
  }

  int number() {
    int value = 0;
    const std::size_t begin = at_;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > kMostRepeats) bad_pattern(text_, "more than 1000 repetitions");
    }
    if (at_ == begin) bad_pattern(text_, "a '{' is not followed by a number");
    return value;
  }

  void counts(int& least, int& most) {
    least = most = number();
    if (is_next(',')) {
      ++at_;
      most = is_next('}') ? -1 : number();
    }
    if (!is_next('}')) bad_pattern(text_, "a '{' without its '}'");
    ++at_;
    if (most >= 0 && most < least) bad_pattern(text_, "the bounds of a repetition are in the wrong order");
  }

  Steps atom(int depth) {
    const char c = text_[at_++];
    if (c == '(') {
      if (is_next('?')) {
        if (text_.substr(at_, 2) != "?:") bad_pattern(text_, "look-around and flags are not supported");
        at_ += 2;
      }
      Steps inner = alternatives(depth + 1);
      if (!is_next(')')) bad_pattern(text_, "a '(' without its ')'");
      ++at_;
      return inner;
    }
    if (c == '^') return {go(Kind::kBegin, 0)};
    if (c == '$') return {go(Kind::kEnd, 0)};
    if (c == '*' || c == '+' || c == '?' || c == '{') bad_pattern(text_, std::string("nothing comes before ") + c);
    if (c == '[') return {{Kind::kCharacter, 0, 0, character_class()}};
    if (c == '\\') return {{Kind::kCharacter, 0, 0, escaped()}};
    if (c == '.') return {{Kind::kCharacter, 0, 0, ~std::bitset<256>()}};
    return {{Kind::kCharacter, 0, 0, single(c)}};
  }

  static std::bitset<256> single(char c) { return std::bitset<256>().set(static_cast<unsigned char>(c)); }

  std::bitset<256> escaped() {
    if (at_ == text_.size()) bad_pattern(text_, "it ends in a '\\'");
    const char c = text_[at_++];
    switch (c) {
      case 'd':
        return characters_where(std::isdigit);
      case 'D':
        return ~characters_where(std::isdigit);
      case 'w':
        return characters_where(is_word);
      case 'W':
        return ~characters_where(is_word);
      case 's':
        return characters_where(std::isspace);
      case 'S':
        return ~characters_where(std::isspace);
      default:
        if (std::isalnum(static_cast<unsigned char>(c)) != 0)
          bad_pattern(text_, std::string("'\\") + c + "' is not supported");
        return single(c);
    }
  }

  std::bitset<256> character_class() {
    std::bitset<256> set;
    const bool is_negated = is_next('^');
    if (is_negated) ++at_;
    for (bool is_first = true; is_first || !is_next(']'); is_first = false) {
      if (at_ == text_.size()) bad_pattern(text_, "a '[' without its ']'");
      const char c = text_[at_++];
      if (c == '\\') {
        set |= escaped();
        continue;
      }
      const bool is_range = is_next('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
      const char last = is_range ? text_[at_ + 1] : c;
      if (is_range) at_ += 2;
      const auto low = static_cast<unsigned char>(c), high = static_cast<unsigned char>(last);
      if (last == '\\' || low > high) bad_pattern(text_, "a range in a '[' is not one of characters in order");
      for (unsigned int each = low; each <= high; ++each) set.set(each);
    }
    ++at_;
    return is_negated ? ~set : set;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

PathPattern::PathPattern(std::string_view text) : steps_(PatternParser(text).parse()) {}

bool PathPattern::enter(std::size_t step, bool at_begin, bool at_end, std::vector<bool>& seen,
                        std::vector<std::size_t>& at) const {
  std::vector<std::size_t> pending{step};
  bool is_match = false;
  const auto from = [](std::size_t place, std::int32_t by) {
    return static_cast<std::size_t>(static_cast<std::int64_t>(place) + by);
  };
  while (!pending.empty()) {
    const std::size_t place = pending.back();
    pending.pop_back();
    if (seen[place]) continue;
    seen[place] = true;
    if (place == steps_.size()) {
      is_match = true;
      continue;
    }
    const Step& now = steps_[place];
    if (now.kind == Step::Kind::kCharacter) at.push_back(place);
    if (now.kind == Step::Kind::kSplit || now.kind == Step::Kind::kJump) pending.push_back(from(place, now.first));
    if (now.kind == Step::Kind::kSplit) pending.push_back(from(place, now.second));
    const bool passes = now.kind == Step::Kind::kBegin ? at_begin : now.kind == Step::Kind::kEnd && at_end;
    if (passes) pending.push_back(place + 1);
  }
  return is_match;
}

bool PathPattern::found_in(std::string_view path) const {
  std::vector<std::size_t> at, next;
  std::vector<bool> seen(steps_.size() + 1, false);
  for (std::size_t i = 0;; ++i) {
    if (enter(0, i == 0, i == path.size(), seen, at)) return true;  // it may begin anywhere
    if (i == path.size()) return false;
    std::vector<bool> reached(steps_.size() + 1, false);
    next.clear();
    for (std::size_t step : at) {
      if (!steps_[step].characters[static_cast<unsigned char>(path[i])]) continue;
      if (enter(step + 1, false, i + 1 == path.size(), reached, next)) return true;
    }
    at.swap(next);
    seen.swap(reached);
  }
}

}  // namespace torch2nnef
