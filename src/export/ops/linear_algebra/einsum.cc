// einsum: the equation read as letters, then one contraction. Letters that stand twice in an operand are its
// diagonal, which is taken before (T-EINSUM-DIAGONAL).

#include <algorithm>
#include <map>

#include "export/ops/linear_algebra/product.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

constexpr int kEllipsis = 1000;  // the axes of "..." are kEllipsis, kEllipsis + 1, ... counted from the right

struct Equation {
  std::vector<Letters> operands;
  Letters result;
};

// A side of the equation's arrow: one list of letters an operand. `-1` stands for the ellipsis.
std::vector<Letters> read_terms(const std::string& text) {
  std::vector<Letters> terms(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    char letter = text[i];
    if (letter == ' ') continue;
    if (letter == ',') {
      terms.emplace_back();
    } else if (letter == '.') {
      terms.back().push_back(-1);
      i += 2;
    } else {
      terms.back().push_back(letter);
    }
  }
  return terms;
}

void expand_ellipsis(Letters& letters, int count) {
  auto place = std::find(letters.begin(), letters.end(), -1);
  if (place == letters.end()) return;
  Letters axes;
  for (int axis = count - 1; axis >= 0; --axis) axes.push_back(kEllipsis + axis);
  place = letters.erase(place);
  letters.insert(place, axes.begin(), axes.end());
}

// Without an arrow: the ellipsis, then the letters that stand once, in alphabetical order (upper case first).
Letters implicit_result(const std::vector<Letters>& operands, int ellipsis) {
  std::map<int, int> counts;
  for (const Letters& letters : operands) {
    for (int letter : letters) ++counts[letter];
  }
  Letters result;
  for (int axis = ellipsis - 1; axis >= 0; --axis) result.push_back(kEllipsis + axis);
  for (auto [letter, count] : counts) {
    if (letter < kEllipsis && count == 1) result.push_back(letter);
  }
  return result;
}

Equation read_equation(const std::string& text, const std::vector<int>& ranks) {
  std::size_t arrow = text.find("->");
  Equation equation;
  equation.operands = read_terms(text.substr(0, arrow));
  if (equation.operands.size() != ranks.size()) throw Unsupported("the equation " + text + " has other operands");
  int widest = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    Letters& letters = equation.operands[i];
    bool has_ellipsis = std::find(letters.begin(), letters.end(), -1) != letters.end();
    int named = static_cast<int>(letters.size()) - (has_ellipsis ? 1 : 0);
    int covered = has_ellipsis ? ranks[i] - named : 0;
    widest = std::max(widest, covered);
    expand_ellipsis(letters, covered);
  }
  if (arrow == std::string::npos) {
    equation.result = implicit_result(equation.operands, widest);
  } else {
    equation.result = read_terms(text.substr(arrow + 2)).at(0);
    expand_ellipsis(equation.result, widest);
  }
  return equation;
}

// x with two axes of one size as one axis at the place of the first: their diagonal.
Value diagonal_of(Call& call, Value x, int first, int second) {
  Builder& b = call.builder();
  int rank = b.rank(x);
  std::vector<int> order;
  for (int axis = 0; axis < rank; ++axis) {
    if (axis == second) continue;
    order.push_back(axis);
    if (axis == first) order.push_back(second);
  }
  x = b.transpose(x, order);
  Shape shape = b.shape(x);
  Dim size = shape.at(static_cast<std::size_t>(first));
  shape.erase(shape.begin() + first);
  shape.at(static_cast<std::size_t>(first)) = size * size;
  Value places = affine_range(call, size, size + 1);
  return b.add("tract_core_gather", {b.reshape(x, shape), places}, {{"axis", first}});
}

void take_diagonals(Call& call, Value& x, Letters& letters) {
  for (std::size_t first = 0; first < letters.size(); ++first) {
    for (std::size_t second = first + 1; second < letters.size();) {
      if (letters[first] != letters[second]) {
        ++second;
        continue;
      }
      x = diagonal_of(call, x, static_cast<int>(first), static_cast<int>(second));
      letters.erase(letters.begin() + static_cast<std::ptrdiff_t>(second));
    }
  }
}

void lower_einsum(Call& call) {
  Builder& b = call.builder();
  std::vector<Value> operands = call.tensors("tensors");
  std::vector<int> ranks;
  for (Value& x : operands) {
    x = b.cast(x, call.result_dtype());
    ranks.push_back(b.rank(x));
  }
  Equation equation = read_equation(call.text("equation"), ranks);
  for (std::size_t i = 0; i < operands.size(); ++i) take_diagonals(call, operands[i], equation.operands[i]);
  Value y = contract(b, operands, equation.operands, equation.result);
  call.result(b.broadcast_to(y, call.result_shape()));
}

}  // namespace

void register_einsum(Registry& registry) { registry.add("aten::einsum", lower_einsum); }

}  // namespace torch2nnef
