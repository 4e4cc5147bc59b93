// Whether a tensor that a file describes lies inside of its storage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace torch2nnef {

constexpr std::size_t kMostRank = 64;

// What is wrong with a view of a storage of `count` items, all in items: "has a negative size"; "" for nothing.
std::string problem_of_view(const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& strides,
                            std::int64_t offset, std::int64_t count);

}  // namespace torch2nnef
