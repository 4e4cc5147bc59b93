#include "export/record/packed_sequences.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "export/operators/operators.h"
#include "export/record/aliases/cells.h"

namespace torch2nnef {
namespace {

using nnef::Dim;
using nnef::Shape;
using Arguments = std::vector<std::pair<std::string, TapeArgument>>;

// A packed sequence: [time, batch, features] and how long each sequence is.
struct Packed {
  TapeValue padded, lengths;
};

// The weights of one layer in one direction, and where its initial state is.
struct Direction {
  TapeList weights;
  std::int64_t place = 0;
  bool is_reversed = false;
};

std::int64_t number(const TapeCall& call, std::string_view name) { return std::get<Dim>(call.find(name)->is).value(); }
bool flag(const TapeCall& call, std::string_view name) { return std::get<bool>(call.find(name)->is); }

class Unpacker {
 public:
  explicit Unpacker(TapeWriter& writer) : writer_(writer), tape_(writer.tape()) {}

  void run() {
    std::vector<TapeCall> calls = std::exchange(tape_.calls, {});
    for (TapeCall& call : calls) {
      where_ = call.where;
      const Packing packing = row_of(call.op).packing;
      if (packing == Packing::kPacks) pack(call);
      const bool is_layers = call.overload == "data" && packed(call, "data");
      if (is_layers) run_layers(call);
      if (packing == Packing::kPads && packed(call, "data") && pad(call)) continue;
      tape_.calls.push_back(std::move(call));
    }
  }

 private:
  const Shape& shape(TapeValue value) const { return tape_.info(value).shape; }
  ScalarType type(TapeValue value) const { return tape_.info(value).type; }

  TapeValue add(const char* op, const char* overload, Arguments arguments, ScalarType type, Shape shape) {
    TapeValueInfo info;
    info.type = type;
    info.shape = std::move(shape);
    return writer_.call1(op, overload, std::move(arguments), std::move(info), where_);
  }

  // From now on the last call that was added computes `result`.
  void give(TapeValue result) { tape_.calls.back().results.at(0) = result; }

  const Packed* packed(const TapeCall& call, std::string_view name) const {
    const TapeArgument* argument = call.find(name);
    const auto found = argument && argument->value() ? packed_.find(*argument->value()) : packed_.end();
    return found == packed_.end() ? nullptr : &found->second;
  }

  TapeValue swapped(TapeValue x) {
    Shape sizes = shape(x);
    std::swap(sizes.at(0), sizes.at(1));
    return add("aten::transpose", "int", {{"self", {x}}, {"dim0", {Dim(0)}}, {"dim1", {Dim(1)}}}, type(x), sizes);
  }

  void pack(const TapeCall& call) {
    TapeValue input = *call.find("input")->value(), lengths = *call.find("lengths")->value();
    if (flag(call, "batch_first")) input = swapped(input);
    if (type(lengths) != ScalarType::kInt64) {
      lengths = add("aten::to", "dtype", {{"self", {lengths}}, {"dtype", {std::string("int64")}}}, ScalarType::kInt64,
                    shape(lengths));
    }
    packed_[call.results.at(0)] = {input, lengths};
  }

  // [time, 1]: 0, 1, 2, ...
  TapeValue steps(const Dim& time) {
    const TapeValue range = add("aten::arange", "", {{"end", {time}}}, ScalarType::kInt64, {time});
    return add("aten::unsqueeze", "", {{"self", {range}}, {"dim", {Dim(1)}}}, ScalarType::kInt64, {time, 1});
  }

  // [time, batch]: true within the sequences.
  TapeValue within(const Packed& packed) {
    const Shape sizes{shape(packed.padded).at(0), shape(packed.padded).at(1)};
    return add("aten::lt", "Tensor", {{"self", {steps(sizes[0])}}, {"other", {packed.lengths}}}, ScalarType::kBool,
               sizes);
  }

  // [batch]: the last step of each sequence.
  TapeValue last_step(const Packed& packed) {
    return add("aten::sub", "Scalar", {{"self", {packed.lengths}}, {"other", {Dim(1)}}, {"alpha", {Dim(1)}}},
               ScalarType::kInt64, shape(packed.lengths));
  }

  // Items along the time axis; `index` is [steps, batch].
  TapeValue taken(TapeValue x, TapeValue index) {
    Shape sizes = shape(index);
    sizes.push_back(1);
    index = add("aten::unsqueeze", "", {{"self", {index}}, {"dim", {Dim(2)}}}, ScalarType::kInt64, sizes);
    sizes.back() = shape(x).at(2);
    index = add("aten::expand", "", {{"self", {index}}, {"size", dims_argument(sizes)}}, ScalarType::kInt64, sizes);
    return add("aten::gather", "", {{"self", {x}}, {"dim", {Dim(0)}}, {"index", {index}}}, type(x), sizes);
  }

  // [time, batch]: where each step is when every sequence is turned round by itself.
  TapeValue turned(const Packed& packed) {
    const TapeValue inside = within(packed), last = last_step(packed);
    const Shape sizes = shape(inside);
    const TapeValue forward = steps(sizes[0]);
    const TapeValue back = add("aten::sub", "Tensor", {{"self", {last}}, {"other", {forward}}, {"alpha", {Dim(1)}}},
                               ScalarType::kInt64, sizes);
    return add("aten::where", "self", {{"condition", {inside}}, {"self", {back}}, {"other", {forward}}},
               ScalarType::kInt64, sizes);
  }

  std::vector<Direction> directions_of(const TapeCall& call) const {
    const TapeList& weights = *call.find("params")->list();
    const std::int64_t directions = flag(call, "bidirectional") ? 2 : 1,
                       count = number(call, "num_layers") * directions;
    const auto each = static_cast<std::ptrdiff_t>(weights.size()) / count;
    std::vector<Direction> result;
    for (std::int64_t place = 0; place < count; ++place) {
      const auto first = weights.begin() + place * each;
      result.push_back({TapeList(first, first + each), place, place % directions == 1});
    }
    return result;
  }

  TapeValue state_of(TapeValue states, std::int64_t place) {
    Shape sizes = shape(states);
    sizes.at(0) = 1;
    return add("aten::narrow", "",
               {{"self", {states}}, {"dim", {Dim(0)}}, {"start", {Dim(place)}}, {"length", {Dim(1)}}}, type(states),
               sizes);
  }

  // One layer in one direction over all steps: its outputs in the order in which it computes them.
  TapeValue outputs_of(const TapeCall& call, TapeValue x, const Direction& direction) {
    const TapeArgument& initial = *call.find("hx");
    TapeList states;
    for (const TapeArgument& item : initial.list() ? *initial.list() : TapeList{initial}) {
      states.push_back({state_of(*item.value(), direction.place)});
    }
    TapeValueInfo state = tape_.info(*states.front().value()), y = state;
    state.kind = TapeValueInfo::Kind::kResult;
    y.shape = {shape(x).at(0), shape(x).at(1), state.shape.at(2)};
    std::vector<TapeValueInfo> infos{y};
    for (const TapeArgument& item : states) {
      infos.push_back(state);
      infos.back().shape = shape(*item.value());
    }
    Arguments arguments{{"input", {x}},
                        {"hx", initial.list() ? TapeArgument{states} : states.front()},
                        {"params", {direction.weights}},
                        {"has_biases", {flag(call, "has_biases")}},
                        {"num_layers", {Dim(1)}},
                        {"dropout", {0.0}},
                        {"train", {false}},
                        {"bidirectional", {false}},
                        {"batch_first", {false}}};
    return writer_.call(call.op, "input", std::move(arguments), std::move(infos), where_).at(0);
  }

  TapeValue joined(const std::vector<TapeValue>& parts, std::int64_t axis) {
    if (parts.size() == 1) return parts[0];
    TapeList list;
    Shape sizes = shape(parts[0]);
    auto& size = sizes.at(static_cast<std::size_t>(axis));
    size = 0;
    for (TapeValue part : parts) {
      list.push_back({part});
      size += shape(part).at(static_cast<std::size_t>(axis));
    }
    return add("aten::cat", "", {{"tensors", {list}}, {"dim", {Dim(axis)}}}, type(parts[0]), sizes);
  }

  // The outputs, and the last hidden states; the last cell states of an LSTM are left to the call.
  void run_layers(TapeCall& call) {
    Packed at = *packed(call, "data");
    const std::vector<Direction> all = directions_of(call);
    const bool is_both = flag(call, "bidirectional");
    const TapeValue last = add("aten::unsqueeze", "", {{"self", {last_step(at)}}, {"dim", {Dim(0)}}},
                               ScalarType::kInt64, {1, shape(at.lengths).at(0)});
    TapeValue back;
    if (is_both) back = turned(at);
    std::vector<TapeValue> layer, hidden;
    for (const Direction& direction : all) {
      const TapeValue x = direction.is_reversed ? taken(at.padded, back) : at.padded;
      const TapeValue y = outputs_of(call, x, direction);
      hidden.push_back(taken(y, last));
      layer.push_back(direction.is_reversed ? taken(y, back) : y);
      if (is_both && !direction.is_reversed) continue;
      at.padded = joined(layer, 2);
      layer.clear();
    }
    packed_[call.results.at(0)] = at;
    const TapeValue states = joined(hidden, 0);
    add("aten::alias", "", {{"self", {states}}}, type(states), shape(states));
    give(std::exchange(call.results.at(1), TapeValue{}));
  }

  bool pad(const TapeCall& call) {
    const Packed at = *packed(call, "data");
    const Dim* total = std::get_if<Dim>(&call.find("total_length")->is);
    if (!total || total->constant().value_or(1) <= 0) return false;
    Shape sizes = shape(at.padded), mask_sizes{sizes.at(0), sizes.at(1), 1};
    const TapeValue inside = within(at);
    TapeValue others =
        add("aten::logical_not", "", {{"self", {inside}}}, ScalarType::kBool, {sizes.at(0), sizes.at(1)});
    others = add("aten::unsqueeze", "", {{"self", {others}}, {"dim", {Dim(2)}}}, ScalarType::kBool, mask_sizes);
    const TapeArgument fill = *call.find("padding_value");
    TapeValue y = add("aten::masked_fill", "Scalar", {{"self", {at.padded}}, {"mask", {others}}, {"value", fill}},
                      type(at.padded), sizes);
    if (sizes[0] != *total) {
      const TapeArgument missing{*total - sizes[0]}, none{Dim(0)};
      sizes[0] = *total;
      y = add("aten::constant_pad_nd", "",
              {{"self", {y}}, {"pad", {TapeList{none, none, none, none, none, missing}}}, {"value", fill}}, type(y),
              sizes);
    }
    if (flag(call, "batch_first")) {
      swapped(y);
    } else {
      add("aten::alias", "", {{"self", {y}}}, type(y), sizes);
    }
    give(call.results.at(0));
    add("aten::alias", "", {{"self", {at.lengths}}}, ScalarType::kInt64, shape(at.lengths));
    give(call.results.at(1));
    return true;
  }

  TapeWriter& writer_;
  Tape& tape_;
  Location where_;
  std::map<TapeValue, Packed> packed_;  // by the value that holds the packed items
};

}  // namespace

void resolve_packed_sequences(TapeWriter& writer) {
  const std::vector<TapeCall>& calls = writer.tape().calls;
  const bool packs = std::any_of(calls.begin(), calls.end(),
                                 [](const TapeCall& call) { return row_of(call.op).packing == Packing::kPacks; });
  if (packs) Unpacker(writer).run();
}

}  // namespace torch2nnef
