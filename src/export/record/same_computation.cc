#include "export/record/same_computation.h"

#include <algorithm>

namespace torch2nnef {
namespace {

constexpr int kDeepest = 6;

using Makers = std::map<TapeValue, std::size_t>;

bool is_same(const Tape& tape, const Makers& makers, const TapeArgument& a, const TapeArgument& b, int depth) {
  if (a.is.index() != b.is.index()) return false;
  if (a.value()) return computes_the_same(tape, makers, *a.value(), *b.value(), depth);
  if (a.list()) {
    return std::equal(a.list()->begin(), a.list()->end(), b.list()->begin(), b.list()->end(),
                      [&](const TapeArgument& x, const TapeArgument& y) { return is_same(tape, makers, x, y, depth); });
  }
  if (const auto* dim = std::get_if<nnef::Dim>(&a.is)) return *dim == std::get<nnef::Dim>(b.is);
  if (const auto* number = std::get_if<double>(&a.is)) return *number == std::get<double>(b.is);
  if (const auto* flag = std::get_if<bool>(&a.is)) return *flag == std::get<bool>(b.is);
  const auto* text = std::get_if<std::string>(&a.is);
  return a.is_none() || (text && *text == std::get<std::string>(b.is));
}

}  // namespace

bool computes_the_same(const Tape& tape, const Makers& makers, TapeValue a, TapeValue b, int depth) {
  if (a == b) return true;
  const auto left = makers.find(a), right = makers.find(b);
  if (depth > kDeepest || left == makers.end() || right == makers.end()) return false;
  const TapeCall &x = tape.calls[left->second], &y = tape.calls[right->second];
  if (x.op != y.op || x.overload != y.overload || x.results.size() != 1 || x.arguments.size() != y.arguments.size())
    return false;
  for (std::size_t i = 0; i < x.arguments.size(); ++i) {
    if (!is_same(tape, makers, x.arguments[i].second, y.arguments[i].second, depth + 1)) return false;
  }
  return true;
}

}  // namespace torch2nnef
