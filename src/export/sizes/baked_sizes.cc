#include "export/sizes/baked_sizes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

using nnef::Bindings;
using nnef::Dim;

constexpr std::int64_t kLeast = 3;
constexpr std::int64_t kFewestItems = 3;  // two items taken one by one are a pair, not a loop

// Arguments that hold an operand, a bound or a size, and not an axis, a kernel or a mode.
constexpr std::array<std::string_view, 10> kMeasures = {"other", "value", "fill_value", "end",    "size",
                                                        "shape", "sizes", "repeats",    "length", "steps"};

bool is_measure(std::string_view name) {
  return std::find(kMeasures.begin(), kMeasures.end(), name) != kMeasures.end();
}

using NamedSizes = std::map<std::int64_t, std::string>;

// The size of each symbol, and the products of two and of all.
NamedSizes sizes_of(const Bindings& sample) {
  NamedSizes sizes;
  std::string all;
  std::int64_t product = 1;
  for (const auto& [name, size] : sample) {
    all += (all.empty() ? "" : "*") + name;
    product *= size;
    sizes.emplace(size, name);
  }
  for (auto one = sample.begin(); one != sample.end(); ++one) {
    for (auto other = std::next(one); other != sample.end(); ++other) {
      if (one->second > 1 && other->second > 1)
        sizes.emplace(one->second * other->second, one->first + "*" + other->first);
    }
  }
  sizes.emplace(product, all);
  sizes.erase(sizes.begin(), sizes.lower_bound(kLeast));
  return sizes;
}

class NumberFinder {
 public:
  NumberFinder(const Tape& tape, const Bindings& sample) : tape_(tape), sizes_(sizes_of(sample)) {}

  std::vector<BakedNumber> run() {
    for (const TapeCall& call : tape_.calls) {
      for (const auto& [name, argument] : call.arguments) {
        if (is_measure(name) && !call.equals_default(name)) look(argument, call);
      }
    }
    return std::move(found_);
  }

 private:
  void look(const TapeArgument& argument, const TapeCall& call) {
    if (const TapeList* list = argument.list()) {
      for (const TapeArgument& item : *list) look(item, call);
    }
    if (const std::optional<double> number = number_in(argument)) add(*number, call);
  }

  std::optional<double> number_in(const TapeArgument& argument) const {
    if (const double* number = std::get_if<double>(&argument.is)) return *number;
    if (const Dim* dim = std::get_if<Dim>(&argument.is)) {
      return dim->is_constant() ? std::optional(static_cast<double>(dim->value())) : std::nullopt;
    }
    if (!argument.value()) return std::nullopt;
    const TapeValueInfo& info = tape_.info(*argument.value());
    const bool is_number = info.constant && info.shape.empty() && info.label.empty() && !is_complex(info.type);
    return is_number ? std::optional(info.constant->to_doubles().at(0)) : std::nullopt;
  }

  void add(double number, const TapeCall& call) {
    if (number != std::floor(number) || std::abs(number) > 1e15) return;
    const auto size = sizes_.find(static_cast<std::int64_t>(number));
    if (size == sizes_.end() || !known_.emplace(size->first, call.where.to_string()).second) return;
    found_.push_back({size->first, size->second, call.op, call.where});
  }

  const Tape& tape_;
  NamedSizes sizes_;
  std::vector<BakedNumber> found_;
  std::set<std::pair<std::int64_t, std::string>> known_;
};

bool is_dynamic(const nnef::Shape& shape) {
  return std::any_of(shape.begin(), shape.end(), [](const Dim& dim) { return !dim.is_constant(); });
}

// The axis and the place of one item, where both are numbers.
std::optional<std::pair<std::size_t, std::int64_t>> item_of(const TapeCall& call, std::size_t rank) {
  if (row_of(call.op).undo != Undo::kSelect || call.arguments.size() < 3) return std::nullopt;
  const Dim *dim = std::get_if<Dim>(&call.find("dim")->is), *index = std::get_if<Dim>(&call.find("index")->is);
  if (!dim || !index || !dim->is_constant() || !index->is_constant() || index->value() < 0) return std::nullopt;
  const std::int64_t axis = dim->value() < 0 ? dim->value() + static_cast<std::int64_t>(rank) : dim->value();
  return std::pair(static_cast<std::size_t>(axis), index->value());
}

}  // namespace

std::vector<BakedNumber> baked_numbers(const Tape& tape, const Bindings& sample) {
  return NumberFinder(tape, sample).run();
}

namespace {

// By axis of `to`, a view of `from`: whether its items come from a dynamic axis. Axes correspond in the shortest groups
// of equal size: [1, H, W, 2, 2, 3] and [H*W, 4, 3] in three.
std::vector<bool> from_dynamic_axes(const nnef::Shape& from, const nnef::Shape& to, const Bindings& sizes) {
  std::vector<bool> result(to.size(), false);
  std::size_t read = 0, written = 0;
  while (written < to.size()) {
    const std::size_t first = written;
    bool is_of_dynamic = false;
    Dim taken(1), made = to[written++];
    const auto take = [&] {
      is_of_dynamic = is_of_dynamic || !from[read].is_constant();
      taken *= from[read++];
    };
    while (taken != made && (read < from.size() || written < to.size())) {
      const bool needs_more = taken.evaluate(sizes) <= made.evaluate(sizes);
      if (read < from.size() && (needs_more || written == to.size())) {
        take();
      } else {
        made *= to[written++];
      }
    }
    std::fill(result.begin() + static_cast<std::ptrdiff_t>(first),
              result.begin() + static_cast<std::ptrdiff_t>(written), is_of_dynamic);
  }
  return result;
}

}  // namespace

bool views_by_sample_size(const Tape& tape, const Bindings& symbols) {
  const auto is_sample_size = [&](const Dim& size) {
    return size.is_constant() && std::any_of(symbols.begin(), symbols.end(), [&](const auto& entry) {
             return size.value() == entry.second && entry.second > 1;
           });
  };
  // A size that only the values of an input say has none.
  const auto is_bound = [&](const nnef::Shape& shape) {
    return std::all_of(shape.begin(), shape.end(), [&](const Dim& dim) {
      const std::set<std::string> names = dim.symbols();
      return std::all_of(names.begin(), names.end(),
                         [&](const std::string& name) { return tape.worlds.front().count(name) != 0; });
    });
  };
  const auto is_number = [](const TapeArgument& item) {
    const Dim* dim = std::get_if<Dim>(&item.is);
    return dim && dim->is_constant();
  };
  return std::any_of(tape.calls.begin(), tape.calls.end(), [&](const TapeCall& call) {
    if (row_of(call.op).undo != Undo::kReshape) return false;
    const TapeArgument *self = call.find("self"), *size = call.find("size");
    const TapeArgument* wanted = size ? size : call.find("shape");
    if (!self || !self->value() || !wanted || !wanted->list()) return false;
    const nnef::Shape &from = tape.info(*self->value()).shape, &to = tape.info(call.results.at(0)).shape;
    if (!is_dynamic(from) || !is_bound(from) || !is_bound(to) || to.size() != wanted->list()->size()) return false;
    const std::vector<bool> of_dynamic = from_dynamic_axes(from, to, tape.worlds.front());
    for (std::size_t axis = 0; axis < to.size(); ++axis) {
      if (of_dynamic[axis] && is_number((*wanted->list())[axis]) && is_sample_size(to[axis])) return true;
    }
    return false;
  });
}

std::optional<UnrolledAxis> unrolled_axis(const Tape& tape, const Bindings& sample) {
  std::map<std::pair<TapeValue, std::size_t>, std::set<std::int64_t>> items;
  for (const TapeCall& call : tape.calls) {
    const TapeArgument* self = call.find("self");
    if (!self || !self->value()) continue;
    const nnef::Shape& shape = tape.info(*self->value()).shape;
    const auto item = item_of(call, shape.size());
    if (!item || item->first >= shape.size() || shape[item->first].is_constant()) continue;
    const std::int64_t count = shape[item->first].evaluate(sample);
    std::set<std::int64_t>& taken = items[{*self->value(), item->first}];
    taken.insert(item->second);
    if (count >= kFewestItems && static_cast<std::int64_t>(taken.size()) == count && *taken.rbegin() == count - 1) {
      return UnrolledAxis{count, static_cast<int>(item->first), shape[item->first], call.where};
    }
  }
  return std::nullopt;
}

}  // namespace torch2nnef
