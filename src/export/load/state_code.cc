#include "export/load/state_code.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr std::array<std::string_view, 4> kNamespaces = {"aten", "quantized", "torchvision", "prim"};
constexpr std::array<std::string_view, 13> kEffects = {
    "save", "load",      "from_file", "manual_seed",     "seed",          "set_grad_enabled", "cuda",
    "fork", "awaitable", "wait",      "set_num_threads", "get_file_path", "warn_once"};

bool is_word_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_word_letter(text[end])) ++end;
  return text.substr(at, end - at);
}

template <class List>
bool is_among(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

[[noreturn]] void fail(std::string_view space, std::string_view name) {
  throw nnef::FormatError("the code that restores its state calls " + std::string(space) + "::" + std::string(name) +
                          ", which is never executed");
}

void check_name(std::string_view space, std::string_view name) {
  if (!is_among(kNamespaces, space) || is_among(kEffects, name) || name.starts_with("_load")) fail(space, name);
}

}  // namespace

// Operators are named torch.NAME and ops.NAMESPACE.NAME.
void check_state_code(std::string_view source) {
  if (source.find("def __setstate__(") == std::string_view::npos) return;
  for (std::size_t at = source.find('.'); at != std::string_view::npos; at = source.find('.', at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && is_word_letter(source[begin - 1])) --begin;
    if (begin > 0 && source[begin - 1] == '.') continue;
    const std::string_view first = source.substr(begin, at - begin), second = word_at(source, at + 1);
    if (first == "torch") check_name("aten", second);
    if (first != "ops") continue;
    const std::size_t dot = at + 1 + second.size();
    if (dot < source.size() && source[dot] == '.') check_name(second, word_at(source, dot + 1));
  }
}

}  // namespace torch2nnef
