#include "export/sizes/combined_shapes.h"

#include <cctype>
#include <map>

#include "export/operators/operators.h"
#include "export/sizes/axis_argument.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;

class Arguments {
 public:
  Arguments(const Tape& tape, const NamedArguments& list) : tape_(tape), list_(list) {}

  const TapeArgument* find(std::string_view name) const { return find_argument(list_, name); }

  const Shape* shape(std::string_view name) const {
    const TapeArgument* argument = find(name);
    return argument && argument->value() ? &tape_.info(*argument->value()).shape : nullptr;
  }

  // Of a list of tensors; empty when it is none.
  std::vector<Shape> shapes(std::string_view name) const {
    std::vector<Shape> shapes;
    const TapeArgument* argument = find(name);
    for (const TapeArgument& item : argument && argument->list() ? *argument->list() : TapeList{}) {
      if (!item.value()) return {};
      shapes.push_back(tape_.info(*item.value()).shape);
    }
    return shapes;
  }

  const TapeValueInfo& info(TapeValue value) const { return tape_.info(value); }

  std::optional<std::size_t> axis(std::size_t rank) const { return axis_of(list_, "dim", rank); }

 private:
  const Tape& tape_;
  const NamedArguments& list_;
};

// Where sizes must be equal, a symbolic one says more than a number that was equal by chance, and 1 is widened.
void refine(Dim& known, const Dim& other) {
  if (known == Dim(1) || (known.is_constant() && other != Dim(1))) known = other;
}

std::optional<Shape> joined(const Arguments& arguments) {
  const std::vector<Shape> shapes = arguments.shapes("tensors");
  if (shapes.empty()) return std::nullopt;
  const auto axis = arguments.axis(shapes.front().size());
  if (!axis) return std::nullopt;
  Shape result = shapes.front();
  for (std::size_t i = 1; i < shapes.size(); ++i) {
    if (shapes[i].size() != result.size()) return std::nullopt;  // torch takes an empty tensor of rank 1 beside others
    for (std::size_t at = 0; at < result.size(); ++at) {
      if (at == *axis) {
        result[at] += shapes[i][at];
      } else {
        refine(result[at], shapes[i][at]);
      }
    }
  }
  return result;
}

std::optional<Shape> stacked(const Arguments& arguments) {
  const std::vector<Shape> shapes = arguments.shapes("tensors");
  if (shapes.empty()) return std::nullopt;
  const auto axis = arguments.axis(shapes.front().size() + 1);
  if (!axis) return std::nullopt;
  Shape result = shapes.front();
  for (const Shape& shape : shapes) {
    for (std::size_t at = 0; at < result.size() && shape.size() == result.size(); ++at) refine(result[at], shape[at]);
  }
  result.insert(result.begin() + static_cast<std::ptrdiff_t>(*axis), Dim(static_cast<std::int64_t>(shapes.size())));
  return result;
}

std::optional<Shape> embedded(const Arguments& arguments) {
  const Shape *indices = arguments.shape("indices"), *weight = arguments.shape("weight");
  if (!indices || !weight || weight->size() != 2) return std::nullopt;
  Shape result = *indices;
  result.push_back(weight->back());
  return result;
}

std::optional<Shape> selected(const Arguments& arguments) {
  const Shape *self = arguments.shape("self"), *index = arguments.shape("index");
  const auto axis = self ? arguments.axis(self->size()) : std::nullopt;
  if (!axis || !index) return std::nullopt;
  Shape result = *self;
  result[*axis] = index->empty() ? Dim(1) : index->front();
  return result;
}

// "bij,bjk->bik": a letter's size is that of any operand that has it, unless it is widened from 1.
std::optional<Shape> summed(const Arguments& arguments) {
  const TapeArgument* argument = arguments.find("equation");
  const std::string* equation = argument ? std::get_if<std::string>(&argument->is) : nullptr;
  const std::vector<Shape> shapes = arguments.shapes("tensors");
  if (!equation || shapes.empty() || equation->find('.') != std::string::npos) return std::nullopt;
  std::map<char, Dim> sizes;
  std::size_t operand = 0, place = 0, at = 0;
  const std::size_t arrow = equation->find("->");
  if (arrow == std::string::npos) return std::nullopt;
  for (; at < arrow; ++at) {
    const char letter = (*equation)[at];
    if (letter == ',') ++operand, place = 0;
    if (!std::isalpha(static_cast<unsigned char>(letter))) continue;
    if (operand >= shapes.size() || place >= shapes[operand].size()) return std::nullopt;
    const Dim& size = shapes[operand][place++];
    const auto [known, is_new] = sizes.emplace(letter, size);
    if (!is_new) refine(known->second, size);
  }
  Shape result;
  for (at = arrow + 2; at < equation->size(); ++at) {
    if (const auto size = sizes.find((*equation)[at]); size != sizes.end()) result.push_back(size->second);
  }
  return result;
}

// Indices broadcast together. They take the place of the axes that they index where those lie side by side, and come
// first otherwise.
std::optional<Shape> indexed(const Arguments& arguments) {
  const Shape* self = arguments.shape("self");
  const TapeArgument* indices = arguments.find("indices");
  if (!self || !indices || !indices->list() || indices->list()->size() > self->size()) return std::nullopt;
  Shape together, before, after;
  std::size_t blocks = 0;  // of neighbouring indexed axes
  bool was_indexed = false;
  for (std::size_t axis = 0; axis < self->size(); ++axis) {
    const TapeArgument* item = axis < indices->list()->size() ? &(*indices->list())[axis] : nullptr;
    const bool is_indexed = item && !item->is_none();
    if (!is_indexed) (blocks == 0 ? before : after).push_back((*self)[axis]);
    if (is_indexed && !was_indexed) ++blocks;
    was_indexed = is_indexed;
    if (!is_indexed) continue;
    if (!item->value()) return std::nullopt;
    const TapeValueInfo& index = arguments.info(*item->value());
    if (index.type == ScalarType::kBool || index.type == ScalarType::kUInt8) return std::nullopt;  // a mask
    if (index.shape.size() > together.size())
      together.insert(together.begin(), index.shape.size() - together.size(), 1);
    for (std::size_t at = 0; at < index.shape.size(); ++at) {
      refine(together[together.size() - index.shape.size() + at], index.shape[at]);
    }
  }
  Shape result = blocks > 1 ? together : before;
  const Shape& next = blocks > 1 ? before : together;
  result.insert(result.end(), next.begin(), next.end());
  result.insert(result.end(), after.begin(), after.end());
  return result;
}

std::optional<Shape> outer(const Arguments& arguments) {
  const Shape *self = arguments.shape("self"), *other = arguments.shape("vec2");
  if (!self || !other || self->size() != 1 || other->size() != 1) return std::nullopt;
  return Shape{self->front(), other->front()};
}

}  // namespace

std::optional<Shape> combined_shape(const Tape& tape, const std::string& op, const NamedArguments& list) {
  const Arguments arguments(tape, list);
  const Shape* like = nullptr;
  switch (row_of(op).shape) {
    case ShapeRule::kConcatenate:
      return joined(arguments);
    case ShapeRule::kStack:
      return stacked(arguments);
    case ShapeRule::kEmbedding:
      return embedded(arguments);
    case ShapeRule::kIndexSelect:
      return selected(arguments);
    case ShapeRule::kEinsum:
      return summed(arguments);
    case ShapeRule::kLikeIndex:
      like = arguments.shape("index");
      break;
    case ShapeRule::kLikeOther:
      like = arguments.shape("other");
      break;
    case ShapeRule::kIndexed:
      return indexed(arguments);
    case ShapeRule::kOuter:
      return outer(arguments);
    default:
      break;
  }
  return like ? std::optional<Shape>(*like) : std::nullopt;
}

}  // namespace torch2nnef
