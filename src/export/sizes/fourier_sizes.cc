#include "export/sizes/fourier_sizes.h"

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

using nnef::Dim;

class Transform {
 public:
  Transform(const Tape& tape, const std::vector<std::pair<std::string, TapeArgument>>& arguments, std::size_t axis)
      : arguments_(arguments), axis_(axis) {
    const TapeArgument* self = find("self");
    if (self && self->value()) input_ = &tape.info(*self->value()).shape;
  }

  // [.., T] to [.., F, windows].
  std::optional<Dim> stft() const {
    std::optional<std::int64_t> size = number("n_fft");
    if (!input_ || input_->empty() || !size || axis_ != input_->size()) return std::nullopt;
    Dim border(is_set("center") ? 2 * (*size / 2) : 0);
    return floor_div(input_->back() + border - Dim(*size), hop(*size)) + Dim(1);
  }

  // [.., F, windows] to [.., T], without half a window at each end if centered.
  std::optional<Dim> istft() const {
    std::optional<std::int64_t> size = number("n_fft");
    if (!input_ || input_->size() < 2 || !size || axis_ + 2 != input_->size() || is_given("length"))
      return std::nullopt;
    Dim border(is_set("center") ? 2 * (*size / 2) : 0);
    return (input_->back() - Dim(1)) * hop(*size) + Dim(*size) - border;
  }

  std::optional<Dim> half() const {
    const TapeArgument* count = find("n");
    const Dim* n = count && !input_ ? std::get_if<Dim>(&count->is) : nullptr;  // rfftfreq
    if (n) return floor_div(*n, Dim(2)) + Dim(1);
    if (!is_axis() || is_given("n")) return std::nullopt;
    return floor_div((*input_)[axis_], Dim(2)) + Dim(1);
  }

  std::optional<Dim> from_half() const {
    if (!is_axis() || is_given("n")) return std::nullopt;
    return ((*input_)[axis_] - Dim(1)) * Dim(2);
  }

 private:
  const TapeArgument* find(std::string_view name) const {
    for (const auto& [key, argument] : arguments_) {
      if (key == name) return &argument;
    }
    return nullptr;
  }

  bool is_given(std::string_view name) const {
    const TapeArgument* argument = find(name);
    return argument && !argument->is_none();
  }

  bool is_set(std::string_view name) const {
    const TapeArgument* argument = find(name);
    const bool* flag = argument ? std::get_if<bool>(&argument->is) : nullptr;
    return flag && *flag;
  }

  std::optional<std::int64_t> number(std::string_view name) const {
    const TapeArgument* argument = find(name);
    const Dim* dim = argument ? std::get_if<Dim>(&argument->is) : nullptr;
    return dim ? dim->constant() : std::nullopt;
  }

  Dim hop(std::int64_t size) const { return Dim(number("hop_length").value_or(size / 4)); }

  bool is_axis() const {
    std::optional<std::int64_t> dim = number("dim");
    if (!input_ || !dim || axis_ >= input_->size()) return false;
    std::int64_t rank = static_cast<std::int64_t>(input_->size());
    return static_cast<std::int64_t>(axis_) == (*dim < 0 ? *dim + rank : *dim);
  }

  const std::vector<std::pair<std::string, TapeArgument>>& arguments_;
  std::size_t axis_;
  const nnef::Shape* input_ = nullptr;
};

}  // namespace

std::optional<Dim> fourier_size(const Tape& tape, const std::string& op,
                                const std::vector<std::pair<std::string, TapeArgument>>& arguments, std::size_t axis) {
  Transform transform(tape, arguments, axis);
  switch (row_of(op).shape) {
    case ShapeRule::kStft:
      return transform.stft();
    case ShapeRule::kInverseStft:
      return transform.istft();
    case ShapeRule::kHalfSpectrum:
      return transform.half();
    case ShapeRule::kFromHalfSpectrum:
      return transform.from_half();
    default:
      return std::nullopt;
  }
}

}  // namespace torch2nnef
