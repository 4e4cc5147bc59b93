// Tapes made by hand, for tests of what stands behind them: no recorder, no torch.
#pragma once

#include <cstring>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "export/tape/tape.h"

namespace torch2nnef_test {

using torch2nnef::ScalarType;
using torch2nnef::TapeArgument;
using torch2nnef::TapeValue;

// A constant of a few numbers. What torch would do to it is not there.
class HandConstant final : public torch2nnef::ConstantTensor {
 public:
  HandConstant(ScalarType type, std::vector<std::int64_t> shape, std::vector<double> numbers)
      : type_(type), shape_(std::move(shape)), numbers_(std::move(numbers)) {}

  nnef::DType dtype() const override { return torch2nnef::to_nnef(type_).value(); }
  const std::vector<std::int64_t>& shape() const override { return shape_; }
  void stream(const nnef::ByteSink& sink) const override {
    for (double number : numbers_) {
      switch (dtype()) {
        case nnef::DType::kF32:
          put(sink, static_cast<float>(number));
          break;
        case nnef::DType::kF64:
          put(sink, number);
          break;
        case nnef::DType::kI64:
          put(sink, static_cast<std::int64_t>(number));
          break;
        case nnef::DType::kBool:
          put(sink, static_cast<std::uint8_t>(number != 0));
          break;
        default:
          throw std::logic_error("a constant of this dtype is not needed so far");
      }
    }
  }
  ScalarType scalar_type() const override { return type_; }
  std::vector<double> to_doubles() const override { return numbers_; }
  std::vector<std::int64_t> to_integers() const override { return {numbers_.begin(), numbers_.end()}; }
  torch2nnef::ConstantPtr permuted(const std::vector<std::int64_t>&) const override { return refuse(); }
  torch2nnef::ConstantPtr reshaped(const std::vector<std::int64_t>&) const override { return refuse(); }
  torch2nnef::ConstantPtr converted(nnef::DType) const override { return refuse(); }
  torch2nnef::ConstantPtr evaluated(std::string_view, const std::vector<std::vector<std::int64_t>>&) const override {
    return refuse();
  }

 private:
  template <typename Number>
  static void put(const nnef::ByteSink& sink, Number number) {
    sink(&number, sizeof number);
  }
  static torch2nnef::ConstantPtr refuse() { throw std::logic_error("a constant made by hand cannot be transformed"); }

  ScalarType type_;
  std::vector<std::int64_t> shape_;
  std::vector<double> numbers_;
};

// An argument of a call; `is_default` says that it equals the default of the schema.
struct HandArgument {
  std::string name;
  TapeArgument argument;
  bool is_default = false;
};

class HandTape {
 public:
  torch2nnef::Tape tape;

  TapeValue input(const std::string& name, ScalarType type, nnef::Shape shape) {
    TapeValue value = add(torch2nnef::TapeValueInfo::Kind::kInput, type, std::move(shape));
    tape.values.back().label = name;
    tape.inputs.push_back(value);
    return value;
  }

  TapeValue constant(ScalarType type, std::vector<std::int64_t> shape, std::vector<double> numbers,
                     const std::string& label = "") {
    TapeValue value = add(torch2nnef::TapeValueInfo::Kind::kConstant, type, nnef::make_shape(shape));
    tape.values.back().label = label;
    if (torch2nnef::to_nnef(type)) {
      tape.values.back().constant = std::make_shared<HandConstant>(type, std::move(shape), std::move(numbers));
    }
    return value;
  }

  // A call of "aten::add.Tensor" with one result of that type and shape.
  TapeValue call(const std::string& name, std::vector<HandArgument> arguments, ScalarType type, nnef::Shape shape) {
    torch2nnef::TapeCall call;
    std::size_t dot = name.find('.');
    call.op = name.substr(0, dot);
    if (dot != std::string::npos) call.overload = name.substr(dot + 1);
    for (HandArgument& one : arguments) {
      call.is_default.emplace_back(one.name, one.is_default);
      call.arguments.emplace_back(one.name, std::move(one.argument));
    }
    TapeValue value = add(torch2nnef::TapeValueInfo::Kind::kResult, type, std::move(shape));
    call.results = {value};
    tape.calls.push_back(std::move(call));
    return value;
  }

  void output(const std::string& name, TapeValue value) { tape.outputs.emplace_back(name, value); }

 private:
  TapeValue add(torch2nnef::TapeValueInfo::Kind kind, ScalarType type, nnef::Shape shape) {
    torch2nnef::TapeValueInfo info;
    info.kind = kind;
    info.type = type;
    info.shape = std::move(shape);
    tape.values.push_back(std::move(info));
    return TapeValue{static_cast<std::int32_t>(tape.values.size() - 1)};
  }
};

}  // namespace torch2nnef_test
