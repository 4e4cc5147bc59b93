#include "export/modules/plugin_call.h"

#include <algorithm>
#include <cstring>

#include "export/lower/sub_call.h"
#include "export/record/schema_defaults.h"

namespace torch2nnef {
namespace {

// The tensors of an argument, those in lists and tuples too.
void collect(const TapeArgument& argument, std::vector<TapeValue>& values) {
  if (const TapeValue* value = argument.value()) values.push_back(*value);
  if (const TapeList* list = argument.list()) {
    for (const TapeArgument& item : *list) collect(item, values);
  }
}

DType dtype_named(std::string_view name) {
  std::optional<DType> dtype = nnef::dtype_from_string(std::string(name));
  if (!dtype) throw std::invalid_argument("there is no dtype " + std::string(name));
  return *dtype;
}

Dim to_dim(const extractor::Size& size) { return Dim::parse(size.text()); }

Shape to_shape(const extractor::Shape& sizes) {
  Shape shape;
  for (const extractor::Size& size : sizes) shape.push_back(to_dim(size));
  return shape;
}

extractor::Shape from_shape(const Shape& shape) {
  extractor::Shape sizes;
  for (const Dim& dim : shape) sizes.emplace_back(dim.to_string());
  return sizes;
}

Value to_value(extractor::Tensor tensor) { return {tensor.id}; }
extractor::Tensor from_value(Value value) { return {value.id}; }

struct ToArgument {
  Argument operator()(extractor::Tensor tensor) const { return to_value(tensor); }
  Argument operator()(const std::vector<extractor::Tensor>& tensors) const {
    std::vector<Value> values;
    for (extractor::Tensor tensor : tensors) values.push_back(to_value(tensor));
    return values;
  }
  Argument operator()(const extractor::Size& size) const { return to_dim(size); }
  Argument operator()(const extractor::Shape& sizes) const { return to_shape(sizes); }
  Argument operator()(double number) const { return number; }
  Argument operator()(bool logical) const { return logical; }
  Argument operator()(const std::string& text) const { return text; }
};

Argument to_argument(const extractor::Argument& argument) { return std::visit(ToArgument{}, argument.is); }

// For an operator of torch, tensors bound through the call that stands for it.
struct ToTapeArgument {
  SubCall& call;
  TapeArgument operator()(extractor::Tensor tensor) const { return {call.tensor(to_value(tensor))}; }
  TapeArgument operator()(const std::vector<extractor::Tensor>& tensors) const {
    TapeList items;
    for (extractor::Tensor tensor : tensors) items.push_back((*this)(tensor));
    return {std::move(items)};
  }
  TapeArgument operator()(const extractor::Size& size) const { return {to_dim(size)}; }
  TapeArgument operator()(const extractor::Shape& sizes) const {
    TapeList items;
    for (const extractor::Size& size : sizes) items.push_back({to_dim(size)});
    return {std::move(items)};
  }
  TapeArgument operator()(double number) const { return {number}; }
  TapeArgument operator()(bool logical) const { return {logical}; }
  TapeArgument operator()(const std::string& text) const { return {text}; }
};

nnef::TensorDataPtr tensor_of(const std::vector<double>& items, const std::vector<std::int64_t>& shape, DType dtype) {
  std::vector<std::byte> bytes(items.size() * nnef::item_size(dtype));
  auto fill = [&]<typename Item>(Item) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Item item = static_cast<Item>(items[i]);
      std::memcpy(bytes.data() + i * sizeof(Item), &item, sizeof(Item));
    }
  };
  switch (dtype) {
    case DType::kF32:
      fill(float{});
      break;
    case DType::kF64:
      fill(double{});
      break;
    case DType::kI64:
      fill(std::int64_t{});
      break;
    case DType::kI32:
      fill(std::int32_t{});
      break;
    case DType::kBool:
      fill(std::uint8_t{});
      break;
    default:
      throw std::invalid_argument("a constant of " + std::string(nnef::to_string(dtype)) +
                                  " is made as f32 or i64 and cast");
  }
  return std::make_shared<nnef::OwnedTensor>(dtype, shape, std::move(bytes));
}

class PluginCall final : public extractor::Call {
 public:
  explicit PluginCall(torch2nnef::Call& call) : call_(call), b_(call.builder()) {
    for (const auto& [name, argument] : call.tape_call().arguments) {
      if (!call.tape_call().is_attribute(name)) collect(argument, inputs_);
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> result;
    for (const auto& [name, argument] : call_.tape_call().arguments) result.push_back(name);
    return result;
  }
  bool has(std::string_view name) const override { return call_.has(name); }
  std::size_t input_count() const override { return inputs_.size(); }
  extractor::Tensor input(std::size_t place) override {
    if (place >= inputs_.size()) {
      throw std::out_of_range("there is no input " + std::to_string(place) + ": the call has " +
                              std::to_string(inputs_.size()));
    }
    return from_value(call_.value(inputs_[place]));
  }
  extractor::Tensor tensor(std::string_view name) override { return from_value(call_.tensor(name)); }
  std::int64_t integer(std::string_view name) const override { return call_.integer(name); }
  std::vector<std::int64_t> integers(std::string_view name) const override { return call_.integers(name); }
  double number(std::string_view name) const override { return call_.number(name); }
  bool flag(std::string_view name) const override { return call_.flag(name); }
  std::string text(std::string_view name) const override { return call_.text(name); }
  std::string where() const override { return call_.tape_call().where.to_string(); }
  std::size_t result_count() const override { return call_.result_count(); }
  extractor::Shape result_shape(std::size_t place) const override { return from_shape(call_.result_shape(place)); }
  std::string result_dtype(std::size_t place) const override {
    return std::string(nnef::to_string(call_.result_dtype(place)));
  }

  extractor::Shape shape(extractor::Tensor tensor) const override { return from_shape(b_.shape(to_value(tensor))); }
  std::string dtype(extractor::Tensor tensor) const override {
    return std::string(nnef::to_string(b_.dtype(to_value(tensor))));
  }
  extractor::Tensor constant(double number, std::string_view dtype) override {
    return from_value(b_.constant(number, dtype_named(dtype)));
  }
  extractor::Tensor constant(const std::vector<double>& items, const std::vector<std::int64_t>& shape,
                             std::string_view dtype) override {
    return from_value(call_.variable("plugin_constant", tensor_of(items, shape, dtype_named(dtype))));
  }
  extractor::Tensor add(std::string_view op, std::vector<extractor::Argument> tensors,
                        extractor::Named attributes) override {
    return from_value(b_.add(op, arguments(tensors), named(attributes)));
  }
  std::vector<extractor::Tensor> add_several(std::string_view op, std::vector<extractor::Argument> tensors,
                                             extractor::Named attributes) override {
    std::vector<extractor::Tensor> results;
    for (Value value : b_.add_multi(op, arguments(tensors), named(attributes))) results.push_back(from_value(value));
    return results;
  }
  extractor::Tensor binary(std::string_view op, extractor::Argument a, extractor::Argument b) override {
    return from_value(b_.binary(op, to_argument(a), to_argument(b)));
  }
  extractor::Tensor cast(extractor::Tensor tensor, std::string_view dtype) override {
    return from_value(b_.cast(to_value(tensor), dtype_named(dtype)));
  }
  extractor::Tensor reshape(extractor::Tensor tensor, const extractor::Shape& shape) override {
    return from_value(b_.reshape(to_value(tensor), to_shape(shape)));
  }
  extractor::Tensor transpose(extractor::Tensor tensor, const std::vector<int>& axes) override {
    return from_value(b_.transpose(to_value(tensor), axes));
  }
  extractor::Tensor aten(std::string_view op, extractor::Named given, std::string_view dtype,
                         const extractor::Shape& shape) override {
    const std::size_t dot = op.find('.');
    const std::string name(op.substr(0, dot)), overload(dot == std::string_view::npos ? "" : op.substr(dot + 1));
    SubCall sub(call_, name, overload);
    for (auto& [argument, standard] : schema_defaults(name, overload)) {
      auto found = std::find_if(given.begin(), given.end(),
                                [&wanted = argument](const auto& one) { return one.first == wanted; });
      if (found == given.end() && !standard) {
        throw std::invalid_argument(std::string(op) + " needs the argument " + argument);
      }
      if (found == given.end()) {
        sub.argument(argument, *standard, true);
      } else {
        sub.argument(argument, std::visit(ToTapeArgument{sub}, found->second.is));
      }
    }
    sub.expect(from_nnef(dtype_named(dtype)), to_shape(shape));
    return from_value(sub.run().at(0));
  }

  void result(std::size_t place, extractor::Tensor tensor) override {
    if (place >= call_.result_count()) {
      throw std::out_of_range("there is no result " + std::to_string(place) + ": the call has " +
                              std::to_string(call_.result_count()));
    }
    call_.unchecked_result(place, to_value(tensor));
  }
  [[noreturn]] void unsupported(const std::string& reason, const std::string& hint) override {
    throw Unsupported(reason, hint);
  }
  [[noreturn]] void does_not_apply(const std::string& reason) override { throw DoesNotApply(reason); }

 private:
  static std::vector<Argument> arguments(const std::vector<extractor::Argument>& given) {
    std::vector<Argument> result;
    for (const extractor::Argument& one : given) result.push_back(to_argument(one));
    return result;
  }
  static std::vector<nnef::NamedArgument> named(const extractor::Named& given) {
    std::vector<nnef::NamedArgument> result;
    for (const auto& [name, argument] : given) result.push_back({name, to_argument(argument)});
    return result;
  }

  torch2nnef::Call& call_;
  Builder& b_;
  std::vector<TapeValue> inputs_;
};

}  // namespace

void lower_by_plugin(Call& call, extractor::Function function) {
  PluginCall plugin(call);
  function(plugin);
}

}  // namespace torch2nnef
