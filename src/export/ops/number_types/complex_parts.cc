#include "export/ops/number_types/complex_parts.h"

#include <algorithm>
#include <array>

#include "export/lower/sub_call.h"
#include "export/ops/shape/shape_util.h"

namespace torch2nnef {
namespace {

// Arguments that are values rather than places, counts or masks.
constexpr std::array<std::string_view, 10> kOperands = {"self",  "other",  "tensors", "src",        "source",
                                                        "input", "values", "value",   "fill_value", "tensor"};

bool is_operand(std::string_view name) {
  return std::find(kOperands.begin(), kOperands.end(), name) != kOperands.end();
}

// "float32" of "complex64", for dtype arguments.
std::string part_name(const std::string& text) {
  for (ScalarType type : {ScalarType::kComplex32, ScalarType::kComplex64, ScalarType::kComplex128}) {
    if (text == to_string(type)) return std::string(to_string(part_type(type)));
  }
  return text;
}

class PartsOfCall {
 public:
  PartsOfCall(Call& call, const std::vector<Part>& parts, bool drop_real_operands)
      : call_(call),
        parts_(parts),
        drops_(drop_real_operands),
        sub_(call, call.tape_call().op, call.tape_call().overload) {}

  std::vector<Value> run() {
    const TapeCall& call = call_.tape_call();
    for (const auto& [name, argument] : call.arguments) {
      sub_.argument(name, part_of(argument, drops_ && is_operand(name)), call.equals_default(name));
    }
    for (std::size_t i = 0; i < call.results.size(); ++i) {
      if (call.results[i]) {
        sub_.expect(part_type(call_.result_type(i)), call_.result_shape(i), call_.wanted(i));
      } else {
        sub_.expect_nothing();
      }
    }
    return sub_.run();
  }

 private:
  TapeArgument part_of(const TapeArgument& argument, bool drops) {
    if (const TapeValue* value = argument.value()) return {part_of(*value, drops)};
    if (const std::string* text = std::get_if<std::string>(&argument.is)) {
      if (text->rfind("<Complex", 0) == 0) throw Unsupported("a complex number as an argument");
      return {part_name(*text)};
    }
    if (const TapeList* list = argument.list()) {
      TapeList items;
      for (const TapeArgument& item : *list) items.push_back(part_of(item, drops));
      return {std::move(items)};
    }
    if (!drops) return argument;
    if (std::holds_alternative<Dim>(argument.is)) return {Dim(0)};
    if (std::holds_alternative<double>(argument.is)) return {0.0};
    if (std::holds_alternative<bool>(argument.is)) return {false};
    return argument;
  }

  TapeValue part_of(TapeValue value, bool drops) {
    TapeValueInfo info = call_.tape().info(value);
    if (is_complex(info.type)) return complex_part(value, std::move(info));
    if (drops) {
      info.kind = TapeValueInfo::Kind::kResult;
      info.constant = nullptr;
      std::optional<DType> dtype = to_nnef(info.type);
      if (!dtype) throw Unsupported("the format has no item type for " + std::string(to_string(info.type)));
      return sub_.tensor(info, zeros(call_, *dtype, info.shape));
    }
    if (!info.constant) return sub_.tensor(info, call_.value(value));
    if (info.label.empty()) info.label = "constant_" + std::to_string(value.id);
    return sub_.constant(std::move(info));
  }

  TapeValue complex_part(TapeValue value, TapeValueInfo info) {
    bool is_real = parts_[std::min(next_++, parts_.size() - 1)] == Part::kReal;
    ComplexParts parts = call_.parts(value);
    info.type = part_type(info.type);
    if (info.constant) {
      ConstantParts constant = parts_of_constant(*info.constant);
      info.constant = is_real ? constant.re : constant.im;
    }
    return sub_.tensor(std::move(info), is_real ? parts.re : parts.im);
  }

  Call& call_;
  const std::vector<Part>& parts_;
  bool drops_;
  SubCall sub_;
  std::size_t next_ = 0;  // among the complex tensors
};

void set_results(Call& call, const std::vector<Value>& re, const std::vector<Value>& im) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < call.result_count(); ++i) {
    if (!call.wanted(i)) continue;
    call.result_parts(i, {re.at(next), im.at(next)});
    ++next;
  }
}

}  // namespace

std::vector<Value> lower_on_parts(Call& call, const std::vector<Part>& parts, bool drop_real_operands) {
  return PartsOfCall(call, parts, drop_real_operands).run();
}

void lower_by_parts(Call& call) {
  for (std::size_t i = 0; i < call.result_count(); ++i) {
    if (call.wanted(i) && !is_complex(call.result_type(i))) {
      throw Unsupported("complex tensors with a result of " + std::string(to_string(call.result_type(i))));
    }
  }
  std::vector<Value> re = lower_on_parts(call, {Part::kReal}, false);
  set_results(call, re, lower_on_parts(call, {Part::kImaginary}, true));
}

void lower_bilinear(Call& call) {
  constexpr Part kRe = Part::kReal, kIm = Part::kImaginary;
  const std::vector<TapeValue> read = call.tape_call().tensors_read();
  const auto count = std::count_if(read.begin(), read.end(),
                                   [&](TapeValue value) { return is_complex(call.tape().info(value).type); });
  if (count == 1) return set_results(call, lower_on_parts(call, {kRe}, false), lower_on_parts(call, {kIm}, false));
  if (count != 2) throw Unsupported("a product of " + std::to_string(count) + " complex tensors");
  auto product = [&](Part first, Part second) { return lower_on_parts(call, {first, second}, false).at(0); };
  Builder& b = call.builder();
  Value re = b.binary("sub", product(kRe, kRe), product(kIm, kIm));
  call.result_parts({re, b.binary("add", product(kRe, kIm), product(kIm, kRe))});
}

ComplexParts complex_argument(Call& call, std::string_view name, DType dtype) {
  Builder& b = call.builder();
  if (call.is_complex(name)) {
    ComplexParts parts = call.parts(name);
    return {b.cast(parts.re, dtype), b.cast(parts.im, dtype)};
  }
  Value re = scalar_value(call, name, dtype);
  return {re, zeros(call, dtype, b.shape(re))};
}

}  // namespace torch2nnef
