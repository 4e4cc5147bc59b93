// Casts, resampling, signals, recurrent cells, random numbers and the scan.
#include <cmath>

#include "nnef/infer/infer_call.h"

namespace nnef {
namespace {

// "i64", or a quantised type such as QI8(Z:0 S:0.1), whose items are those of the type that it is stored in.
Results infer_cast(const Call& call) {
  const Fact input = call.tensor("input");
  const std::string to = call.text("to");
  for (const auto& [prefix, dtype] : {std::pair{"QI8(", DType::kI8}, {"QU8(", DType::kU8}, {"QI32(", DType::kI32}}) {
    if (to.starts_with(prefix)) return one_result(dtype, input.shape);
  }
  return one_result(call.dtype("to"), input.shape);
}

// The item class is in the text, op<type>(..), and not seen here.
Results infer_class_cast(const Call& call) {
  const Fact input = call.tensor("input");
  return one_result(input.dtype, input.shape);
}

// Quantised and back: NNEF 1.0.5 section 4.8. Parameters are for all items, or for each channel.
Results infer_quantize(const Call& call) {
  const Fact x = call.tensor("x");
  call.require_type(x, types::kFloats);
  for (const char* name : {"zero_point", "scale", "min", "max"}) {
    if (!call.has(name)) continue;
    const Fact parameter = call.tensor(name);
    for (std::size_t i = 0; i < parameter.shape.size(); ++i) {
      const bool fits = i < x.shape.size() && (parameter.shape[i] == Dim(1) || parameter.shape[i] == x.shape[i]);
      call.require(fits, "'" + std::string(name) + "' of shape " + to_string(parameter.shape) + " does not fit " +
                             to_string(x.shape));
    }
  }
  return one_result(x.dtype, x.shape);
}

// floor(length * scale), in single precision as the engine computes it; a symbolic length needs a simple fraction.
Dim scaled_length(const Call& call, const Dim& length, double scale) {
  call.require(scale > 0, "a scale is not positive");
  if (length.is_constant()) {
    return static_cast<std::int64_t>(std::floor(static_cast<float>(length.value()) * static_cast<float>(scale)));
  }
  for (std::int64_t divisor = 1; divisor <= 64; ++divisor) {
    const double product = scale * static_cast<double>(divisor);
    if (std::fabs(product - std::round(product)) > 1e-6 * product) continue;
    return floor_div(length * static_cast<std::int64_t>(std::round(product)), divisor);
  }
  call.fail("the symbolic length " + length.to_string() + " times " + std::to_string(scale) + " is not an expression");
}

std::vector<double> numbers(const Call& call, std::string_view name) {
  const Argument::Array* array = call.operation().find(name)->array();
  call.require(array != nullptr, "'" + std::string(name) + "' must be a list");
  std::vector<double> result;
  for (const Argument& item : array->items) {
    const double* number = std::get_if<double>(&item.is);
    call.require(number != nullptr, "'" + std::string(name) + "' must hold floats");
    result.push_back(*number);
  }
  return result;
}

Results infer_resize(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kNumbers);
  call.require(call.has("scales") != call.has("sizes"), "wants exactly one of scales and sizes");
  Shape result = input.shape;
  if (call.has("sizes")) {
    const std::vector<std::int64_t> sizes = call.integers("sizes");
    call.require(sizes.size() == result.size(), "wants one size for each axis");
    result = make_shape(sizes);
    return one_result(input.dtype, result);
  }
  const std::vector<double> scales = numbers(call, "scales");
  call.require(scales.size() == result.size(), "wants one scale for each axis");
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = scaled_length(call, result[i], scales[i]);
  return one_result(input.dtype, result);
}

Results infer_grid_sample(const Call& call) {
  const Fact input = call.tensor("input");
  const Fact grid = call.tensor("grid");
  call.require_type(input, types::kFloats);
  call.common_type({input, grid});
  call.require(input.rank() >= 3 && grid.rank() == input.rank(), "input and grid differ in rank");
  call.require(grid.shape.back() == Dim(input.rank() - 2), "the last axis of the grid must hold one place per axis");
  Shape result{input.shape[0], input.shape[1]};
  result.insert(result.end(), grid.shape.begin() + 1, grid.shape.end() - 1);
  return one_result(input.dtype, result);
}

void require_complex(const Call& call, const Fact& input) {
  call.require_type(input, types::kFloats);
  call.require(input.rank() >= 2 && input.shape.back() == Dim(2), "the last axis must hold real and imaginary part");
}

Results infer_fft(const Call& call) {
  const Fact input = call.tensor("input");
  require_complex(call, input);
  call.axis("axis", input.rank() - 1);
  call.logical("inverse");
  return one_result(input.dtype, input.shape);
}

Results infer_stft(const Call& call) {
  const Fact input = call.tensor("input");
  require_complex(call, input);
  const int axis = call.axis("axis", input.rank() - 1);
  const std::int64_t frame = call.integer("frame");
  const std::int64_t stride = call.integer("stride");
  call.require(frame > 0 && stride > 0, "frame and stride must be positive");
  Shape result = input.shape;
  Dim& frames = result[static_cast<std::size_t>(axis)];
  frames = floor_div(frames - frame, stride) + 1;
  call.require(!frames.is_constant() || frames.value() > 0, "the frame does not fit into the input");
  result.insert(result.begin() + axis + 1, Dim(frame));
  return one_result(input.dtype, result);
}

Results infer_lstm_epilogue(const Call& call) {
  const Fact preact = call.tensor("preact");
  const Fact state = call.tensor("c_prev");
  call.require_type(preact, types::kHalfSingle);
  call.common_type({preact, state});
  const Dim hidden = call.integer("hidden");
  call.require(preact.rank() > 0 && preact.shape.back() == hidden * 4, "the gates do not have four times the width");
  call.require(state.rank() > 0 && state.shape.back() == hidden, "the state does not have the width");
  const ValueInfo result{"", state.dtype, state.shape};
  return {result, result};
}

Results infer_gru_epilogue(const Call& call) {
  const Fact state = call.tensor("h_prev");
  call.require_type(state, types::kHalfSingle);
  call.common_type({call.tensor("xh"), call.tensor("rh"), state});
  const Dim hidden = call.integer("hidden");
  for (std::string_view name : {"xh", "rh"}) {
    const Shape shape = call.tensor(name).shape;
    call.require(!shape.empty() && shape.back() == hidden * 3, "the gates do not have three times the width");
  }
  call.require(state.rank() > 0 && state.shape.back() == hidden, "the state does not have the width");
  return one_result(state.dtype, state.shape);
}

Results infer_gru_seq(const Call& call) {
  const Fact x = call.tensor("x");
  const Fact state = call.tensor("initial_h");
  call.require_type(x, types::kHalfSingle);
  call.require(x.rank() == 3 && state.rank() == 3, "wants x [B,T,I] and initial_h [B,1,H]");
  const Dim hidden = call.integer("hidden");
  const Shape last{x.shape[0], 1, hidden};
  call.require(state.shape == last, "initial_h must have the shape " + to_string(last));
  call.require(call.tensor("r").shape == Shape({hidden * 3, hidden}), "r must have the shape [3H,H]");
  call.require(call.tensor("w").shape == Shape({hidden * 3, x.shape[2]}), "w must have the shape [3H,I]");
  call.require(call.integer("has_bias") == 0 || call.tensor("b").shape == Shape({hidden * 6}),
               "b must have the shape [6H]");
  return {ValueInfo{"", x.dtype, {x.shape[0], x.shape[1], hidden}}, ValueInfo{"", x.dtype, last}};
}

// Running statistics along an axis.
Results infer_running_norm(const Call& call) {
  const Fact input = call.tensor("input");
  call.require_type(input, types::kHalfSingle);
  call.axis("axis", input.rank());
  return one_result(input.dtype, input.shape);
}

Results infer_random(const Call& call) { return one_result(call.dtype("datum_type"), call.dims("shape")); }

Results infer_multinomial(const Call& call) {
  const Fact input = call.tensor("input");
  call.require(input.rank() == 2, "wants an input of rank 2");
  const std::int64_t code = call.integer("dtype");
  call.require(code == 6 || code == 7, "the dtype must be 6 (i32) or 7 (i64)");
  return one_result(code == 6 ? DType::kI32 : DType::kI64, {input.shape[0], call.dim("sample_size")});
}

// --- scan ---

const Graph& scan_body(const Call& call) {
  const std::string name = call.text("body");
  for (const Fragment& fragment : call.graph().fragments) {
    if (fragment.body.name == name) return fragment.body;
  }
  call.fail("unknown fragment '" + name + "'");
}

const ValueInfo& body_value(const Call& call, const Graph& body, const std::vector<Value>& among,
                            const std::string& name) {
  for (Value value : among) {
    if (body.info(value).name == name) return body.info(value);
  }
  call.fail("the fragment '" + body.name + "' has no '" + name + "'");
}

// The tuples of a list argument, each at least `width` wide.
std::vector<std::vector<Argument>> tuples(const Call& call, std::string_view name, std::size_t width) {
  const Argument* argument = call.operation().find(name);
  const Argument::Array* array = argument == nullptr ? nullptr : argument->array();
  call.require(array != nullptr, "'" + std::string(name) + "' must be a list");
  std::vector<std::vector<Argument>> result;
  for (const Argument& item : array->items) {
    const Argument::Array* tuple = item.array();
    call.require(tuple != nullptr && tuple->items.size() >= width, "'" + std::string(name) + "' must hold tuples");
    result.push_back(tuple->items);
  }
  return result;
}

std::string tuple_text(const Call& call, const std::vector<Argument>& tuple, std::size_t index) {
  const std::string* text = std::get_if<std::string>(&tuple[index].is);
  call.require(text != nullptr, "a string was expected in a tuple");
  return *text;
}

std::int64_t tuple_number(const Call& call, const std::vector<Argument>& tuple, std::size_t index,
                          std::int64_t otherwise) {
  if (index >= tuple.size()) return otherwise;
  const Dim* number = tuple[index].dim();
  call.require(number != nullptr && number->is_constant(), "a number was expected in a tuple");
  return number->value();
}

void require_binding(const Call& call, const ValueInfo& inside, const Fact& outside, const Shape& wanted) {
  call.require(inside.dtype == outside.dtype && inside.shape == wanted,
               "the body's '" + inside.name + "' is " + std::string(to_string(inside.dtype)) + to_string(inside.shape) +
                   " but is given " + std::string(to_string(outside.dtype)) + to_string(wanted));
}

// The number of steps: the scanned length over the chunk.
Dim scan_steps(const Call& call, const Graph& body, std::size_t& bound) {
  std::optional<Dim> steps;
  for (const auto& tuple : tuples(call, "scan", 4)) {
    const std::string name = tuple_text(call, tuple, 0);
    const ValueInfo& inside = body_value(call, body, body.inputs, name);
    const Fact outside = call.fact(tuple[1]);
    const std::int64_t axis = tuple_number(call, tuple, 2, 0);
    const std::int64_t chunk = std::abs(tuple_number(call, tuple, 3, 1));
    call.require(axis >= 0 && axis < outside.rank() && chunk > 0, "a scanned axis or chunk is not possible");
    Shape slice = outside.shape;
    Dim& length = slice[static_cast<std::size_t>(axis)];
    const Dim count = floor_div(length, chunk);
    call.require(!steps || *steps == count, "the scanned inputs differ in length");
    steps = count;
    length = chunk;
    require_binding(call, inside, outside, slice);
    ++bound;
  }
  call.require(steps.has_value(), "nothing is scanned");
  return *steps;
}

void check_full_and_state(const Call& call, const Graph& body, std::size_t& bound) {
  for (const auto& tuple : tuples(call, "full", 2)) {
    const Fact outside = call.fact(tuple[1]);
    require_binding(call, body_value(call, body, body.inputs, tuple_text(call, tuple, 0)), outside, outside.shape);
    ++bound;
  }
  // tract pairs the k-th state parameter with the k-th state result, whatever the names say (T-SCAN-STATE-ORDER).
  std::vector<std::string> parameters, results;
  for (const auto& tuple : tuples(call, "state", 3)) {
    const Fact outside = call.fact(tuple[1]);
    parameters.push_back(tuple_text(call, tuple, 0));
    results.push_back(tuple_text(call, tuple, 2));
    require_binding(call, body_value(call, body, body.inputs, parameters.back()), outside, outside.shape);
    require_binding(call, body_value(call, body, body.outputs, results.back()), outside, outside.shape);
    ++bound;
  }
  auto places = [&body](const std::vector<Value>& among, const std::vector<std::string>& names) {
    std::vector<std::size_t> result;
    for (const std::string& name : names) {
      for (std::size_t i = 0; i < among.size(); ++i) {
        if (body.info(among[i]).name == name) result.push_back(i);
      }
    }
    return result;
  };
  for (const std::vector<std::size_t>& order : {places(body.inputs, parameters), places(body.outputs, results)}) {
    for (std::size_t i = 1; i < order.size(); ++i) {
      call.require(order[i - 1] < order[i], "states must be in the order of the body's parameters and results");
    }
  }
}

Results infer_scan(const Call& call) {
  const Graph& body = scan_body(call);
  std::size_t bound = 0;
  const Dim steps = scan_steps(call, body, bound);
  check_full_and_state(call, body, bound);
  call.require(bound == body.inputs.size(), "not every parameter of the body is bound exactly once");
  Results results;
  for (const auto& tuple : tuples(call, "output", 3)) {
    ValueInfo result = body_value(call, body, body.outputs, tuple_text(call, tuple, 0));
    const std::string kind = tuple_text(call, tuple, 1);
    call.require(kind == "full" || kind == "last", "the output kind '" + kind + "' is not known");
    if (kind == "full") {
      const std::int64_t axis = tuple_number(call, tuple, 2, 0);
      const std::int64_t chunk = std::abs(tuple_number(call, tuple, 3, 1));
      call.require(axis >= 0 && axis < static_cast<std::int64_t>(result.shape.size()), "an output axis is not there");
      Dim& length = result.shape[static_cast<std::size_t>(axis)];
      call.require(length == Dim(chunk), "the body's '" + result.name + "' does not have the extent of its chunk");
      length = steps * chunk;
    }
    result.name.clear();
    results.push_back(std::move(result));
  }
  call.require(!results.empty(), "it has no output");
  return results;
}

}  // namespace

void add_misc_inference(InferTable& table) {
  table.emplace("tract_core_cast", infer_cast);
  table.emplace("cast", infer_class_cast);
  for (std::string_view op :
       {"linear_quantize", "min_max_linear_quantize", "zero_point_linear_quantize", "logarithmic_quantize"}) {
    table.emplace(op, infer_quantize);
  }
  table.emplace("tract_core_resize", infer_resize);
  table.emplace("tract_core_grid_sample", infer_grid_sample);
  table.emplace("tract_onnx_grid_sample", infer_grid_sample);
  table.emplace("tract_core_fft", infer_fft);
  table.emplace("tract_core_stft", infer_stft);
  table.emplace("tract_core_lstm_epilogue", infer_lstm_epilogue);
  table.emplace("tract_core_gru_epilogue", infer_gru_epilogue);
  table.emplace("tract_core_gru_seq", infer_gru_seq);
  table.emplace("tract_extra_exp_unit_norm", infer_running_norm);
  table.emplace("tract_extra_exp_mean_norm", infer_running_norm);
  table.emplace("tract_onnx_random", infer_random);
  table.emplace("tract_onnx_multinomial", infer_multinomial);
  table.emplace("tract_core_scan", infer_scan);
}

}  // namespace nnef
