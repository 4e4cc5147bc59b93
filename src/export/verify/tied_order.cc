#include "export/verify/tied_order.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "export/operators/operators.h"
#include "export/verify/float_cast.h"

namespace torch2nnef {
namespace {

using nnef::DType;

// The items that a call orders, and along which axis.
struct Ordered {
  TapeValue items;
  std::int64_t axis = 0;
};

std::optional<Ordered> ordered_by(const Tape& tape, const std::string& output) {
  const auto named =
      std::find_if(tape.outputs.begin(), tape.outputs.end(), [&](const auto& one) { return one.first == output; });
  if (named == tape.outputs.end()) return std::nullopt;
  for (const TapeCall& call : tape.calls) {
    if (std::find(call.results.begin(), call.results.end(), named->second) == call.results.end()) continue;
    const TapeArgument *self = call.find("self"), *dim = call.find("dim");
    const nnef::Dim* axis = dim ? std::get_if<nnef::Dim>(&dim->is) : nullptr;
    if (!row_of(call.op, call.overload).is(kOrders) || !self || !self->value() || !axis || !axis->is_constant())
      return std::nullopt;
    return Ordered{*self->value(), axis->value()};
  }
  return std::nullopt;
}

std::vector<std::int64_t> places_in(const nnef::TensorData& tensor) {
  const std::vector<std::byte> bytes = bytes_of(tensor);
  std::vector<std::int64_t> places(bytes.size() / sizeof(std::int64_t));
  std::memcpy(places.data(), bytes.data(), places.size() * sizeof(std::int64_t));
  return places;
}

// Each item as its bytes: equal ones are the same, but for zeros of both signs and NaNs.
class OrderedItems {
 public:
  explicit OrderedItems(const nnef::TensorData& tensor)
      : size_(nnef::item_size(tensor.dtype())), bytes_(bytes_of(tensor)) {
    if (!nnef::is_float(tensor.dtype())) return;
    const std::vector<std::byte> wide = bytes_of(*cast_float(tensor, DType::kF64));
    numbers_.resize(wide.size() / sizeof(double));
    std::memcpy(numbers_.data(), wide.data(), wide.size());
  }
  std::size_t count() const { return bytes_.size() / size_; }
  bool are_equal(std::size_t a, std::size_t b) const {
    if (std::memcmp(&bytes_[a * size_], &bytes_[b * size_], size_) == 0) return true;
    if (numbers_.empty()) return false;
    return numbers_[a] == numbers_[b] || (std::isnan(numbers_[a]) && std::isnan(numbers_[b]));
  }

 private:
  std::size_t size_;
  std::vector<std::byte> bytes_;
  std::vector<double> numbers_;
};

nnef::TensorDataPtr items_that_were_ordered(const CheckSubject& subject, const Recording::Run& run, TapeValue value) {
  const auto& standing = subject.lineage.standing.at(static_cast<std::size_t>(value.id));
  const TapeValueInfo& info = subject.recording.tape.info(value);
  const std::string name = info.kind == TapeValueInfo::Kind::kInput ? info.label
                           : standing.value                         ? subject.graph.info(standing.value).name
                                                                    : "";
  for (const nnef::NamedTensor& input : run.inputs) {
    if (input.name == name) return input.data;
  }
  nnef::TensorDataPtr found;
  try {
    visit_reference_values(subject.archive, subject.dialect, run.inputs,
                           [&](const std::string& each, const nnef::TensorDataPtr& data) {
                             if (each == name) found = data;
                           });
  } catch (const std::exception&) {
    return nullptr;
  }
  return found;
}

// The tensors as [before][along][after] the axis.
bool name_same_items(const OrderedItems& items, const std::vector<std::int64_t>& shape, std::size_t axis,
                     const std::vector<std::int64_t>& wanted, const std::vector<std::int64_t>& got) {
  std::size_t after = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) after *= static_cast<std::size_t>(shape[i]);
  const auto along = static_cast<std::size_t>(shape[axis]);
  const std::size_t lanes = along == 0 ? 0 : items.count() / along;
  if (lanes == 0 || wanted.size() % lanes != 0) return false;
  const std::size_t places = wanted.size() / lanes;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    std::set<std::int64_t> seen;
    for (std::size_t place = 0; place < places; ++place) {
      const std::size_t i = (lane / after * places + place) * after + lane % after;
      const auto item = [&](std::int64_t at) {
        return (lane / after * along + static_cast<std::size_t>(at)) * after + lane % after;
      };
      const bool is_inside = got[i] >= 0 && got[i] < shape[axis];
      if (!is_inside || !seen.insert(got[i]).second || !items.are_equal(item(wanted[i]), item(got[i]))) return false;
    }
  }
  return true;
}

}  // namespace

bool is_tied_order(const CheckSubject& subject, const Recording::Run& run, const std::string& output,
                   const nnef::TensorData& expected, const nnef::TensorData& actual) {
  if (expected.dtype() != DType::kI64 || actual.dtype() != DType::kI64 || expected.shape() != actual.shape())
    return false;
  const auto ordered = ordered_by(subject.recording.tape, output);
  const nnef::TensorDataPtr items = ordered ? items_that_were_ordered(subject, run, ordered->items) : nullptr;
  if (!items) return false;
  const auto rank = static_cast<std::int64_t>(items->shape().size());
  const std::int64_t axis = ordered->axis < 0 ? ordered->axis + rank : ordered->axis;
  if (axis < 0 || axis >= rank) return false;
  return name_same_items(OrderedItems(*items), items->shape(), static_cast<std::size_t>(axis), places_in(expected),
                         places_in(actual));
}

}  // namespace torch2nnef
