#include "export/load/pickle_values.h"

#include <algorithm>
#include <string>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

// libtorch and the recorder walk values by recursion.
constexpr std::uint32_t kDeepest = 500;
constexpr std::uint64_t kMost = 10'000'000;

struct Reach {
  enum class State : std::uint8_t { kNew, kOpen, kDone };
  State state = State::kNew;
  std::uint32_t depth = 0;
  std::uint64_t count = 0;
};

struct Visit {
  std::uint32_t value;
  std::size_t next;  // among its items
};

void close_visit(const PickleValue& value, std::vector<Reach>& reached, Reach& own) {
  own.count = 1;
  for (std::uint32_t item : value.items) {
    own.depth = std::max(own.depth, reached[item].depth + 1);
    own.count = std::min(kMost + 1, own.count + reached[item].count);
  }
  own.state = Reach::State::kDone;
  if (own.depth > kDeepest) throw nnef::FormatError("values are nested more than 500 levels deep");
  if (own.count > kMost) throw nnef::FormatError("shared values stand for more than ten million");
}

}  // namespace

const PickleValue& value_of_kind(const PickleValues& values, std::uint32_t value, PickleValue::Kind kind,
                                 const char* what) {
  if (values[value].kind != kind) {
    throw nnef::FormatError(std::string("the pickle has another value where ") + what + " belongs");
  }
  return values[value];
}

void check_nesting(const PickleValues& values) {
  std::vector<Reach> reached(values.size());
  std::vector<Visit> open;
  for (std::uint32_t root = 0; root < values.size(); ++root) {
    if (reached[root].state != Reach::State::kNew) continue;
    reached[root].state = Reach::State::kOpen;
    open.push_back({root, 0});
    while (!open.empty()) {
      Visit& visit = open.back();
      const PickleValue& value = values[visit.value];
      if (visit.next == value.items.size()) {
        close_visit(value, reached, reached[visit.value]);
        open.pop_back();
        continue;
      }
      const std::uint32_t item = value.items[visit.next++];
      if (reached[item].state == Reach::State::kOpen) throw nnef::FormatError("a value contains itself");
      if (reached[item].state == Reach::State::kDone) continue;
      reached[item].state = Reach::State::kOpen;
      open.push_back({item, 0});
    }
  }
}

}  // namespace torch2nnef
