// Included before all else where clang 14 reads a source: with C++20 the vector of libstdc++ 12 is constexpr, so that
// clang needs the items' type whole where it is only named, as c10::IValue is in torch's headers. Here it is not
// constexpr.
#pragma once

#include <memory>
#include <string>

// NOLINTBEGIN(bugprone-reserved-identifier,misc-definitions-in-headers)
#pragma push_macro("_GLIBCXX20_CONSTEXPR")
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
#define __fill_a1 __fill_a1_of_bits  // declared constexpr before
#include <vector>
#undef __fill_a1
#pragma pop_macro("_GLIBCXX20_CONSTEXPR")
// What the others call by its own name.
__attribute__((weak)) void fill_bits(std::_Bit_iterator first, std::_Bit_iterator last,
                                     const bool& item) __asm__("_ZSt9__fill_a1St13_Bit_iteratorS_RKb");
__attribute__((weak)) void fill_bits(std::_Bit_iterator first, std::_Bit_iterator last, const bool& item) {
  std::__fill_a1_of_bits(first, last, item);
}
// NOLINTEND(bugprone-reserved-identifier,misc-definitions-in-headers)
